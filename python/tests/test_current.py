"""The task that is running, and what its sends inherit."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from django.dispatch import Signal, receiver

from signalpost import Permanent, Retry, TooDeep, async_receiver, current_task, running, task
from signalpost.current import CHAIN, chain_after, context_for_send, way_to
from signalpost.models import HistoryEntry, Task
from signalpost.outcome import Dead, Failed
from signalpost.testing import run_tasks

from .stored import NOW, called

ping, pong = Signal(), Signal()


def test_outside_of_a_task_there_is_none() -> None:
    assert current_task() is None
    assert context_for_send("shop.order_paid") == ("{}", None, 0)


def test_a_receiver_is_told_of_its_task() -> None:
    seen: list[Any] = []
    task(name="bill", max_attempts=4)(lambda: seen.append(current_task()))

    running.run(called("bill", queue="mail", attempt=2, depth=3, parent=5, headers='{"x":"y","signalpost-chain":"a"}'), NOW)

    (current,) = seen
    assert (current.id, current.receiver, current.signal, current.queue) == (7, "bill", "signalpost.task", "mail")
    assert (current.attempt, current.max_attempts, current.depth, current.parent) == (2, 4, 3, 5)
    assert (current.headers, current.using, current.sender) == ({"x": "y"}, "default", None)
    assert current.send_id == "0192f000-0000-7000-8000-000000000000"


def test_an_asynchronous_receiver_is_told_too() -> None:
    seen: list[Any] = []

    @task(name="bill")
    async def bill() -> None:
        await asyncio.sleep(0)
        seen.append(current_task())

    running.run(called("bill"), NOW)

    assert seen[0].id == 7


def test_each_receiver_of_a_background_signal_is_told_its_own_name() -> None:
    from .test_running import CHANGED, sent, stock_changed

    seen: list[str] = []

    def one(**kwargs: Any) -> None:
        seen.append(current_task().receiver)  # type: ignore[union-attr]

    async def other(**kwargs: Any) -> None:
        seen.append(current_task().receiver)  # type: ignore[union-attr]

    for each in (one, other):
        receiver(stock_changed)(each)
    running.run(sent("*", CHANGED), NOW)
    stock_changed.receivers.clear()

    assert [name.rpartition(".")[2] for name in seen] == ["one", "other"]


@pytest.mark.django_db
def test_what_a_receiver_sends_has_its_task_as_the_parent() -> None:
    @async_receiver(ping, name="one")
    def one(**kwargs: Any) -> None:
        pong.send(None)

    async_receiver(pong, name="other")(lambda **kwargs: None)
    ping.send(None)
    run_tasks()

    first, second = HistoryEntry.objects.order_by("id")
    assert (first.parent, first.depth, json.loads(first.headers)) == (None, 0, {})
    assert (second.parent, second.depth) == (first.id, 1)
    assert json.loads(second.headers) == {CHAIN: f"{__name__}.ping"}


@pytest.mark.django_db
def test_what_an_asynchronous_receiver_sends_has_its_task_as_the_parent() -> None:
    @async_receiver(ping, name="one")
    async def one(**kwargs: Any) -> None:
        await pong.asend(None)

    async_receiver(pong, name="other")(lambda **kwargs: None)
    ping.send(None)
    run_tasks()

    first, second = HistoryEntry.objects.order_by("id")
    assert second.parent == first.id


@pytest.mark.django_db
def test_sends_that_go_round_in_a_circle_end_with_the_way_they_went() -> None:
    async_receiver(ping, name="one", max_attempts=1)(lambda **kwargs: pong.send(None) and None)
    async_receiver(pong, name="other", max_attempts=1)(lambda **kwargs: ping.send(None) and None)
    ping.send(None)

    runs = run_tasks(raises=False)

    assert len(runs) == 51
    (failed,) = runs.failed
    assert isinstance(failed.outcome, Dead)
    one, other = f"{__name__}.ping", f"{__name__}.pong"
    assert f"signalpost.TooDeep: … → {' → '.join([one, other] * 5)}: this send lies 51 sends after" in failed.outcome.reason
    assert not Task.objects.exists()


@pytest.mark.django_db
def test_a_task_that_calls_itself_is_named_by_its_own_name() -> None:
    @task(name="again", max_attempts=1)
    def again() -> None:
        again.delay()

    again.delay()
    (failed,) = run_tasks(raises=False).failed

    assert "… → again → again → " in (failed.reason or "")


def test_the_newest_names_are_shown_and_that_older_ones_are_not() -> None:
    # As the engine's own test, crates/signalpost/src/chain.rs.
    before = chain_after(None, "s0")
    for depth in range(1, 30):
        sent = f"s{depth}"
        first = max(depth + 1 - 10, 0)
        names = [f"s{number}" for number in range(first, depth + 1)]
        cut = ["…"] if first > 0 else []
        assert way_to(before, sent, depth) == " → ".join([*cut, *names])
        before = chain_after(before, sent)


def test_a_chain_that_was_not_carried_is_shown_as_cut() -> None:
    assert way_to("a", "b", 7) == "… → a → b"
    assert way_to("a", "b", 1) == "a → b"


@pytest.mark.parametrize(
    ("after", "seconds"), [(None, None), (0, 0), (1.5, 1.5), (timedelta(minutes=2), 120.0), (timedelta(days=3650), 315360000)]
)
def test_retry_takes_seconds_and_timedeltas(after: Any, seconds: Any) -> None:
    assert Retry(after=after).after == seconds


@pytest.mark.parametrize("after", [-1, float("nan"), float("inf"), timedelta(days=-1), 1e12])
def test_retry_refuses_a_time_that_does_not_come(after: Any) -> None:
    with pytest.raises(ValueError, match="between 0 and ten years"):
        Retry(after=after)


def test_they_are_shown_as_they_are_imported() -> None:
    assert [repr(each) for each in (Retry, Permanent, TooDeep)] == [
        "<class 'signalpost.Retry'>",
        "<class 'signalpost.Permanent'>",
        "<class 'signalpost.TooDeep'>",
    ]


def test_a_send_that_is_too_deep_fails_like_anything_else() -> None:
    @task(name="deep")
    def deep() -> None:
        context_for_send("shop.order_paid")

    outcome = running.run(called("deep", depth=50), NOW)

    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, TooDeep)
