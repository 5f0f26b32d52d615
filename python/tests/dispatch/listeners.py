"""A signal, and who listens to it."""

from __future__ import annotations

from typing import Any

from django.dispatch import Signal

from signalpost.models import Task

#: One for all of these tests; each leaves it without receivers.
announced = Signal()
#: Another one, with a cache of receivers.
cached = Signal(use_caching=True)
#: Asked beside the first where one function listens to several.
withdrawn = Signal()


class Publisher:
    """A sender that is no model."""


def index(sender: Any, **kwargs: Any) -> None:
    """A background receiver."""


def mail(sender: Any, **kwargs: Any) -> None:
    """Another one."""


async def thumbnail(sender: Any, **kwargs: Any) -> None:
    """An asynchronous one."""


def rows() -> list[str]:
    """The receivers of the tasks that were written, in order, by the last part of their names."""
    return [name.rpartition(".")[2] for name in Task.objects.order_by("id").values_list("receiver", flat=True)]
