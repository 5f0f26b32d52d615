from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections
from django.db.models.signals import post_delete, post_save, pre_save
from django.test import override_settings

import signalpost
from signalpost import connect_background
from tests.news.models import Article, Correction

Found = Callable[..., list[Any]]


def mail(sender: Any, **kwargs: Any) -> None: ...


def test_w003_saves_that_nobody_wraps_are_a_warning_that_names_who_hears_them(found: Found, isolated: None) -> None:
    connect_background(post_save, mail, sender=Article)
    (warning,) = found("W003")
    assert "'default'" in warning.msg
    assert f"{__name__}.mail" in warning.msg
    assert all(way in warning.hint for way in ("ATOMIC_REQUESTS", "AtomicSignalsMixin", "OUTSIDE_TRANSACTION"))


def test_w003_hears_of_pre_save_of_any_sender_and_of_the_delay_of_a_task(found: Found, isolated: None) -> None:
    task = signalpost.task(name="news.reindex")(mail)
    pre_save.connect(task.delay)
    try:
        (warning,) = found("W003")
    finally:
        pre_save.disconnect(task.delay)
    assert "news.reindex" in warning.msg


def test_w003_is_silent_under_atomic_requests(found: Found, isolated: None, monkeypatch: pytest.MonkeyPatch) -> None:
    connect_background(post_save, mail, sender=Article)
    monkeypatch.setitem(connections["default"].settings_dict, "ATOMIC_REQUESTS", True)
    assert found("W003") == []


@pytest.mark.parametrize("policy", ["raise", "allow"])
def test_w003_is_silent_under_a_policy_that_was_chosen(found: Found, isolated: None, policy: str) -> None:
    connect_background(post_save, mail, sender=Article)
    with override_settings(SIGNALPOST={"OUTSIDE_TRANSACTION": policy}):
        assert found("W003") == []


def test_w003_is_silent_about_the_mixin_and_about_signals_that_django_wraps(found: Found, isolated: None) -> None:
    connect_background(post_save, mail, sender=Correction)
    connect_background(post_delete, mail, sender=Article)
    assert found("W003") == []
