"""The loop: one thread in which all asynchronous receivers run."""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
from collections import deque
from collections.abc import Iterable

from .. import conf, running
from .crew import fail
from .frames import Handed
from .orm_threads import LooseThreads, OrmThreads, ThreadOfRun
from .page import Page
from .results import Results, text_of

__all__ = ["Loop"]


class Loop:
    """Runs asynchronous receivers, so many at once as it has places, each in a slot of the page from `first_slot` on."""

    def __init__(self, places: int, first_slot: int, page: Page, results: Results, waiting: dict[int, Handed]) -> None:
        self._page = page
        self._results = results
        self._waiting = waiting
        self._handed: deque[Handed] = deque()
        self._free = list(range(first_slot, first_slot + places))
        self._places = places
        # asyncio itself holds its tasks weakly.
        self._running: set[asyncio.Task[None]] = set()
        self._threads = OrmThreads()
        self._is_stopping = self._will_flush = False
        #: Set in a process that a receiver has forked.
        self.is_copy = False
        self._loop = asyncio.new_event_loop()
        self._loop.set_default_executor(LooseThreads(thread_name_prefix="signalpost-loose"))
        self._thread = threading.Thread(target=self._work, name="signalpost-loop", daemon=True)
        self._thread.start()

    def hand(self, handed: Iterable[Handed]) -> None:
        """Has tasks run, unless they are taken out of `waiting` before that."""
        self._handed.extend(handed)
        self._loop.call_soon_threadsafe(self._begin)

    def stop(self) -> None:
        """Returns when everything has run that was handed over."""
        self._loop.call_soon_threadsafe(self._stop_soon)
        self._thread.join()

    def leave(self) -> None:
        """In a process that a receiver has forked: goes no further than to the next `await`."""
        self.is_copy = True
        self._loop.stop()

    def _work(self) -> None:
        try:
            asyncio.set_event_loop(self._loop)
            while not self._has_run_to_its_end():
                # A stop in the same round is forgotten.
                self._loop.call_soon(self._begin)
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._threads.end()
        except BaseException:
            fail()

    def _has_run_to_its_end(self) -> bool:
        try:
            self._loop.run_forever()
        except (SystemExit, KeyboardInterrupt):
            # A task that a receiver has made ended so. asyncio leaves the loop then; the receiver, which awaits it, hears of it too.
            return False
        finally:
            if self.is_copy:
                os._exit(0)
        return True

    def _stop_soon(self) -> None:
        self._is_stopping = True
        self._begin()

    def _begin(self) -> None:
        """Begins what there are places for."""
        while self._free and self._handed:
            handed = self._handed.popleft()
            # Who takes it out has it: a recall may have done so.
            if self._waiting.pop(handed.run, None) is not None:
                # In a context that nobody has set anything in; `create_task` makes a copy of it.
                task = contextvars.Context().run(self._loop.create_task, self._run(self._free.pop(), handed))
                self._running.add(task)
                task.add_done_callback(self._ended)
        if self._is_stopping and not self._running and not self._handed:
            self._loop.stop()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._begin()

    async def _run(self, slot: int, handed: Handed) -> None:
        try:
            run, task = handed
            prepared = running.prepare(task)
            if isinstance(prepared, running.Prepared):
                target = prepared.target
                max_attempts = target.max_attempts
                self._page.begin(slot, run, target.timeout, max_attempts, True)
                async with ThreadOfRun(self._threads):
                    outcome = await running.aperform(task, prepared)
                if self.is_copy:
                    os._exit(0)
                # A log that hangs is part of the run.
                outcome = running.concluded(task, max_attempts, outcome)
                self._page.end(slot, run)
            else:
                outcome = running.concluded(task, conf.current().max_attempts, prepared)
            self._free.append(slot)
            self._results.add(text_of(run, outcome), False)
            if not self._handed and not self._will_flush:
                # Together with what else ends in this round of the loop.
                self._will_flush = True
                self._loop.call_soon(self._flush)
        except BaseException:
            fail()

    def _flush(self) -> None:
        self._will_flush = False
        self._results.flush()
