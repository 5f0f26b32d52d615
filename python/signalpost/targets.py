"""What a task's row names, among what this process has registered. Nothing is imported because a row names it."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

from asgiref.sync import iscoroutinefunction
from django.dispatch import Signal

from . import conf, registry
from .background_signal import AsyncSignal
from .current import TASK_SIGNAL
from .signal_names import UnknownSignal, signal_named
from .stored_task import ALL_RECEIVERS, StoredTask

__all__ = ["Missing", "Target", "find", "name_of_receiver", "names_of_receivers", "of_signal"]


#: In bytes. A number has room behind it, within the 200 of a name.
MAX_PLAIN_NAME = 180


class Missing(LookupError):
    """What a row names is not known here. Another process may know it."""


class Target(NamedTuple):
    """What a task runs, and how it wants to be treated."""

    #: The function as it was declared, the task, or the background signal.
    runs: Any
    #: What was sent; None for a task that was called.
    signal: Signal | None
    max_attempts: int
    timeout: float | None = None
    keep_result: bool = False
    #: Whether what it runs is asynchronous, as far as can be seen.
    is_async: bool = False
    #: What is called instead of `runs`, with the arguments, and returns the outcome.
    calls: Callable[..., Any] | None = None


#: Who knows what a row runs that stands under a name which is no signal's.
of_signal: dict[str, Callable[[StoredTask], Target]] = {}


def find(task: StoredTask) -> Target:
    """What `task` runs. Raises `Missing`."""
    if task.signal in of_signal:
        return of_signal[task.signal](task)
    signal = _signal_of(task)
    default = conf.current().max_attempts
    if task.receiver == ALL_RECEIVERS:
        if not isinstance(signal, AsyncSignal):
            raise Missing(f"{task.signal!r} is not a background signal here, and its task is for all of its receivers")
        return Target(signal, signal, default, conf.current().timeout)
    known = registry.get(task.receiver)
    if known is not None:
        return Target(known.function, signal, known.max_attempts, known.timeout, known.keep_result, known.is_async)
    if isinstance(signal, AsyncSignal):
        # One that failed beside the others of a background signal: an ordinary receiver, that nobody has registered.
        receivers = names_of_receivers(signal)
        if task.receiver in receivers:
            found = receivers[task.receiver]
            return Target(found, signal, default, conf.current().timeout, is_async=iscoroutinefunction(found))
    raise Missing(f"no background receiver or task is called {task.receiver!r} here. Is the module that declares it imported?")


def _signal_of(task: StoredTask) -> Signal | None:
    if task.signal == TASK_SIGNAL:
        return None
    try:
        return signal_named(task.signal)
    except UnknownSignal as error:
        raise Missing(str(error)) from None


def names_of_receivers(signal: Signal) -> dict[str, Callable[..., Any]]:
    """The receivers of `signal`, whatever their senders, by names under which the same code finds them in every process.

    A name is module and qualified name. Where several have one, as lambdas do, the later ones are numbered.
    """
    found: dict[str, Callable[..., Any]] = {}
    with signal.lock:
        entries = list(signal.receivers)
    for _key, reference, *_rest in entries:
        receiver = reference() if isinstance(reference, weakref.ReferenceType) else reference
        if receiver is None or receiver in found.values():
            continue
        name = plain = name_of_receiver(receiver)
        number = 1
        while name in found:
            number += 1
            name = f"{plain}#{number}"
        found[name] = receiver
    return found


def name_of_receiver(receiver: Any) -> str:
    """Module and qualified name of a receiver that nobody has registered."""
    # A partial has no name, and neither has an object that can be called.
    named = getattr(receiver, "func", receiver)
    named = named if hasattr(named, "__qualname__") else type(named)
    return f"{named.__module__}.{named.__qualname__}".encode()[:MAX_PLAIN_NAME].decode(errors="ignore")
