"""What tasks and their history have in common in the admin: they are read, and never edited."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth import get_permission_codename
from django.db.models import Model, Q, QuerySet
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.text import smart_split, unescape_string_literal
from django.utils.translation import gettext_lazy as _

from .. import stores, transitions
from ..models import HistoryEntry, Task
from .shown import first_line, shown_arguments, shown_json, shown_reason, shown_time

__all__ = ["StoredAdmin"]

#: The columns that hold what was sent or returned.
_CONTENT = ("payload", "headers", "result")
#: So many tasks get a message of their own when they were refused; the others are counted.
NAMED = 5


class StoredAdmin(admin.ModelAdmin):
    """Read-only, by two permissions: who may *view* sees arguments, who may *change* carries out wishes.

    Whoever has one of them sees everything else. `using` is the alias of the store that is shown; None: the one that tasks are
    written to. For another store, register a subclass with another `AdminSite`.
    """

    using: str | None = None

    list_per_page = 50
    show_full_result_count = False
    ordering = ("-id",)
    search_fields = ("id", "send_id", "signal", "receiver", "sender", "key", "reason")
    search_help_text = _("A number, a send, a part of a name, or of the reason of a failure")
    #: What only those see who may see arguments.
    content_fields: ClassVar[tuple[str, ...]] = ("arguments", "shown_headers")

    class Media:
        css: ClassVar[dict[str, list[str]]] = {"all": ["signalpost/admin.css"]}

    @property
    def store(self) -> str:
        """The alias of the store that is shown."""
        return self.using or stores.choose(None, None).alias

    def get_queryset(self, request: Any) -> QuerySet:
        """The rows of the store. What can be large is read for the row that is looked at only."""
        return super().get_queryset(request).using(self.store).defer("payload", "headers")

    # Who may do what.

    def has_add_permission(self, request: Any) -> bool:
        """Nobody: a task is sent."""
        return False

    def has_change_permission(self, request: Any, obj: Any = None) -> bool:
        """Nobody: a row is what a worker goes by. The permission of that name is for wishes."""
        return False

    def has_operate_permission(self, request: Any) -> bool:
        """Whether this person's wishes are carried out: who has the model's `change` permission."""
        return self._has("change", request)

    def has_arguments_permission(self, request: Any) -> bool:
        """Whether this person sees what was sent, and what was returned: who has the model's `view` permission."""
        return self._has("view", request)

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        """Whether the address of a list may filter so. Not by what was sent: that is not to be found out by asking."""
        return lookup.partition("__")[0] not in _CONTENT and super().lookup_allowed(lookup, value, request)

    def _has(self, what: str, request: Any) -> bool:
        codename = get_permission_codename(what, self.opts)
        return bool(request.user.has_perm(f"{self.opts.app_label}.{codename}"))

    # What is shown.

    def get_fieldsets(self, request: Any, obj: Any = None) -> Any:
        """Arguments only for those who may see them."""
        content = self.content_fields if self.has_arguments_permission(request) else ("no_arguments",)
        return [*super().get_fieldsets(request, obj), (_("What was sent"), {"fields": content})]

    def get_search_results(self, request: Any, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        """Every word is to be found: as a part of a name or of a reason, or as the task's number. Never in arguments: whoever
        may not see them must not find out by asking."""
        for word in smart_split(search_term):
            if word.startswith(('"', "'")) and word[0] == word[-1]:
                word = unescape_string_literal(word)
            found = Q()
            for field in self.search_fields[1:]:
                found |= Q(**{f"{field}__icontains": word})
            # What has more digits is no number of a row, and some databases refuse to compare with it.
            if word.isascii() and word.isdigit() and len(word) <= 18:
                found |= Q(pk=int(word))
            queryset = queryset.filter(found)
        return queryset, False

    @admin.display(description=_("why"))
    def why(self, row: Any) -> str:
        """The first line of the reason."""
        return first_line(row.reason)

    @admin.display(description=_("reason"))
    def shown_reason(self, row: Any) -> str | SafeString:
        """The reason, with the traceback."""
        return shown_reason(row.reason)

    @admin.display(description=_("arguments"))
    def arguments(self, row: Any) -> str | SafeString:
        """What was sent or called with, without reading instances."""
        if row.payload is None:
            return str(_("not kept: a success needs them no longer"))
        return shown_arguments(row.payload)

    @admin.display(description=_("headers"))
    def shown_headers(self, row: Any) -> str | SafeString:
        """What travels beside the arguments."""
        return shown_json(row.headers)

    @admin.display(description=_("arguments"))
    def no_arguments(self, row: Any) -> str:
        """In the place of arguments, for who may not see them."""
        return str(_("Only people with the permission to view %(rows)s see arguments.")) % {
            "rows": self.opts.verbose_name_plural
        }

    @admin.display(description=_("failures"))
    def failures(self, row: Any) -> int:
        """Runs that have failed: claims that did not end with the death of their runner."""
        return max(row.attempt - row.deaths, 0)

    @admin.display(description=_("signal"), ordering="signal")
    def short_signal(self, row: Any) -> SafeString:
        """The last part of the signal's name: a list is wide enough without the rest, which the name's title says."""
        return format_html('<span title="{}">{}</span>', row.signal, row.signal.rpartition(".")[2])

    @admin.display(description=_("sent at"), ordering="created_at")
    def sent(self, row: Any) -> str:
        """When it was sent."""
        return shown_time(row.sent)

    @admin.display(description=_("due at"), ordering="run_at")
    def due(self, row: Any) -> str:
        """When it was or is due."""
        return shown_time(row.due)

    @admin.display(description=_("expires at"))
    def expires(self, row: Any) -> str:
        """When it is too late to begin with it."""
        return shown_time(row.expires)

    @admin.display(description=_("related"))
    def related(self, row: Any) -> SafeString:
        """Links to what belongs to it: its send, what its receiver has sent, and the task in whose receiver it was sent."""
        links: list[tuple[str, Any]] = []
        for model in filter(self.admin_site.is_registered, (Task, HistoryEntry)):
            says = {"rows": model._meta.verbose_name_plural, "id": row.parent}
            links.append((self._list(model, "send_id", row.send_id), _("%(rows)s of the same send") % says))
            links.append((self._list(model, "parent", row.pk), _("%(rows)s that its receiver has sent") % says))
            if row.parent is not None:
                links.append((self._list(model, "id", row.parent), _("task %(id)s, which has sent it: %(rows)s") % says))
        return format_html_join(SafeString("<br>"), '<a href="{}">{}</a>', links)

    def _list(self, model: type[Model], field: str, value: Any) -> str:
        return f"{self.url('changelist', model)}?{urlencode({field: value})}"

    def url(self, page: str, model: type[Model]) -> str:
        """The address of a page about all rows of `model`."""
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}"
        return reverse(name, current_app=self.admin_site.name)

    # What became of a wish.

    def ticked(self, request: Any) -> set[int]:
        """The numbers that were ticked, whether the list still has them or not: to say what became of those that it has lost, and
        for nothing else. None where all were meant that the list shows."""
        if request.POST.get("select_across") == "1":
            return set()
        return {int(each) for each in request.POST.getlist(ACTION_CHECKBOX_NAME) if each.isascii() and each.isdigit()}

    def tell(self, request: Any, done: str, refused: Collection[int], neither: str) -> None:
        """Says what was done, if anything was, and of the tasks that were refused why: of the first ones, as it can be very many.
        `neither` if none was moved and none refused."""
        if done:
            self.message_user(request, done, messages.SUCCESS)
        elif not refused:
            self.message_user(request, neither, messages.WARNING)
        for pk, why in self.why_not(sorted(refused)[:NAMED]).items():
            self.message_user(request, _("Task %(id)s: %(why)s") % {"id": pk, "why": why}, messages.WARNING)
        if len(refused) > NAMED:
            more = _("%(count)s more were left as they are.") % {"count": len(refused) - NAMED}
            self.message_user(request, more, messages.WARNING)

    def why_not(self, ids: list[int]) -> dict[int, str]:
        """Why a wish was not carried out for these tasks."""
        raise NotImplementedError

    def log(self, request: Any, model: type[Model], ids: set[int], message: str) -> None:
        """Writes down who did it, at the rows that there are now."""
        for some in transitions.parts(sorted(ids)):
            rows = list(model._default_manager.using(self.store).filter(pk__in=some).defer("payload", "headers"))
            LogEntry.objects.log_actions(request.user.pk, rows, CHANGE, message)
