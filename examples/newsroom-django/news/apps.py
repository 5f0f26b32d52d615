"""The app."""

from __future__ import annotations

from django.apps import AppConfig


class NewsConfig(AppConfig):
    """The newsroom. Its receivers need not be imported here: signalpost finds a module of that name."""

    name = "news"
