"""`run_tasks`: what runs, in which order, and what is left in the tables."""

from __future__ import annotations

import datetime
import json
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from asgiref.sync import async_to_sync
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.dispatch import Signal, receiver
from django.test import override_settings

from signalpost import AsyncSignal, async_receiver, current_task, registry, task
from signalpost.models import HistoryEntry, Task, WorkerLease
from signalpost.outcome import Dead, Failed, Unknown
from signalpost.testing import Endless, ReceiversFailed, arun_tasks, run_tasks
from signalpost.testing.drain import Drain, store_now

from .news.models import Author, Country

order_paid = Signal()
stock_changed = AsyncSignal()

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _forget() -> Any:
    yield
    stock_changed.receivers.clear()


@pytest.fixture
def ran() -> list[Any]:
    return []


@pytest.fixture
def note(ran: list[Any]) -> Any:
    """A task that notes its argument."""
    return task(name="note")(lambda what: ran.append(what))


def _row(**columns: Any) -> Task:
    now = store_now("default")
    given = {
        "send_id": "s", "signal": "signalpost.task", "receiver": "note", "queue": "default", "priority": 0, "run_at": now,
        "payload": '{"sender":null,"args":[1],"named":{}}', "payload_version": 1, "headers": "{}", "depth": 0,
        "created_at": now,
    }  # fmt: skip
    return Task.objects.create(**{**given, **columns})


def test_nothing_runs_where_nothing_is_due() -> None:
    assert run_tasks() == []
    assert repr(run_tasks()) == "nothing ran"


def test_what_is_due_runs_and_what_follows_from_it(note: Any, ran: list[Any]) -> None:
    @async_receiver(order_paid, name="bill")
    def bill(cents: int, **kwargs: Any) -> None:
        note.delay(cents)

    order_paid.send(None, cents=7)
    runs = run_tasks()

    assert ran == [7]
    assert [each.receiver for each in runs] == ["bill", "note"]
    assert runs.of(bill) == runs.of("bill") == runs[:1]
    assert runs.of(note) == runs[1:]
    assert not Task.objects.exists()


def test_a_success_stands_in_the_history_as_a_worker_writes_it(note: Any) -> None:
    note.delay(1)
    row = Task.objects.get()
    before = store_now("default")
    run_tasks()

    entry = HistoryEntry.objects.get()
    for column in ("send_id", "signal", "sender", "receiver", "queue", "priority", "run_at", "headers", "depth", "created_at"):
        assert getattr(entry, column) == getattr(row, column)
    assert (entry.id, entry.state, entry.payload, entry.result, entry.reason) == (row.id, "succeeded", None, None, None)
    assert (entry.attempt, entry.fence, entry.deaths) == (1, 1, 0)
    assert (entry.worker or "").startswith("testing-")
    assert before <= entry.finished_at <= store_now("default")


def test_a_dead_task_keeps_its_payload_and_says_why() -> None:
    @task(name="bill", max_attempts=1)
    def bill(cents: int) -> None:
        raise ConnectionError("the printer is down")

    bill.delay(7)
    (dead,) = run_tasks(raises=False)

    entry = HistoryEntry.objects.get()
    assert (entry.state, json.loads(entry.payload or "")["args"]) == ("dead", [7])
    assert (entry.reason or "").startswith("failure 1 of 1: ConnectionError: the printer is down\n")
    assert dead.reason == entry.reason
    assert isinstance(dead.error, ConnectionError)


def test_a_failed_task_waits_and_says_why() -> None:
    @task(name="bill")
    def bill() -> None:
        raise ConnectionError("the printer is down")

    bill.delay()
    (failed,) = run_tasks(raises=False)

    row = Task.objects.get()
    assert isinstance(failed.outcome, Failed)
    assert (row.attempt, row.fence, row.worker, row.unknown_since) == (1, 1, None, None)
    assert (row.reason or "").startswith("ConnectionError: the printer is down\n")
    assert 0 < row.run_at - store_now("default") <= 1_000
    assert run_tasks() == []


def test_what_runs_and_does_not_exist_in_the_end_is_the_lease() -> None:
    seen: list[int] = []
    task(name="bill")(lambda: seen.append(WorkerLease.objects.count())).delay()

    run_tasks()

    assert seen == [1]
    assert WorkerLease.objects.count() == 0


