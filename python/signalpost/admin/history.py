"""Ended tasks in the admin: they are looked at, dead ones can be tried again, and all of them deleted."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from .. import transitions
from ..models import HistoryEntry, Task
from .filters import EndFilter, QueueFilter, ReceiverFilter, SignalFilter
from .shown import shown_json, shown_time
from .stored import StoredAdmin

__all__ = ["HistoryAdmin"]


class HistoryAdmin(StoredAdmin):
    """Tasks that have ended."""

    list_display = ("id", "state", "receiver", "short_signal", "why", "failures", "finished", "sent", "queue")
    list_filter = (EndFilter, QueueFilter, SignalFilter, ReceiverFilter)
    actions = ("retry_selected",)
    content_fields: ClassVar[tuple[str, ...]] = ("arguments", "shown_headers", "shown_result")
    fieldsets = (
        (None, {"fields": ("id", "state", "receiver", "signal", "sender", "queue", "priority", "key")}),
        (_("Times"), {"fields": ("sent", "due", "expires", "finished")}),
        (_("Runs"), {"fields": ("failures", "deaths", "worker", "shown_reason")}),
        (_("Trace"), {"fields": ("send_id", "parent", "depth", "related")}),
    )
    readonly_fields = (
        "sent", "due", "expires", "finished", "failures", "shown_reason", "related", "arguments", "shown_headers",
        "shown_result", "no_arguments",
    )  # fmt: skip

    def get_queryset(self, request: Any) -> QuerySet:
        """Results can be as large as arguments."""
        return super().get_queryset(request).defer("result")

    def has_delete_permission(self, request: Any, obj: Any = None) -> bool:
        """Who sees them, too: whoever does not could delete by the address alone."""
        return super().has_delete_permission(request, obj) and self.has_view_permission(request, obj)

    @admin.display(description=_("ended at"), ordering="finished_at")
    def finished(self, entry: HistoryEntry) -> str:
        """When it ended."""
        return shown_time(entry.finished)

    @admin.display(description=_("failures"))
    def failures(self, entry: HistoryEntry) -> int:
        """Runs that have failed. The last run of a success has not."""
        return max(entry.attempt - entry.deaths - (entry.state == "succeeded"), 0)

    @admin.display(description=_("result"))
    def shown_result(self, entry: HistoryEntry) -> str | SafeString:
        """What the receiver returned, where it keeps that."""
        return shown_json(entry.result)

    def change_view(self, request: Any, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        """With a button that has it tried again, if it is dead."""
        entry = self.get_object(request, object_id)
        wish = None
        if entry is not None and entry.state == "dead" and self.has_operate_permission(request):
            wish = {"url": self.url("changelist", HistoryEntry), "action": "retry_selected", "label": _("Try again")}
        return super().change_view(request, object_id, form_url, {"wish": wish, **(extra_context or {})})

    @admin.action(permissions=["operate"], description=_("Try selected dead tasks again"))
    def retry_selected(self, request: Any, queryset: QuerySet) -> None:
        """They wait under their numbers, with all their attempts before them. Those that are not dead are left as they are, and
        it is said why."""
        ids = set(queryset.filter(state="dead").values_list("pk", flat=True))
        retried = transitions.retry(self.store, ids)
        self.log(request, Task, retried, "Tried again.")
        count = len(retried)
        done = ngettext("%(count)s task waits again.", "%(count)s tasks wait again.", count) % {"count": count}
        refused = (ids | self.ticked(request)) - retried
        self.tell(request, done if count else "", refused, str(_("None of these tasks is dead.")))

    def delete_model(self, request: Any, obj: HistoryEntry) -> None:
        """Forgets it, and that its send was made once."""
        transitions.forget(self.store, [obj.pk])

    def delete_queryset(self, request: Any, queryset: QuerySet) -> None:
        """Forgets them, and that their sends were made once."""
        transitions.forget(self.store, queryset.values_list("pk", flat=True))

    def why_not(self, ids: list[int]) -> dict[int, str]:
        """Why these tasks were not tried again."""
        ended = dict(HistoryEntry.objects.using(self.store).filter(pk__in=ids).values_list("pk", "state"))
        live = dict(Task.objects.using(self.store).filter(pk__in=ids).values_list("pk", "worker"))
        return {pk: self._why_not_one(pk, ended, live) for pk in ids}

    def _why_not_one(self, pk: int, ended: dict[int, str], live: dict[int, str | None]) -> str:
        if live.get(pk) is not None:
            return _("it runs already, in the hands of the worker %(worker)s.") % {"worker": live[pk]}
        if pk in live:
            return str(_("it waits already."))
        if ended.get(pk) == "dead":
            return str(_("it was not tried again: its arguments were not kept."))
        if pk in ended:
            return _("it was not tried again: it is %(state)s, and only what is dead is.") % {"state": ended[pk]}
        return str(_("it was not tried again: it is not there any more."))
