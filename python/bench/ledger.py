"""The ledger of a race: which of its tasks have run, when, and how often. A file that all processes have in memory."""

from __future__ import annotations

import mmap
from pathlib import Path
from time import monotonic_ns


class Ledger:
    """A place for each task, by its number from 1: when it has last begun to run, and how many times it has."""

    def __init__(self, file: Path) -> None:
        with file.open("r+b") as opened:
            memory = memoryview(mmap.mmap(opened.fileno(), 0))
        places = len(memory) // 9
        self._times = memory[: 8 * places].cast("Q")
        self._runs = memory[8 * places :]

    @classmethod
    def create(cls, file: Path, tasks: int) -> Ledger:
        """An empty one in a new file."""
        file.write_bytes(bytes(9 * (tasks + 1)))
        return cls(file)

    def enter(self, number: int) -> None:
        """The first line of every receiver. Two of different tasks do not touch the same bytes."""
        self._times[number] = monotonic_ns()
        self._runs[number] += 1

    def missing(self, first: int, tasks: int) -> int:
        """How many of `tasks` tasks from the number `first` on have not run."""
        return bytes(self._runs[first : first + tasks]).count(0)

    def times(self, first: int, tasks: int) -> list[int]:
        """When they have begun, in nanoseconds of `CLOCK_MONOTONIC`, which is the same in all processes."""
        return self._times[first : first + tasks].tolist()

    def check(self, who: str) -> None:
        """Raises `AssertionError` unless every task has run, and none twice."""
        runs = bytes(self._runs[1:])
        lost, again = runs.count(0), len(runs) - runs.count(0) - runs.count(1)
        if lost or again:
            raise AssertionError(f"{who}: of {len(runs)} tasks {lost} have not run, and {again} have run more than once")
