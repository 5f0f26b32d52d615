"""A worker and a process that saves, of which one after the other is killed and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Literal

from .ledger import Ledger
from .patience import PATIENCE, until
from .processes import children_of
from .project import Project

__all__ = ["Kills", "Victim"]

Victim = Literal["engine", "child", "saver"]

#: Of one statement, and so of one moment: how many were saved, and how many tasks there are.
_SAVED_AND_SENT = (
    "SELECT (SELECT count(*) FROM worker_article),"
    " (SELECT count(*) FROM signalpost_task) + (SELECT count(*) FROM signalpost_history)"
)


class Kills:
    """The processes. A context manager: they are gone at its end.

    Who is killed, and when, follows from `seed`, as far as processes on a machine follow from anything: a kill comes when so many
    have been saved, or have begun to run, and some milliseconds later.
    """

    def __init__(self, project: Project, directory: Path, seed: int) -> None:
        self._project = project
        self._random = Random(seed)
        #: What receivers have written down, and what the process that saves has.
        self.runs = Ledger(project.ledger)
        self.saved = Ledger(directory / "saved")
        self._log = (directory / "log").open("w+")
        #: When each process was killed, as in the ledgers. A child that dies with its engine is not among them.
        self.killed: dict[int, int] = {}
        self.kills: Counter[Victim] = Counter()
        #: What must not be.
        self.problems: list[str] = []
        self._asked_for = 0
        self._engine = self._start_engine()
        self._saver = self._start_saver()

    def __enter__(self) -> Kills:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for process in (self._saver, self._engine):
            process.kill()
            process.wait()
        self._close_saver()
        if error is not None:
            self._log.seek(0)
            print(self._log.read())
        self._log.close()

    def run(self, saves: int, kills: int) -> None:
        """So many saves, during which so many are killed: each kind a third of the times."""
        victims: list[Victim] = (["engine", "child", "saver"] * kills)[:kills]
        self._random.shuffle(victims)
        for turn, victim in enumerate(victims):
            first, last = saves * turn // kills, saves * (turn + 1) // kills
            # One turn ahead, so that it is saved, too, while those that run are killed.
            self._ask_for(min(saves, saves * (turn + 2) // kills))
            self._kill_after(self._random.randrange(first, last), victim)
        self._ask_for(saves)
        self._end()

    def _kill_after(self, progress: int, victim: Victim) -> None:
        until(f"the kill of the {victim} after {progress}", lambda: self._progress(victim) > progress, 0.001)
        time.sleep(self._random.uniform(0, 0.01))
        if victim == "child":
            until("a child", self._children)
            # Taken before: what follows from the kill follows at once.
            pid, at = self._random.choice(self._children()), time.time_ns()
            os.kill(pid, signal.SIGKILL)
        else:
            process = self._engine if victim == "engine" else self._saver
            pid, at = process.pid, time.time_ns()
            process.kill()
            if (status := process.wait()) != -signal.SIGKILL:
                self.problems.append(f"the {victim} has ended by itself, with {status}")
        self.killed[pid] = at
        self.kills[victim] += 1
        ((saved, sent),) = self._project.query(_SAVED_AND_SENT)
        if saved != sent:
            self.problems.append(f"{saved} were saved and {sent} tasks sent, after kill {self.kills.total()}, of the {victim}")
        if victim == "engine":
            self._engine = self._start_engine()
        elif victim == "saver":
            self._close_saver()
            self._saver = self._start_saver()

    def _progress(self, victim: Victim) -> int:
        if victim == "saver":
            return max((line.number for line in self.saved.read()), default=0)
        # Of those that run: what runs again is no progress.
        return len({line.number for line in self.runs.read()})

    def _children(self) -> list[int]:
        return [pid for pid in children_of(self._engine.pid) if pid not in self.killed]

    def _ask_for(self, number: int) -> None:
        self._asked_for = number
        assert self._saver.stdin is not None
        self._saver.stdin.write(f"{number}\n")
        self._saver.stdin.flush()

    def _end(self) -> None:
        """Lets everybody end by itself, when everything has."""
        self._saver.communicate(timeout=PATIENCE)
        self._project.settle()
        self._engine.terminate()
        for name, process in (("engine", self._engine), ("saver", self._saver)):
            if status := process.wait(PATIENCE):
                self.problems.append(f"the {name} has ended with {status}")

    def _close_saver(self) -> None:
        if self._saver.stdin is not None:
            self._saver.stdin.close()

    def _start_engine(self) -> subprocess.Popen[str]:
        return self._project.worker("--processes=2", stdout=self._log, stderr=self._log)

    def _start_saver(self) -> subprocess.Popen[str]:
        saver = self._project.start("tests.worker.saver", self.saved.path, log=self._log)
        assert saver.stdin is not None
        saver.stdin.write(f"{self._asked_for}\n")
        saver.stdin.flush()
        return saver
