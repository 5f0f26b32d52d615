"""Which store is shown, and that the pages fit Django's own checks."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.admin.sites import AdminSite
from django.test import override_settings

from signalpost.admin import HistoryAdmin, TaskAdmin
from signalpost.models import HistoryEntry, Task


def test_both_are_registered() -> None:
    assert isinstance(admin.site._registry[Task], TaskAdmin)
    assert isinstance(admin.site._registry[HistoryEntry], HistoryAdmin)


@pytest.mark.parametrize("model", [Task, HistoryEntry])
def test_django_has_nothing_to_say_about_them(model: type) -> None:
    assert admin.site._registry[model].check() == []


def test_the_store_is_the_one_that_tasks_are_written_to() -> None:
    assert TaskAdmin(Task, AdminSite()).store == "default"
    with override_settings(SIGNALPOST={"STORES": ["archive"]}):
        assert TaskAdmin(Task, AdminSite()).store == "archive"


def test_a_subclass_shows_another_store() -> None:
    class ArchiveAdmin(TaskAdmin):
        using = "archive"

    shown = ArchiveAdmin(Task, AdminSite())
    assert shown.store == "archive"
    assert shown.get_queryset(None).db == "archive"
