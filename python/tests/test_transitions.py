"""What a person wishes for: cancelling, trying again, forgetting. The rows are those that the engine's own statements leave."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction

from signalpost.models import HistoryEntry, Task
from signalpost.transitions import AT_ONCE, cancel, forget, retry

from .rows import HOUR, ended, running, waiting

ENGINE = Path(__file__).resolve().parents[2] / "crates/signalpost-store/src"
#: What the clock has said: the engine's statements are told another time than ours.
TIMES = ("run_at", "finished_at")

pytestmark = pytest.mark.django_db


def row_of(model: type, pk: int) -> dict[str, Any]:
    """All columns of a row, as they stand in the database."""
    (row,) = model.objects.filter(pk=pk).values()
    return row


def run_engines(statement: str, *parameters: Any) -> None:
    """Runs a statement of the engine's, as it stands in its file."""
    connection.ensure_connection()
    if connection.vendor == "sqlite":
        # To Python these numbers are names.
        numbered = {str(number): value for number, value in enumerate(parameters, 1)}
        connection.connection.execute((ENGINE / f"sqlite/{statement}.sql").read_text(), numbered).fetchall()
        return
    import psycopg

    with psycopg.RawCursor(connection.connection) as cursor:
        cursor.execute((ENGINE / f"postgres/{statement}.sql").read_text(), parameters)


def by_the_engine(model: type, pk: int, statement: str, *parameters: Any) -> dict[str, Any]:
    """The row that the engine's statement would leave."""
    try:
        with transaction.atomic():
            run_engines(statement, *parameters)
            row = row_of(model, pk)
            raise InterruptedError
    except InterruptedError:
        return row


def without_times(row: dict[str, Any], *times: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in times}


def test_a_cancelled_task_is_what_the_engine_makes_of_it() -> None:
    task = waiting(key="7", expires_at=7, parent=3, depth=2, attempt=4, deaths=1, fence=5, reason="it failed", priority=9)
    ids = f"[{task.pk}]" if connection.vendor == "sqlite" else [task.pk]
    expected = by_the_engine(HistoryEntry, task.pk, "end_waiting", ids, "cancelled", "for a test", 1)

    assert cancel("default", [task.pk], "for a test") == {task.pk}

    found = row_of(HistoryEntry, task.pk)
    assert without_times(found, "finished_at") == without_times(expected, "finished_at")
    assert abs(found["finished_at"] - task.created_at - HOUR) < HOUR
    assert not Task.objects.exists()


def test_a_task_that_is_tried_again_is_what_the_engine_makes_of_it() -> None:
    entry = ended("dead", key="7", expires_at=7, parent=3, depth=2, attempt=4, deaths=1, fence=5, reason="x", priority=9)
    expected = by_the_engine(Task, entry.pk, "retry", entry.pk, 1)

    assert retry("default", [entry.pk]) == {entry.pk}

    found = row_of(Task, entry.pk)
    assert without_times(found, "run_at") == without_times(expected, "run_at")
    assert (found["attempt"], found["deaths"], found["fence"], found["expires_at"]) == (0, 0, 5, None)
    assert abs(found["run_at"] - entry.finished_at) < HOUR
    assert not HistoryEntry.objects.exists()


def test_a_running_task_is_neither_cancelled_nor_touched() -> None:
    task, other = running(), waiting()
    before = row_of(Task, task.pk)

    assert cancel("default", [task.pk, other.pk], "for a test") == {other.pk}

    assert row_of(Task, task.pk) == before
    assert HistoryEntry.objects.get().pk == other.pk


@pytest.mark.parametrize("state", ["succeeded", "cancelled", "expired", "merged"])
def test_only_what_is_dead_is_tried_again(state: str) -> None:
    entry = ended(state)
    before = row_of(HistoryEntry, entry.pk)

    assert retry("default", [entry.pk]) == set()

    assert row_of(HistoryEntry, entry.pk) == before
    assert not Task.objects.exists()


def test_what_has_no_payload_cannot_be_tried_again() -> None:
    entry = ended("dead", payload=None)
    assert retry("default", [entry.pk]) == set()
    assert HistoryEntry.objects.exists()