def test_a_receiver_that_failed_fails_the_test_at_the_end(note: Any, ran: list[Any]) -> None:
    @task(name="bill")
    def bill() -> None:
        raise ConnectionError("the printer is down")

    bill.delay()
    note.delay(1)
    with pytest.raises(ReceiversFailed) as raised:
        run_tasks()

    assert ran == [1]
    assert len(raised.value.runs) == 2
    assert isinstance(raised.value.__cause__, ConnectionError)
    message = str(raised.value)
    assert message.startswith("1 of 2 runs failed\n  #")
    assert "signalpost.task → bill, attempt 1: failed, again in " in message
    assert "ConnectionError: the printer is down" in message
    assert isinstance(raised.value, AssertionError)


def test_all_attempts_are_made_where_time_goes_on(ran: list[Any]) -> None:
    @task(name="bill", max_attempts=4)
    def bill() -> None:
        ran.append(current_task().attempt)  # type: ignore[union-attr]
        raise ConnectionError("the printer is down")

    bill.delay()
    runs = run_tasks(ahead=timedelta(minutes=1), raises=False)

    assert ran == [1, 2, 3, 4]
    assert isinstance(runs[-1].outcome, Dead)
    assert HistoryEntry.objects.get().state == "dead"


def test_time_goes_on_so_far_and_no_further(ran: list[Any]) -> None:
    @task(name="bill", max_attempts=100)
    def bill() -> None:
        ran.append(1)
        raise ConnectionError

    bill.delay()
    # The waits are at most 1, 2, 4 and 8 seconds, and at least half of that.
    run_tasks(ahead=7, raises=False)

    assert 4 <= len(ran) <= 5
    assert Task.objects.get().attempt == len(ran)


def test_the_higher_priority_runs_first_then_what_has_been_due_for_longer_then_what_was_sent_first(
    note: Any, ran: list[Any]
) -> None:
    now = store_now("default")
    for what, priority, run_at in [("d", 0, now), ("e", 0, now), ("b", 5, now), ("c", 0, now - 1), ("a", 5, now - 1)]:
        _row(payload=json.dumps({"sender": None, "args": [what], "named": {}}), priority=priority, run_at=run_at)

    run_tasks()

    assert ran == ["a", "b", "c", "d", "e"]


def test_what_becomes_due_with_a_higher_priority_comes_before_what_waits(ran: list[Any]) -> None:
    urgent = task(name="urgent", priority=9)(lambda: ran.append("urgent"))

    @task(name="plain")
    def plain(number: int) -> None:
        ran.append(number)
        if number == 1:
            urgent.delay()

    plain.delay(1)
    plain.delay(2)
    run_tasks()

    assert ran == [1, "urgent", 2]


def test_what_is_due_later_waits(note: Any, ran: list[Any]) -> None:
    _row(run_at=store_now("default") + 3_600_000)

    assert run_tasks() == []
    assert run_tasks(ahead=3_500) == []
    assert len(run_tasks(ahead=3_601)) == 1


def test_what_has_expired_does_not_run(note: Any, ran: list[Any]) -> None:
    _row(expires_at=store_now("default") - 1)

    assert run_tasks() == []


def test_what_a_worker_has_claimed_is_left_to_it(note: Any) -> None:
    _row(worker="another")

    assert run_tasks() == []


def test_it_can_be_limited_to_queues(ran: list[Any]) -> None:
    for queue in ("mail", "stock", "print"):
        task(name=queue, queue=queue)(lambda queue=queue: ran.append(queue)).delay()

    run_tasks("mail")
    assert ran == ["mail"]
    run_tasks(["stock", "mail"])
    assert ran == ["mail", "stock"]
    run_tasks(queue="nothing")
    run_tasks()
    assert ran == ["mail", "stock", "print"]


def test_it_can_be_limited_to_a_number(note: Any, ran: list[Any]) -> None:
    for number in range(3):
        note.delay(number)

    assert len(run_tasks(max=2)) == 2
    assert (ran, Task.objects.get().attempt, Task.objects.get().worker) == ([0, 1], 0, None)
    assert len(run_tasks(max=2)) == 1


def test_tasks_that_multiply_are_stopped_and_the_way_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signalpost.testing.run.MAX_RUNS", 20)

    @task(name="hydra")
    def hydra() -> None:
        hydra.delay()
        hydra.delay()

    hydra.delay()
    with pytest.raises(Endless, match=r"20 tasks ran and more are due.*The next one: hydra → hydra"):
        run_tasks()

    assert not WorkerLease.objects.exists()
    assert not Task.objects.exclude(worker=None).exists()


