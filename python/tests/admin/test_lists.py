"""The lists: what they show, and what they find."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from signalpost.clock import store_now
from signalpost.models import PublishedReceiver

from ..rows import HOUR, ended, running, waiting
from .conftest import HISTORY, TASKS, ids_of


@pytest.fixture
def reader(person: Callable[..., Client]) -> Client:
    return person("view_task", "view_historyentry")


def test_the_newest_task_is_the_first(reader: Client) -> None:
    tasks = [waiting(), waiting()]
    assert ids_of(reader.get(TASKS)) == [tasks[1].pk, tasks[0].pk]


def test_a_row_shows_what_the_task_is_about(reader: Client) -> None:
    task = running(reason="ConnectionError: no route\n  /srv/shop/mail.py:7, in send", attempt=3, deaths=1)
    page = reader.get(TASKS).content.decode()
    for text in (str(task.pk), "running", "shop.mail_receipt", "shop.paid", "mail", "ConnectionError: no route"):
        assert text in page
    assert "/srv/shop/mail.py" not in page
    # Three claims, of which one ended with a death, and one is under way.
    assert '<td class="field-failures">1</td>' in page


def test_live_tasks_are_filtered_by_state(reader: Client) -> None:
    due, runs = waiting(), running()
    later = waiting(run_at=store_now("default") + HOUR)
    for state, task in (("due", due), ("running", runs), ("later", later)):
        assert ids_of(reader.get(TASKS, {"state": state})) == [task.pk]


@pytest.mark.parametrize("state", ["succeeded", "dead", "cancelled", "expired", "merged"])
def test_ended_tasks_are_filtered_by_state(reader: Client, state: str) -> None:
    for each in ("succeeded", "dead", "cancelled", "expired", "merged"):
        ended(each)
    (entry,) = reader.get(HISTORY, {"state": state}).context["cl"].result_list
    assert entry.state == state


@pytest.mark.parametrize("column", ["queue", "signal", "receiver"])
@pytest.mark.parametrize(("page", "make"), [(TASKS, waiting), (HISTORY, lambda **columns: ended("dead", **columns))])
def test_they_are_filtered_by_names(reader: Client, page: str, make: Callable[..., Any], column: str) -> None:
    make()
    wanted = make(**{column: "press & print"})
    response = reader.get(page, {column: "press & print"})
    assert ids_of(response) == [wanted.pk]
    assert "press &amp; print" in response.content.decode()


def test_names_that_workers_have_published_can_be_chosen(reader: Client) -> None:
    PublishedReceiver.objects.create(name="shop.rare", signal="shop.seldom", queue="slow", published_at=0)
    page = reader.get(TASKS).content.decode()
    for choice in ("?receiver=shop.rare", "?signal=shop.seldom", "?queue=slow"):
        assert choice in page


def test_a_name_that_is_there_no_longer_stays_chosen(reader: Client) -> None:
    waiting()
    assert ids_of(reader.get(TASKS, {"queue": "gone"})) == []


@pytest.mark.parametrize(
    "query", ["receipt", "shop.paid", "shop.order", "key-7", "no route", "0192f000", '"no route"', "MAIL paid"]
)
def test_a_word_is_searched_in_names_and_reasons(reader: Client, query: str) -> None:
    waiting(signal="a.b", receiver="a.c", sender=None, send_id="0193")
    wanted = waiting(key="key-7", reason="ConnectionError: no route")
    assert ids_of(reader.get(TASKS, {"q": query})) == [wanted.pk]


def test_a_number_finds_the_task(reader: Client) -> None:
    wanted, _ = waiting(), waiting()
    assert ids_of(reader.get(TASKS, {"q": str(wanted.pk)})) == [wanted.pk]


@pytest.mark.parametrize("query", ["9" * 30, "²", "%", "'", '"', "\\", "\x00", "-1"])
def test_whatever_is_searched_for_is_no_error(reader: Client, query: str) -> None:
    waiting()
    assert reader.get(TASKS, {"q": query}, follow=True).status_code == 200


def test_the_choices_of_filters_can_be_counted(reader: Client) -> None:
    waiting()
    ended("dead")
    for page in (TASKS, HISTORY):
        assert "shop.mail_receipt (1)" in reader.get(page, {"_facets": "True"}).content.decode()


def test_a_list_reads_no_arguments(reader: Client) -> None:
    for _ in range(3):
        waiting()
        ended("dead")
    for page in (TASKS, HISTORY):
        reader.get(page)
        with CaptureQueriesContext(connection) as queries:
            reader.get(page)
        assert not [query["sql"] for query in queries if '"payload"' in query["sql"]]
        assert len(queries) < 14


def test_the_tasks_of_a_send_and_what_they_have_sent_are_linked(reader: Client) -> None:
    task = waiting(parent=41, depth=1)
    ended("succeeded", parent=task.pk)
    page = reader.get(f"{TASKS}{task.pk}/change/").content.decode()
    for link in (f"{TASKS}?send_id={task.send_id}", f"{HISTORY}?parent={task.pk}", f"{HISTORY}?id=41"):
        assert f'href="{link}"' in page
        assert reader.get(link).status_code == 200
    (child,) = reader.get(f"{HISTORY}?parent={task.pk}").context["cl"].result_list
    assert child.parent == task.pk
