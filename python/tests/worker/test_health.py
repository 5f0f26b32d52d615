"""``manage.py signalpost_worker --health``: what probes are answered."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from .conftest import Holding
from .database import Database
from .patience import PATIENCE
from .project import Project
from .server import Server

pytestmark = pytest.mark.engine


class Probed:
    """A worker that answers probes. A context manager: it is gone at the end."""

    def __init__(self, project: Project, *arguments: str, **environment: str) -> None:
        self.process: subprocess.Popen[str] = project.worker("--health=127.0.0.1:0", *arguments, **environment)
        self._said: list[str] = []
        self._address: tuple[str, int] | None = None
        self._has_address = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> Probed:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join(PATIENCE)
        if error is not None:
            print(self.said())

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as lines:
            for line in lines:
                self._said.append(line)
                if told := re.search(r"probes are answered at http://([\d.]+):(\d+)/", line):
                    self._address = (told[1], int(told[2]))
                    self._has_address.set()
        self._has_address.set()

    def said(self) -> str:
        """What it has said until now."""
        return "".join(self._said)

    def probe(self, path: str = "/") -> tuple[int, dict[str, Any]]:
        """The status of the answer, and what it says."""
        assert self._has_address.wait(PATIENCE) and self._address is not None, self.said()
        connection = HTTPConnection(*self._address, timeout=PATIENCE)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read().decode()
        finally:
            connection.close()
        assert body.count("\n") == 1 and answer.headers["Content-Type"] == "application/json"
        return answer.status, json.loads(body)

    def until(self, holds: Callable[[int, dict[str, Any]], bool]) -> dict[str, Any]:
        """Asks until the answer is so, and returns what it says."""
        until = time.monotonic() + PATIENCE
        while True:
            status, said = self.probe()
            if holds(status, said):
                return said
            assert time.monotonic() < until, said

    def ended(self) -> int:
        """Its status, once it has ended."""
        return self.process.wait(PATIENCE)


def open_gate(gate: Path) -> None:
    """Lets go on who waits there, or comes there."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            descriptor = os.open(gate, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            assert time.monotonic() < until, "nobody has come"
        else:
            os.close(descriptor)
            return


def test_a_worker_is_well_once_a_child_is_ready(project: Project, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    with Probed(project, "--processes=1", SIGNALPOST_TEST_GATE=str(gate)) as worker:
        # The command itself.
        open_gate(gate)
        status, said = worker.probe()
        assert (status, said["ok"], said["reason"], said["children"]) == (503, False, "no child has started yet", 0)
        # A new start would not help.
        assert worker.probe("/live")[0] == 200
        # Its child.
        open_gate(gate)
        said = worker.until(lambda status, said: status == 200)
        (store,) = said.pop("stores").items()
        assert said == {"ok": True, "children": 1}
        assert store == ("default", {"state": "working", "answers": True, "running": 0, "in_hand": 0})
        worker.process.send_signal(signal.SIGTERM)
        assert worker.ended() == 0


def test_probes_are_answered_while_children_are_busy_and_while_they_stop(project: Project, holding: Holding) -> None:
    project.do(f"receivers.hold.delay({holding.directory!r})")
    with Probed(project, "--processes=1", "--threads=1", "--async-concurrency=0") as worker:
        holding.began()
        status, said = worker.probe()
        assert (status, said["stores"]["default"]["running"]) == (200, 1)
        worker.process.send_signal(signal.SIGTERM)
        said = worker.until(lambda status, said: status == 503)
        assert said["reason"] == "the worker is stopping"
        assert worker.probe("/live")[0] == 200
        holding.go()
        assert worker.ended() == 0


@pytest.mark.postgres
@pytest.mark.newest_pair
def test_a_database_that_is_away_is_said_and_no_reason_to_start_anew(
    own_database: Database, server: Server, tmp_path: Path
) -> None:
    with Probed(Project(own_database, tmp_path / "ledger"), "--processes=1") as worker:
        worker.until(lambda status, said: status == 200)
        server.stop()
        try:
            said = worker.until(lambda status, said: status == 503)
            assert said["reason"] == "the store `default` does not answer"
            assert worker.probe("/live")[0] == 200
        finally:
            server.start()
        worker.until(lambda status, said: status == 200)
        worker.process.send_signal(signal.SIGTERM)
        assert worker.ended() == 0


def test_an_address_that_somebody_else_has_is_named(project: Project) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = "{}:{}".format(*taken.getsockname())
        worker = project.worker(f"--health={address}", "--processes=1")
        said = worker.communicate(timeout=PATIENCE)[1]
    assert worker.returncode == 1
    assert f"--health {address}: Address already in use" in said
