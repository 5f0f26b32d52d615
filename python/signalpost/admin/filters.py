"""Filters of the lists of tasks. They read indexes and the newest rows only, so that a long backlog does not slow the page."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from ..clock import store_now
from ..models import PublishedReceiver

__all__ = ["EndFilter", "QueueFilter", "ReceiverFilter", "SignalFilter", "StateFilter"]

#: Names are found among so many of the newest rows, beside those that workers have published. There is no index to ask.
NEWEST = 2_000


class StateFilter(SimpleListFilter):
    """What a live task does: it runs, it waits and is due, or it waits for its time."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, Any]]:
        """The choices."""
        return [("due", _("Waiting, due")), ("later", _("Waiting for its time")), ("running", _("Running"))]

    def queryset(self, request: Any, queryset: QuerySet) -> QuerySet | None:
        """The tasks in the state that was chosen, by the store's clock."""
        match self.value():
            case "due":
                return queryset.filter(worker=None, run_at__lte=store_now(queryset.db))
            case "later":
                return queryset.filter(worker=None, run_at__gt=store_now(queryset.db))
            case "running":
                return queryset.exclude(worker=None)
        return None


class EndFilter(SimpleListFilter):
    """How a task has ended."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, Any]]:
        """The choices."""
        return [
            ("dead", _("Dead")),
            ("succeeded", _("Succeeded")),
            ("cancelled", _("Cancelled")),
            ("expired", _("Expired")),
            ("merged", _("Merged")),
        ]

    def queryset(self, request: Any, queryset: QuerySet) -> QuerySet | None:
        """The tasks that have ended so."""
        return queryset.filter(state=self.value()) if self.value() else None


class _NameFilter(SimpleListFilter):
    """One of the columns that hold names."""

    #: Where workers publish such a name.
    published: str

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        """What workers have published, what the newest rows have, and what was chosen, whether it is still there or not."""
        names = set(PublishedReceiver.objects.using(model_admin.store).values_list(self.published, flat=True))
        rows = model_admin.model._default_manager.using(model_admin.store).order_by("-pk")
        names.update(rows.values_list(self.parameter_name, flat=True)[:NEWEST])
        chosen = request.GET.get(self.parameter_name)
        return [(name, name) for name in sorted(names | ({chosen} if chosen else set()))]

    def queryset(self, request: Any, queryset: QuerySet) -> QuerySet | None:
        """The tasks with the name that was chosen."""
        return queryset.filter(**{str(self.parameter_name): self.value()}) if self.value() else None


class QueueFilter(_NameFilter):
    """By queue."""

    title = _("queue")
    parameter_name = published = "queue"


class SignalFilter(_NameFilter):
    """By the signal's name."""

    title = _("signal")
    parameter_name = published = "signal"


class ReceiverFilter(_NameFilter):
    """By the receiver's name; `*` is a background signal's whole send."""

    title = _("receiver")
    parameter_name = "receiver"
    published = "name"
