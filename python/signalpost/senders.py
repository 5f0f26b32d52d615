"""Senders: how a row names them, and which are never heard in the background."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.db.models import Model

from .options import DeclarationError

__all__ = ["is_excluded", "label_of", "refuse_own"]

#: The app label of signalpost's own models.
OWN = "signalpost"


def label_of(sender: Any) -> str | None:
    """How a row names `sender`: `app.Model`, `module.Class`, a text by itself, another object by its class, None by None."""
    if sender is None:
        return None
    if isinstance(sender, str):
        return sender
    kind = sender if isinstance(sender, type) else type(sender)
    if issubclass(kind, Model):
        return kind._meta.label
    return f"{kind.__module__}.{kind.__qualname__}"


def is_excluded(sender: Any) -> bool:
    """Whether background receivers do not hear `sender`: our own models, and those of another app registry than Django's
    global one, as the historical models of migrations are."""
    if not isinstance(sender, type) or not issubclass(sender, Model):
        return False
    return sender._meta.app_label == OWN or sender.__module__ == "__fake__" or sender._meta.apps is not apps


def refuse_own(who: str, sender: Any) -> None:
    """Raises `DeclarationError` if `sender` is one of signalpost's own models, or names one."""
    if isinstance(sender, str):
        own = sender.partition(".")[0] == OWN
    else:
        own = isinstance(sender, type) and issubclass(sender, Model) and sender._meta.app_label == OWN
    if own:
        raise DeclarationError(
            f"{who}: {label_of(sender)} cannot be a sender in the background: the task about a task would be a task. "
            "Use an inline receiver, or the signals task_enqueued, task_started and task_finished."
        )
