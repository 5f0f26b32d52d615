"""Leaving one receiver out."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.dispatch import Signal

from ..receiver import BackgroundReceiver

__all__ = ["mute"]


@contextmanager
def mute(receiver: Any, *signals: Signal) -> Iterator[None]:
    """Within, `receiver` is not called, and no task is written for it. A context manager, and a decorator for functions.

    It is a function, a method, a task or its `delay`; inline or in the background. `signals` limits it to some; without
    them it is all to which it is connected. The other receivers of these signals, and their order, stay as they are. Tasks
    that wait already are not concerned.

    Raises `ValueError` if it is connected to none of them, which would mute nothing.
    """
    taken = [(signal, *found) for signal in signals or _all_signals() for found in _take(signal, receiver)]
    if not taken:
        among = f"the {len(signals)} signals that were given" if signals else "any signal"
        raise ValueError(f"{receiver!r} is not connected to {among}, so there is nothing to mute")
    try:
        yield
    finally:
        for signal, entry, before in reversed(taken):
            _put_back(signal, entry, before)


def _take(signal: Signal, receiver: Any) -> list[tuple[Any, list[Any]]]:
    """Takes the receiver's entries out of the signal's list; returns each with the keys that stood before it."""
    taken = []
    with signal.lock:
        for entry in list(signal.receivers):
            if _is_of(entry, receiver):
                index = signal.receivers.index(entry)
                taken.append((entry, [key for key, *_ in signal.receivers[:index]]))
                del signal.receivers[index]
        if taken:
            signal.sender_receivers_cache.clear()
    return taken


def _put_back(signal: Signal, entry: Any, before: list[Any]) -> None:
    with signal.lock:
        keys = [key for key, *_ in signal.receivers]
        if entry[0] not in keys:
            # Behind those of its former neighbours that are still there.
            index = max((keys.index(key) + 1 for key in before if key in keys), default=0)
            signal.receivers.insert(index, entry)
            signal.sender_receivers_cache.clear()


def _is_of(entry: Any, receiver: Any) -> bool:
    held = entry[1]
    if isinstance(held, weakref.ReferenceType):
        held = held()
    if held is None:
        return False
    background = getattr(held, "background", None)
    if isinstance(receiver, BackgroundReceiver):
        return background is receiver
    if held == receiver:
        return True
    # A function that was connected in the background, or a task, whose delay is connected.
    return background is not None and background.function == receiver


def _all_signals() -> list[Signal]:
    # Nothing keeps a list of them. By type() and not isinstance: that would make lazy objects.
    return [found for found in gc.get_objects() if issubclass(type(found), Signal)]
