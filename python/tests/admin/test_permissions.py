"""Who may do what: Django's own permissions of the two models, and nothing for who has none."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from signalpost.models import HistoryEntry, Task

from ..rows import ended, waiting
from .conftest import HISTORY, TASKS, act

SECRET = "1250"


@pytest.mark.parametrize("page", [TASKS, HISTORY])
def test_without_a_permission_nothing_is_shown(person: Callable[..., Client], page: str) -> None:
    client = person()
    pk = waiting().pk if page == TASKS else ended("dead").pk
    assert client.get(page).status_code == 403
    assert client.get(f"{page}{pk}/change/").status_code == 403
    assert b"signalpost" not in client.get("/admin/").content


@pytest.mark.parametrize("page", [TASKS, HISTORY])
def test_who_is_not_of_the_staff_is_sent_to_the_login(person: Callable[..., Client], page: str) -> None:
    client = person("view_task", "view_historyentry", is_staff=False)
    assert client.get(page).status_code == 302


def test_one_permission_is_for_one_of_the_lists(person: Callable[..., Client]) -> None:
    client = person("view_task")
    assert client.get(TASKS).status_code == 200
    assert client.get(HISTORY).status_code == 403


def test_who_may_view_sees_arguments_and_carries_out_nothing(person: Callable[..., Client]) -> None:
    task, entry = waiting(), ended("dead", result='"kept"')
    client = person("view_task", "view_historyentry")

    shown = client.get(f"{TASKS}{task.pk}/change/").content.decode()
    assert SECRET in shown and "tenant" in shown and 'value="cancel_selected"' not in shown
    shown = client.get(f"{HISTORY}{entry.pk}/change/").content.decode()
    assert SECRET in shown and "kept" in shown and 'value="retry_selected"' not in shown

    act(client, TASKS, "cancel_selected", task.pk, confirmed="yes")
    act(client, HISTORY, "retry_selected", entry.pk)
    act(client, HISTORY, "delete_selected", entry.pk, post="yes")
    assert Task.objects.get().pk == task.pk
    assert HistoryEntry.objects.get().pk == entry.pk


def test_who_may_change_sees_everything_but_arguments(person: Callable[..., Client]) -> None:
    task, entry = waiting(reason="it failed"), ended("dead", result='"kept"', reason="it failed")
    client = person("change_task", "change_historyentry")

    for page, pk in ((TASKS, task.pk), (HISTORY, entry.pk)):
        shown = client.get(f"{page}{pk}/change/").content.decode()
        assert SECRET not in shown and "tenant" not in shown and "kept" not in shown
        assert "shop.mail_receipt" in shown and "it failed" in shown
        assert "Only people with the permission to view" in shown
        assert SECRET not in client.get(page).content.decode()


@pytest.mark.parametrize("text", ["cents", "1250", "blue"])
def test_arguments_cannot_be_found_out_by_searching(person: Callable[..., Client], text: str) -> None:
    waiting()
    assert not person("change_task").get(TASKS, {"q": text}).context["cl"].result_list


@pytest.mark.parametrize(
    "lookup", ["payload__contains=cents", "payload=x", "headers__contains=blue", "payload__startswith=%7B"]
)
def test_arguments_cannot_be_found_out_by_filtering(person: Callable[..., Client], lookup: str) -> None:
    waiting()
    response = person("change_task").get(f"{TASKS}?{lookup}")
    assert response.status_code == 400


def test_nothing_can_be_added_or_edited_by_anybody(person: Callable[..., Client]) -> None:
    task, entry = waiting(), ended("dead")
    client = person(is_superuser=True)
    for page, row in ((TASKS, task), (HISTORY, entry)):
        assert client.get(f"{page}add/").status_code == 403
        assert client.post(f"{page}{row.pk}/change/", {"queue": "other"}).status_code == 403
        assert 'name="_save"' not in client.get(f"{page}{row.pk}/change/").content.decode()
    assert Task.objects.get().queue == HistoryEntry.objects.get().queue == "mail"


def test_a_live_task_cannot_be_deleted_by_anybody(person: Callable[..., Client]) -> None:
    task = waiting()
    client = person(is_superuser=True)
    assert client.post(f"{TASKS}{task.pk}/delete/", {"post": "yes"}).status_code == 403
    act(client, TASKS, "delete_selected", task.pk, post="yes")
    assert Task.objects.exists()


def test_who_sees_none_deletes_none(person: Callable[..., Client]) -> None:
    entry = ended("dead")
    client = person("delete_historyentry")
    assert client.post(f"{HISTORY}{entry.pk}/delete/", {"post": "yes"}).status_code == 403
    assert client.get(f"{HISTORY}{entry.pk}/delete/").status_code == 403
    act(client, HISTORY, "delete_selected", entry.pk, post="yes")
    assert HistoryEntry.objects.exists()


def test_who_may_change_and_not_delete_does_not_delete(person: Callable[..., Client]) -> None:
    entry = ended("dead")
    client = person("change_historyentry", "view_historyentry")
    assert client.post(f"{HISTORY}{entry.pk}/delete/", {"post": "yes"}).status_code == 403
    act(client, HISTORY, "delete_selected", entry.pk, post="yes")
    assert HistoryEntry.objects.exists()
