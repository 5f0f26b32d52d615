"""The setting `SIGNALPOST`."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from signalpost import conf
from signalpost.conf import Settings


def test_without_the_setting_there_are_defaults(settings: Any) -> None:
    del settings.SIGNALPOST
    assert conf.current() == Settings()
    assert conf.current() is conf.current()


def test_what_is_set_is_read_and_overridden() -> None:
    with override_settings(SIGNALPOST={"STORES": ["default", "archive"], "QUEUE": "slow"}):
        assert conf.current() == Settings(stores=("default", "archive"), queue="slow")
    assert conf.current().queue == "default"


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"STORE": ["default"]}, r"SIGNALPOST\['STORE'\] is not a setting. Did you mean 'STORES'\?"),
        ({"stores": ["default"]}, r"SIGNALPOST\['stores'\] is not a setting. Did you mean 'STORES'\?"),
        ({"COLOUR": "red"}, r"SIGNALPOST\['COLOUR'\] is not a setting. It may have AUTODISCOVER, CARRIERS,"),
        ({7: "red"}, r"SIGNALPOST\[7\] is not a setting"),
        (["default"], "SIGNALPOST must be a dict"),
        ({"STORES": "default"}, r"SIGNALPOST\['STORES'\] must be a list of texts, and is 'default'"),
        ({"STORES": [7]}, r"SIGNALPOST\['STORES'\] must be a list of texts"),
        ({"STORES": []}, "must be at least one alias of DATABASES"),
        ({"OUTSIDE_TRANSACTION": "ignore"}, "must be one of 'warn', 'raise', 'allow', and is 'ignore'"),
        ({"AUTODISCOVER": None}, r"SIGNALPOST\['AUTODISCOVER'\] must be a list of texts"),
        ({"QUEUE": ""}, "must be the name of a queue"),
        ({"MAX_ATTEMPTS": 0}, "must be a whole number from 1"),
        ({"MAX_ATTEMPTS": 1 << 31}, "must be a whole number from 1"),
        ({"TIMEOUT": -1}, "must be a number of seconds above 0 and at most a year, or None"),
        ({"TIMEOUT": True}, "must be a number of seconds"),
        ({"TIMEOUT": float("inf")}, "must be a number of seconds"),
        ({"TIMEOUT": float("nan")}, "must be a number of seconds"),
        ({"TIMEOUT": 365 * 24 * 3600 + 1}, "must be a number of seconds"),
        ({"IMMEDIATE": 1}, "must be True or False"),
        ({"ENGINE": 7}, "must be the path of the engine's executable, or None"),
        ({"DIRECT": {"default": 7}}, "must be a dict of aliases"),
    ],
)
def test_what_cannot_be_is_an_error_that_names_the_key(given: Any, problem: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=problem), override_settings(SIGNALPOST=given):
        pass
    assert conf.current().stores == ("default",)
