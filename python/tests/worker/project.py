"""The project with its worker, as its users run them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

from .database import Database
from .engine import ROOT
from .executable import ENGINE

__all__ = ["Project"]


class Project:
    """The project, its database and its worker."""

    def __init__(self, database: Database, ledger: Path) -> None:
        self.query = database.query
        self.ledger = ledger
        self._environment = {
            **os.environ,
            "SIGNALPOST_ENGINE": str(ENGINE),
            **database.environment,
            "SIGNALPOST_TEST_LEDGER": str(ledger),
            "DJANGO_SETTINGS_MODULE": "tests.worker.settings",
        }

    def do(self, code: str) -> None:
        """Runs code in a process of the project."""
        code = f"import django; django.setup()\nfrom tests.worker import receivers, signals\n{code}"
        environment = {**self._environment, "PYTHONPATH": ROOT}
        subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, env=environment, timeout=120)

    def worker(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Starts the command."""
        command = [sys.executable, "-m", "django", "signalpost_worker", f"--pythonpath={ROOT}", *arguments]
        environment = {**self._environment, **environment}
        return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True)

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
