"""Live tasks in the admin: they are looked at, and those that wait can be cancelled."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from .. import transitions
from ..models import HistoryEntry, Task
from .filters import QueueFilter, ReceiverFilter, SignalFilter, StateFilter
from .stored import StoredAdmin

__all__ = ["TaskAdmin"]

#: So many tasks are named where one is asked whether they are to be cancelled.
SHOWN = 20


class TaskAdmin(StoredAdmin):
    """Tasks that wait or run. A live task is not deleted: it is cancelled, and its history says so."""

    list_display = ("id", "state", "receiver", "short_signal", "due", "why", "failures", "sent", "queue", "priority")
    list_filter = (StateFilter, QueueFilter, SignalFilter, ReceiverFilter)
    actions = ("cancel_selected",)
    fieldsets = (
        (None, {"fields": ("id", "state", "receiver", "signal", "sender", "queue", "priority", "key")}),
        (_("Times"), {"fields": ("sent", "due", "expires")}),
        (_("Runs"), {"fields": ("failures", "deaths", "worker", "shown_reason")}),
        (_("Trace"), {"fields": ("send_id", "parent", "depth", "related")}),
    )
    readonly_fields = (
        "state", "sent", "due", "expires", "failures", "shown_reason", "related", "arguments", "shown_headers", "no_arguments",
    )  # fmt: skip

    def has_delete_permission(self, request: Any, obj: Any = None) -> bool:
        """Nobody: that a task was never there is not true. What is cancelled can be deleted from the history."""
        return False

    @admin.display(description=_("state"))
    def state(self, task: Task) -> str:
        """Running or waiting, and whether its receiver was unknown."""
        if task.is_running:
            return str(_("running"))
        if task.unknown_since is not None:
            return str(_("waiting: its receiver was not known"))
        return str(_("waiting"))

    @admin.display(description=_("failures"))
    def failures(self, task: Task) -> int:
        """Runs that have failed. The one that is under way has not."""
        return max(task.attempt - task.deaths - task.is_running, 0)

    def change_view(self, request: Any, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        """With a button that cancels it, while it waits."""
        task = self.get_object(request, object_id)
        wish = None
        if task is not None and not task.is_running and self.has_operate_permission(request):
            wish = {"url": self.url("changelist", Task), "action": "cancel_selected", "label": _("Cancel")}
        return super().change_view(request, object_id, form_url, {"wish": wish, **(extra_context or {})})

    @admin.action(permissions=["operate"], description=_("Cancel selected tasks"))
    def cancel_selected(self, request: Any, queryset: QuerySet) -> TemplateResponse | None:
        """Asks first, because a cancelled task cannot be brought back. Tasks that run, or have ended, are left as they are, and it
        is said why."""
        is_confirmed = "confirmed" in request.POST
        is_across = request.POST.get("select_across") == "1"
        if is_confirmed and is_across:
            # What was sent since the question was not asked about.
            queryset = queryset.filter(pk__lte=_number(request, "up_to"))
        # As numbers: `select across` can mean very many, and by their queryset they would be others in a moment.
        ids = list(queryset.order_by("pk").values_list("pk", flat=True))
        if not is_confirmed or (is_across and len(ids) > _number(request, "count")):
            # The second time because older ones have come into the list, those that have become due for example.
            return self._ask(request, queryset, ids)
        cancelled = transitions.cancel(self.store, ids, f"cancelled by {request.user.get_username()} in the admin")
        self.log(request, HistoryEntry, cancelled, "Cancelled.")
        count = len(cancelled)
        done = ngettext("%(count)s task was cancelled.", "%(count)s tasks were cancelled.", count) % {"count": count}
        self._tell(request, done if count else "", {*ids, *self.ticked(request)} - cancelled)
        return None

    def _ask(self, request: Any, queryset: QuerySet, ids: list[int]) -> TemplateResponse | None:
        if not ids:
            self._tell(request, "", self.ticked(request))
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": _("Are you sure?"),
            "opts": self.opts,
            "count": len(ids),
            "more": max(len(ids) - SHOWN, 0),
            "tasks": queryset.order_by("pk")[:SHOWN],
            # All that the list shows: then their numbers need not travel to the page and back.
            "selected": ids[:1] if request.POST.get("select_across") == "1" else ids,
            "select_across": request.POST.get("select_across", "0"),
            "up_to": ids[-1],
            "checkbox_name": ACTION_CHECKBOX_NAME,
            "media": self.media,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/signalpost/cancel_confirmation.html", context)

    def _tell(self, request: Any, done: str, refused: set[int]) -> None:
        self.tell(request, done, refused, str(_("None of these tasks is there any more.")))

    def why_not(self, ids: list[int]) -> dict[int, str]:
        """Why these tasks were not cancelled."""
        live = dict(Task.objects.using(self.store).filter(pk__in=ids).values_list("pk", "worker"))
        ended = dict(HistoryEntry.objects.using(self.store).filter(pk__in=ids).values_list("pk", "state"))
        return {pk: self._why_not_one(pk, live, ended) for pk in ids}

    def _why_not_one(self, pk: int, live: dict[int, str | None], ended: dict[int, str]) -> str:
        if live.get(pk) is not None:
            says = _("it was not cancelled: it runs, in the hands of the worker %(worker)s, and ends by itself. Only what waits "
                     "can be cancelled.")  # fmt: skip
            return says % {"worker": live[pk]}
        if pk in live:
            return str(_("it was not cancelled: it ran a moment ago, and waits again."))
        if pk in ended:
            return _("it was not cancelled: it has ended meanwhile, as %(state)s.") % {"state": ended[pk]}
        return str(_("it was not cancelled: it is not there any more."))


def _number(request: Any, field: str) -> int:
    """A number that the question has carried here; 0 where it has not."""
    value = request.POST.get(field, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) <= 18 else 0
