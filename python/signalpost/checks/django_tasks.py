"""The check of a backend of `django.tasks`, which Django asks."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error

from ..installation import is_installed

__all__ = ["check_backend"]


def check_backend(backend: Any) -> list[CheckMessage]:
    """Its tasks are rows, for which the app has the tables."""
    if is_installed():
        return []
    return [
        Error(
            f"TASKS[{backend.alias!r}] writes its tasks to signalpost's tables, and signalpost is not installed.",
            hint="Add 'signalpost' to INSTALLED_APPS and run manage.py migrate.",
            id="signalpost.E009",
        )
    ]
