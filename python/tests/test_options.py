"""Options are checked where they are declared."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.signals import post_save
from django.test import override_settings

from signalpost import DeclarationError, connect_background
from signalpost.options import Options

from .news.models import Author


def handler(sender: Any, **kwargs: Any) -> None:
    """Never runs here."""


@pytest.mark.parametrize(
    ("option", "value", "problem"),
    [
        ("queue", "", "queue= is empty"),
        ("queue", 7, "queue= must be a text, and is 7"),
        ("queue", "ä" * 101, "queue= has 202 bytes, and 200 are allowed"),
        ("queue", "a\nb", "queue= holds a character that cannot be stored: 'a\\\\nb'"),
        ("queue", "a\0b", "holds a character that cannot be stored"),
        ("queue", "a\ud800", "holds a character that cannot be stored"),
        ("name", "*", r"name='\*' is the name of all receivers"),
        ("name", "", "name= is empty"),
        ("aliases", "old", "aliases= must be a list or set of texts, and is 'old'"),
        ("aliases", ["old", 7], "aliases= must be a list or set of texts, and holds 7"),
        ("aliases", [""], "an alias of aliases= is empty"),
        ("max_attempts", 0, "max_attempts= must be a whole number from 1, and is 0"),
        ("max_attempts", True, "max_attempts= must be a whole number from 1, and is True"),
        ("max_attempts", 2.5, "max_attempts= must be a whole number from 1, and is 2.5"),
        ("timeout", 0, "timeout= must be seconds or a timedelta, above 0"),
        ("timeout", float("nan"), "timeout= must be seconds"),
        ("timeout", timedelta(days=400), "at most a year"),
        ("timeout", "5", "timeout= must be seconds"),
        ("priority", 101, "priority= must be a whole number from -100 to 100, and is 101"),
        ("priority", "high", "priority= must be a whole number"),
        ("using", "nowhere", r"using='nowhere' is not an alias of DATABASES. There are 'default', 'archive', 'replica'\."),
        ("when", "created", "when= must be a function of the receiver's arguments, and is 'created'"),
        ("fields", "status", "fields= must be a list or set of texts, and is 'status'"),
        ("fields", [], "fields= is empty, so nothing would ever be sent"),
        ("actions", {7}, "actions= must be a list or set of texts, and holds 7"),
        ("keep_result", 1, "keep_result= must be True or False, and is 1"),
    ],
)
def test_an_option_that_cannot_be_is_an_error_that_names_the_place(option: str, value: Any, problem: str) -> None:
    with pytest.raises(DeclarationError, match=rf"{__file__}:\d+: handler: .*{problem}"):
        connect_background(post_save, handler, sender=Author, **{option: value})
    assert not post_save.has_listeners(Author)


def test_an_option_that_does_not_exist_is_an_error_that_names_those_that_do() -> None:
    with pytest.raises(TypeError, match=r"test_options.py:\d+: handler: there is no option retries. There are name, aliases,"):
        connect_background(post_save, handler, retries=3)


def test_options_are_kept() -> None:
    connected = connect_background(
        post_save, handler, sender=Author, queue="mail", max_attempts=5, timeout=timedelta(minutes=2), priority=-7,
        name="news.welcome", aliases=("news.hello",), keep_result=True,
    )  # fmt: skip
    assert (connected.name, connected.aliases, connected.queue) == ("news.welcome", ("news.hello",), "mail")
    assert (connected.max_attempts, connected.timeout, connected.keep_result) == (5, 120.0, True)


def test_what_was_not_said_is_the_projects() -> None:
    connected = connect_background(post_save, handler, sender=Author)
    assert (connected.queue, connected.max_attempts, connected.timeout, connected.keep_result) == ("default", 10, None, False)
    with override_settings(SIGNALPOST={"QUEUE": "slow", "MAX_ATTEMPTS": 3, "TIMEOUT": 60}):
        assert (connected.queue, connected.max_attempts, connected.timeout) == ("slow", 3, 60)


def test_none_is_nothing_said() -> None:
    assert Options.checked("here", queue=None, timeout=None, fields=None) == Options()
