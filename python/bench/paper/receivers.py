"""Who listens in the background, where somebody is to listen."""

from __future__ import annotations

from typing import Any

from django.db.models.signals import post_save

from signalpost import connect_background

from .models import Article


def index(sender: type[Article], instance: Article | None, created: bool, **kwargs: Any) -> None:
    """Never run here: what is measured ends with the row."""
    raise AssertionError("no worker runs while sends are measured")


def connect() -> None:
    """From now on each save of an article writes a task."""
    connect_background(post_save, index, sender=Article)


def disconnect() -> None:
    """From now on none does."""
    if not post_save.disconnect(index, sender=Article):
        raise AssertionError("nobody was connected")
