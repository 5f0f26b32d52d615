"""Tasks that wait."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db import models

from .. import codec
from ..immediate import is_immediate
from ..models import HistoryEntry, Task
from ..senders import label_of
from .naming import is_named, shown
from .run import aliases
from .sends import ANY, matches

__all__ = ["Enqueued", "assertEnqueues", "assertNoTaskEnqueued", "assertTaskEnqueued", "assertTasksEnqueued", "enqueued"]

#: How many tasks a message shows, and how much of a payload.
SHOWN = 20
SHOWN_OF_PAYLOAD = 120


class Enqueued:
    """A task that waits. It is shown as a line."""

    def __init__(self, task: Task, using: str) -> None:
        #: The row.
        self.task = task
        self.using = using

    @property
    def queue(self) -> str:
        """The queue's name."""
        return self.task.queue

    @property
    def priority(self) -> int:
        """-100 to 100."""
        return self.task.priority

    @property
    def arguments(self) -> codec.Decoded:
        """What it was sent or called with: `sender`, `args` and `named`, as the receiver would be given them. Instances are
        read again."""
        return codec.decode_call(self.task.payload, self.using)

    def __repr__(self) -> str:
        task, payload = self.task, self.task.payload
        cut = payload if len(payload) <= SHOWN_OF_PAYLOAD else f"{payload[:SHOWN_OF_PAYLOAD]}…"
        return f"#{task.pk} {task.signal} → {task.receiver}, queue {task.queue!r}: {cut}"


def enqueued(*, using: str | None = None) -> list[Enqueued]:
    """The tasks that wait, due or not, in the order in which they were sent."""
    return [
        Enqueued(task, alias)
        for alias in aliases(using)
        for task in Task.objects.using(alias).filter(worker=None).order_by("pk")
    ]


def assertTaskEnqueued(receiver: Any, *args: Any, **wanted: Any) -> Enqueued:
    """That exactly one task of `receiver` waits, and returns it.

    `receiver` is a function, a task, a background signal, a name, or the last parts of one. Of what follows, `queue`,
    `priority`, `signal`, `sender` and `using` are the task's; all other keywords, and positional arguments of a task that was
    called, are what it was sent or called with, among others. Arguments called like these stand in `named={…}`.
    """
    return assertTasksEnqueued(receiver, 1, *args, **wanted)[0]


def assertTasksEnqueued(receiver: Any, count: int, *args: Any, using: str | None = None, **wanted: Any) -> list[Enqueued]:
    """As `assertTaskEnqueued`, for a number of tasks; returns them in the order in which they were sent."""
    return _assert_among(enqueued(using=using), receiver, count, args, **wanted)


def assertNoTaskEnqueued(receiver: Any = None, *, using: str | None = None) -> None:
    """That no task of `receiver` waits; without one, that none waits at all."""
    waiting = enqueued(using=using)
    if receiver is not None:
        _assert_among(waiting, receiver, 0, ())
    elif waiting:
        raise AssertionError(f"No task was to wait; {_listed(waiting)}")


@contextmanager
def assertEnqueues(
    receiver: Any, *args: Any, count: int = 1, using: str | None = None, **wanted: Any
) -> Iterator[list[Enqueued]]:
    """As `assertTasksEnqueued`, for the tasks that are sent within. The list that is yielded has them afterwards."""
    before = {alias: _newest(alias) for alias in aliases(using)}
    found: list[Enqueued] = []
    yield found
    since = [task for task in enqueued(using=using) if task.task.pk > before[task.using]]
    found += _assert_among(since, receiver, count, args, **wanted)


def _newest(alias: str) -> int:
    newest = [model.objects.using(alias).aggregate(newest=models.Max("pk"))["newest"] for model in (Task, HistoryEntry)]
    return max(each or 0 for each in newest)


def _assert_among(
    waiting: list[Enqueued],
    receiver: Any,
    count: int,
    args: tuple[Any, ...],
    *,
    queue: str | None = None,
    priority: int | None = None,
    signal: Any = None,
    sender: Any = ANY,
    named: Mapping[str, Any] | None = None,
    **more: Any,
) -> list[Enqueued]:
    arguments = {**(named or {}), **more}

    def is_meant(task: Enqueued) -> bool:
        row = task.task
        if not is_named(receiver, row.receiver, row.signal):
            return False
        if (queue is not None and row.queue != queue) or (priority is not None and row.priority != priority):
            return False
        if signal is not None and not is_of(signal, row.signal):
            return False
        if sender is not ANY and row.sender != label_of(sender):
            return False
        if not args and not arguments:
            return True
        had = task.arguments
        return (not args or had.args == args) and matches(had.named, arguments)

    found = [task for task in waiting if is_meant(task)]
    if len(found) == count:
        return found
    said = {"queue": queue, "priority": priority, "signal": signal, **arguments}
    if sender is not ANY:
        said["sender"] = label_of(sender)
    if args:
        said["args"] = args
    conditions = ", ".join(f"{name}={value!r}" for name, value in said.items() if value is not None)
    hint = "\nhint: immediate mode is on, and runs each task inside its send" if is_immediate() else ""
    raise AssertionError(
        f"{_tasks(count)} of {shown(receiver)} {'was' if count < 2 else 'were'} to wait{' with ' * bool(conditions)}{conditions}, "
        f"and {_tasks(len(found))} of that kind {'does' if len(found) < 2 else 'do'}; {_listed(waiting)}{hint}"
    )


def is_of(signal: Any, name: str) -> bool:
    """Whether `name` is that of `signal`, which is one or a name itself."""
    from ..signal_names import names_of

    return name == signal if isinstance(signal, str) else name in names_of(signal)


def _tasks(count: int) -> str:
    return {0: "no task", 1: "1 task"}.get(count, f"{count} tasks")


def _listed(waiting: list[Enqueued]) -> str:
    more = ["…"] if len(waiting) > SHOWN else []
    head = f"what waits: {_tasks(len(waiting))}"
    return "\n  ".join([head, *map(repr, waiting[:SHOWN]), *more])
