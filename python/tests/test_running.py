"""The run of one stored task."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from functools import partial, wraps
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.core.cache import caches
from django.dispatch import Signal, receiver

from signalpost import (
    AsyncSignal,
    Permanent,
    Retry,
    async_receiver,
    connect_background,
    current_task,
    running,
    task,
)
from signalpost.outcome import Dead, Failed, RetryAfter, Succeeded, Unknown

from .news.models import Author
from .stored import NOW, called, sent

order_paid = Signal()
stock_changed = AsyncSignal()
PAID, CHANGED = f"{__name__}.order_paid", f"{__name__}.stock_changed"


@pytest.fixture(autouse=True)
def _forget() -> Any:
    yield
    stock_changed.receivers.clear()


def test_a_receiver_gets_the_signal_the_sender_and_what_was_sent() -> None:
    got: dict[str, Any] = {}
    connect_background(order_paid, lambda **kwargs: got.update(kwargs), name="bill")

    assert running.run(sent("bill", PAID, Author, {"cents": 1250}), NOW) == Succeeded()

    assert got == {"signal": order_paid, "sender": Author, "cents": 1250}


def test_a_task_gets_what_it_was_called_with() -> None:
    got: list[Any] = []
    task(name="bill")(lambda *args, **kwargs: got.append((args, kwargs)))

    assert running.run(called("bill", 7, (1, 2), named={"cents": 1250}), NOW) == Succeeded()

    assert got == [((7, (1, 2)), {"cents": 1250})]


def test_an_asynchronous_receiver_runs_to_its_end() -> None:
    got: list[int] = []

    @async_receiver(order_paid, name="bill")
    async def bill(cents: int, **kwargs: Any) -> None:
        await asyncio.sleep(0)
        got.append(cents)

    assert running.run(sent("bill", PAID, named={"cents": 7}), NOW) == Succeeded()
    assert got == [7]


def test_what_does_not_look_asynchronous_and_is_runs_to_its_end() -> None:
    got: list[int] = []

    class Bill:
        async def __call__(self, cents: int, **kwargs: Any) -> None:
            await asyncio.sleep(0)
            got.append(cents)

    connect_background(order_paid, Bill(), name="bill")

    assert running.run(sent("bill", PAID, named={"cents": 7}), NOW) == Succeeded()
    assert got == [7]


def test_a_result_is_kept_where_that_is_asked_for_and_nowhere_else() -> None:
    task(name="kept", keep_result=True)(lambda: {"pages": (1, 2)})
    task(name="not kept")(lambda: {"pages": (1, 2)})

    assert running.run(called("kept"), NOW) == Succeeded('{"pages":{"$":["tuple",1,2]}}')
    assert running.run(called("not kept"), NOW) == Succeeded()


def test_a_result_that_cannot_be_kept_does_not_undo_the_success(caplog: pytest.LogCaptureFixture) -> None:
    task(name="kept", keep_result=True)(lambda: object())

    assert running.run(called("kept"), NOW) == Succeeded()

    assert "its result is not kept" in caplog.text


def test_a_failure_waits_for_its_next_attempt() -> None:
    @task(name="bill", max_attempts=3)
    def bill() -> None:
        raise ConnectionError("the printer is down")

    outcome = running.run(called("bill"), NOW)

    assert isinstance(outcome, Failed)
    assert outcome.reason.startswith("ConnectionError: the printer is down\n")
    assert 500 <= (outcome.after or 0) <= 1_000
    assert isinstance(outcome.error, ConnectionError)


def test_the_last_attempts_failure_is_death() -> None:
    @task(name="bill", max_attempts=3)
    def bill() -> None:
        raise ConnectionError("the printer is down")

    outcome = running.run(called("bill", attempt=3), NOW)

    assert isinstance(outcome, Dead)
    assert outcome.reason.startswith("failure 3 of 3: ConnectionError: the printer is down\n")


def test_retry_says_when() -> None:
    @task(name="bill")
    def bill() -> None:
        raise Retry("the printer is busy", after=90)

    outcome = running.run(called("bill"), NOW)

    assert isinstance(outcome, RetryAfter)
    assert outcome.after == 90_000
    assert outcome.reason.startswith("signalpost.Retry: the printer is busy\n")


def test_retry_without_a_time_is_a_failure() -> None:
    @task(name="bill")
    def bill() -> None:
        raise Retry

    assert isinstance(running.run(called("bill"), NOW), Failed)


def test_permanent_is_death_at_once() -> None:
    @task(name="bill")
    def bill() -> None:
        raise Permanent("there is no such printer")

    outcome = running.run(called("bill"), NOW)

    assert isinstance(outcome, Dead)
    assert outcome.reason.startswith("signalpost.Permanent: there is no such printer\n")


@pytest.mark.parametrize("error", [SystemExit(0), GeneratorExit(), asyncio.CancelledError(), BaseException("whatever")])
def test_what_is_no_exception_is_no_success(error: BaseException) -> None:
    @task(name="bill")
    def bill() -> None:
        raise error

    @task(name="bill asynchronously")
    async def bill_asynchronously() -> None:
        raise error

    assert isinstance(running.run(called("bill"), NOW), Failed)
    assert isinstance(running.run(called("bill asynchronously"), NOW), Failed)


def test_an_interruption_from_the_keyboard_is_the_callers() -> None:
    @task(name="bill")
    def bill() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        running.run(called("bill"), NOW)


def test_an_asynchronous_receiver_is_stopped_at_its_timeout() -> None:
    @task(name="bill", timeout=0.01)
    async def bill() -> None:
        await asyncio.Event().wait()

    outcome = running.run(called("bill"), NOW)

    assert isinstance(outcome, Failed)
    assert outcome.reason.startswith("TimeoutError: it was stopped after 0.01 s, its timeout")


def test_a_timeout_of_the_receivers_own_is_its_own() -> None:
    @task(name="bill", timeout=60)
    async def bill() -> None:
        raise TimeoutError("the printer does not answer")

    outcome = running.run(called("bill"), NOW)

    assert isinstance(outcome, Failed)
    assert outcome.reason.startswith("TimeoutError: the printer does not answer")


def test_a_receiver_that_nobody_knows_waits() -> None:
    outcome = running.run(called("os.system", "true"), NOW)

    assert isinstance(outcome, Unknown)
    assert "'os.system'" in outcome.reason
    assert outcome.after == 30_000


def test_that_nobody_knows_a_receiver_is_said_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    for number in range(5):
        running.run(called("nobody's", id=number), NOW)
        running.run(called("nobody's other", id=number), NOW)

    said = [record.getMessage().split(":")[0] for record in caplog.records]
    assert said == ["Task 0 waits", "Task 0 waits"]


def test_a_signal_that_nobody_knows_waits() -> None:
    connect_background(order_paid, lambda **kwargs: None, name="bill")

    outcome = running.run(sent("bill", "shop.no_such_signal"), NOW)

    assert isinstance(outcome, Unknown)
    assert "'shop.no_such_signal'" in outcome.reason


def test_nothing_is_imported_because_a_row_names_it() -> None:
    import sys

    before = set(sys.modules)

    assert isinstance(running.run(called("this.s"), NOW), Unknown)
    assert isinstance(running.run(sent("bill", "this.s"), NOW), Unknown)
    assert isinstance(running.run(sent("*", "this.s"), NOW), Unknown)

    assert set(sys.modules) == before


def test_a_receiver_is_found_under_its_former_name() -> None:
    ran: list[str] = []
    task(name="bill", aliases=["invoice"])(lambda: ran.append("bill"))

    assert running.run(called("invoice"), NOW) == Succeeded()
    assert ran == ["bill"]


@pytest.mark.parametrize(
    ("payload", "path"),
    [
        ("{", "$"),
        ("[]", "$"),
        ('{"sender": null, "named": {"at": {"$": ["datetime", "yesterday"]}}}', "$.named.at"),
        ('{"sender": {"$": ["class", "os", "system"]}, "named": {}}', "$.sender"),
        ('{"sender": null, "named": 7}', "$.named"),
    ],
)
def test_an_undecodable_payload_is_dead_at_once_with_the_path(payload: str, path: str) -> None:
    connect_background(order_paid, lambda **kwargs: None, name="bill")

    outcome = running.run(sent("bill", PAID, payload=payload), NOW)

    assert isinstance(outcome, Dead)
    assert path in outcome.reason


def test_a_payload_of_a_newer_version_waits() -> None:
    connect_background(order_paid, lambda **kwargs: None, name="bill")

    outcome = running.run(sent("bill", PAID, payload_version=2), NOW)

    assert isinstance(outcome, Unknown)
    assert "version 2" in outcome.reason


@pytest.mark.parametrize("headers", ["", "[]", '{"tenant": 7}'])
def test_headers_that_are_none_are_dead_at_once(headers: str) -> None:
    task(name="bill")(lambda: None)

    outcome = running.run(called("bill", headers=headers), NOW)

    assert outcome == Dead("its headers are not a JSON object of texts")


def test_a_receiver_sees_none_of_the_callers_context() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="nothing")
    seen: list[str] = []
    task(name="bill")(lambda: seen.append(variable.get()))
    variable.set("the caller's")

    running.run(called("bill"), NOW)

    assert seen == ["nothing"]


def test_what_a_receiver_sets_ends_with_it() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="nothing")
    task(name="bill")(lambda: variable.set("the receiver's"))

    running.run(called("bill"), NOW)

    assert variable.get() == "nothing"
    assert current_task() is None


def test_caches_that_a_receiver_has_opened_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[Any] = []
    monkeypatch.setattr("django.core.cache.backends.locmem.LocMemCache.close", lambda self, **kwargs: closed.append(self))
    used: list[Any] = []
    task(name="bill")(lambda: used.append(caches["default"]._cache) or closed.clear())

    running.run(called("bill"), NOW)

    assert len(closed) == 1


def test_caches_that_an_asynchronous_receiver_has_opened_within_its_timeout_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[Any] = []
    monkeypatch.setattr("django.core.cache.backends.locmem.LocMemCache.close", lambda self, **kwargs: closed.append(self))
    used: list[Any] = []

    @task(name="bill", timeout=60)
    async def bill() -> None:
        # The same one for everything that is of this context.
        caches["default"].get("key")
        used.append(caches["default"])

    assert running.run(called("bill"), NOW) == Succeeded()

    assert used[0] in closed


def test_a_cache_that_cannot_be_closed_undoes_no_success(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def close(self: Any, **kwargs: Any) -> None:
        raise ConnectionError("the cache is down")

    monkeypatch.setattr("django.core.cache.backends.locmem.LocMemCache.close", close)
    task(name="bill")(lambda: caches["default"].get("key") and None)

    @task(name="bill later")
    async def bill_later() -> None:
        caches["default"].get("key")

    assert running.run(called("bill"), NOW) == Succeeded()

    async def later() -> Any:
        stored = called("bill later")
        prepared = running.prepare(stored)
        assert isinstance(prepared, running.Prepared)
        return await running.aperform(stored, prepared)

    assert asyncio.run(later()) == Succeeded()
    said = [
        record for record in caplog.records if record.getMessage() == "The caches that a run has opened could not be closed"
    ]
    assert len(said) == 2 and all(record.levelno == logging.WARNING for record in said)


def test_a_success_that_was_rolled_back_is_a_failure() -> None:
    outcome = running.rolled_back(Succeeded("7"), ["default"])
    assert isinstance(outcome, Failed)
    assert "it left a transaction open on 'default', which was rolled back" in outcome.reason
    for failure in (Failed("the printer is off"), Dead("it is old")):
        assert running.rolled_back(failure, ["default"]) is failure


def test_asynchronous_receivers_run_below_a_running_loop() -> None:
    ran: list[str] = []

    @task(name="bill")
    async def bill() -> None:
        await asyncio.sleep(0)
        ran.append("bill")

    async def caller() -> Any:
        return await sync_to_async(running.run)(called("bill"), NOW)

    assert asyncio.run(caller()) == Succeeded()
    assert ran == ["bill"]


def test_the_log_has_the_exception_and_no_arguments(caplog: pytest.LogCaptureFixture) -> None:
    @task(name="bill", max_attempts=2)
    def bill(card: str) -> None:
        raise ConnectionError("down")

    with caplog.at_level(logging.DEBUG, "signalpost"):
        running.run(called("bill", "4111-1111"), NOW)
        running.run(called("bill", "4111-1111", attempt=2), NOW)

    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "Task 7 of bill failed in attempt 1; it will be tried again"),
        ("ERROR", "Task 7 of bill is dead after attempt 2"),
    ]
    assert all(record.exc_info and record.exc_info[0] is ConnectionError for record in caplog.records)
    assert "4111" not in "".join(record.getMessage() for record in caplog.records)


def test_all_receivers_of_a_background_signal_run_in_djangos_order() -> None:
    order: list[str] = []

    @receiver(stock_changed)
    async def first(**kwargs: Any) -> None:
        order.append("asynchronous")

    @receiver(stock_changed)
    def second(**kwargs: Any) -> None:
        order.append("second")

    @receiver(stock_changed)
    def third(signal: Any, sender: Any, left: int, **kwargs: Any) -> None:
        order.append(f"third: {left}")
        assert signal is stock_changed
        assert sender is Author

    assert running.run(sent("*", CHANGED, Author, {"left": 3}), NOW) == Succeeded()
    assert order == ["second", "third: 3", "asynchronous"]


def test_asynchronous_receivers_of_a_background_signal_run_concurrently() -> None:
    met: list[str] = []

    @receiver(stock_changed)
    async def one(**kwargs: Any) -> None:
        await events[0].wait()
        events[1].set()
        met.append("one")

    @receiver(stock_changed)
    async def other(**kwargs: Any) -> None:
        events[0].set()
        await events[1].wait()
        met.append("other")

    events = [asyncio.Event(), asyncio.Event()]

    assert running.run(sent("*", CHANGED), NOW) == Succeeded()
    assert sorted(met) == ["one", "other"]


def test_receivers_of_a_background_signal_that_fail_follow_as_tasks_of_their_own() -> None:
    ran: list[str] = []

    @receiver(stock_changed)
    def broken(**kwargs: Any) -> None:
        raise SystemExit(1)

    @receiver(stock_changed)
    def sound(**kwargs: Any) -> None:
        ran.append("sound")

    @receiver(stock_changed)
    async def busy(**kwargs: Any) -> None:
        raise Retry("busy", after=60)

    task = sent("*", CHANGED, Author, {"left": 3}, queue="stock", priority=5, headers='{"tenant":"north"}', depth=2)
    outcome = running.run(task, NOW)

    assert ran == ["sound"]
    assert isinstance(outcome, Succeeded)
    names = [follow.receiver.rpartition(".")[2] for follow in outcome.then]
    assert names == ["broken", "busy"]
    one, other = outcome.then
    assert 500 <= one.delay <= 1_000
    assert other.delay == 60_000
    assert (one.reason or "").startswith("SystemExit: 1\n")
    assert [type(error) for error in outcome.errors] == [SystemExit, Retry]
    for follow in outcome.then:
        assert (follow.signal, follow.queue, follow.priority, follow.parent) == (CHANGED, "stock", 5, 7)
        assert (follow.send_id, follow.payload, follow.headers, follow.depth) == (
            task.send_id, task.payload, task.headers, 2,
        )  # fmt: skip


def test_receivers_that_a_tool_has_wrapped_keep_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Sentry does: it replaces what Django is about to call."""
    ran: list[str] = []
    find = Signal._live_receivers

    def live(self: Signal, sender: Any) -> Any:
        blocking, asynchronous = find(self, sender)
        for index, each in enumerate(blocking):

            @wraps(each)
            def measured(*args: Any, each: Any = each, **kwargs: Any) -> Any:
                ran.append("measured")
                return each(*args, **kwargs)

            blocking[index] = measured
        return blocking, asynchronous

    monkeypatch.setattr(Signal, "_live_receivers", live)

    @receiver(stock_changed)
    def broken(**kwargs: Any) -> None:
        raise ConnectionError

    outcome = running.run(sent("*", CHANGED), NOW)

    assert isinstance(outcome, Succeeded)
    assert [follow.receiver for follow in outcome.then] == [f"{broken.__module__}.{broken.__qualname__}"]
    assert ran == ["measured"]