def test_a_receiver_that_nobody_knows_fails_the_test(note: Any) -> None:
    note.delay(1)
    registry.unregister(note.receiver)

    with pytest.raises(ReceiversFailed, match="no background receiver or task is called 'note' here"):
        run_tasks()
    row = Task.objects.get()
    assert (row.attempt, row.fence) == (0, 1)
    assert row.unknown_since is not None


def test_a_receiver_that_nobody_comes_to_know_is_dead_after_an_hour(note: Any) -> None:
    note.delay(1)
    registry.unregister(note.receiver)

    runs = run_tasks(ahead=3_700, raises=False)

    assert {type(each.outcome) for each in runs} == {Unknown, Dead}
    assert "no worker that knows it has come within 3600s" in (HistoryEntry.objects.get().reason or "")


def test_a_receiver_that_becomes_known_again_runs(note: Any, ran: list[Any]) -> None:
    note.delay(1)
    registry.unregister(note.receiver)
    run_tasks(raises=False)
    registry.register(note.receiver)

    run_tasks(ahead=30)

    assert ran == [1]


def test_a_database_error_in_a_receiver_breaks_nothing(note: Any, ran: list[Any]) -> None:
    Country.objects.create(code="de")

    @task(name="broken")
    def broken() -> None:
        Country.objects.create(code="de")

    broken.delay()
    note.delay(1)
    runs = run_tasks(raises=False)

    assert isinstance(runs[0].error, IntegrityError)
    assert ran == [1]
    assert Country.objects.count() == 1


def test_a_database_error_that_a_receiver_catches_is_its_own_affair_in_a_block_of_its_own() -> None:
    Country.objects.create(code="de")

    @task(name="careful")
    def careful() -> None:
        try:
            with transaction.atomic():
                Country.objects.create(code="de")
        except IntegrityError:
            Country.objects.create(code="fr")

    careful.delay()
    run_tasks()

    assert Country.objects.count() == 2


def test_a_transaction_that_a_receiver_has_broken_and_says_nothing_of_is_a_failure(note: Any, ran: list[Any]) -> None:
    Country.objects.create(code="de")

    @task(name="careless")
    def careless() -> None:
        try:
            with transaction.atomic(savepoint=False):
                Country.objects.create(code="de")
        except IntegrityError:
            pass

    careless.delay()
    note.delay(1)
    runs = run_tasks(raises=False)

    assert [each.succeeded for each in runs] == [False, True]
    assert "has broken the transaction of 'default'" in (runs[0].reason or "")
    assert Country.objects.count() == 1


def test_a_statement_that_fails_outside_of_a_block_breaks_the_transaction_where_the_database_says_so() -> None:
    @task(name="careless")
    def careless() -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT no_such_column")
        except DatabaseError:
            pass

    careless.delay()
    (ran,) = run_tasks(raises=False)

    if connection.vendor == "postgresql":
        assert "current transaction is aborted" in (ran.reason or "")
        assert Task.objects.get().attempt == 1
    else:
        assert ran.succeeded


def test_what_a_failed_receiver_has_written_stays_as_it_does_in_a_worker() -> None:
    @task(name="bill", max_attempts=2)
    def bill() -> None:
        Author.objects.create(name="Ada")
        raise ConnectionError

    bill.delay()
    run_tasks(ahead=10, raises=False)

    assert Author.objects.count() == 2


def test_a_durable_block_in_a_receiver_is_allowed_as_it_is_in_a_worker() -> None:
    @task(name="bill")
    def bill() -> None:
        with transaction.atomic(durable=True):
            Author.objects.create(name="Ada")

    bill.delay()
    run_tasks()

    assert Author.objects.count() == 1


def test_time_that_is_frozen_stops_no_task(note: Any, ran: list[Any]) -> None:
    with time_machine.travel(datetime.datetime(2000, 1, 1, tzinfo=datetime.timezone.utc), tick=False):
        note.delay(1)
        run_tasks()

    assert ran == [1]
    assert HistoryEntry.objects.get().finished.year > 2000


def test_time_that_is_frozen_in_the_future_stops_no_task(note: Any, ran: list[Any]) -> None:
    with time_machine.travel(datetime.datetime(2100, 1, 1, tzinfo=datetime.timezone.utc), tick=False):
        note.delay(1)
        run_tasks()

    assert ran == [1]


def test_the_stores_clock_goes_on_in_a_transaction(note: Any, ran: list[Any]) -> None:
    with connection.cursor() as cursor:
        # PostgreSQL's now() is the transaction's beginning from here on.
        cursor.execute("SELECT 1")
    first = store_now("default")
    while store_now("default") == first:
        pass
    note.delay(1)

    run_tasks()
    assert ran == [1]


