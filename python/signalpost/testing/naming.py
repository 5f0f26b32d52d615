"""Which receiver a test means."""

from __future__ import annotations

from typing import Any

from django.dispatch import Signal

from .. import registry, targets
from ..receiver import BackgroundReceiver
from ..signal_names import names_of
from ..stored_task import ALL_RECEIVERS

__all__ = ["is_named", "shown"]


def is_named(wanted: Any, receiver: str, signal: str) -> bool:
    """Whether a row with these names is of `wanted`: a function, a task, a background signal, a name, or the last parts of
    one."""
    if isinstance(wanted, str):
        return receiver == wanted or receiver.endswith(f".{wanted}")
    if isinstance(wanted, Signal):
        return receiver == ALL_RECEIVERS and signal in names_of(wanted)
    known = _registered(wanted)
    if known is not None:
        return receiver == known.name or receiver in known.aliases
    return receiver == targets.name_of_receiver(wanted)


def shown(wanted: Any) -> str:
    """How a message names it."""
    if isinstance(wanted, (str, Signal)):
        return repr(wanted)
    known = _registered(wanted)
    return repr(targets.name_of_receiver(wanted) if known is None else known.name)


def _registered(wanted: Any) -> BackgroundReceiver | None:
    wanted = getattr(wanted, "background", wanted)
    return next((each for each in registry.receivers() if wanted is each or wanted == each.function), None)
