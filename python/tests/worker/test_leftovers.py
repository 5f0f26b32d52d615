"""What a receiver leaves behind is nobody else's."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator

import pytest

from .conftest import Holding
from .database import IS_POSTGRES, Database
from .engine import PATIENCE, Engine
from .test_child_databases import texts

#: The environment of a child that has these receivers.
WITH_LEFTOVERS = {"SIGNALPOST_TEST_SETTINGS": json.dumps({"AUTODISCOVER": ["signals", "receivers", "leftovers"]})}


@pytest.fixture
def engine(database: Database) -> Iterator[Engine]:
    """With a child that has a database, one thread, and these receivers."""
    with Engine(threads=1, **database.environment, **WITH_LEFTOVERS) as engine:
        engine.ready()
        yield engine


def connections(database: Database, engine: Engine) -> int:
    """How many connections to the database there are, but for our own."""
    if IS_POSTGRES:
        ((count,),) = database.query(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return int(count)
    directory = f"/proc/{engine.process.pid}/fd"
    return sum(os.readlink(f"{directory}/{each}") == database.settings["NAME"] for each in os.listdir(directory))


def until(condition: Callable[[], bool]) -> None:
    """Waits for it. A server takes its time to see that a connection was closed."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end


def test_a_call_that_outlives_its_run_holds_up_nobody_else(engine: Engine, holding: Holding) -> None:
    left = engine.hand("leave a call", holding.directory)
    holding.began()
    # In its thread this one would wait.
    assert engine.run("call") == ("ok", {})
    # Where it never ends, the engine ends the child: by this.
    assert [slot[0] for slot in engine.slots()] == [left]
    holding.go()
    assert engine.results(1) == {left: ("ok", {})}
    assert engine.slots() == []


@pytest.mark.parametrize("receiver", ["leave open", "begin", "begin later", "begin loosely", "begin in a loop of its own"])
def test_a_success_that_is_rolled_back_is_none(engine: Engine, database: Database, receiver: str) -> None:
    kind, said = engine.run(receiver)
    assert (kind, said["class"]) == ("retry", "django.db.transaction.TransactionManagementError")
    assert "left" in said["reason"] and "open on 'default'" in said["reason"]
    for writer in ("write", "write later", "write loosely", "write in a loop of its own"):
        assert engine.run(writer, "after")[0] == "ok"
    engine.send("S", {})
    assert engine.ended() == 0
    assert set(texts(database)) == {"after", "after!"} and len(texts(database)) == 4


def test_what_a_failure_has_begun_does_not_take_in_the_next_ones_writes(engine: Engine, database: Database) -> None:
    kind, said = engine.run("begin and fail")
    assert (kind, said["class"]) == ("retry", "ValueError")
    assert engine.run("write", "after")[0] == "ok"
    assert texts(database) == ["after"]


def test_a_thread_of_the_loop_keeps_no_connection(engine: Engine, database: Database) -> None:
    assert engine.run("write loosely", "something") == ("ok", {})
    until(lambda: connections(database, engine) == 0)
    assert texts(database) == ["something"]


def test_after_the_server_has_ended_it_the_connection_of_other_loops_is_made_anew(engine: Engine, database: Database) -> None:
    assert engine.run("write in a loop of its own", "before") == ("ok", {})
    if not IS_POSTGRES:
        # Nobody can end one of a file.
        return
    database.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    assert [engine.run("write in a loop of its own", "after")[0] for _ in range(3)] == ["retry", "ok", "ok"]


@pytest.mark.no_database
def test_the_end_of_a_task_that_a_receiver_has_made_is_not_the_loops(engine: Engine, holding: Holding) -> None:
    held = engine.hand("hold later", holding.directory)
    holding.began()
    kind, said = engine.run("exit in a task")
    assert (kind, said["class"]) == ("retry", "SystemExit")
    assert engine.run("add later", 1, 2) == ("ok", {"result": "3"})
    holding.go()
    assert engine.results(1) == {held: ("ok", {})}
    engine.send("S", {})
    assert engine.ended() == 0


@pytest.mark.no_database
@pytest.mark.parametrize("receiver", ["hold", "hold later"])
def test_a_child_passes_sigterm_over(engine: Engine, holding: Holding, receiver: str) -> None:
    run = engine.hand(receiver, holding.directory)
    holding.began()
    engine.process.terminate()
    holding.go()
    assert engine.results(1) == {run: ("ok", {})}
    engine.send("S", {})
    assert engine.ended() == 0


@pytest.mark.no_database
def test_a_process_that_a_receiver_forks_is_ended_by_sigterm(engine: Engine) -> None:
    assert engine.run("terminate") == ("ok", {"result": "-15"})


@pytest.mark.no_database
def test_a_process_that_a_receiver_forks_has_threads_of_its_own(engine: Engine) -> None:
    assert engine.run("write in a loop of its own", "something") == ("ok", {})
    assert engine.run("thread of a copy") == ("ok", {"result": "0"})


@pytest.mark.no_database
@pytest.mark.parametrize("receiver", ["unloggable", "unloggable later"])
def test_a_log_that_fails_costs_no_child(engine: Engine, receiver: str) -> None:
    kind, said = engine.run(receiver)
    assert (kind, said["class"]) == ("retry", "ValueError")
    assert engine.run("add", 1, 2) == ("ok", {"result": "3"})
    assert "RuntimeError: this filter has a bug" in engine.said()


@pytest.mark.no_database
def test_a_log_that_fails_does_not_silence_the_engine(engine: Engine) -> None:
    event = {"level": "error", "logger": "signalpost.engine", "kind": "died", "fields": {}, "tasks": None}
    for message in ("this is unloggable", "child 3 has died"):
        engine.send("E", {**event, "message": message})
    # It is told before the child ends.
    engine.send("S", {})
    assert engine.ended() == 0
    assert "ERROR signalpost.engine: child 3 has died" in engine.said()


@pytest.mark.no_database
def test_a_task_is_given_up_at_the_timeout_of_all_where_that_is_the_longest(holding: Holding) -> None:
    with Engine(SIGNALPOST_TEST_SETTINGS=json.dumps({"TIMEOUT": 365 * 24 * 3600, "MAX_ATTEMPTS": (1 << 31) - 1})) as engine:
        engine.ready()
        run = engine.hand("hold without a timeout", holding.directory)
        holding.began()
        ((running, _, timeout, max_attempts),) = engine.slots()
        assert (running, timeout, max_attempts) == (run, 365 * 24 * 3600 * 1000, (1 << 31) - 1)
        holding.go()
        assert engine.results(1) == {run: ("ok", {})}
