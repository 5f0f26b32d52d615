"""How arguments and reasons are shown."""

from __future__ import annotations

import datetime
import decimal
import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client, override_settings
from django.utils import timezone

from signalpost import codec, task
from signalpost.admin.shown import first_line, readable_value, shown_arguments, shown_json, shown_reason, shown_time
from signalpost.models import HistoryEntry
from signalpost.testing import run_tasks

from ..arguments import Level, Right
from ..news.models import Article
from ..rows import ended, waiting
from .conftest import HISTORY, TASKS

KEY = uuid.UUID("0192f000-0000-7000-8000-000000000000")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"a": [1, None, True, "x"]}, "{'a': [1, None, True, 'x']}"),
        ((1,), "(1,)"),
        ((), "()"),
        (set(), "set()"),
        ({"a"}, "{'a'}"),
        (frozenset({1}), "frozenset({1})"),
        ({1: "a"}, "{1: 'a'}"),
        ({"$": 1}, "{'$': 1}"),
        (decimal.Decimal("1.50"), "Decimal('1.50')"),
        (KEY, f"UUID('{KEY}')"),
        (datetime.date(2026, 1, 2), "date(2026-01-02)"),
        (datetime.timedelta(days=1), "timedelta(1, 0, 0)"),
        (2**70, str(2**70)),
        (Level.LOW, "tests.arguments.Level.LOW"),
        (Right.READ, f"tests.arguments.Right({Right.READ.value})"),
        (Article, "news.Article"),
        (Level, "tests.arguments.Level"),
        (b"ab", "bytes('YWI=')"),
    ],
)
def test_a_value_is_shown_as_one_would_write_it(value: Any, shown: str) -> None:
    assert readable_value(json.loads(codec.encode(value))) == shown


def test_an_instance_is_its_model_and_its_key() -> None:
    assert readable_value({"$": ["instance", "news.Article", 7, "default"]}) == "news.Article(pk=7)"
    assert readable_value({"$": ["instance", "news.Article", 7, "old"]}) == "news.Article(pk=7, using='old')"


def test_what_is_long_stands_on_several_lines() -> None:
    shown = readable_value({"lines": ["x" * 60, "y" * 60]})
    assert shown == "{\n    'lines': [\n        '" + "x" * 60 + "',\n        '" + "y" * 60 + "',\n    ],\n}"


@pytest.mark.parametrize("payload", ["{}", "[]", "7", '{"named": 7}', '{"named": {}, "args": 7}', "no JSON", "[" * 5000])
def test_a_payload_of_somebody_else_is_shown_as_it_is(payload: str) -> None:
    assert "<pre" in shown_arguments(payload) or shown_arguments(payload) == "-"


@pytest.mark.parametrize("tag", [[], [None], ["dict", 7], ["dict", [7]], ["enum"], ["instance"], [{"a": 1}], ["set", {}]])
def test_a_tag_that_is_none_is_no_error(tag: list[Any]) -> None:
    assert readable_value({"$": tag})


def test_what_is_shown_is_escaped_and_bounded() -> None:
    payload = codec.encode_named(None, {"<b>": "<script>" + "x" * 100_000}, True).payload
    shown = shown_arguments(payload)
    assert "&lt;b&gt;" in shown and "<script>" not in shown
    assert len(shown) < 25_000 and "characters more" in shown
    assert "<script>" not in shown_reason("<script>")
    assert "<script>" not in shown_json('{"a": "<script>"}')


def test_a_time_is_shown_to_the_second_where_the_reader_is() -> None:
    time = datetime.datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=datetime.timezone.utc)
    with timezone.override("Europe/Berlin"):
        assert shown_time(time) == "2026-01-02 04:04:05 CET"
        with override_settings(USE_TZ=False):
            assert shown_time(time) == "2026-01-02 04:04:05 CET"
    assert shown_time(None) == "-"


def test_of_a_reason_a_list_shows_the_first_line() -> None:
    assert first_line(None) == ""
    assert first_line("ValueError: no\n  x.py:1, in f") == "ValueError: no"
    assert len(first_line("x" * 1000)) < 130


def test_a_traceback_is_told_from_what_went_wrong_and_from_libraries() -> None:
    shown = shown_reason(
        "ValueError: no\n"
        "  /srv/shop/mail.py:7, in send\n"
        "    connect()\n"
        "  /srv/venv/lib/python3.12/site-packages/smtp.py:9, in connect\n"
        "    raise ValueError\n"
        "\n"
        "from KeyError: 'x'"
    )
    for kind, line in (
        ("what", "ValueError: no"),
        ("call", "  /srv/shop/mail.py:7, in send"),
        ("call", "    connect()"),
        ("library", "    raise ValueError"),
        ("what", "from KeyError: &#x27;x&#x27;"),
    ):
        assert f'<span class="signalpost-{kind}">{line}</span>' in shown


@pytest.mark.django_db
def test_a_task_that_has_died_shows_its_traceback(person: Callable[..., Client]) -> None:
    @task(name="shop.break", max_attempts=1)
    def broken(number: int) -> None:
        raise ValueError(f"<{number}> is no number")

    broken.delay(7)
    run_tasks(raises=False)
    page = person("view_historyentry").get(f"{HISTORY}{HistoryEntry.objects.get().pk}/change/").content.decode()
    assert "ValueError: &lt;7&gt; is no number" in page
    assert "test_shown.py:" in page and "in broken" in page


@pytest.mark.django_db
def test_arguments_are_a_table(person: Callable[..., Client]) -> None:
    payload = codec.encode_named(Article, {"cents": 1250, "lines": (1, 2)}, True, ("A",)).payload
    page = person("view_task").get(f"{TASKS}{waiting(payload=payload).pk}/change/").content.decode()
    for name, value in (("[0]", "&#x27;A&#x27;"), ("cents", "1250"), ("lines", "(1, 2)")):
        assert f'<tr><th scope="row">{name}</th><td><pre>{value}</pre></td></tr>' in page


@pytest.mark.django_db
def test_a_success_says_that_its_arguments_were_not_kept(person: Callable[..., Client]) -> None:
    entry = ended("succeeded", payload=None, result='{"left": 7}')
    page = person("view_historyentry").get(f"{HISTORY}{entry.pk}/change/").content.decode()
    assert "not kept: a success needs them no longer" in page
    assert "&quot;left&quot;: 7" in page
