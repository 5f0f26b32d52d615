"""The whole worker: the management command, the engine and its children.

It needs the engine's executable: `cargo build --release -p signalpost-engine` makes it.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from .conftest import ENGINE, Holding
from .database import Database
from .engine import ROOT

pytestmark = pytest.mark.engine


class Project:
    """The project, its database and its worker."""

    def __init__(self, database: Database, ledger: Path, settings: str = "tests.worker.settings") -> None:
        self.query = database.query
        self.ledger = ledger
        self._environment = {
            **os.environ,
            "SIGNALPOST_ENGINE": str(ENGINE),
            **database.environment,
            "SIGNALPOST_TEST_LEDGER": str(ledger),
            "DJANGO_SETTINGS_MODULE": settings,
        }

    def do(self, code: str) -> None:
        """Runs code in a process of the project."""
        code = f"import django; django.setup()\nfrom tests.worker import receivers, signals\n{code}"
        environment = {**self._environment, "PYTHONPATH": ROOT}
        subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, env=environment, timeout=120)

    def worker(self, *arguments: str) -> subprocess.Popen[str]:
        """Starts the command."""
        command = [sys.executable, "-m", "django", "signalpost_worker", f"--pythonpath={ROOT}", *arguments]
        return subprocess.Popen(command, env=self._environment, stderr=subprocess.PIPE, text=True, start_new_session=True)

    def run_worker(self, *arguments: str) -> str:
        """Runs the command to its end, and returns what it has logged."""
        worker = self.worker(*arguments)
        try:
            said = worker.communicate(timeout=180)[1]
        finally:
            worker.kill()
        assert worker.returncode == 0, said
        return said

    def runs(self) -> Counter[str]:
        """How often each task has run, by what its receiver has written down."""
        return Counter(self.ledger.read_text().split()) if self.ledger.exists() else Counter()


@pytest.fixture
def project(database: Database, tmp_path: Path) -> Project:
    """One of its own."""
    return Project(database, tmp_path / "ledger")


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
        "for each in 'permanent', 'close', 'hang', 'fork', 'noise': getattr(receivers, each).delay()\n"
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


def test_the_engine_runs_no_python_and_no_child_maps_the_engine(project: Project, holding: Holding) -> None:
    project.do(f"receivers.hold.delay({holding.directory!r})")
    worker = project.worker("--processes=1")
    try:
        child = holding.began()
        of_engine, of_child = (Path(f"/proc/{process}/maps").read_text() for process in (worker.pid, child))
        assert str(Path(str(ENGINE)).resolve()) in of_engine
        # What it maps of the database has the name of this test.
        assert "libpython" not in of_engine and "/python3" not in of_engine and "_sqlite3" not in of_engine
        assert "/signalpost\n" not in of_child and "_native" in of_child
        holding.go()
        worker.send_signal(signal.SIGTERM)
        said = worker.communicate(timeout=60)[1]
    finally:
        worker.kill()
    assert worker.returncode == 0, said
