"""What has happened, written down by the processes themselves, outside of any database: a file, with a line for each."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import NamedTuple

__all__ = ["Ledger", "Line", "write"]


class Line(NamedTuple):
    """One line."""

    #: `found` (the last one that was committed), `saved` (its commit was answered), `began` or `ended` (a run).
    what: str
    #: Of what was saved. -1: it was not there when its task ran.
    number: int
    #: 0 where it is about no task.
    task: int
    pid: int
    #: The process that had started it.
    parent: int
    #: In nanoseconds since 1970.
    at: int


def write(file: str, what: str, number: int, task: int = 0) -> None:
    """Adds a line of this process. It is handed to the system at once: it is there, though the process is killed next."""
    line = f"{what} {number} {task} {os.getpid()} {os.getppid()} {time.time_ns()}\n"
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


class Ledger:
    """What stands in a file that others write to."""

    def __init__(self, path: Path) -> None:
        path.touch()
        self.path = str(path)
        #: All that has been read, in the order in which it was written.
        self.lines: list[Line] = []
        self._at = 0

    def read(self) -> list[Line]:
        """Reads what has come since, and returns all lines."""
        with open(self.path, "rb") as file:
            file.seek(self._at)
            # What follows the last line's end, if there is anything, is no line yet.
            *whole, rest = file.read().split(b"\n")
            self._at = file.tell() - len(rest)
        for line in whole:
            what, *numbers = line.decode().split()
            self.lines.append(Line(what, *map(int, numbers)))
        return self.lines
