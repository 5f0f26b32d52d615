"""Django Q2: tasks that are rows of the same database, written in the sender's transaction."""

from __future__ import annotations

from typing import Any

from django.db.models.signals import post_save
from django_q.tasks import async_task
from paper.models import Article

from .entries import enter


def count(number: int, currency: str, is_gift: bool) -> None:
    """Does nothing."""
    enter(number)


def index(pk: int) -> None:
    """Reads the instance."""
    enter(pk)
    Article.objects.get(pk=pk)


def hand_over(instance: Article, **kwargs: Any) -> None:
    """What hears of a save."""
    async_task(index, instance.pk)


def connect() -> None:
    """Connects it."""
    post_save.connect(hand_over, sender=Article)


def send(number: int) -> None:
    """Has `count` called."""
    async_task(count, number, "EUR", False)
