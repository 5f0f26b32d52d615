"""Cancelling, trying again and deleting from the admin, with real permissions."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from signalpost import Permanent, task, transitions
from signalpost.models import HistoryEntry, Task
from signalpost.testing import run_tasks

from ..rows import ended, running, waiting
from .conftest import HISTORY, TASKS, act, messages_of


@pytest.fixture
def operator(person: Callable[..., Client]) -> Client:
    return person("change_task", "change_historyentry", "delete_historyentry")


def confirm(client: Client, page: str, asked: Any, **data: str) -> Any:
    """Says yes to the question, with the fields of its form."""
    html = asked.content.decode()
    fields = dict(
        re.findall(r'<input type="hidden" name="(\w+)" value="(\w+)">', html[html.index('name="_selected_action"') - 30 :])
    )
    assert fields["confirmed"] == "yes"
    return client.post(page, {**fields, **data}, follow=True)


def test_cancelling_is_asked_for_and_then_done(operator: Client) -> None:
    first, second, other = waiting(), waiting(), waiting()

    asked = act(operator, TASKS, "cancel_selected", first.pk, second.pk)
    assert f"{first.pk}: shop.mail_receipt of shop.paid" in asked.content.decode()
    assert Task.objects.count() == 3

    done = act(operator, TASKS, "cancel_selected", first.pk, second.pk, confirmed="yes")
    assert messages_of(done) == ["2 tasks were cancelled."]
    assert Task.objects.get().pk == other.pk
    for entry in HistoryEntry.objects.all():
        assert (entry.state, entry.reason) == ("cancelled", "cancelled by ada in the admin")


def test_what_runs_is_not_cancelled_and_it_is_said_why(operator: Client) -> None:
    runs, waits = running(), waiting()
    before = Task.objects.filter(pk=runs.pk).values().get()

    assert "it runs, and will be left as it is" in act(operator, TASKS, "cancel_selected", runs.pk, waits.pk).content.decode()
    done = act(operator, TASKS, "cancel_selected", runs.pk, waits.pk, confirmed="yes")

    cancelled, refused = messages_of(done)
    assert cancelled == "1 task was cancelled."
    assert refused.startswith(
        f"Task {runs.pk}: it was not cancelled: it runs, in the hands of the worker worker-of-another-process"
    )
    assert Task.objects.filter(pk=runs.pk).values().get() == before


def test_what_a_worker_takes_between_the_question_and_the_answer_is_left_to_it(operator: Client) -> None:
    row = waiting()
    act(operator, TASKS, "cancel_selected", row.pk)
    Task.objects.update(worker="w", fence=1, attempt=1)

    done = act(operator, f"{TASKS}?state=due", "cancel_selected", row.pk, confirmed="yes")

    (refused,) = messages_of(done)
    assert "it runs, in the hands of the worker w" in refused
    assert Task.objects.get().worker == "w"


def test_what_has_ended_meanwhile_is_said(operator: Client) -> None:
    entry = ended("succeeded")
    assert messages_of(act(operator, TASKS, "cancel_selected", entry.pk)) == [
        f"Task {entry.pk}: it was not cancelled: it has ended meanwhile, as succeeded."
    ]
    assert messages_of(act(operator, TASKS, "cancel_selected", 7)) == [
        "Task 7: it was not cancelled: it is not there any more."
    ]


def test_everything_that_a_filter_shows_can_be_cancelled(operator: Client) -> None:
    for _ in range(3):
        waiting()
    other, runs = waiting(queue="stock"), running()
    page = f"{TASKS}?queue=mail"
    ticked = HistoryEntry(pk=Task.objects.first().pk)  # type: ignore[union-attr]

    asked = act(operator, page, "cancel_selected", ticked.pk, select_across="1", index="0")
    assert "These 4 tasks" in asked.content.decode()
    done = confirm(operator, page, asked)

    assert messages_of(done)[0] == "3 tasks were cancelled."
    assert set(Task.objects.values_list("pk", flat=True)) == {other.pk, runs.pk}


def test_what_is_sent_between_the_question_and_the_answer_is_not_cancelled_with_the_rest(operator: Client) -> None:
    seen = [waiting() for _ in range(3)]
    asked = act(operator, TASKS, "cancel_selected", seen[0].pk, select_across="1", index="0")
    later = waiting()

    assert messages_of(confirm(operator, TASKS, asked)) == ["3 tasks were cancelled."]

    assert Task.objects.get() == later


def test_where_older_ones_have_come_into_the_list_it_is_asked_again(operator: Client) -> None:
    older, *seen = [waiting() for _ in range(3)]
    Task.objects.filter(pk=older.pk).update(run_at=1 << 50)
    page = f"{TASKS}?state=due"
    asked = act(operator, page, "cancel_selected", seen[0].pk, select_across="1", index="0")
    Task.objects.update(run_at=1)

    again = confirm(operator, page, asked)

    assert "These 3 tasks" in again.content.decode()
    assert Task.objects.count() == 3
    assert messages_of(confirm(operator, page, again)) == ["3 tasks were cancelled."]


@pytest.mark.parametrize("field", ["up_to", "count"])
def test_an_answer_without_its_question_cancels_nothing(operator: Client, field: str) -> None:
    row = waiting()
    asked = act(operator, TASKS, "cancel_selected", row.pk, select_across="1", index="0")
    confirm(operator, TASKS, asked, **{field: "٣"})
    assert Task.objects.exists()


def test_where_all_have_gone_meanwhile_that_is_said(operator: Client) -> None:
    row = waiting()
    asked = act(operator, TASKS, "cancel_selected", row.pk, select_across="1", index="0")
    Task.objects.all().delete()
    waiting()
    assert messages_of(confirm(operator, TASKS, asked)) == ["None of these tasks is there any more."]


def test_no_query_grows_with_the_number_of_tasks(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transitions, "AT_ONCE", 5)
    for _ in range(12):
        waiting()
    runs = [running() for _ in range(8)]
    dead = [ended("dead") for _ in range(12)]
    without = [ended("dead", payload=None) for _ in range(8)]
    asked = act(operator, TASKS, "cancel_selected", runs[0].pk, select_across="1", index="0")

    with CaptureQueriesContext(connection) as queries:
        cancelled = confirm(operator, TASKS, asked)
        retried = act(operator, HISTORY, "retry_selected", dead[0].pk, select_across="1", index="0")

    assert messages_of(cancelled)[0] == "12 tasks were cancelled." and messages_of(cancelled)[-1].startswith("3 more")
    assert messages_of(retried)[0] == "12 tasks wait again." and messages_of(retried)[-1].startswith("3 more")
    assert len(without) == HistoryEntry.objects.filter(state="dead").count()
    # Each has an entry in the log of the admin; those are written as many at once as the database takes.
    assert LogEntry.objects.count() == 24
    lists = [found for query in queries for found in re.findall(r"(?:IN|ANY) \((.*?)\)", query["sql"])]
    assert any("," in found for found in lists)
    assert all(found.count(",") < 5 for found in lists), lists


def test_of_everything_that_the_history_shows_only_what_is_dead_is_looked_at(operator: Client) -> None:
    succeeded, dead = ended("succeeded"), ended("dead")
    done = act(operator, HISTORY, "retry_selected", succeeded.pk, select_across="1", index="0")
    assert messages_of(done) == ["1 task waits again."]
    assert Task.objects.get().pk == dead.pk
    done = act(operator, HISTORY, "retry_selected", succeeded.pk, select_across="1", index="0")
    assert messages_of(done) == ["None of these tasks is dead."]


def test_of_many_that_are_refused_some_are_named(operator: Client) -> None:
    ids = [running().pk for _ in range(8)]
    *named, more = messages_of(act(operator, TASKS, "cancel_selected", *ids, confirmed="yes"))
    assert len(named) == 5
    assert more == "3 more were left as they are."


def test_a_dead_task_is_tried_again_and_runs(operator: Client) -> None:
    mended: list[int] = []

    @task(name="shop.mend")
    def mend(number: int) -> None:
        if not mended:
            raise Permanent("it is broken")

    mend.delay(7)
    run_tasks(raises=False)
    dead = HistoryEntry.objects.get()
    mended.append(7)

    assert messages_of(act(operator, HISTORY, "retry_selected", dead.pk)) == ["1 task waits again."]

    waits = Task.objects.get()
    assert (waits.pk, waits.attempt, waits.fence, waits.reason) == (dead.pk, 0, dead.fence, dead.reason)
    (ran,) = run_tasks()
    assert ran.succeeded
    assert (HistoryEntry.objects.get().pk, HistoryEntry.objects.get().state) == (dead.pk, "succeeded")


def test_what_is_not_dead_is_not_tried_again_and_it_is_said_why(operator: Client) -> None:
    succeeded, dead, without = ended("succeeded"), ended("dead"), ended("dead", payload=None)

    done = act(operator, HISTORY, "retry_selected", succeeded.pk, dead.pk, without.pk)

    assert messages_of(done) == [
        "1 task waits again.",
        f"Task {succeeded.pk}: it was not tried again: it is succeeded, and only what is dead is.",
        f"Task {without.pk}: it was not tried again: its arguments were not kept.",
    ]
    assert Task.objects.get().pk == dead.pk
    assert HistoryEntry.objects.count() == 2


def test_two_people_with_one_wish(operator: Client) -> None:
    dead = ended("dead")
    act(operator, HISTORY, "retry_selected", dead.pk)
    assert messages_of(act(operator, HISTORY, "retry_selected", dead.pk)) == [f"Task {dead.pk}: it waits already."]
    Task.objects.update(worker="w")
    assert messages_of(act(operator, HISTORY, "retry_selected", dead.pk)) == [
        f"Task {dead.pk}: it runs already, in the hands of the worker w."
    ]


def test_ended_tasks_are_deleted_with_what_was_remembered_of_their_sends(operator: Client) -> None:
    first, second, third = (ended("dead", receiver=f"shop.{number}") for number in range(3))
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            for entry in (first, second):
                cursor.execute(
                    "INSERT INTO signalpost_once (send_id, signal, receiver, task) VALUES (%s, %s, %s, %s)",
                    [entry.send_id, entry.signal, entry.receiver, entry.pk],
                )

    assert operator.post(f"{HISTORY}{first.pk}/delete/", {"post": "yes"}).status_code == 302
    act(operator, HISTORY, "delete_selected", second.pk, post="yes")

    assert HistoryEntry.objects.get().pk == third.pk
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM signalpost_once")
            assert cursor.fetchone() == (0,)


def test_the_page_of_a_task_has_a_button_while_there_is_something_to_wish_for(operator: Client) -> None:
    def page(page: str, row: Any) -> str:
        return operator.get(f"{page}{row.pk}/change/").content.decode()

    assert 'name="action" value="cancel_selected"' in page(TASKS, waiting())
    assert 'name="action" value="cancel_selected"' not in page(TASKS, running())
    assert 'name="action" value="retry_selected"' in page(HISTORY, ended("dead"))
    assert 'name="action" value="retry_selected"' not in page(HISTORY, ended("succeeded"))


def test_it_is_written_down_who_did_it(operator: Client) -> None:
    row, dead = waiting(), ended("dead")
    act(operator, TASKS, "cancel_selected", row.pk, confirmed="yes")
    act(operator, HISTORY, "retry_selected", dead.pk)
    said = {(entry.object_id, entry.content_type.model, entry.change_message) for entry in LogEntry.objects.all()}
    assert said == {(str(row.pk), "historyentry", "Cancelled."), (str(dead.pk), "task", "Tried again.")}
    assert {entry.user.username for entry in LogEntry.objects.all()} == {"ada"}


def test_a_wish_needs_the_token_against_forgery(person: Callable[..., Client]) -> None:
    row = waiting()
    client = person("change_task")
    client.handler.enforce_csrf_checks = True
    assert act(client, TASKS, "cancel_selected", row.pk, confirmed="yes").status_code == 403
    assert Task.objects.exists()
