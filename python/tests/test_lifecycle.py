"""The signals that tell of tasks, and those of a request's life."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.dispatch import Signal, receiver

import signalpost
from signalpost import AsyncSignal, DeclarationError, async_receiver, registry, task, task_enqueued, task_finished, task_started
from signalpost.models import Task
from signalpost.outcome import Dead, Failed, Succeeded, Unknown
from signalpost.testing import run_tasks

order_paid = Signal()
stock_changed = AsyncSignal()

pytestmark = pytest.mark.django_db


@contextmanager
def _told() -> Iterator[list[tuple[str, Any, dict[str, Any]]]]:
    told: list[tuple[str, Any, dict[str, Any]]] = []
    names = {task_enqueued: "enqueued", task_started: "started", task_finished: "finished"}

    def tell(signal: Any, sender: Any, **kwargs: Any) -> None:
        told.append((names[signal], sender, kwargs))

    for each in names:
        each.connect(tell)
    yield told
    for each in names:
        each.disconnect(tell)


def test_each_is_sent_once_for_a_task() -> None:
    @async_receiver(order_paid, name="bill", queue="mail")
    def bill(**kwargs: Any) -> None: ...

    with _told() as told:
        order_paid.send(None)
        row = Task.objects.get()
        run_tasks()

    assert [(name, sender) for name, sender, _ in told] == [("enqueued", bill), ("started", bill), ("finished", bill)]
    enqueued, started, finished = (kwargs for *_, kwargs in told)
    assert enqueued == {
        "send_id": row.send_id, "signal_name": f"{__name__}.order_paid", "receiver": "bill", "queue": "mail", "using": "default",
    }  # fmt: skip
    assert (started["task"].id, started["task"].attempt, started["task"].receiver) == (row.id, 1, "bill")
    assert finished == {"task": started["task"], "outcome": Succeeded()}


def test_an_attempt_that_failed_is_told_of_too() -> None:
    @task(name="bill", max_attempts=2)
    def bill() -> None:
        raise ConnectionError("down")

    with _told() as told:
        bill.delay()
        run_tasks(ahead=60, raises=False)

    assert [name for name, *_ in told] == ["enqueued", "started", "finished", "started", "finished"]
    assert {sender for _, sender, _ in told} == {bill}
    outcomes = [kwargs["outcome"] for name, _, kwargs in told if name == "finished"]
    assert [type(outcome) for outcome in outcomes] == [Failed, Dead]


def test_a_background_signal_is_the_sender_of_its_tasks() -> None:
    with _told() as told:
        stock_changed.send(None)
        run_tasks()

    assert [(name, sender) for name, sender, _ in told] == [
        ("enqueued", stock_changed), ("started", stock_changed), ("finished", stock_changed),
    ]  # fmt: skip


def test_what_nobody_knows_here_has_no_sender_and_does_not_start() -> None:
    with registry.isolated():
        task(name="elsewhere")(lambda: None).delay()

    with _told() as told:
        run_tasks(raises=False)

    ((name, sender, kwargs),) = told
    assert (name, sender, kwargs["task"].receiver) == ("finished", None, "elsewhere")
    assert isinstance(kwargs["outcome"], Unknown)


def test_a_listener_that_fails_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def broken(**kwargs: Any) -> None:
        raise RuntimeError("in a listener")

    task(name="bill")(lambda: None).delay()
    for signal in (task_started, task_finished):
        signal.connect(broken)
    runs = run_tasks()
    for signal in (task_started, task_finished):
        signal.disconnect(broken)

    assert [ran.succeeded for ran in runs] == [True]
    assert caplog.text.count("in a listener") >= 2


def test_one_can_listen_to_a_receiver_of_ones_own() -> None:
    bill, other = task(name="bill")(lambda: None), task(name="other")(lambda: None)
    heard: list[str] = []

    def listen(task: Any, **kwargs: Any) -> None:
        heard.append(task.receiver)

    task_finished.connect(listen, sender=bill)
    bill.delay()
    other.delay()
    run_tasks()
    task_finished.disconnect(listen, sender=bill)

    assert heard == ["bill"]


@pytest.mark.parametrize("signal", [task_enqueued, task_started, task_finished])
def test_they_cannot_be_heard_in_the_background(signal: Signal) -> None:
    with pytest.raises(DeclarationError, match="the task about a task would be a task"):
        async_receiver(signal, name="bill")(lambda **kwargs: None)
    with pytest.raises(DeclarationError, match="the task about a task would be a task"):
        task(name="bill")(lambda **kwargs: None).delay(signal=signal, sender=None)


@pytest.mark.parametrize("name", ["request_started", "request_finished"])
def test_the_signals_of_a_request_are_ready_made(name: str) -> None:
    signal = getattr(signalpost, name)
    ran: list[Any] = []

    @receiver(signal)
    def callback(sender: Any, **kwargs: Any) -> None:
        ran.append(sender)

    assert signal.send(None) == []
    row = Task.objects.get()
    assert (row.signal, row.receiver, ran) == (f"signalpost.{name}", "*", [])

    run_tasks()
    signal.disconnect(callback)
    assert ran == [None]