def test_what_is_not_there_is_nothing() -> None:
    assert cancel("default", [1], "for a test") == retry("default", [1]) == forget("default", [1]) == set()
    assert cancel("default", [], "for a test") == retry("default", []) == forget("default", []) == set()


def test_a_second_wish_finds_nothing() -> None:
    task, entry = waiting(), ended("dead")
    assert cancel("default", [task.pk], "one") == {task.pk}
    assert cancel("default", [task.pk], "two") == set()
    assert HistoryEntry.objects.get(pk=task.pk).reason == "one"
    assert retry("default", [entry.pk]) == {entry.pk}
    assert retry("default", [entry.pk]) == set()


def test_more_than_one_step_is_taken_for_many() -> None:
    tasks = [waiting() for _ in range(AT_ONCE + 1)]
    ids = {task.pk for task in tasks}
    assert cancel("default", ids, "for a test") == ids
    assert forget("default", ids) == ids
    assert not HistoryEntry.objects.exists()


def test_ended_tasks_are_forgotten_and_live_ones_are_not() -> None:
    entry, task = ended("succeeded"), waiting()
    assert forget("default", [entry.pk, task.pk]) == {entry.pk}
    assert Task.objects.exists()


def test_with_a_task_it_is_forgotten_that_its_send_was_made_once() -> None:
    """PostgreSQL remembers that in a table of its own; on SQLite the task's row is what is remembered."""
    if connection.vendor != "postgresql":
        return
    entry, other = ended("dead"), ended("dead", receiver="another")
    with connection.cursor() as cursor:
        for each in (entry, other):
            cursor.execute(
                "INSERT INTO signalpost_once (send_id, signal, receiver, task) VALUES (%s, %s, %s, %s)",
                [each.send_id, each.signal, each.receiver, each.pk],
            )
        forget("default", [entry.pk])
        cursor.execute("SELECT task FROM signalpost_once")
        assert cursor.fetchall() == [(other.pk,)]


def test_a_reason_is_stored_whatever_it_holds() -> None:
    task = waiting()
    cancel("default", [task.pk], "a\x00b" + "c" * 100_000)
    reason = HistoryEntry.objects.get().reason
    assert reason is not None and reason.startswith("a\N{REPLACEMENT CHARACTER}b") and len(reason) < 10_000


@pytest.fixture
def somebody_else() -> Iterator[Any]:
    """A connection of another process, with a transaction that is open. None on SQLite, where one writes at a time."""
    if connection.vendor != "postgresql":
        yield None
        return
    import psycopg

    with psycopg.connect(**{**connection.get_connection_params(), "cursor_factory": None}) as other:
        yield other


def while_waiting(other: Any, wish: Callable[[], set[int]]) -> set[int]:
    """What `wish` returns, if `other` commits when it is seen that the wish waits for it."""

    def wait() -> set[int]:
        try:
            return wish()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        wished = pool.submit(wait)
        with connection.cursor() as cursor:
            found = False
            while not found and not wished.done():
                cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
                found = cursor.fetchone()[0]
        other.commit()
        return wished.result()


@pytest.mark.django_db(transaction=True)
def test_a_claim_that_is_under_way_wins(somebody_else: Any) -> None:
    if somebody_else is None:
        return
    task = waiting()
    somebody_else.execute("UPDATE signalpost_task SET worker = 'w', fence = fence + 1, attempt = attempt + 1")

    assert while_waiting(somebody_else, lambda: cancel("default", [task.pk], "for a test")) == set()

    assert row_of(Task, task.pk)["worker"] == "w"
    assert not HistoryEntry.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_who_try_a_task_again_at_the_same_time_one_does(somebody_else: Any) -> None:
    if somebody_else is None:
        return
    import psycopg

    entry = ended("dead")
    with psycopg.RawCursor(somebody_else) as cursor:
        cursor.execute((ENGINE / "postgres/retry.sql").read_text(), [entry.pk, 1])

    assert while_waiting(somebody_else, lambda: retry("default", [entry.pk])) == set()

    assert row_of(Task, entry.pk)["run_at"] == 1
    assert not HistoryEntry.objects.exists()
