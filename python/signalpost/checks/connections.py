"""What is connected to what, as Django's own lists have it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from weakref import ReferenceType

from django.apps import apps
from django.db.models import Model
from django.dispatch import Signal, dispatcher

from ..signal_names import name_of

__all__ = ["Connection", "connections"]


class Connection(NamedTuple):
    """An entry in a signal's list."""

    signal: Signal
    #: The signal's name, or how it shows itself.
    name: str
    receiver: Any
    #: The model that it listens to, if it is one.
    model: type[Model] | None
    #: True if it listens to every sender.
    hears_all: bool


def connections() -> Iterator[Connection]:
    """All of them, of the signals that modules hold; in the order of the signals' names."""
    id_of: Callable[[Any], Any] = dispatcher._make_id  # type: ignore[attr-defined]
    models = {id_of(model): model for model in apps.get_models(include_auto_created=True)}
    everybody = id_of(None)
    for name, signal in _signals():
        # Entries have three parts in Django 5.2, and four later.
        for (_receiver_id, sender_id), receiver, *_ in list(signal.receivers):
            if isinstance(receiver, ReferenceType):
                receiver = receiver()
            if receiver is not None:
                yield Connection(signal, name, receiver, models.get(sender_id), sender_id == everybody)


def _signals() -> list[tuple[str, Signal]]:
    found: dict[int, Signal] = {}
    # Copies, because other threads import.
    for module in list(sys.modules.values()):
        members = getattr(module, "__dict__", None)
        for value in list(members.values()) if isinstance(members, dict) else ():
            # Not isinstance, which has lazy objects tell what they are, and so become that.
            if issubclass(type(value), Signal):
                found[id(value)] = value
    named = ((name_of(signal, default=None) or repr(signal), signal) for signal in found.values())
    return sorted(named, key=lambda each: each[0])
