"""What a child does with connections to databases."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from .engine import Engine, new_task

pytestmark = pytest.mark.no_database


def texts(database: Path) -> list[str]:
    """What receivers have written."""
    connection = sqlite3.connect(database)
    found = [text for (text,) in connection.execute("SELECT text FROM worker_note ORDER BY id")]
    connection.close()
    return found


def test_a_connection_stays_open_from_task_to_task(database: Path) -> None:
    with Engine(threads=1, SIGNALPOST_TEST_FILE=str(database)) as engine:
        engine.ready()
        used = {engine.run("write", str(number))[1]["result"] for number in range(5)}
        assert len(used) == 1
        assert engine.run("leave open") == ("ok", {})
        # What nobody has committed is nobody's.
        assert engine.run("write", "after")[0] == "ok"
        engine.send("S", {})
        assert engine.ended() == 0
        assert "A receiver has left a transaction open on 'default'" in engine.said()
    assert texts(database) == ["0", "1", "2", "3", "4", "after"]


def test_a_hundred_asynchronous_receivers_share_a_few_threads(storing: Engine, database: Path) -> None:
    storing.send("T", {"tasks": [new_task(run, "write later", args=[str(run)]) for run in range(1, 101)]})
    results = storing.results(100)
    assert {kind for kind, _ in results.values()} == {"ok"}
    assert len({said["result"] for _, said in results.values()}) <= 8
    assert sorted(texts(database)) == sorted(f"{run}!" for run in range(1, 101))


@pytest.mark.parametrize("receiver", ["read", "read later"])
def test_instances_are_read_where_the_receiver_runs(storing: Engine, receiver: str) -> None:
    storing.run("write", "something")
    named = {"note": {"$": ["instance", "worker.Note", 1, "default"]}}
    assert storing.run(receiver, named=named) == ("ok", {"result": json.dumps("something")})
    named = {"note": {"$": ["instance", "worker.Note", 7, "default"]}}
    kind, said = storing.run(receiver, named=named)
    # It is gone, and its key comes in its place.
    assert kind == "retry" and "_note_pk" in said["reason"]
