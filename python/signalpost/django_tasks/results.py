"""Results: the rows of live and of ended tasks, as `django.tasks` shows them."""

from __future__ import annotations

import builtins
import json
import re
from datetime import datetime, timedelta, timezone
from typing import Any

from django.conf import settings
from django.db import connections
from django.tasks import TaskResult, TaskResultStatus
from django.tasks.base import TaskError
from django.tasks.exceptions import TaskResultDoesNotExist
from django.utils import timezone as django_timezone

from .. import codec
from ..stored_task import StoredTask
from .declared import CALLED, as_enqueued, named

__all__ = ["BEGAN", "RUN_AFTER", "GivenUp", "begun", "find", "local"]

#: The header of a task that was enqueued with `run_after`: its `run_at` is another one after a failure.
RUN_AFTER = "signalpost-run-after"
#: What the last line of a reason begins with, if it was written by a run that knew when it had begun.
BEGAN = "began at "
#: A worker of an attempt before the last one: only the last one's is recorded.
UNRECORDED = "unrecorded"

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_BEGAN = re.compile(rf"^{BEGAN}(\S+)$", re.MULTILINE)
#: What `settled` writes before the reason of the last failure.
_COUNTED = re.compile(r"failure \d+ of \d+: ")
_CLASS = re.compile(r"[^\W\d]\w*(?:\.(?:[^\W\d]\w*|<locals>))*(?=:|$)", re.MULTILINE)


class GivenUp(Exception):
    """What `errors` names where a task is FAILED and its function has raised nothing.

    Its process has died or was ended at the timeout, nobody knew the function, or somebody has cancelled the task. The
    traceback says which.
    """


GivenUp.__module__ = "signalpost.django_tasks"


def find(alias: str, result_id: object, backend: str) -> TaskResult:
    """What has become of a task of the store `alias`, that `backend` has enqueued.

    Raises `TaskResultDoesNotExist`, also for a task whose function is not declared here, or that the history has forgotten.
    """
    # Models can be imported only when apps are loaded, and tasks are declared before.
    from ..models import HistoryEntry, Task

    if not isinstance(result_id, str) or _ID.fullmatch(result_id) is None:
        raise TaskResultDoesNotExist(result_id)
    wanted: dict[str, Any] = {"send_id": result_id, "signal": CALLED, "sender": backend}
    if connections[alias].vendor == "postgresql":
        # Where live tasks have no index by their send.
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT task FROM signalpost_once WHERE send_id = %s AND signal = %s", [result_id, CALLED])
            found = cursor.fetchone()
        if found is None:
            raise TaskResultDoesNotExist(result_id)
        wanted["pk"] = found[0]
    # It may end between the two, and a dead one may be tried again.
    for model in (Task, HistoryEntry, Task):
        row = model._base_manager.using(alias).filter(**wanted).first()
        if row is not None:
            return _result_of(row, alias)
    raise TaskResultDoesNotExist(result_id)


def begun(stored: StoredTask, args: Any, kwargs: Any, began: datetime, worker: str) -> TaskResult:
    """What is known of a task while it runs. Raises `TaskResultDoesNotExist` if its function is not declared here."""
    return _made(
        stored,
        status=TaskResultStatus.RUNNING,
        began=began,
        finished=None,
        args=args,
        kwargs=kwargs,
        errors=[],
        worker=worker,
    )


def local(moment: datetime) -> datetime:
    """An aware time as Django's own `timezone.now()` would give it."""
    return moment if settings.USE_TZ else django_timezone.make_naive(moment)


