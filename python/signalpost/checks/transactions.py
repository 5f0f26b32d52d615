"""The check of saves that nobody wraps in a transaction."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Warning
from django.db import connections
from django.db.models.signals import post_save, pre_save

from .. import conf
from ..atomicity import AtomicSignalsMixin
from ..installation import is_installed
from ..receiver import BackgroundReceiver
from .connections import connections as connected
from .installation import some

__all__ = ["check_saves"]


def check_saves(**kwargs: Any) -> list[CheckMessage]:
    """A `post_save` outside a transaction comes after its row is committed; the default policy only warns, when it happens."""
    if not is_installed() or conf.current().outside_transaction != "warn":
        return []
    stores = [alias for alias in conf.current().stores if alias in connections.settings]
    open_ended = [alias for alias in stores if not connections[alias].settings_dict["ATOMIC_REQUESTS"]]
    concerned = _hear_saves()
    if not open_ended or not concerned:
        return []
    return [
        Warning(
            f"Requests on {', '.join(map(repr, open_ended))} have no transaction around them, so a crash between a save and "
            f"its task can lose the task of {some(concerned)}.",
            hint="Set ATOMIC_REQUESTS, derive the models from signalpost.AtomicSignalsMixin, or set "
            "SIGNALPOST['OUTSIDE_TRANSACTION'] to 'raise', or to 'allow' if you save in transaction.atomic() everywhere.",
            id="signalpost.W003",
        )
    ]


def _hear_saves() -> list[BackgroundReceiver]:
    """Those that hear of saves that the mixin does not wrap, each once."""
    found = []
    for connection in connected():
        receiver = getattr(connection.receiver, "background", None)
        is_wrapped = connection.model is not None and issubclass(connection.model, AtomicSignalsMixin)
        if receiver is not None and connection.signal in (pre_save, post_save) and not is_wrapped and receiver not in found:
            found.append(receiver)
    return found
