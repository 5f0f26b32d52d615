"""The child: what it does with each frame that comes."""

from __future__ import annotations

import os
import socket
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from asgiref.sync import SyncToAsync

from .. import credentials, registry
from .crew import Crew
from .frames import Frame, Gone, Handed, NoFrame, Wire, tasks_of
from .hello import hello
from .herald import Herald
from .loop import Loop
from .orm_threads import OrmThread
from .page import Page
from .results import Results
from .sigterm import default_in_copy

__all__ = ["Child", "NO_FRAME"]

#: The status after something that is no frame.
NO_FRAME = 70


class Child:
    """Runs what the engine hands over. Its methods are called by the thread that reads, but for `replace`."""

    def __init__(self, connection: socket.socket, page: Page, wire: Wire, threads: int, places: int) -> None:
        self._connection = connection
        self._page = page
        self._wire = wire
        self._threads, self._places = threads, places
        #: What was handed over and has not begun. Who takes a task out of it has it.
        self._waiting: dict[int, Handed] = {}
        self._results = Results(wire, _end)
        self._herald = Herald()
        self._loop: Loop | None = None
        self._is_ended = False
        # For what is thread-sensitive in a loop that a receiver has made itself. asgiref's own would keep its connections for ever.
        self._thread_of_other_loops = OrmThread("signalpost-orm")
        SyncToAsync.single_thread_executor = self._thread_of_other_loops  # type: ignore[assignment]
        os.register_at_fork(after_in_child=self._forked)
        self._crew = Crew(threads, page, self._results, self._waiting)
        threading.Thread(target=self._results.watch, name="signalpost-results", daemon=True).start()

    def serve(self) -> None:
        """Says hello, and then does what comes until it is told to stop.

        Ends the process where the engine is gone (0), and where what comes is no frame (70).
        """
        try:
            self._wire.send("h", hello())
            for frame in self._wire.frames():
                self._do(frame)
        except NoFrame as error:
            print(f"signalpost.child: {error}", file=sys.stderr, flush=True)
            os._exit(NO_FRAME)
        except Gone:
            # By our own hand, when everything is done.
            if not self._is_ended:
                _end()

    def replace(self, reason: str) -> None:
        """Asks to be replaced. From any thread."""
        self._wire.send("s", {"reason": reason})

    def _do(self, frame: Frame) -> None:
        kind = frame.kind
        if kind == "T":
            self._take(tasks_of(frame.data))
        elif kind == "R":
            self._recall(frame.body)
        elif kind == "S":
            self._stop()
        elif kind == "E":
            self._herald.event(frame.body, self._say_logged)
        elif kind == "F":
            self._herald.finished(frame.body)
        elif kind == "C":
            self._ask(frame.body)
        else:
            raise NoFrame(f"a frame of kind {kind!r} is not known here")

    def _take(self, tasks: list[Handed]) -> None:
        asynchronous = []
        waiting, hand = self._waiting, self._crew.hand
        for handed in tasks:
            waiting[handed.run] = handed
            if self._places and _is_asynchronous(handed):
                asynchronous.append(handed)
            else:
                hand(handed)
        if asynchronous:
            if self._loop is None:
                self._loop = Loop(self._places, self._threads, self._page, self._results, waiting)
            self._loop.hand(asynchronous)

    def _recall(self, body: dict[str, Any]) -> None:
        runs = body.get("runs")
        if not isinstance(runs, list) or not all(type(run) is int for run in runs):
            raise NoFrame("a frame 'R' has no list of runs")
        for run in runs:
            if self._waiting.pop(run, None) is not None:
                self._results.add(f'{{"run":{run},"back":{{}}}}', False)
        self._results.flush()

    def _stop(self) -> None:
        self._recall({"runs": list(self._waiting)})
        # This thread goes on to read, and so sees it when the engine is gone.
        threading.Thread(target=self._finish, name="signalpost-end", daemon=True).start()

    def _finish(self) -> None:
        try:
            self._crew.stop()
            if self._loop is not None:
                self._loop.stop()
            self._thread_of_other_loops.end()
            self._herald.stop()
            self._results.close()
        finally:
            self._is_ended = True
            # Whoever reads has read to the end now.
            self._connection.shutdown(socket.SHUT_RD)

    def _say_logged(self, event: int) -> None:
        # Whoever reads sees that the engine is gone, too.
        with suppress(Gone):
            self._wire.send("e", {"events": [event]})

    def _ask(self, body: dict[str, Any]) -> None:
        alias = body.get("store")
        if not isinstance(alias, str):
            raise NoFrame("a frame 'C' names no store")
        # Connecting takes its time.
        threading.Thread(target=self._answer, args=(alias,), name="signalpost-credentials", daemon=True).start()

    def _answer(self, alias: str) -> None:
        answer: dict[str, Any] = {"store": alias}
        try:
            answer["settings"] = credentials.settings_of(alias)
        except Exception as error:
            answer["error"] = f"{type(error).__name__}: {error}"
        try:
            self._wire.send("c", answer)
        except Gone:
            _end()

    def _forked(self) -> None:
        """In a process that a receiver has forked. It runs on to the receiver's end, and no further."""
        self._crew.is_copy = True
        self._page.forget()
        self._wire.close_after_fork()
        default_in_copy()
        # Its thread is not here.
        SyncToAsync.single_thread_executor = ThreadPoolExecutor(max_workers=1)
        if self._loop is not None:
            self._loop.leave()


def _is_asynchronous(handed: Handed) -> bool:
    known = registry.get(handed.task.receiver)
    return known is not None and known.is_async


def _end() -> None:
    """Nobody is there to hand results to, or wants them: others have the tasks."""
    os._exit(0)
