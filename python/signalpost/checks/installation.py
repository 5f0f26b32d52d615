"""The check of `INSTALLED_APPS`. What stands in `SIGNALPOST` itself is checked at the start, and refused."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error

from .. import registry
from ..installation import is_installed

__all__ = ["check_installed", "some"]


def check_installed(**kwargs: Any) -> list[CheckMessage]:
    """Background receivers need the app, which has the tables."""
    if is_installed() or not registry.receivers():
        return []
    return [
        Error(
            f"{some(registry.receivers())} would run inside the send, because signalpost is not installed.",
            hint="Add 'signalpost' to INSTALLED_APPS and run manage.py migrate.",
            id="signalpost.E001",
        )
    ]


def some(receivers: list[Any], most: int = 3) -> str:
    """The first of them by name, and how many there are beside them."""
    named = ", ".join(receiver.name for receiver in receivers[:most])
    return named if len(receivers) <= most else f"{named} and {len(receivers) - most} more"
