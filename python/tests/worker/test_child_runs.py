"""What a child makes of tasks: real processes, over real frames."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import Holding
from .engine import Engine, new_task

pytestmark = pytest.mark.no_database


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """One for all of these tests, which leave the child as it was."""
    with Engine() as engine:
        engine.ready()
        yield engine


def test_a_child_says_what_is_registered_and_which_queues_there_are() -> None:
    with Engine(SIGNALPOST_TEST_SETTINGS='{"QUEUE": "usual"}') as engine:
        hello = engine.ready()
    assert hello["version"] == 1
    assert hello["queues"][0] == "usual"
    assert sorted(hello["queues"]) == ["counting", "stock", "usual"]
    for published in (
        {"name": "count", "signal": "tests.worker.signals.order_paid", "queue": "counting"},
        {"name": "add", "signal": "signalpost.task", "queue": "usual"},
        {"name": "*", "signal": "tests.worker.signals.stock_changed", "queue": "stock"},
    ):
        assert hello["receivers"].count(published) == 1
    assert hello["wants_finished"] is False


def test_a_success_says_no_more_than_that(engine: Engine) -> None:
    named = {"named": {"cents": 7, "currency": "EUR", "is_gift": False}}
    assert engine.run("count", signal="tests.worker.signals.order_paid", queue="counting", **named) == ("ok", {})


@pytest.mark.parametrize("receiver", ["add", "add later"])
def test_a_result_is_kept_where_the_receiver_says_so(engine: Engine, receiver: str) -> None:
    assert engine.run(receiver, 3, 4) == ("ok", {"result": "7"})


def test_a_failure_says_why_and_when_again_and_logs_no_argument(engine: Engine) -> None:
    kind, said = engine.run("fail", "4111-1111", id=7)
    assert kind == "retry"
    assert 500 <= said["after"] <= 1_000
    assert said["class"] == "ValueError"
    headline, place, line = said["reason"].split("\n")
    assert headline == "ValueError: the printer is off"
    assert "tests/worker/receivers.py" in place and place.endswith("in fail")
    assert line.strip() == 'raise ValueError("the printer is off")'
    log = engine.said()
    assert "WARNING signalpost: Task 7 of fail failed in attempt 1; it will be tried again" in log
    assert "Traceback" in log and "4111" not in log


def test_the_last_attempts_failure_is_death(engine: Engine) -> None:
    kind, said = engine.run("fail", "secret", attempt=5, deaths=2, id=8)
    assert kind == "dead"
    assert said["reason"].startswith("failure 3 of 3: ValueError: the printer is off\n")
    assert "ERROR signalpost: Task 8 of fail is dead after attempt 5" in engine.said()


def test_retry_says_when_and_permanent_never(engine: Engine) -> None:
    kind, said = engine.run("retry")
    assert (kind, said["after"], said["class"]) == ("retry", 90_000, "signalpost.Retry")
    kind, said = engine.run("permanent")
    assert (kind, said["class"]) == ("dead", "signalpost.Permanent")


@pytest.mark.parametrize("receiver", ["interrupt", "exit later"])
def test_what_would_end_a_process_is_a_failure_here(engine: Engine, receiver: str) -> None:
    assert engine.run(receiver)[0] == "retry"
    assert engine.run("add", 1, 2) == ("ok", {"result": "3"})
    assert engine.run("add later", 1, 2) == ("ok", {"result": "3"})


def test_what_is_not_known_here_is_left_to_the_engine(engine: Engine) -> None:
    kind, said = engine.run("os.system", "true", unknown_since=1)
    assert kind == "unknown"
    assert "'os.system'" in said["reason"]
    kind, said = engine.run("add", 1, 2, payload_version=2)
    assert kind == "unknown"
    assert "version 2" in said["reason"]


@pytest.mark.parametrize("receiver", ["add", "add later"])
def test_what_cannot_be_decoded_is_dead(engine: Engine, receiver: str) -> None:
    kind, said = engine.run(receiver, payload='{"sender": null, "named": 7}')
    assert kind == "dead"
    assert "$.named" in said["reason"]
    kind, said = engine.run(receiver, headers="[]")
    assert kind == "dead"


def test_the_failures_of_a_background_signal_follow_as_tasks(engine: Engine) -> None:
    kind, said = engine.run("*", signal="tests.worker.signals.stock_changed", queue="stock", priority=3, id=7)
    assert kind == "ok"
    (follows,) = said["then"]
    assert follows["receiver"] == "tests.worker.receivers.stock_fails"
    assert follows["reason"].startswith("ValueError: the shelf is empty\n")
    assert (follows["parent"], follows["queue"], follows["priority"]) == (7, "stock", 3)
    assert follows["send_id"] == "0192f000-0000-7000-8000-000000000000"
    assert 500 <= follows["delay"] <= 1_000


@pytest.mark.parametrize("receiver", ["set", "set later"])
def test_each_run_has_a_context_of_its_own(receiver: str) -> None:
    with Engine(threads=1) as engine:
        engine.ready()
        for _ in range(3):
            assert engine.run(receiver) == ("ok", {"result": '"nothing"'})


def test_a_receiver_knows_its_task(engine: Engine) -> None:
    headers = json.dumps({"tenant": "north", "signalpost-chain": "a"})
    kind, said = engine.run("whoami", id=7, attempt=2, queue="mail", headers=headers)
    assert json.loads(said["result"]) == [7, 2, "mail", {"tenant": "north"}]


def test_many_tasks_of_one_frame_all_run(engine: Engine) -> None:
    runs = engine.new_runs(2000)
    tasks = [new_task(run, "add" if run % 3 else "add later", args=[run, run]) for run in runs]
    engine.send("T", {"tasks": tasks})
    assert engine.results(2000) == {run: ("ok", {"result": str(2 * run)}) for run in runs}
    assert engine.slots() == []


def test_a_hundred_asynchronous_receivers_run_at_once(engine: Engine) -> None:
    engine.send("T", {"tasks": [new_task(run, "meet", args=[100]) for run in engine.new_runs(100)]})
    assert all(result == ("ok", {}) for result in engine.results(100).values())


def test_a_receiver_that_waits_keeps_no_result_back(engine: Engine, holding: Holding) -> None:
    """Of two threads one is held, and what the other one has done is known at once."""
    held = engine.hand("hold", holding.directory)
    holding.began()
    for _ in range(3):
        assert engine.run("add", 1, 2) == ("ok", {"result": "3"})
    holding.go()
    assert engine.results(1) == {held: ("ok", {})}


def test_a_result_is_not_kept_back_by_what_the_same_thread_runs_next(holding: Holding) -> None:
    with Engine(threads=1) as engine:
        engine.ready()
        engine.send("T", {"tasks": [new_task(1, "add", args=[1, 2]), new_task(2, "add", args=[1, 3])]})
        engine.send("T", {"tasks": [new_task(3, "hold", args=[holding.directory])]})
        assert set(engine.results(2)) == {1, 2}
        holding.began()
        holding.go()
        assert engine.results(1) == {3: ("ok", {})}


def test_the_page_says_what_runs_and_until_when(engine: Engine, holding: Holding) -> None:
    before = time.monotonic_ns()
    run = engine.hand("hold", holding.directory)
    holding.began()
    ((running, deadline, timeout, max_attempts),) = engine.slots()
    assert (running, timeout, max_attempts) == (run, 3_600_000, 7)
    assert before + 3600e9 <= deadline <= time.monotonic_ns() + 3600e9
    holding.go()
    engine.results(1)
    assert engine.slots() == []
    assert run in engine.last_runs()


def test_an_asynchronous_receiver_is_given_time_to_be_stopped(engine: Engine, holding: Holding) -> None:
    before = time.monotonic_ns()
    run = engine.hand("hold later", holding.directory)
    holding.began()
    ((running, deadline, timeout, max_attempts),) = engine.slots()
    assert (running, timeout, max_attempts) == (run, 3_600_000, 10)
    assert before + 3605e9 <= deadline <= time.monotonic_ns() + 3605e9
    holding.go()
    engine.results(1)


def test_an_asynchronous_receiver_is_stopped_at_its_timeout(engine: Engine) -> None:
    kind, said = engine.run("wait for ever")
    assert kind == "retry"
    assert said["reason"].startswith("TimeoutError: it was stopped after 0.05 s, its timeout")


@pytest.mark.parametrize(("settings", "timeout"), [("{}", 0), ('{"TIMEOUT": 90}', 90_000)])
def test_the_timeout_of_all_is_that_of_who_has_none(holding: Holding, settings: str, timeout: int) -> None:
    with Engine(SIGNALPOST_TEST_SETTINGS=settings) as engine:
        engine.ready()
        run = engine.hand("hold without a timeout", holding.directory)
        holding.began()
        ((running, deadline, known, _),) = engine.slots()
        assert (running, known, bool(deadline)) == (run, timeout, bool(timeout))
        holding.go()
        assert engine.results(1) == {run: ("ok", {})}


def test_noise_is_no_part_of_the_frames(engine: Engine) -> None:
    assert engine.run("noise") == ("ok", {"result": '"quiet again"'})
    assert "r{}{}" in engine.said()


def test_a_process_that_a_receiver_forks_reports_nothing(engine: Engine) -> None:
    assert engine.run("fork") == ("ok", {"result": '"parent"'})
    assert engine.run("add", 1, 2) == ("ok", {"result": "3"})


def test_a_task_that_is_done_is_told_to_who_listens(tmp_path: Path) -> None:
    told = tmp_path / "told"
    os.mkfifo(told)
    with Engine(SIGNALPOST_TEST_FINISHED=str(told)) as engine:
        assert engine.ready()["wants_finished"] is True
        # Of one that died with its child the engine may not know the run.
        task = new_task(0, "add")
        engine.send("F", {"finished": [{"task": task, "outcome": {"dead": {"reason": "it is old"}}}]})
        assert told.read_text() == "add Dead"


def test_events_of_the_engine_are_logged() -> None:
    event = {"logger": "signalpost.engine", "message": "child 3 has died: 100% of its tasks", "kind": "died"}
    with Engine() as engine:
        engine.ready()
        engine.send("E", {"level": "error", **event, "fields": {"child": 3}, "tasks": None})
        # It is told before the child ends.
        engine.send("S", {})
        assert engine.ended() == 0
        log = engine.said()
    assert "ERROR signalpost.engine: child 3 has died: 100% of its tasks" in log


def test_what_is_logged_is_said_to_be(engine: Engine) -> None:
    for number in (7, 8):
        event = {"event": number, "level": "error", "logger": "signalpost.engine", "message": f"it is told the {number}th time"}
        engine.send("E", event)
        assert engine.expect("e") == {"events": [number]}
        assert f"told the {number}th time" in engine.said()
