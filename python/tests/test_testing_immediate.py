"""Immediate mode: each task inside its send."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import IntegrityError, connection, transaction
from django.db.models.signals import post_save
from django.dispatch import Signal, receiver
from django.test import override_settings

from signalpost import AsyncSignal, async_receiver, current_task, task
from signalpost.immediate import is_immediate
from signalpost.models import HistoryEntry, Task
from signalpost.testing import ReceiversFailed, immediate, run_tasks

from .news.models import Article, Author, Country

order_paid, order_shipped = Signal(), Signal()
stock_changed = AsyncSignal()

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _forget() -> Any:
    yield
    stock_changed.receivers.clear()


def test_a_task_runs_inside_its_send_and_stands_in_the_history() -> None:
    ran: list[Any] = []

    @async_receiver(post_save, sender=Article, name="index")
    def index(instance: Any, **kwargs: Any) -> None:
        ran.append((instance.title, current_task().attempt))  # type: ignore[union-attr]

    with immediate():
        Article.objects.create(title="Harbour light")
        assert ran == [("Harbour light", 1)]

    entry = HistoryEntry.objects.get()
    assert (entry.receiver, entry.state, Task.objects.count()) == ("index", "succeeded", 0)


def test_it_is_decided_for_each_send() -> None:
    ran: list[int] = []
    note = task(name="note")(ran.append)

    note.delay(1)
    with immediate():
        note.delay(2)
    note.delay(3)

    assert ran == [2]
    run_tasks()
    assert ran == [2, 1, 3]


def test_it_is_a_decorator() -> None:
    ran: list[int] = []
    note = task(name="note")(ran.append)

    @immediate()
    def send() -> None:
        note.delay(1)

    send()
    assert ran == [1]
    assert not is_immediate()


def test_it_is_a_setting() -> None:
    ran: list[int] = []
    note = task(name="note")(ran.append)

    with override_settings(SIGNALPOST={"IMMEDIATE": True}):
        note.delay(1)
        with immediate():
            note.delay(2)
        note.delay(3)
        assert ran == [1, 2, 3]
    note.delay(4)

    assert ran == [1, 2, 3]


def test_it_can_be_entered_twice() -> None:
    ran: list[int] = []
    note = task(name="note")(ran.append)

    with immediate():
        with immediate():
            note.delay(1)
        note.delay(2)
    note.delay(3)

    assert ran == [1, 2]


def test_a_background_signal_runs_all_its_receivers() -> None:
    ran: list[str] = []

    @receiver(stock_changed)
    def one(**kwargs: Any) -> None:
        ran.append("one")

    @receiver(stock_changed)
    async def other(**kwargs: Any) -> None:
        ran.append("other")

    with immediate():
        stock_changed.send(None)
        async_to_sync(stock_changed.asend)(None)

    assert ran == ["one", "other"] * 2


def test_a_receiver_that_fails_fails_the_send_and_its_task_waits() -> None:
    @task(name="bill")
    def bill() -> None:
        raise ConnectionError("the printer is down")

    with immediate(), pytest.raises(ReceiversFailed, match="the printer is down") as raised:
        bill.delay()

    assert isinstance(raised.value.__cause__, ConnectionError)
    assert Task.objects.get().attempt == 1


def test_or_it_does_not_fail_the_send() -> None:
    @task(name="bill", max_attempts=1)
    def bill() -> None:
        raise ConnectionError("the printer is down")

    with immediate(raises=False):
        bill.delay()

    assert HistoryEntry.objects.get().state == "dead"


def test_a_database_error_in_a_receiver_does_not_break_the_senders_transaction() -> None:
    Country.objects.create(code="de")

    @async_receiver(post_save, sender=Author, name="broken")
    def broken(**kwargs: Any) -> None:
        Country.objects.create(code="de")

    with immediate():
        with pytest.raises(ReceiversFailed) as raised:
            Author.objects.create(name="Ada")
        assert isinstance(raised.value.__cause__, IntegrityError)

    assert Author.objects.count() == 1


def test_what_a_receiver_sends_runs_when_that_receiver_has_ended() -> None:
    order: list[str] = []

    @async_receiver(order_paid, name="pay")
    def pay(**kwargs: Any) -> None:
        order_shipped.send(None)
        order.append("paid")

    async_receiver(order_shipped, name="ship")(lambda **kwargs: order.append("shipped"))
    with immediate():
        order_paid.send(None)

    assert order == ["paid", "shipped"]
    paid, shipped = HistoryEntry.objects.order_by("id")
    assert (shipped.parent, shipped.depth) == (paid.id, 1)


def test_what_an_asynchronous_receiver_sends_runs_too() -> None:
    order: list[str] = []

    @async_receiver(order_paid, name="pay")
    async def pay(**kwargs: Any) -> None:
        await order_shipped.asend(None)
        order.append("paid")

    async_receiver(order_shipped, name="ship")(lambda **kwargs: order.append("shipped"))
    with immediate():
        order_paid.send(None)

    assert order == ["paid", "shipped"]


def test_a_chain_of_sends_without_an_end_is_too_deep_and_not_too_recursive() -> None:
    @task(name="again", max_attempts=1)
    def again() -> None:
        again.delay()

    with immediate(), pytest.raises(ReceiversFailed, match="signalpost.TooDeep: … → again → again"):
        again.delay()

    assert HistoryEntry.objects.count() == 51


def test_a_send_in_another_thread_is_immediate_too(db: Any) -> None:
    seen: list[bool] = []

    with immediate():
        thread = threading.Thread(target=lambda: seen.append(is_immediate()))
        thread.start()
        thread.join()

    assert seen == [True]


def test_after_an_error_the_next_send_runs_as_well() -> None:
    ran: list[int] = []
    note = task(name="note")(ran.append)

    @task(name="bill")
    def bill() -> None:
        raise ConnectionError

    with immediate():
        with pytest.raises(ReceiversFailed):
            bill.delay()
        note.delay(1)

    assert ran == [1]


@pytest.mark.django_db(transaction=True)
def test_without_a_transaction_it_runs_without_one() -> None:
    seen: list[bool] = []

    @async_receiver(post_save, sender=Author, name="look")
    def look(**kwargs: Any) -> None:
        seen.append(connection.in_atomic_block)

    with immediate():
        Author.objects.create(name="Ada")

    assert seen == [False]
    assert HistoryEntry.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_in_a_transaction_that_is_rolled_back_everything_is_undone() -> None:
    async_receiver(post_save, sender=Article, name="count")(lambda **kwargs: Author.objects.create(name="by a receiver"))

    with immediate(), pytest.raises(LookupError), transaction.atomic():
        Article.objects.create(title="Harbour light")
        assert Author.objects.count() == 1
        raise LookupError

    assert (Article.objects.count(), Author.objects.count(), HistoryEntry.objects.count()) == (0, 0, 0)


@pytest.mark.django_db(databases=["default", "archive"], transaction=True)
def test_a_task_that_awaits_a_commit_runs_after_it() -> None:
    ran: list[bool] = []
    async_receiver(post_save, sender=Author, name="look")(lambda **kwargs: ran.append(True))

    with immediate(), transaction.atomic(using="archive"):
        Author.objects.using("archive").create(name="Ada")
        assert ran == []

    assert ran == [True]


@pytest.mark.django_db(databases=["default", "archive"], transaction=True)
def test_a_receiver_that_fails_after_the_commit_is_not_taken_for_a_task_that_is_lost(caplog: pytest.LogCaptureFixture) -> None:
    @async_receiver(post_save, sender=Author, name="bill")
    def bill(**kwargs: Any) -> None:
        raise ConnectionError("the printer is down")

    with immediate(), pytest.raises(ReceiversFailed), transaction.atomic(using="archive"):
        Author.objects.using("archive").create(name="Ada")

    assert "and the task is not" not in caplog.text
    assert Task.objects.get().attempt == 1
