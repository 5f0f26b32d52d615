"""signalpost: background receivers."""

from __future__ import annotations

from typing import Any

from django.db.models.signals import post_save
from django.dispatch import Signal
from paper.models import Article

from signalpost import connect_background

from .entries import enter

order_paid = Signal()


def count(sender: Any, number: int, currency: str, is_gift: bool, **kwargs: Any) -> None:
    """Does nothing."""
    enter(number)


def index(sender: type[Article], instance: Article, **kwargs: Any) -> None:
    """Has been given the instance."""
    enter(instance.pk)


def connect() -> None:
    """Connects both."""
    connect_background(order_paid, count)
    connect_background(post_save, index, sender=Article)


def send(number: int) -> None:
    """Has `count` called."""
    order_paid.send(None, number=number, currency="EUR", is_gift=False)
