"""Threads for what asynchronous receivers do synchronously: a few for all of them, as each has connections of its own."""

from __future__ import annotations

import asyncio
import inspect
import os
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any

from asgiref.sync import SyncToAsync, ThreadSensitiveContext
from django.db.transaction import TransactionManagementError

from .crew import fail
from .keeper import Keeper

__all__ = ["LooseThreads", "OrmThread", "OrmThreads", "ThreadOfRun"]

#: How many. Each has at most one connection to each database.
COUNT = 8


class OrmThread(Executor):
    """One thread. What runs share it take turns."""

    def __init__(self, name: str) -> None:
        #: How many runs have it. Known to the loop's thread.
        self.lent = 0
        self._queue: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Has `fn` called there."""
        future: Future[Any] = Future()
        self._queue.put((future, lambda: fn(*args, **kwargs)))
        return future

    def end(self) -> None:
        """Returns when it has done everything, and closed its connections."""
        self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        try:
            keeper = Keeper()
            while (job := keeper.next_of(self._queue)) is not None:
                _do(*job, keeper)
                # It would hold what it has worked on.
                del job
            keeper.close()
        except BaseException:
            fail()


def _do(future: Future[Any], call: Callable[[], Any], keeper: Keeper) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        returned = _looked_after(call, keeper)
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(returned)


def _looked_after(call: Callable[[], Any], keeper: Keeper) -> Any:
    """What `call` returns. Raises what it raises, and `TransactionManagementError` if it leaves a transaction open: the next call
    there is another run's, whose writes would be part of it."""
    process = os.getpid()
    try:
        returned = call()
    finally:
        if os.getpid() != process:
            # What the call has forked has come to its end: there is no loop here, and the connections are its parent's.
            os._exit(0)
        left_open = keeper.after_run()
    if left_open:
        raise TransactionManagementError(
            f"a transaction was left open on {left_open[0]!r} at the end of a call that an asynchronous receiver has made in a thread, "
            "and was rolled back: begin and end it in one call of sync_to_async"
        )
    return returned


class LooseThreads(ThreadPoolExecutor):
    """The threads of a loop for what is not sensitive to its thread. None keeps a connection, as there may be very many."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Has `fn` called in one of them."""
        return super().submit(_without_connections, lambda: fn(*args, **kwargs))


def _without_connections(call: Callable[[], Any]) -> Any:
    keeper = Keeper()
    try:
        return _looked_after(call, keeper)
    finally:
        keeper.close()


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
        """Says that a run has ended, with all that it has had done there."""
        thread.lent -= 1

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

    async def __aexit__(self, *raised: Any) -> None:
        # Or it would be shut down.
        SyncToAsync.context_to_thread_executor.pop(self, None)
        await super().__aexit__(*raised)  # type: ignore[no-untyped-call]


_TAKES_EXECUTOR = "executor" in inspect.signature(ThreadSensitiveContext).parameters


class ThreadOfRun(Executor):
    """What is thread-sensitive in one run, within `async with`: all of it goes to one thread, chosen when it is first needed."""

    def __init__(self, threads: OrmThreads) -> None:
        self._threads = threads
        self._thread: OrmThread | None = None
        self._unfinished: set[Future[Any]] = set()
        self._context = ThreadSensitiveContext(executor=self) if _TAKES_EXECUTOR else _Older(self)

    async def __aenter__(self) -> None:
        await self._context.__aenter__()

    async def __aexit__(self, *raised: Any) -> None:
        await self._context.__aexit__(*raised)
        if self._thread is not None:
            await self._until_finished()
            self._threads.give_back(self._thread)

    async def _until_finished(self) -> None:
        # A run that was stopped leaves its query to go on, and nothing can stop that. Another run in its thread would wait for it,
        # and the next attempt work beside it. Where it never ends, the run's deadline ends the process.
        while self._unfinished:
            unfinished = [asyncio.wrap_future(future) for future in list(self._unfinished)]
            try:
                await asyncio.gather(*unfinished, return_exceptions=True)
            except asyncio.CancelledError:
                # The receiver has cancelled its own task, and then returned.
                continue

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Has `fn` called in the run's thread."""
        if self._thread is None:
            self._thread = self._threads.lend()
        future = self._thread.submit(fn, *args, **kwargs)
        self._unfinished.add(future)
        future.add_done_callback(self._unfinished.discard)
        return future