def _result_of(row: Any, alias: str) -> TaskResult:
    state = getattr(row, "state", None)
    reason = row.reason or ""
    kept = _kept(row)
    args, kwargs = kept.get("args", ()), kept.get("kwargs", {})
    if row.payload is not None:
        try:
            _, args, kwargs = codec.decode_call(row.payload, alias)
        except codec.CannotDecode:
            # What it is dead of: its errors say so.
            pass
    status = TaskResultStatus.FAILED
    if state is None:
        status = TaskResultStatus.READY if row.worker is None else TaskResultStatus.RUNNING
    elif state == "succeeded":
        status = TaskResultStatus.SUCCESSFUL
    result = _made(
        row,
        status=status,
        # The reason of a live task is that of an attempt before.
        began=_moment(kept.get("started_at")) or (None if status == TaskResultStatus.RUNNING else _began(reason)),
        finished=getattr(row, "finished", None),
        args=args,
        kwargs=kwargs,
        errors=_errors(reason, status == TaskResultStatus.FAILED),
        worker=row.worker or UNRECORDED,
    )
    object.__setattr__(result, "_return_value", kept.get("return_value"))
    return result


def _made(
    row: Any,
    *,
    status: TaskResultStatus,
    began: datetime | None,
    finished: datetime | None,
    args: Any,
    kwargs: Any,
    errors: list[TaskError],
    worker: str,
) -> TaskResult:
    task = named(row.receiver)
    if task is None:
        raise TaskResultDoesNotExist(f"{row.send_id}: no task is called {row.receiver!r} here. Is its module imported?")
    headers = json.loads(row.headers) if RUN_AFTER in row.headers else {}
    run_after = headers.get(RUN_AFTER)
    began = None if began is None else local(began)
    return TaskResult(
        task=as_enqueued(
            task,
            priority=row.priority,
            queue_name=row.queue,
            backend=row.sender,
            # As it was given: with its own offset, or without one.
            run_after=None if run_after is None else datetime.fromisoformat(run_after),
        ),
        id=row.send_id,
        status=status,
        enqueued_at=local(_EPOCH + timedelta(milliseconds=row.created_at)),
        started_at=began,
        last_attempted_at=began,
        finished_at=None if finished is None else local(finished),
        args=list(args),
        kwargs=kwargs,
        backend=row.sender,
        errors=errors,
        worker_ids=[UNRECORDED] * (row.attempt - 1) + [worker] * min(row.attempt, 1),
    )


def _kept(row: Any) -> dict[str, Any]:
    """What its run has written down of a success; nothing if that was too large."""
    text = getattr(row, "result", None)
    kept = None if text is None else codec.decode(text)
    return kept if isinstance(kept, dict) else {}


def _began(reason: str) -> datetime | None:
    written = _BEGAN.findall(reason)
    return _moment(written[-1]) if written else None


def _moment(text: Any) -> datetime | None:
    try:
        return None if text is None else datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None


def _errors(reason: str, is_failed: bool) -> list[TaskError]:
    """Those of the last attempt that failed: the others' are not recorded."""
    said = _BEGAN.sub("", _COUNTED.sub("", reason, count=1)).rstrip("\n")
    raised = _class_in(said)
    if raised is None and not is_failed:
        # A note of the store's: that nobody knew the function, say.
        return []
    if raised is None:
        return [TaskError(exception_class_path=f"{GivenUp.__module__}.{GivenUp.__qualname__}", traceback=said)]
    return [TaskError(exception_class_path=raised, traceback=_as_traceback(said))]


def _as_traceback(reason: str) -> str:
    """In Python's order: what an exception came from before it, and its calls before its message."""
    shown = []
    for part in reversed(reason.split("\n\nfrom ")):
        lines = part.split("\n")
        calls = next((number for number, line in enumerate(lines) if line.startswith("  ")), len(lines))
        shown.append("\n".join([*lines[calls:], *lines[:calls]]) + "\n")
    return "\n".join(shown)


def _class_in(reason: str) -> str | None:
    """The path of the exception that a reason begins with; those of `builtins` stand there without a module."""
    found = _CLASS.match(reason)
    if found is None:
        return None
    name = found[0]
    if "." in name:
        return name
    known = getattr(builtins, name, None)
    return f"builtins.{name}" if isinstance(known, type) and issubclass(known, BaseException) else None
