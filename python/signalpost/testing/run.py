"""Running tasks in the place of a worker."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any

from asgiref.sync import sync_to_async
from django.db import DatabaseError, connections, transaction
from django.test.testcases import DatabaseOperationForbidden  # type: ignore[attr-defined]

from .. import conf, running, stores
from ..outcome import Outcome, Succeeded
from ..stored_task import StoredTask
from .drain import Drain, store_now
from .runs import Endless, Ran, ReceiversFailed, Runs

__all__ = ["aliases", "arun_tasks", "run_one", "run_tasks"]

#: So many runs are taken for a loop, where no `max` is given.
MAX_RUNS = 1_000


def run_tasks(
    queue: str | Collection[str] | None = None,
    *,
    max: int | None = None,
    using: str | None = None,
    ahead: timedelta | float = 0,
    raises: bool = True,
) -> Runs:
    """Runs all tasks that are due, one after the other, and then those that are due because these ran; returns what ran.

    It needs no worker and no second connection: tasks are claimed, run and ended as by a worker, through Django's own
    connection, so it sees what a `TestCase` has not committed. Of the tasks that are due the higher priority comes first,
    then the one that has been due for longer, then the one that was sent first. Each runs in a context of its own, and, where
    a transaction is open, in a savepoint.

    Timeouts of asynchronous receivers are kept; others cannot be stopped here.

    `queue` limits it to one or several queues, `max` to a number of runs, `using` to one of the stores. A task that failed
    waits for its next attempt: `ahead`, seconds or a `timedelta`, says how far time is to be thought to go on, so
    `run_tasks(ahead=3600)` makes all attempts of an hour, without waiting.

    Raises `ReceiversFailed` at the end if a receiver failed, unless `raises` is false, and `Endless` after 1,000 runs if no
    `max` is given.
    """
    queues = [queue] if isinstance(queue, str) else queue
    span = int((ahead.total_seconds() if isinstance(ahead, timedelta) else ahead) * 1000)
    runs = Runs()
    with ExitStack() as stack:
        drains = []
        for alias in aliases(using):
            drains.append(Drain(alias))
            stack.callback(drains[-1].end)
        passed = 0
        while True:
            for task, drain in _due(drains, queues, lambda: passed):  # noqa: B023, read while it changes
                if len(runs) >= (MAX_RUNS if max is None else max):
                    drain.release(task)
                    if max is None:
                        raise Endless(runs, running.way_to(task))
                    return _judged(runs, raises)
                runs.append(run_one(drain, task, passed))
            waits = [due - store_now(drain.alias) for drain in drains if (due := drain.next_due(queues)) is not None]
            following = [wait for wait in waits if passed < wait <= span]
            if not following:
                return _judged(runs, raises)
            passed = min(following)


async def arun_tasks(queue: str | Collection[str] | None = None, **options: Any) -> Runs:
    """As `run_tasks`, from asynchronous code."""
    return await sync_to_async(run_tasks, thread_sensitive=True)(queue, **options)


def run_one(drain: Drain, task: StoredTask, passed: int = 0) -> Ran:
    """Runs `task`, which `drain` has claimed, and records what became of it. `passed` is how far time has gone on."""
    try:
        outcome = _in_savepoints(task, store_now(drain.alias) + passed)
    except BaseException:
        # Somebody has pressed Ctrl-C.
        drain.release(task)
        raise
    if not drain.finish(task, outcome, store_now(drain.alias) + passed):
        raise RuntimeError(
            f"task {task.id} of {task.receiver} was taken from this run while it ran, so its outcome was not recorded"
        )
    running.tell_finished(task, outcome)
    return Ran(task, outcome)


def _due(drains: list[Drain], queues: Any, passed: Any) -> Iterator[tuple[StoredTask, Drain]]:
    """What is due, as it is when it is asked for, store by store."""
    found = True
    while found:
        found = False
        for drain in drains:
            while (task := drain.claim(store_now(drain.alias) + passed(), queues)) is not None:
                found = True
                yield task, drain


def _judged(runs: Runs, raises: bool) -> Runs:
    if raises and runs.failed:
        raise ReceiversFailed(runs) from runs.failed[0].error
    return runs


def _in_savepoints(task: StoredTask, now: int) -> Outcome:
    """Runs `task`. Where a transaction is open it runs in a savepoint, so that an error of the database's breaks nothing.

    As in a worker, which runs receivers outside of transactions, what a failed receiver has written stays.
    """
    outcome: Outcome | None = None
    try:
        with _savepoints() as opened:
            outcome = running.run(task, now)
            broken = [alias for alias in opened if connections[alias].needs_rollback]
    except DatabaseError as error:
        # Released, the savepoint shows that the transaction is broken: the receiver has caught what broke it.
        if outcome is None or not isinstance(outcome, Succeeded):
            return _of(outcome, error)
        return running.failed_after_all(task, error, now)
    if broken and isinstance(outcome, Succeeded):
        problem = transaction.TransactionManagementError(
            f"the receiver returned, but a database error that it caught has broken the transaction of {broken[0]!r}"
        )
        return running.failed_after_all(task, problem, now)
    return outcome


def _of(outcome: Outcome | None, error: DatabaseError) -> Outcome:
    if outcome is None:
        raise error
    return outcome


@contextmanager
def _savepoints() -> Iterator[list[str]]:
    open_aliases = [each.alias for each in connections.all(initialized_only=True) if each.in_atomic_block]
    with ExitStack() as stack:
        for alias in open_aliases:
            block = transaction.atomic(using=alias)
            # In a worker there would be no block here: durable blocks are allowed, and saves are outside a transaction.
            block._from_testcase = True  # type: ignore[attr-defined]
            stack.enter_context(block)
        yield open_aliases


def aliases(using: str | None) -> list[str]:
    """The aliases to look at: one for each database that the test may use."""
    if using is not None:
        if not stores.is_store(using):
            raise ValueError(f"using={using!r}: that database holds no tasks. SIGNALPOST['STORES'] lists those that do.")
        return [using]
    found: list[str] = []
    forbidden: DatabaseOperationForbidden | None = None
    for alias in conf.current().stores:
        if any(stores.is_same_database(alias, other) for other in found):
            continue
        try:
            store_now(alias)
        except DatabaseOperationForbidden as error:
            # Nothing can have been written there, either.
            forbidden = error
            continue
        found.append(alias)
    if not found and forbidden is not None:
        raise forbidden
    return found
