"""The project with its worker, as its users run them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import IO

from .database import Database
from .engine import ROOT
from .executable import ENGINE
from .patience import until

__all__ = ["Project"]


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

    def do(self, code: str) -> str:
        """Runs code in a process of the project, and returns what it has printed."""
        code = f"import django; django.setup()\nfrom tests.worker import misbehaving, receivers, signals\n{code}"
        command = [sys.executable, "-W", "ignore", "-c", code]
        ended = subprocess.run(command, check=True, env=self._with_tests(), timeout=120, stdout=subprocess.PIPE, text=True)
        return ended.stdout

    def start(self, module: str, *arguments: str, log: IO[str]) -> subprocess.Popen[str]:
        """Starts a module as a process of the project. It reads what is written to it, and says what is wrong in `log`."""
        command = [sys.executable, "-m", module, *arguments]
        return subprocess.Popen(command, env=self._with_tests(), stdin=subprocess.PIPE, stderr=log, text=True)

    def worker(
        self,
        *arguments: str,
        stdout: IO[str] | int | None = None,
        stderr: IO[str] | int = subprocess.PIPE,
        **environment: str,
    ) -> subprocess.Popen[str]:
        """Starts the command."""
        command = [sys.executable, "-m", "django", "signalpost_worker", f"--pythonpath={ROOT}", *arguments]
        environment = {**self._environment, **environment}
        return subprocess.Popen(command, env=environment, stdout=stdout, stderr=stderr, text=True, start_new_session=True)

    def run_worker(self, *arguments: str) -> str:
        """Runs the command to its end, and returns what it has logged."""
        worker = self.worker(*arguments)
        try:
            said = worker.communicate(timeout=180)[1]
        finally:
            worker.kill()
        assert worker.returncode == 0, said
        return said

    def settle(self) -> None:
        """Returns when all tasks have ended."""
        until("the end of all tasks", lambda: self.query("SELECT count(*) FROM signalpost_task") == [(0,)])

    def runs(self) -> Counter[str]:
        """How often each task has run, by what its receiver has written down."""
        return Counter(self.ledger.read_text().split()) if self.ledger.exists() else Counter()

    def _with_tests(self) -> dict[str, str]:
        return {**self._environment, "PYTHONPATH": ROOT}
