"""Runs: what a worker calls for a row of `django.tasks`, with Django's signals around the function."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from dataclasses import replace
from datetime import datetime, timezone
from traceback import format_exception
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.tasks import Task, TaskContext, TaskResult, TaskResultStatus, task_backends
from django.tasks.base import TaskError
from django.tasks.exceptions import InvalidTaskBackend
from django.tasks.signals import task_finished, task_started
from django.utils.json import normalize_json

from .. import codec
from ..calls import of_error
from ..outcome import Dead, Outcome, Succeeded, settled
from ..reason import MAX_REASON, readable
from ..stored_task import StoredTask
from ..targets import Missing, Target, of_signal
from .declared import CALLED, named
from .results import BEGAN, begun, local

__all__ = ["target_of"]

logger = logging.getLogger("signalpost")

#: Room in a reason for what is written around it.
AROUND = 200


def target_of(stored: StoredTask) -> Target:
    """What a row of `django.tasks` runs. Raises `Missing`."""
    from .backend import SignalpostBackend

    task = named(stored.receiver)
    if task is None:
        raise Missing(f"no task of django.tasks is called {stored.receiver!r} here. Is the module that declares it imported?")
    alias = task.backend if stored.sender is None else stored.sender
    try:
        backend = task_backends[alias]
    except InvalidTaskBackend as error:
        raise Missing(f"TASKS has no backend {alias!r} here, which has enqueued {stored.receiver!r}: {error}") from error
    if not isinstance(backend, SignalpostBackend):
        # Only a row that names no backend may be of a task that was declared on another one.
        if stored.sender is not None:
            raise Missing(f"TASKS[{alias!r}] is not signalpost's backend here, and it has enqueued {stored.receiver!r}")
        return Target(task.func, None, 1)
    max_attempts, timeout = backend.max_attempts_of(task), backend.timeout_of(task)
    run = _Run(task, type(backend), stored, max_attempts)
    is_async = iscoroutinefunction(task.func)
    calls = run.acalled if is_async else run.called
    return Target(task.func, None, max_attempts, timeout, is_async=is_async, calls=calls)


of_signal[CALLED] = target_of


class _Run:
    """One run of a task. What is called returns the run's outcome."""

    def __init__(self, task: Task, sender: type, stored: StoredTask, max_attempts: int) -> None:
        self._task = task
        self._sender = sender
        self._stored = stored
        self._max_attempts = max_attempts

    def called(self, *args: Any, **kwargs: Any) -> Outcome:
        """Of a synchronous function."""
        began, result = self._begin(args, kwargs)
        self._tell(task_started, result)
        try:
            returned = normalize_json(self._task.func(*self._context(result), *args, **kwargs))
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            outcome = _failed(error, began)
            if self._fail(result, error):
                # Here, where the exception is at hand: Django logs it.
                self._tell(task_finished, result)
            return outcome
        self._succeed(result, returned)
        self._tell(task_finished, result)
        return self._succeeded(result, returned, began)

    async def acalled(self, *args: Any, **kwargs: Any) -> Outcome:
        """Of an asynchronous one."""
        began, result = self._begin(args, kwargs)
        try:
            await self._atell(task_started, result)
            returned = normalize_json(await self._task.func(*self._context(result), *args, **kwargs))
        except KeyboardInterrupt:
            raise
        except asyncio.CancelledError as error:
            # By its timeout, which is told to whoever has called us.
            if self._fail(result, TimeoutError("it was stopped at its timeout").with_traceback(error.__traceback__)):
                await self._atell(task_finished, result)
            raise
        except BaseException as error:
            # First: asgiref takes the exception with it into a thread, and adds calls of its own to it.
            outcome = _failed(error, began)
            if self._fail(result, error):
                await self._atell(task_finished, result)
            return outcome
        self._succeed(result, returned)
        await self._atell(task_finished, result)
        return self._succeeded(result, returned, began)

    def _begin(self, args: Any, kwargs: Any) -> tuple[datetime, TaskResult]:
        began = datetime.now(timezone.utc)
        # In the milliseconds of the store, so that nothing seems to have ended before it began.
        began = began.replace(microsecond=began.microsecond // 1000 * 1000)
        return began, begun(self._stored, args, kwargs, began, f"{socket.gethostname()}:{os.getpid()}")

    def _context(self, result: TaskResult) -> list[TaskContext]:
        return [TaskContext(task_result=result)] if self._task.takes_context else []

    # A listener that fails is logged and changes nothing.
    def _tell(self, signal: Any, result: TaskResult) -> None:
        signal.send_robust(self._sender, task_result=result)

    async def _atell(self, signal: Any, result: TaskResult) -> None:
        await signal.asend_robust(self._sender, task_result=result)

    def _fail(self, result: TaskResult, error: BaseException) -> bool:
        """Notes the failure. Whether it was the last one."""
        kind = type(error)
        path = f"{kind.__module__}.{kind.__qualname__}"
        result.errors.append(TaskError(exception_class_path=path, traceback="".join(format_exception(error))))
        is_last = isinstance(settled(self._stored, self._max_attempts, of_error(error), None), Dead)
        if is_last:
            _set(result, status=TaskResultStatus.FAILED, finished_at=local(datetime.now(timezone.utc)))
        return is_last

    def _succeed(self, result: TaskResult, returned: Any) -> None:
        now = local(datetime.now(timezone.utc))
        _set(result, status=TaskResultStatus.SUCCESSFUL, finished_at=now, _return_value=returned)

    def _succeeded(self, result: TaskResult, returned: Any, began: datetime) -> Succeeded:
        kept = {"return_value": returned, "started_at": began.isoformat()}
        try:
            # A success keeps its payload no longer, and its result shows the arguments.
            return Succeeded(codec.encode({**kept, "args": result.args, "kwargs": result.kwargs}))
        except codec.CannotTravel:
            pass
        try:
            return Succeeded(codec.encode(kept))
        except codec.CannotTravel as error:
            # It has succeeded, and must not run again for this.
            who = (self._stored.id, self._stored.receiver)
            logger.error("Task %s of %s has succeeded; its result is not kept: %s", *who, error)
            return Succeeded()


def _failed(error: BaseException, began: datetime) -> Outcome:
    outcome: Any = of_error(error)
    reason = readable(outcome.reason, MAX_REASON - AROUND)
    return replace(outcome, reason=f"{reason}\n{BEGAN}{began.isoformat()}")


def _set(result: TaskResult, **fields: Any) -> None:
    for name, value in fields.items():
        object.__setattr__(result, name, value)
