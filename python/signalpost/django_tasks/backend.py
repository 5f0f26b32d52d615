"""The backend: what `TASKS` names."""

from __future__ import annotations

import json
import math
from datetime import datetime, timezone
from functools import partial
from typing import Any

from django.core.checks import CheckMessage
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.tasks import Task, TaskResult, TaskResultStatus, task_backends
from django.tasks.backends.base import BaseTaskBackend
from django.tasks.exceptions import InvalidTask, InvalidTaskBackend, TaskResultDoesNotExist
from django.tasks.signals import task_enqueued
from django.utils import timezone as django_timezone

from .. import _native, codec, conf, current, immediate, installation, outbox, registry, stores
from ..options import DeclarationError, Options, check_name
from .declared import CALLED, SignalpostTask, declare
from .results import RUN_AFTER, find, local

__all__ = ["SignalpostBackend"]

#: What OPTIONS may hold.
OPTIONS = ("max_attempts", "timeout", "using")


class SignalpostBackend(BaseTaskBackend):
    """Enqueues tasks of `django.tasks` as rows of signalpost, in the transaction that is open. `signalpost_worker` runs them.

    `OPTIONS` may hold `max_attempts` (1), `timeout` in seconds (`SIGNALPOST["TIMEOUT"]`), and `using`, the alias of the
    database (the one that routers choose for signalpost's models).
    """

    task_class = SignalpostTask
    supports_defer = True
    supports_async_task = True
    supports_get_result = True
    supports_priority = True

    def __init__(self, alias: str, params: dict[str, Any]) -> None:
        """Raises `InvalidTaskBackend` for options that cannot be."""
        super().__init__(alias, params)
        who = f"TASKS[{alias!r}]"
        unknown = sorted(set(self.options) - set(OPTIONS))
        if unknown:
            raise InvalidTaskBackend(f"{who}: OPTIONS cannot hold {', '.join(unknown)}. It may hold {', '.join(OPTIONS)}.")
        try:
            self._said = Options.checked(who, **self.options)
            for queue in self.queues:
                check_name(who, "a name in QUEUES", queue)
        except DeclarationError as error:
            raise InvalidTaskBackend(str(error)) from error

    def max_attempts_of(self, task: Task) -> int:
        """After how many failures `task` is FAILED. As Django promises, after one, unless somebody has said more."""
        return getattr(task, "max_attempts", None) or self._said.max_attempts or 1

    def timeout_of(self, task: Task) -> float | None:
        """After how many seconds a run of `task` is told to stop. None: never."""
        timeout: float | None = getattr(task, "timeout", None) or self._said.timeout
        return conf.current().timeout if timeout is None else timeout

    def validate_task(self, task: Task) -> None:
        """Raises `InvalidTask` for what cannot be enqueued here. What can is made known to workers."""
        super().validate_task(task)
        try:
            check_name(task.module_path, "its queue", task.queue_name)
        except DeclarationError as error:
            raise InvalidTask(str(error)) from error
        declare(task)

    def enqueue(self, task: Task, args: Any, kwargs: Any) -> TaskResult:
        """Writes a task with one INSERT, in the transaction that is open, and returns its result as it is then: READY.

        Raises `InvalidTask`, `TypeError` for arguments that JSON has no form for, `signalpost.TooDeep`, and what the
        database raises.
        """
        self.validate_task(task)
        if not installation.is_installed():
            raise ImproperlyConfigured(
                f"TASKS[{self.alias!r}] is signalpost's backend: add 'signalpost' to INSTALLED_APPS and run migrate"
            )
        result: TaskResult = TaskResult(
            task=task,
            id=_native.uuid7(),
            status=TaskResultStatus.READY,
            enqueued_at=local(datetime.now(timezone.utc)),
            started_at=None,
            last_attempted_at=None,
            finished_at=None,
            args=args,
            kwargs=kwargs,
            backend=self.alias,
            errors=[],
            worker_ids=[],
        )
        headers, parent, depth = current.context_for_send(task.module_path)
        if task.run_after is not None:
            headers = json.dumps({**json.loads(headers), RUN_AFTER: task.run_after.isoformat()})
        row = outbox.NewTask(
            signal=CALLED,
            sender=self.alias,
            receiver=task.module_path,
            queue=task.queue_name,
            priority=int(task.priority),
            payload=codec.encode_named(None, result.kwargs, True, tuple(result.args)).payload,
            send_id=result.id,
            run_at=None if task.run_after is None else _milliseconds(task.run_after),
            headers=headers,
            parent=parent,
            depth=depth,
        )
        destination = stores.choose(self._said.using, None)
        tell = partial(task_enqueued.send_robust, type(self), task_result=result)
        outbox.put_findable(connections[destination.alias], destination.after, row, task.func, tell)
        if immediate.is_immediate() and destination.after is None:
            # As it is when `enqueue` returns. Inside another task's run this one still waits.
            result.refresh()
        return result

    def get_result(self, result_id: str) -> TaskResult:
        """What has become of a task of this backend: from the live tasks and the history, for as long as that is kept.

        Raises `TaskResultDoesNotExist`.
        """
        aliases = conf.current().stores
        if self._said.using is not None:
            aliases = (stores.choose(self._said.using, None).alias,)
        for alias in aliases:
            try:
                return find(alias, result_id, self.alias)
            except TaskResultDoesNotExist as error:
                missing = error
        raise missing

    def check(self, **kwargs: Any) -> list[CheckMessage]:
        """For `manage.py check`."""
        from ..checks.django_tasks import check_backend

        return check_backend(self)


def _milliseconds(moment: datetime) -> int:
    aware = moment if django_timezone.is_aware(moment) else django_timezone.make_aware(moment)
    # Not due before its time because a part of a millisecond was cut.
    return math.ceil(aware.timestamp() * 1000)


def _queues() -> set[str]:
    """The queues of all backends of ours, for workers to serve."""
    backends = (task_backends[alias] for alias in task_backends.settings)
    return {queue for backend in backends if isinstance(backend, SignalpostBackend) for queue in backend.queues}


registry.more_queues.append(_queues)
