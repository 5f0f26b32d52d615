"""Declared tasks: what `@task` of `django.tasks` has made, by the names that rows have for them.

A name is module and qualified name of the function, as Django's `module_path`. A task is known here because it was made on one
of our backends, or because a module that is loaded holds it. Nothing is imported because a row names it.
"""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from django.apps import apps as django_apps
from django.tasks import Task
from django.tasks.exceptions import InvalidTask

from .. import registry
from ..options import DeclarationError, Options, check_name
from ..place import outside_frame, place_of
from ..receiver import BackgroundReceiver, ConnectedLate

__all__ = ["CALLED", "SignalpostTask", "as_enqueued", "declare", "named"]

#: What stands in the column `signal` of these tasks. In `sender` stands the alias of the backend.
CALLED = "django.tasks"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalpostTask(Task):
    """A task that was declared on one of our backends. On Django 6.1 `@task(max_attempts=5, timeout=30)` says more of it."""

    #: After how many failures it is FAILED. None: what the backend's OPTIONS say.
    max_attempts: int | None = None
    #: After how many seconds a run is told to stop. None: what the backend's OPTIONS say.
    timeout: float | None = None


#: Made on one of our backends.
_declared: dict[str, Task] = {}


def declare(task: Task) -> None:
    """Makes `task` known to workers, unless it is.

    Raises `InvalidTask` for what cannot stand in a row, and if another function has its name.
    """
    name = task.module_path
    known = _declared.get(name)
    if known is not None and known.func is task.func and registry.registered(name) is not None:
        return
    before = _held_by_a_module(name)
    if before is not None and before.func is task.func:
        # What comes from `using()` is another one. What is declared is the first.
        task = before
    try:
        check_name(name, "its name", name)
        place = place_of(task.func)
        options = Options.checked(f"{place}: {name}", queue=task.queue_name, **_said(task))
        receiver = BackgroundReceiver(task.func, options, name, place)
        receiver.called_by = CALLED
        receiver.is_late = django_apps.ready and before is None
        _register(task, receiver)
    except DeclarationError as error:
        raise InvalidTask(str(error)) from error
    if receiver.is_late:
        _warn_late(name)


def named(name: str) -> Task | None:
    """The task of this name, if it was declared here."""
    return _declared.get(name) or _held_by_a_module(name)


def as_enqueued(task: Task, *, priority: int, queue_name: str, backend: str, run_after: datetime | None) -> Task:
    """`task` as it was when it was enqueued: what `using()` had changed of it.

    It is not validated: what was enqueued was valid then, and must not be lost because queues have been renamed since.
    """
    changed = {"priority": priority, "queue_name": queue_name, "backend": backend, "run_after": run_after}
    if all(getattr(task, name) == value for name, value in changed.items()):
        return task
    made = object.__new__(type(task))
    for each in fields(task):
        object.__setattr__(made, each.name, changed.get(each.name, getattr(task, each.name)))
    return made


def _said(task: Task) -> dict[str, Any]:
    return {name: getattr(task, name, None) for name in ("max_attempts", "timeout")}


def _register(task: Task, receiver: BackgroundReceiver) -> None:
    known = registry.registered(receiver.name)
    # The same function may be a background receiver too. The rows of both tell themselves apart.
    if known is None or known.function is not receiver.function:
        registry.register(receiver)
    _declared[receiver.name] = task


def _found(name: str) -> BackgroundReceiver | None:
    """For the registry: a task that a loaded module holds, and that was declared on another backend.

    `task.using(backend=…)` may have enqueued it on ours, in another process.
    """
    task = _held_by_a_module(name)
    if task is None:
        return None
    found = BackgroundReceiver(task.func, Options(queue=task.queue_name), name, place_of(task.func))
    found.called_by = CALLED
    return found


registry.finders.append(_found)


def _held_by_a_module(name: str) -> Task | None:
    """The task that stands under this name in a module that is loaded.

    Looked up in the dictionaries of module and classes: `getattr` could run a module's `__getattr__`, which may import.
    """
    parts = name.split(".")
    for length in range(len(parts) - 1, 0, -1):
        holder: Any = sys.modules.get(".".join(parts[:length]))
        if holder is None:
            continue
        for part in parts[length:]:
            try:
                holder = vars(holder).get(part)
            except TypeError:
                return None
        return holder if isinstance(holder, Task) and holder.module_path == name else None
    return None


def _warn_late(name: str) -> None:
    frame = outside_frame()
    warnings.warn_explicit(
        f"{name} is declared after Django has started: a worker that does not import {frame.f_globals.get('__name__')} does not "
        "know it. Declare it in a module `tasks` of an installed app, or import its module there.",
        ConnectedLate,
        frame.f_code.co_filename,
        frame.f_lineno,
        registry=frame.f_globals.setdefault("__warningregistry__", {}),
    )
