"""The engine's tables as models: to be read, queried and shown. Workers change them by statements of their own.

`docs/delivery.md` explains states and columns. The tables themselves come from the engine's SQL (`signalpost.schema`).
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

__all__ = ["HistoryEntry", "PublishedReceiver", "Task", "WorkerLease"]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class _Time:
    """A column of milliseconds since 1970, as an aware `datetime`, or None."""

    def __init__(self, column: str) -> None:
        self.column = column
        self.__doc__ = f"`{column}` as a time."

    def __get__(self, row: Any, kind: Any = None) -> Any:
        if row is None:
            return self
        milliseconds = getattr(row, self.column)
        return None if milliseconds is None else _EPOCH + timedelta(milliseconds=milliseconds)


class LockField(models.Field):
    """The number of a worker's lock: a text on SQLite, where it is a file's name, and a number on PostgreSQL."""

    def db_type(self, connection: Any) -> str:
        """The column's type."""
        return "bigint" if connection.vendor == "postgresql" else "text"


class _Stored(models.Model):
    """The columns that a task has while it lives and after."""

    send_id = models.TextField(_("send"))
    signal = models.TextField(_("signal"))
    sender = models.TextField(_("sender"), null=True, blank=True)
    receiver = models.TextField(_("receiver"))
    queue = models.TextField(_("queue"))
    priority = models.SmallIntegerField(_("priority"))
    run_at = models.BigIntegerField(_("due at"))
    expires_at = models.BigIntegerField(_("expires at"), null=True, blank=True)
    key = models.TextField(_("key"), null=True, blank=True)
    payload = models.TextField(_("payload"))
    payload_version = models.BigIntegerField(_("payload version"))
    headers = models.TextField(_("headers"))
    parent = models.BigIntegerField(_("parent"), null=True, blank=True)
    depth = models.BigIntegerField(_("depth"))
    attempt = models.BigIntegerField(_("attempt"), db_default=0)
    deaths = models.BigIntegerField(_("deaths"), db_default=0)
    fence = models.BigIntegerField(_("fence"), db_default=0)
    worker = models.TextField(_("worker"), null=True, blank=True)
    created_at = models.BigIntegerField(_("sent at"))
    reason = models.TextField(_("reason"), null=True, blank=True)

    due = _Time("run_at")
    expires = _Time("expires_at")
    sent = _Time("created_at")

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.pk}: {self.receiver} of {self.signal}"


class Task(_Stored):
    """A task that waits or runs."""

    id = models.BigAutoField(primary_key=True)
    unknown_since = models.BigIntegerField(_("unknown since"), null=True, blank=True)

    class Meta:
        db_table = "signalpost_task"
        verbose_name = _("task")
        verbose_name_plural = _("tasks")

    @property
    def is_running(self) -> bool:
        """Whether a worker has claimed it."""
        return self.worker is not None


class HistoryEntry(_Stored):
    """A task that has ended."""

    id = models.BigIntegerField(primary_key=True)
    payload = models.TextField(_("payload"), null=True, blank=True)
    attempt = models.BigIntegerField(_("attempt"))
    deaths = models.BigIntegerField(_("deaths"))
    fence = models.BigIntegerField(_("fence"))
    state = models.TextField(_("state"))
    result = models.TextField(_("result"), null=True, blank=True)
    finished_at = models.BigIntegerField(_("ended at"))

    finished = _Time("finished_at")

    class Meta:
        db_table = "signalpost_history"
        verbose_name = _("ended task")
        verbose_name_plural = _("ended tasks")


class WorkerLease(models.Model):
    """A worker that is at work, or whose tasks are not rescued yet. On PostgreSQL it has a column more, `idle`."""

    id = models.TextField(primary_key=True)
    lock = LockField(null=True, blank=True)
    started_at = models.BigIntegerField(_("started at"))
    lease_until = models.BigIntegerField(_("lease until"))

    started = _Time("started_at")
    leased_until = _Time("lease_until")

    class Meta:
        db_table = "signalpost_worker"
        verbose_name = _("worker")
        verbose_name_plural = _("workers")

    def __str__(self) -> str:
        return self.id


class PublishedReceiver(models.Model):
    """A receiver that some worker has registered, for senders to compare."""

    pk = models.CompositePrimaryKey("name", "signal")
    name = models.TextField(_("receiver"))
    signal = models.TextField(_("signal"))
    queue = models.TextField(_("queue"))
    published_at = models.BigIntegerField(_("published at"))

    published = _Time("published_at")

    class Meta:
        db_table = "signalpost_receiver"
        verbose_name = _("published receiver")
        verbose_name_plural = _("published receivers")

    def __str__(self) -> str:
        return f"{self.name} of {self.signal}"
