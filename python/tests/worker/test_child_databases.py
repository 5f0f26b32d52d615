"""What a child does with connections to databases."""

from __future__ import annotations

import json
import time

import pytest

from .database import IS_POSTGRES, Database
from .engine import Engine, new_task


def texts(database: Database) -> list[str]:
    """What receivers have written."""
    return [text for (text,) in database.query("SELECT text FROM worker_note ORDER BY id")]


def test_a_connection_stays_open_from_task_to_task(database: Database) -> None:
    with Engine(threads=1, **database.environment) as engine:
        engine.ready()
        used = {engine.run("write", str(number))[1]["result"] for number in range(5)}
        assert len(used) == 1
        assert engine.run("leave open")[0] == "retry"
        # What nobody has committed is nobody's.
        assert engine.run("write", "after")[0] == "ok"
        engine.send("S", {})
        assert engine.ended() == 0
        assert "A receiver has left a transaction open on 'default'" in engine.said()
    assert texts(database) == ["0", "1", "2", "3", "4", "after"]


def test_a_hundred_asynchronous_receivers_share_a_few_threads(storing: Engine, database: Database) -> None:
    storing.send("T", {"tasks": [new_task(run, "write later", args=[str(run)]) for run in range(1, 101)]})
    results = storing.results(100)
    assert {kind for kind, _ in results.values()} == {"ok"}
    assert len({said["result"] for _, said in results.values()}) <= 8
    assert sorted(texts(database)) == sorted(f"{run}!" for run in range(1, 101))


def test_a_hundred_that_wait_for_a_second_take_little_longer_on_few_connections(storing: Engine, database: Database) -> None:
    runs = storing.new_runs(100)
    began = time.monotonic()
    storing.send("T", {"tasks": [new_task(run, "write slowly", args=[str(run)]) for run in runs]})
    results = storing.results(100)
    took = time.monotonic() - began
    assert {kind for kind, _ in results.values()} == {"ok"}
    assert sorted(texts(database)) == sorted(f"{run}!" for run in runs)
    assert took < (3 if IS_POSTGRES else 30)
    if IS_POSTGRES:
        ((connections,),) = database.query(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert connections <= 16


def test_a_connection_that_the_server_has_ended_costs_one_attempt_at_most(database: Database) -> None:
    if not IS_POSTGRES:
        # Nobody can end one of a file.
        return
    with Engine(threads=1, **database.environment) as engine:
        engine.ready()
        assert engine.run("write", "before")[0] == "ok"
        database.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert [engine.run("write", "after")[0] for _ in range(3)] == ["retry", "ok", "ok"]


@pytest.mark.parametrize("receiver", ["read", "read later"])
def test_instances_are_read_where_the_receiver_runs(storing: Engine, receiver: str) -> None:
    storing.run("write", "something")
    named = {"note": {"$": ["instance", "worker.Note", 1, "default"]}}
    assert storing.run(receiver, named=named) == ("ok", {"result": json.dumps("something")})
    named = {"note": {"$": ["instance", "worker.Note", 7, "default"]}}
    kind, said = storing.run(receiver, named=named)
    # It is gone, and its key comes in its place.
    assert kind == "retry" and "_note_pk" in said["reason"]
