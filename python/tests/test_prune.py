"""`manage.py signalpost_prune`."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from threading import Event, Thread
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection, connections, transaction
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from signalpost import pruning
from signalpost.models import HistoryEntry, Task

from .rows import HOUR, ended, running, waiting

DAY = 24 * HOUR

pytestmark = pytest.mark.django_db


def prune(*arguments: str, **options: Any) -> tuple[str, str]:
    """What the command writes to standard output and standard error."""
    out, err = StringIO(), StringIO()
    call_command("signalpost_prune", *arguments, stdout=out, stderr=err, no_color=True, **options)
    return out.getvalue(), err.getvalue()


def left() -> set[int]:
    return set(HistoryEntry.objects.values_list("pk", flat=True))


def test_ages_are_those_of_workers_unless_others_are_given() -> None:
    for state in ("succeeded", "cancelled", "expired", "merged"):
        ended(state, age=DAY + HOUR)
    ended("dead", age=30 * DAY + HOUR)
    kept = {ended("succeeded", age=DAY - HOUR).pk, ended("dead", age=30 * DAY - HOUR).pk}

    out, _ = prune()

    assert left() == kept
    assert "default: 1 merged on the queue 'mail' forgotten\n" in out
    assert out.endswith("default: 5 forgotten\n")


def test_ages_can_be_given_for_the_dead_and_for_the_others() -> None:
    old, dead = ended("succeeded", age=2 * HOUR), ended("dead", age=2 * HOUR)

    prune("--older-than", "1h")
    assert left() == {dead.pk}

    prune("--dead-older-than=119m")
    assert left() == set()
    assert old.pk not in left()


def test_never_keeps_them() -> None:
    dead = ended("dead", age=100 * DAY)
    ended("succeeded", age=100 * DAY)
    prune("--older-than", "0s", "--dead-older-than", "never")
    assert left() == {dead.pk}


def test_single_queues_are_pruned_or_left_out() -> None:
    mail, stock, press = (ended("succeeded", age=2 * DAY, queue=queue).pk for queue in ("mail", "stock", "press"))

    prune("--queue", "stock")
    assert left() == {mail, press}

    prune("--exclude-queue", "mail")
    assert left() == {mail}


def test_live_tasks_are_never_touched() -> None:
    waiting(created_at=0, run_at=0)
    running(created_at=0, run_at=0)
    prune("--older-than", "0s", "--dead-older-than", "0s")
    assert Task.objects.count() == 2


def test_a_dry_run_says_the_same_and_forgets_nothing() -> None:
    ended("succeeded", age=2 * DAY)
    ended("succeeded", age=2 * DAY, queue="stock")

    out, _ = prune("--dry-run")

    assert "default: 1 succeeded on the queue 'stock' would be forgotten\n" in out
    assert out.endswith("default: 2 would be forgotten\n")
    assert len(left()) == 2


def test_it_goes_in_batches_of_the_oldest_first() -> None:
    entries = [ended("succeeded", age=(2 + number) * DAY) for number in range(5)]
    seen: list[set[int]] = []
    share = pruning.Share("mail", "succeeded", before=entries[0].finished_at)
    for forgotten in pruning.prune("default", share, 2):
        seen.append(left())
        assert forgotten <= 2

    ids = [entry.pk for entry in entries]
    assert seen == [set(ids[:3]), set(ids[:1]), set()]


def test_a_batch_is_one_statement() -> None:
    for _ in range(5):
        ended("succeeded", age=2 * DAY)
    with CaptureQueriesContext(connection) as queries:
        prune("--batch-size", "2")
    assert sum("DELETE" in query["sql"] for query in queries if "'succeeded'" in query["sql"]) == 3


def test_verbosity_says_more_or_nothing() -> None:
    for _ in range(3):
        ended("succeeded", age=2 * DAY)
    assert "2 succeeded on the queue 'mail' so far" in prune("--batch-size", "2", verbosity=2)[0]
    assert prune(verbosity=0) == ("", "")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--older-than", "7"], "'7' is no age: give a whole number and a unit, as in 90s, 30m, 12h, 7d or 2w, or never"),
        (["--older-than", "-1d"], "--older-than"),
        (["--older-than", "1.5d"], "'1.5d' is no age"),
        (["--older-than", "٣d"], "is no age"),
        (["--older-than", ""], "'' is no age"),
        (["--dead-older-than", "9" * 40 + "w"], "is longer than a hundred years"),
        (["--dead-older-than", "99999999w"], "is longer than a hundred years"),
        (["--older-than", "never", "--dead-older-than", "never"], "leave nothing to forget"),
        (["--queue", " "], "the name of a queue is missing"),
        (["--queue", "mail", "--exclude-queue", "mail"], "--queue and --exclude-queue both name 'mail'"),
        (["--batch-size", "0"], "'0' is no whole number from 1 to 10,000"),
        (["--batch-size", "10001"], "'10001' is no whole number"),
        (["--batch-size", "many"], "'many' is no whole number"),
        (["--database", "nowhere"], "DATABASES has 'default', 'archive', 'replica'"),
        (["--database", "archive"], "it holds no tasks. SIGNALPOST['STORES'] lists 'default'"),
        (["--olderthan", "1d"], "unrecognized arguments"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_forgotten(arguments: list[str], says: str) -> None:
    ended("succeeded", age=100 * DAY)
    with pytest.raises(CommandError) as refused:
        prune(*arguments)
    assert says in str(refused.value)
    assert len(left()) == 1


def test_a_store_that_is_not_there_is_refused_by_its_name() -> None:
    with override_settings(SIGNALPOST={"STORES": ["nowhere"]}), pytest.raises(CommandError, match="nowhere"):
        prune()


def test_a_queue_without_a_history_is_said_with_what_may_have_been_meant() -> None:
    ended("succeeded", age=2 * DAY)
    out, err = prune("--queue", "maill")
    assert err == "no store has a history of the queue 'maill'; did you mean 'mail'?\n"
    assert out == "default: 0 forgotten\n"


@pytest.mark.django_db(databases=["default", "archive", "replica"], transaction=True)
def test_a_database_without_tables_is_said_with_what_to_do() -> None:
    with override_settings(SIGNALPOST={"STORES": ["archive"]}):
        with connections["archive"].schema_editor() as editor:
            editor.execute("ALTER TABLE signalpost_history RENAME TO put_aside")
        try:
            with pytest.raises(CommandError, match="migrate signalpost --database=archive"):
                prune()
        finally:
            with connections["archive"].schema_editor() as editor:
                editor.execute("ALTER TABLE put_aside RENAME TO signalpost_history")


@pytest.mark.django_db(databases=["default", "replica"], transaction=True)
def test_two_names_of_one_database_are_pruned_once() -> None:
    ended("succeeded", age=2 * DAY)
    out, _ = prune("--database", "default", "--database", "replica", "--dry-run")
    assert out.count("would be forgotten\n") == 2


def test_what_the_database_refuses_is_said_with_what_was_done_before(monkeypatch: pytest.MonkeyPatch) -> None:
    for queue in ("mail", "stock"):
        for _ in range(3):
            ended("succeeded", age=2 * DAY, queue=queue)
    prune_share = pruning.prune

    def refused(alias: str, share: pruning.Share, at_once: int) -> Iterator[int]:
        steps = prune_share(alias, share, at_once)
        if share.queue == "stock":
            yield next(steps)
            raise OperationalError("database is locked")
        yield from steps

    monkeypatch.setattr(pruning, "prune", refused)
    with pytest.raises(
        CommandError,
        match="in the database 'default' could not be pruned any further when 5 were forgotten: database is locked",
    ):
        prune("--batch-size", "2")
    assert len(left()) == 1


def test_a_store_whose_time_is_not_to_be_had_is_an_error_and_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(alias: str) -> int:
        raise OperationalError("database is locked")

    monkeypatch.setattr("signalpost.management.commands.signalpost_prune.store_now", refused)
    with pytest.raises(CommandError, match="database is locked"):
        prune()


@pytest.mark.django_db(transaction=True)
def test_what_a_worker_forgets_meanwhile_does_not_end_it_early() -> None:
    if connection.vendor != "postgresql":
        # There one writer waits for the other, and finds what is left.
        return
    entries = [ended("succeeded", age=(7 - number) * DAY) for number in range(5)]
    is_held, go = Event(), Event()

    def worker() -> None:
        with transaction.atomic():
            HistoryEntry.objects.filter(pk=entries[0].pk).delete()
            is_held.set()
            go.wait()
        connection.close()

    def watcher() -> None:
        # The step has found the row, and waits for the worker that has it.
        waiting = (
            "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND datname = current_database()"
        )
        with connection.cursor() as cursor:
            while not go.is_set():
                cursor.execute(waiting)
                if cursor.fetchone() != (0,):
                    go.set()
        connection.close()

    threads = [Thread(target=worker), Thread(target=watcher)]
    threads[0].start()
    is_held.wait()
    threads[1].start()
    try:
        prune("--batch-size", "2")
    finally:
        go.set()
        for thread in threads:
            thread.join()
    assert left() == set()


def test_with_a_task_it_is_forgotten_that_its_send_was_made_once() -> None:
    if connection.vendor != "postgresql":
        # There it is the row itself that is remembered.
        return
    entry = ended("succeeded", age=2 * DAY)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO signalpost_once (send_id, signal, receiver, task) VALUES (%s, %s, %s, %s)",
            [entry.send_id, entry.signal, entry.receiver, entry.pk],
        )
        prune()
        cursor.execute("SELECT count(*) FROM signalpost_once")
        assert cursor.fetchone() == (0,)