def test_methods_of_a_background_signal_are_told_apart_by_their_objects() -> None:
    ran: list[str] = []

    class Shelf:
        def __init__(self, name: str) -> None:
            self.name = name

        def count(self, **kwargs: Any) -> None:
            ran.append(self.name)

    shelves = [Shelf("a"), Shelf("b")]
    for shelf in shelves:
        stock_changed.connect(shelf.count)
    name = f"{Shelf.__module__}.{Shelf.__qualname__}.count"

    assert running.run(sent("*", CHANGED), NOW) == Succeeded()
    assert running.run(sent(f"{name}#2", CHANGED), NOW) == Succeeded()
    assert ran == ["a", "b", "b"]


def test_a_receiver_that_follows_as_a_task_is_found_by_its_name() -> None:
    ran: list[Any] = []

    @receiver(stock_changed)
    def other(**kwargs: Any) -> None:
        ran.append("other")

    @receiver(stock_changed)
    def meant(left: int, **kwargs: Any) -> None:
        ran.append((left, current_task().receiver))  # type: ignore[union-attr]

    name = f"{meant.__module__}.{meant.__qualname__}"

    assert running.run(sent(name, CHANGED, named={"left": 3}), NOW) == Succeeded()
    assert ran == [(3, name)]


def test_receivers_of_one_name_are_told_apart() -> None:
    ran: list[int] = []
    held = [lambda number=number, **kwargs: ran.append(number) for number in range(3)]
    for each in held:
        stock_changed.connect(each)
    name = f"{held[0].__module__}.{held[0].__qualname__}"

    assert running.run(sent(f"{name}#3", CHANGED), NOW) == Succeeded()
    assert running.run(sent(name, CHANGED), NOW) == Succeeded()

    assert ran == [2, 0]


def test_receivers_without_a_name_follow_too() -> None:
    def fails(number: int, **kwargs: Any) -> None:
        raise ValueError(number)

    class Fails:
        def __call__(self, **kwargs: Any) -> None:
            raise ValueError("an object")

    held = partial(fails, 7), Fails()
    for each in held:
        stock_changed.connect(each)
    outcome = running.run(sent("*", CHANGED), NOW)

    assert isinstance(outcome, Succeeded)
    assert len(outcome.then) == 2
    for follow in outcome.then:
        assert isinstance(running.run(sent(follow.receiver, CHANGED), NOW), Failed)


def test_a_background_signals_task_needs_a_background_signal() -> None:
    outcome = running.run(sent("*", PAID), NOW)

    assert isinstance(outcome, Unknown)
    assert "is not a background signal here" in outcome.reason
