"""The crew: threads that run synchronous receivers."""

from __future__ import annotations

import contextvars
import os
import sys
import threading
import traceback
from queue import SimpleQueue

from .. import conf, running
from ..calls import of_error
from ..outcome import Succeeded
from .frames import Handed
from .keeper import Keeper
from .page import Page
from .results import Results, text_of

__all__ = ["Crew", "fail"]

#: The status of a child that has a bug. The engine sees a death.
BUG = 70


class Crew:
    """As many threads as receivers may run at once. They begin the tasks in the order in which they were handed over."""

    def __init__(self, count: int, page: Page, results: Results, waiting: dict[int, Handed]) -> None:
        self._page = page
        self._results = results
        self._waiting = waiting
        self._queue: SimpleQueue[Handed | None] = SimpleQueue()
        #: Set in a process that a receiver has forked.
        self.is_copy = False
        self._threads = [
            threading.Thread(target=self._work, args=(slot,), name=f"signalpost-{slot + 1}", daemon=True)
            for slot in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def hand(self, handed: Handed) -> None:
        """Has a task run, unless it is taken out of `waiting` before that."""
        self._queue.put(handed)

    def stop(self) -> None:
        """Returns when everything has run that was handed over."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self, slot: int) -> None:
        try:
            keeper = Keeper()
            while (handed := keeper.next_of(self._queue)) is not None:
                # Who takes it out has it: a recall may have done so.
                if self._waiting.pop(handed.run, None) is not None:
                    self._run(slot, handed, keeper)
            keeper.close()
        except BaseException:
            fail()

    def _run(self, slot: int, handed: Handed, keeper: Keeper) -> None:
        run, task = handed
        prepared = running.prepare(task)
        if isinstance(prepared, running.Prepared):
            target = prepared.target
            max_attempts = target.max_attempts
            # An asynchronous one comes here where the loop has no places.
            self._page.begin(slot, run, target.timeout, max_attempts, target.is_async)
            try:
                outcome = contextvars.Context().run(running.perform, task, prepared)
            except BaseException as error:
                # Ctrl-C reaches no child: it is the receiver that has raised it.
                outcome = of_error(error)
            if self.is_copy:
                # What the receiver has forked has come to the receiver's end. The rest is its parent's.
                os._exit(0)
            left_open = keeper.after_run()
            if left_open:
                # Before anybody hears of a success.
                outcome = running.rolled_back(outcome, left_open)
            # A log that hangs is part of the run.
            outcome = running.concluded(task, max_attempts, outcome)
            self._page.end(slot, run)
        else:
            outcome = running.concluded(task, conf.current().max_attempts, prepared)
        self._results.add(text_of(run, outcome), self._queue.empty())
        if not isinstance(outcome, Succeeded):
            # What logs may use a database.
            keeper.after_run()


def fail() -> None:
    """Ends the process because of a bug of ours: a task that is never reported would be in hand for ever."""
    traceback.print_exc()
    sys.stderr.flush()
    os._exit(BUG)
