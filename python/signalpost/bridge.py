"""Bridges: other people's tasks as receivers. Celery's, RQ's, and those of `django.tasks`."""

from __future__ import annotations

import datetime
import decimal
import logging
import math
import uuid
from collections.abc import Callable, Mapping
from enum import Enum
from functools import partial
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.models import Model
from django.dispatch import Signal
from django.utils.duration import duration_iso_string
from django.utils.functional import Promise

from . import senders
from .codec import CannotTravel
from .signal_names import built_in, name_of

__all__ = ["Bridge", "bridge"]

logger = logging.getLogger("signalpost")

#: As for payloads.
MAX_DEPTH = 64

#: Kept for good, because Django holds receivers weakly and nobody else holds these.
_bridges: dict[tuple[int, int], Bridge] = {}


def bridge(task: Any, arguments: Callable[..., Mapping[str, Any]] | None = None) -> Bridge:
    """A receiver that hands the signal over to `task`, of another task system, after the commit:

        post_save.connect(bridge(reindex), sender=Article)

    `task` has `delay(**kwargs)`, as Celery's and RQ's do, or `enqueue(**kwargs)`, as those of `django.tasks`. It is called with
    plain JSON: `sender` is a label (`"news.Article"`), an instance is its primary key under its own keyword (`instance=7`),
    dates, decimals and UUIDs are texts, sets and tuples are lists. What has no such form is named, as by a background
    receiver: dropped with a warning for Django's own signals, `CannotTravel` for others. Where that is not what the task
    wants, `arguments(sender=…, **named)` returns its keyword arguments.

    This is weaker than a task of signalpost: a crash between the commit and the broker loses it. One task has one bridge,
    so `disconnect(bridge(reindex))` works.

    Raises `TypeError` for what is no task.
    """
    key = (id(task), id(arguments))
    if key not in _bridges:
        _bridges[key] = Bridge(task, arguments)
    return _bridges[key]


class Bridge:
    """Made by `bridge`."""

    def __init__(self, task: Any, arguments: Callable[..., Mapping[str, Any]] | None) -> None:
        if not (callable(getattr(task, "delay", None)) or callable(getattr(task, "enqueue", None))):
            raise TypeError(
                f"{task!r} is no task: it has neither delay(), as Celery's tasks, nor enqueue(), as those of django.tasks"
            )
        if arguments is not None and not callable(arguments):
            raise TypeError(f"arguments= must be a function that returns keyword arguments, and is {arguments!r}")
        self.task = task
        self.arguments = arguments
        # Django names receivers in its log by these.
        function = getattr(task, "func", None) or getattr(task, "run", None) or task
        self.__name__ = getattr(function, "__name__", None) or type(task).__name__
        self.__qualname__ = f"bridge({getattr(function, '__qualname__', self.__name__)})"
        self.__module__ = getattr(function, "__module__", type(task).__module__)
        self._said: set[tuple[str | None, str]] = set()

    def __repr__(self) -> str:
        return f"<bridge to {self.task!r}>"

    def __call__(self, signal: Signal, sender: Any, **named: Any) -> None:
        """As a receiver."""
        if senders.is_excluded(sender):
            return
        if self.arguments is None:
            kwargs = self._plain(signal, {"sender": senders.label_of(sender), **named})
        else:
            kwargs = _plain(dict(self.arguments(sender=sender, **named)), "$")
        transaction.on_commit(partial(self._hand_over, kwargs), using=_alias(named))

    def _hand_over(self, kwargs: dict[str, Any]) -> None:
        call = getattr(self.task, "delay", None) or self.task.enqueue
        call(**kwargs)

    def _plain(self, signal: Signal, named: dict[str, Any]) -> dict[str, Any]:
        kwargs = {}
        for name, value in named.items():
            try:
                kwargs[name] = _plain(value, f"$.named.{name}")
            except CannotTravel as error:
                if built_in(signal) is None:
                    raise
                said = (name_of(signal, default=None), name)
                if said not in self._said:
                    self._said.add(said)
                    logger.warning("%r does not get %r of %s: it %s", self, name, said[0], error.reason)
        return kwargs


def _alias(named: dict[str, Any]) -> str:
    """Whose commit is awaited."""
    using = named.get("using")
    if isinstance(using, str) and using in connections.settings:
        return using
    for value in named.values():
        if isinstance(value, Model) and value._state.db is not None:
            return value._state.db
    return DEFAULT_DB_ALIAS


def _plain(value: Any, path: str, depth: int = 0) -> Any:
    """`value` as plain JSON. Raises `CannotTravel`."""
    if depth > MAX_DEPTH:
        raise CannotTravel(path, f"is nested deeper than {MAX_DEPTH} levels")
    inner = partial(_plain, depth=depth + 1)
    match value:
        case None | bool():
            return value
        case Enum():
            return inner(value.value, path)
        case int() | str():
            return value
        case float() if math.isfinite(value):
            return value
        case Model():
            return inner(value.pk, path)
        case type():
            return senders.label_of(value)
        case datetime.datetime() | datetime.date() | datetime.time():
            return value.isoformat()
        case datetime.timedelta():
            return duration_iso_string(value)
        case decimal.Decimal() | uuid.UUID() | Promise():
            return str(value)
        case dict() if all(isinstance(key, str) for key in value):
            return {key: inner(each, f"{path}.{key}") for key, each in value.items()}
        case set() | frozenset():
            # The same order every time, whatever the members are.
            return sorted((inner(each, path) for each in value), key=repr)
        case list() | tuple():
            return [inner(each, f"{path}[{index}]") for index, each in enumerate(value)]
    kind = type(value)
    raise CannotTravel(path, f"is a {kind.__module__}.{kind.__qualname__}, which plain JSON has no form for")
