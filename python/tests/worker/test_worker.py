"""The whole worker: the management command, the engine and its children.

It needs the engine's executable: `cargo build --release -p signalpost-engine` makes it.
"""

from __future__ import annotations

import os
import select
import signal
from pathlib import Path

import pytest

from .conftest import Holding
from .executable import ENGINE
from .project import Project

pytestmark = pytest.mark.engine


def test_the_worker_runs_what_is_due_once_each_and_ends(project: Project) -> None:
    project.do(
        "from django.db import transaction\n"
        "with transaction.atomic():\n"
        "    for number in range(1000): signals.order_noted.send(None, number=number, currency='EUR', is_gift=False)\n"
    )
    assert project.query("SELECT count(*) FROM signalpost_task") == [(2000,)]
    project.run_worker("--once", "--processes=2")
    assert project.query("SELECT count(*) FROM signalpost_task") == [(0,)]
    assert project.query("SELECT state, count(*), max(attempt) FROM signalpost_history GROUP BY state") == [
        ("succeeded", 2000, 1)
    ]
    runs = project.runs()
    assert len(runs) == 2000 and set(runs.values()) == {1}


def test_a_worker_of_other_queues_leaves_a_task_alone(project: Project) -> None:
    project.do("signals.order_paid.send(None, number=1); receivers.add.delay(3, 4)")
    project.run_worker("--once", "--processes=1", "--queue=counting")
    assert project.query("SELECT receiver FROM signalpost_task") == [("add",)]
    project.run_worker("--once", "--processes=1", "--exclude-queue=counting")
    assert project.query("SELECT count(*) FROM signalpost_task") == [(0,)]


def test_what_ends_or_hangs_its_process_is_dead_with_its_reason_and_the_rest_runs(project: Project) -> None:
    project.do(
        "receivers.permanent.delay()\n"
        "for each in 'close', 'hang', 'fork', 'noise': getattr(misbehaving, each).delay()\n"
        "for number in range(200): receivers.add.delay(number, 1)\n"
        "receivers.add_later.delay(3, 4)"
    )
    said = project.run_worker("--exit-when-idle", "--processes=2")
    # What succeeded may have the reason of a death beside it: it ran where another one closed everything.
    why = "CASE state WHEN 'succeeded' THEN result ELSE reason END"
    ended = dict(project.query(f"SELECT receiver, state || ': ' || {why} FROM signalpost_history"))
    assert ended["permanent"].startswith("dead: signalpost.Permanent: there is no printer\n")
    assert ended["close"].startswith("dead: ")
    assert ended["hang"].startswith("dead: ") and "timed out after" in ended["hang"]
    assert (ended["fork"], ended["noise"]) == ('succeeded: "parent"', 'succeeded: "quiet again"')
    assert ended["add later"] == "succeeded: 7"
    assert project.query("SELECT count(*) FROM signalpost_history WHERE receiver = 'add' AND state = 'succeeded'") == [(200,)]
    # Where Django people look.
    assert "signalpost.engine" in said


def test_a_stop_lets_end_what_runs(project: Project, holding: Holding) -> None:
    project.do(f"receivers.hold.delay({holding.directory!r})")
    worker = project.worker("--processes=1")
    try:
        holding.began()
        worker.send_signal(signal.SIGTERM)
        holding.go()
        said = worker.communicate(timeout=60)[1]
    finally:
        worker.kill()
    assert worker.returncode == 0, said
    assert project.query("SELECT receiver, state FROM signalpost_history") == [("hold", "succeeded")]


def test_no_child_outlives_the_engine(project: Project, holding: Holding) -> None:
    project.do(f"receivers.hold.delay({holding.directory!r})")
    worker = project.worker("--processes=1")
    try:
        child = os.pidfd_open(holding.began())
        worker.kill()
        # It is readable when the process is no more.
        assert select.select([child], [], [], 60)[0] == [child]
    finally:
        worker.kill()
        worker.communicate(timeout=60)


def test_the_engine_runs_no_python_and_nobody_else_maps_the_engine(project: Project, holding: Holding) -> None:
    of_web = project.do(f"receivers.hold.delay({holding.directory!r})\nprint(open('/proc/self/maps').read())")
    worker = project.worker("--processes=1")
    try:
        child = holding.began()
        of_engine, of_child = (Path(f"/proc/{process}/maps").read_text() for process in (worker.pid, child))
        assert str(Path(str(ENGINE)).resolve()) in of_engine
        # What it maps of the database has the name of this test.
        assert "libpython" not in of_engine and "/python3" not in of_engine and "_sqlite3" not in of_engine
        for maps in of_web, of_child:
            assert "/signalpost\n" not in maps and "_native" in maps
        holding.go()
        worker.send_signal(signal.SIGTERM)
        said = worker.communicate(timeout=60)[1]
    finally:
        worker.kill()
    assert worker.returncode == 0, said
