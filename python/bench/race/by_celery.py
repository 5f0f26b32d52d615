"""Celery: tasks that are handed over after the commit, as its documentation has it for Django."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.db import transaction
from django.db.models.signals import post_save
from paper.models import Article

from .celery_app import app
from .entries import enter


@app.task
def count(number: int, currency: str, is_gift: bool) -> None:
    """Does nothing."""
    enter(number)


@app.task
def index(pk: int) -> None:
    """Reads the instance."""
    enter(pk)
    Article.objects.get(pk=pk)


def hand_over(instance: Article, **kwargs: Any) -> None:
    """What hears of a save."""
    transaction.on_commit(partial(index.delay, instance.pk))


def connect() -> None:
    """Connects it."""
    post_save.connect(hand_over, sender=Article)


def send(number: int) -> None:
    """Has `count` called."""
    count.delay(number, "EUR", False)