def test_receivers_of_a_background_signal_that_fail_fail_the_test(ran: list[Any]) -> None:
    @receiver(stock_changed)
    def broken(**kwargs: Any) -> None:
        ran.append("broken")
        if ran.count("broken") == 1:
            raise ConnectionError("the shelf is empty")

    @receiver(stock_changed)
    def sound(**kwargs: Any) -> None:
        ran.append("sound")

    stock_changed.send(None)
    with pytest.raises(ReceiversFailed, match="of its receivers 1 failed: .*broken: ConnectionError: the shelf is empty"):
        run_tasks()

    follow = Task.objects.get()
    assert follow.receiver.endswith("broken")
    assert (follow.parent, HistoryEntry.objects.get().state) == (HistoryEntry.objects.get().id, "succeeded")
    assert (follow.reason or "").startswith("ConnectionError: the shelf is empty\n")
    run_tasks(ahead=2)
    assert ran == ["broken", "sound", "broken"]


def test_one_can_ask_for_the_runs_of_a_background_signal() -> None:
    stock_changed.send(None)

    assert len(run_tasks().of(stock_changed)) == 1


def test_the_result_of_a_run_can_be_read() -> None:
    author = Author.objects.create(name="Ada")
    task(name="bill", keep_result=True)(lambda: {"author": author}).delay()

    (ran,) = run_tasks()

    assert ran.result == {"author": author}
    assert repr(ran).endswith("signalpost.task → bill, attempt 1: succeeded")


def test_a_keyboard_interruption_gives_the_task_back() -> None:
    @task(name="bill")
    def bill() -> None:
        raise KeyboardInterrupt

    bill.delay()
    with pytest.raises(KeyboardInterrupt):
        run_tasks()

    row = Task.objects.get()
    assert (row.worker, row.attempt) == (None, 0)
    assert not WorkerLease.objects.exists()


def test_a_task_that_is_taken_away_while_it_runs_is_noticed() -> None:
    task(name="bill")(lambda: Task.objects.all().delete() and None).delay()

    with pytest.raises(RuntimeError, match="was taken from this run while it ran"):
        run_tasks()

    assert not HistoryEntry.objects.exists()


def test_the_result_of_an_overtaken_claim_is_refused(note: Any) -> None:
    note.delay(1)
    drain = Drain("default")
    claimed = drain.claim(store_now("default"))
    assert claimed is not None
    Task.objects.update(fence=5)

    assert not drain.finish(claimed, Dead("too late"), store_now("default"))
    assert (Task.objects.count(), HistoryEntry.objects.count()) == (1, 0)


def test_a_claimed_task_is_claimed_by_nobody_else(note: Any) -> None:
    note.delay(1)
    one, other = Drain("default"), Drain("default")

    assert one.claim(store_now("default")) is not None
    assert other.claim(store_now("default")) is None


def test_there_is_one_for_asynchronous_tests(note: Any, ran: list[Any]) -> None:
    @task(name="bill")
    async def bill() -> None:
        author = await Author.objects.acreate(name="Ada")
        await note.adelay(author.name)

    async def test() -> Any:
        await bill.adelay()
        return await arun_tasks(max=5)

    assert len(async_to_sync(test)()) == 2
    assert ran == ["Ada"]


def test_a_database_that_holds_no_tasks_is_refused() -> None:
    with pytest.raises(ValueError, match="using='archive': that database holds no tasks"):
        run_tasks(using="archive")


def test_a_store_can_be_named(note: Any, ran: list[Any]) -> None:
    note.delay(1)

    assert len(run_tasks(using="default")) == 1


@override_settings(SIGNALPOST={"STORES": ["default", "archive"]})
def test_a_store_that_the_test_may_not_use_is_passed_over(note: Any, ran: list[Any]) -> None:
    note.delay(1)

    assert len(run_tasks()) == 1


@override_settings(SIGNALPOST={"STORES": ["default", "archive"]})
@pytest.mark.django_db(databases=["default", "archive"])
def test_all_stores_are_looked_at(ran: list[Any]) -> None:
    here = task(name="here", using="default")(lambda: ran.append(current_task().using))  # type: ignore[union-attr]
    there = task(name="there", using="archive")(lambda: (ran.append(current_task().using), here.delay()) and None)  # type: ignore[union-attr]
    there.delay()

    runs = run_tasks()

    assert ran == ["archive", "default"]
    assert [each.task.using for each in runs] == ["archive", "default"]
