"""A background receiver of every sender, and its inline twin."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.signals import user_logged_in
from django.db.backends.signals import connection_created
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete, pre_save
from django.dispatch import receiver

from signalpost import async_receiver

from .ledger import ledger, name_of

SIGNALS = {
    "pre_save": pre_save,
    "post_save": post_save,
    "pre_delete": pre_delete,
    "post_delete": post_delete,
    "m2m_changed": m2m_changed,
    "user_logged_in": user_logged_in,
}


@receiver(connection_created)
def watch(connection: Any, **kwargs: Any) -> None:
    ledger.watch(connection)


@async_receiver(list(SIGNALS.values()))
def everything(sender: Any, **kwargs: Any) -> None:
    raise AssertionError("no worker runs while Django's suites do")


@receiver(list(SIGNALS.values()))
def settle(sender: Any, signal: Any, **kwargs: Any) -> None:
    ledger.settle(name_of(signal, SIGNALS), sender)
