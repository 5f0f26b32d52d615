"""Pickled and copied signals: by name, without receivers. `docs/django-semantics.md`, "Pickling and copying signals"."""

from __future__ import annotations

import copyreg
from collections.abc import Callable
from typing import Any

from django.db.models.signals import ModelSignal
from django.dispatch import Signal

from . import signal_names

__all__ = ["reduced", "register"]


def register() -> None:
    """Has `pickle` and `copy` treat Django's signals as ours. A reducer that somebody else has registered stays."""
    for kind in (Signal, ModelSignal):
        if kind not in copyreg.dispatch_table:
            copyreg.pickle(kind, _reduced_django)


def reduced(signal: Signal, arguments: tuple[Any, ...]) -> tuple[Callable[..., Signal], tuple[Any, ...]]:
    """How `signal` is pickled: by its name, or as an empty one of its class with `arguments` if it has none."""
    name = signal_names.name_of(signal, default=None)
    if name is None:
        return type(signal), arguments
    return _named, (name,)


def _reduced_django(signal: Signal) -> tuple[Callable[..., Signal], tuple[Any, ...]]:
    return reduced(signal, (signal.use_caching,))


def _named(name: str) -> Signal:
    # Unpickling imports, as it does for a function.
    return signal_names.signal_named(name, load=True)
