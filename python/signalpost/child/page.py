"""The page: what runs in this process, written where the engine finds it when the process is dead or hangs."""

from __future__ import annotations

import mmap
import os
import time

__all__ = ["Page", "WrongPage"]

#: `SGNL_PG1` on a little-endian machine; `docs/django-worker.md`, "The page".
MAGIC = 0x3147505F4C4E4753
#: In numbers of eight bytes: where the first slot is, and how long each. Behind the slots stands one number for each.
FIRST, SLOT = 8, 4
#: How much later than its timeout an asynchronous receiver is killed, which is stopped at its timeout by us. In nanoseconds.
MERCY = 5_000_000_000


class WrongPage(Exception):
    """What was handed over is not a page for so many slots."""


class Page:
    """The slots. Each is written by one thread at a time; none waits for another."""

    def __init__(self, descriptor: int, slots: int) -> None:
        needed = 8 * (FIRST + (SLOT + 1) * slots)
        size = os.fstat(descriptor).st_size
        if size < needed:
            raise WrongPage(f"the page has {size} bytes, and {slots} slots need {needed}")
        self._numbers = memoryview(mmap.mmap(descriptor, size)).cast("B").cast("Q")
        if self._numbers[0] != MAGIC or self._numbers[1] != slots:
            raise WrongPage(f"the page begins with {self._numbers[0]:#x} and {self._numbers[1]} slots, not with {slots}")
        # By the number that the engine has counted with.
        self._ended = FIRST + SLOT * self._numbers[1]

    def begin(self, slot: int, run: int, timeout: float | None, max_attempts: int, is_stopped_here: bool) -> None:
        """Says that `run` begins. The engine kills the process at the timeout, in seconds from now, or a while later where the run is
        stopped here."""
        at = FIRST + SLOT * slot
        numbers = self._numbers
        if timeout is None:
            numbers[at + 1] = numbers[at + 2] = 0
        else:
            mercy = MERCY if is_stopped_here else 0
            numbers[at + 1] = time.monotonic_ns() + int(timeout * 1e9) + mercy
            # 0 would mean that there is none.
            numbers[at + 2] = max(int(timeout * 1e3), 1)
        numbers[at + 3] = max_attempts
        # Last: who sees it sees the others.
        numbers[at] = run

    def end(self, slot: int, run: int) -> None:
        """Says that `run` has ended, and its slot is free."""
        # First: it may be what keeps the process from sending its result.
        self._numbers[self._ended + slot] = run
        self._numbers[FIRST + SLOT * slot] = 0

    def forget(self) -> None:
        """In a process that was forked: what it writes from now on is nobody's."""
        self._numbers = memoryview(bytearray(self._numbers.nbytes)).cast("Q")
