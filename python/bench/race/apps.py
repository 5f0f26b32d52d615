"""The app, which connects the contestant's receivers wherever Django is set up."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig
from django.conf import settings


class Race(AppConfig):
    """The contestant's module is loaded, and no other's."""

    name = "race"

    def ready(self) -> None:
        if settings.CONTESTANT:
            import_module(f"race.{settings.CONTESTANT}").connect()
