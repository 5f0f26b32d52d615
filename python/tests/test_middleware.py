"""The id of a request."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client, override_settings
from django.urls import path

from signalpost import task
from signalpost.carriers import request_id
from signalpost.testing import run_tasks

seen: list[Any] = []


@task(name="tests.note_request_id")
def note() -> None:
    seen.append(request_id.get())


def view(request: HttpRequest) -> HttpResponse:
    note.delay()
    return HttpResponse(request_id.get() or "")


async def aview(request: HttpRequest) -> HttpResponse:
    await note.adelay()
    return HttpResponse(request_id.get() or "")


urlpatterns = [path("view", view), path("aview", aview)]

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _urls() -> Any:
    seen.clear()
    with override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=["signalpost.middleware.request_id"]):
        yield


def _get(where: str, asynchronously: bool, **headers: str) -> Any:
    if asynchronously:
        return async_to_sync(AsyncClient().get)(f"/{where}", headers=headers)
    return Client().get(f"/{where}", headers=headers)


@pytest.mark.parametrize("where", ["view", "aview"])
@pytest.mark.parametrize("asynchronously", [False, True])
def test_a_request_has_the_id_of_its_header_and_so_have_its_tasks_and_its_response(where: str, asynchronously: bool) -> None:
    response = _get(where, asynchronously, **{"X-Request-ID": "r-1"})
    run_tasks()

    assert (response.content, response.headers["X-Request-ID"], seen) == (b"r-1", "r-1", ["r-1"])
    assert request_id.get() is None


@pytest.mark.parametrize("asynchronously", [False, True])
@pytest.mark.parametrize("given", [None, "", "a b", "x" * 101, "größe", "a\tb"])
def test_a_request_without_a_sound_one_has_a_new_one(given: str | None, asynchronously: bool) -> None:
    headers = {} if given is None else {"X-Request-ID": given}
    one, other = (_get("view", asynchronously, **headers).headers["X-Request-ID"] for _ in range(2))

    assert len(one) == len(other) == 36
    assert one != other
