"""Receivers that are found at the start, because of their module's name."""

from __future__ import annotations

from typing import Any

from signalpost import async_receiver

from .signals import edition_closed


@async_receiver(edition_closed, queue="print")
def print_edition(sender: Any, **kwargs: Any) -> None:
    """Runs in the background."""
