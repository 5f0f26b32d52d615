"""Threads for what asynchronous receivers do synchronously: a few for all of them, as each has connections of its own."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from queue import SimpleQueue
from typing import Any

from asgiref.sync import SyncToAsync, ThreadSensitiveContext

from .crew import fail
from .keeper import Keeper

__all__ = ["OrmThreads", "ThreadOfRun"]

#: How many. Each has at most one connection to each database.
COUNT = 8


class OrmThread(Executor):
    """One thread. What runs share it take turns."""

    def __init__(self, name: str) -> None:
        #: How many runs have it. Known to the loop's thread.
        self.lent = 0
        self._queue: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._is_ending = False
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Has `fn` called there."""
        future: Future[Any] = Future()
        self._queue.put((future, lambda: fn(*args, **kwargs)))
        return future

    def tidy(self) -> None:
        """Has it look after its connections."""
        self._queue.put(None)

    def end(self) -> None:
        """Returns when it has closed them."""
        self._is_ending = True
        self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        try:
            keeper = Keeper()
            while True:
                job = keeper.next_of(self._queue)
                if job is not None:
                    _do(*job)
                # They would hold what the job has worked on.
                del job
                if self._is_ending:
                    break
                keeper.after_run(is_shared=self.lent > 0)
            keeper.close()
        except BaseException:
            fail()


def _do(future: Future[Any], call: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        returned = call()
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(returned)


class OrmThreads:
    """All of them, started when they are needed. For the loop's thread only."""

    def __init__(self) -> None:
        self._threads: list[OrmThread] = []

    def lend(self) -> OrmThread:
        """The one that the fewest runs have."""
        idlest = min(self._threads, key=lambda thread: thread.lent, default=None)
        if idlest is None or (idlest.lent and len(self._threads) < COUNT):
            idlest = OrmThread(f"signalpost-orm-{len(self._threads) + 1}")
            self._threads.append(idlest)
        idlest.lent += 1
        return idlest

    def give_back(self, thread: OrmThread) -> None:
        """Says that a run has ended."""
        thread.lent -= 1
        thread.tidy()

    def end(self) -> None:
        """Returns when all have closed their connections."""
        for thread in self._threads:
            thread.end()


class _Older(ThreadSensitiveContext):
    """As `ThreadSensitiveContext(executor=…)`, which asgiref has since 3.13: before, a context makes a thread of its own."""

    def __init__(self, executor: Executor) -> None:
        super().__init__()
        self._given = executor

    async def __aenter__(self) -> Any:
        await super().__aenter__()  # type: ignore[no-untyped-call]
        SyncToAsync.context_to_thread_executor[self] = self._given
        return self


_TAKES_EXECUTOR = "executor" in inspect.signature(ThreadSensitiveContext).parameters


class ThreadOfRun(Executor):
    """What is thread-sensitive in one run, within `async with`: all of it goes to one thread, chosen when it is first needed."""

    def __init__(self, threads: OrmThreads) -> None:
        self._threads = threads
        self._thread: OrmThread | None = None
        self._context = ThreadSensitiveContext(executor=self) if _TAKES_EXECUTOR else _Older(self)

    async def __aenter__(self) -> None:
        await self._context.__aenter__()

    async def __aexit__(self, *raised: Any) -> None:
        await self._context.__aexit__(*raised)
        if self._thread is not None:
            self._threads.give_back(self._thread)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Has `fn` called in the run's thread."""
        if self._thread is None:
            self._thread = self._threads.lend()
        return self._thread.submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, **kwargs: Any) -> None:
        """Nothing: the thread goes on with other runs. An older asgiref calls it when the context is left."""
