"""Asynchronous sends and receivers, with background receivers among them."""

from __future__ import annotations

import asyncio
import inspect
import itertools
from typing import Any
from unittest import mock

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.core.asgi import get_asgi_application
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.signals import post_save
from django.dispatch import dispatcher
from django.http import HttpResponse
from django.test import override_settings
from django.urls import path

from signalpost import connect_background
from signalpost.models import Task

from ..news.models import Author
from .listeners import announced, index, mail, rows, thumbnail

pytestmark = pytest.mark.django_db


def send(name: str, sender: Any = None, **named: Any) -> list[tuple[Any, Any]]:
    """One of the four sends."""
    method = getattr(announced, name)
    if inspect.iscoroutinefunction(method):
        return async_to_sync(method)(sender, **named)
    return method(sender, **named)


SENDS = ["send", "send_robust", "asend", "asend_robust"]


@pytest.mark.parametrize("name", ["asend", "asend_robust"])
def test_the_asynchronous_sends_are_coroutines_with_the_contracts_of_the_others(name: str) -> None:
    method = getattr(announced, name)
    assert inspect.iscoroutinefunction(method)
    with pytest.raises(TypeError, match="sender"):
        async_to_sync(method)()
    assert send(name) == []
    connect_background(announced, index)
    ((receiver, response),) = send(name)
    assert (receiver.__wrapped__, response) == (index, None)
    assert rows() == ["index"]


@pytest.mark.parametrize(("is_async", "name"), list(itertools.product([False, True], SENDS)))
def test_sync_and_async_receivers_answer_all_four_sends_beside_background_ones(is_async: bool, name: str) -> None:
    def sync_inline(sender: Any, **kwargs: Any) -> str:
        return "heard"

    async def async_inline(sender: Any, **kwargs: Any) -> str:
        return "heard"

    inline = async_inline if is_async else sync_inline
    announced.connect(inline)
    connect_background(announced, index)
    connect_background(announced, thumbnail)
    responses = send(name)
    assert (inline, "heard") in responses
    assert [response for receiver, response in responses if receiver is not inline] == [None, None]
    assert rows() == ["index", "thumbnail"]


@pytest.mark.parametrize("name", SENDS)
def test_sync_receivers_come_before_async_ones_and_background_ones_are_sync(name: str) -> None:
    async def first_connected(sender: Any, **kwargs: Any) -> str:
        return "async"

    def last_connected(sender: Any, **kwargs: Any) -> str:
        return "sync"

    announced.connect(first_connected)
    connect_background(announced, thumbnail)
    announced.connect(last_connected)
    assert [response for _, response in send(name)] == [None, "sync", "async"]


@pytest.mark.parametrize("name", SENDS)
def test_async_receivers_run_concurrently_beside_a_background_receiver(name: str) -> None:
    met: list[str] = []

    def make() -> tuple[Any, Any]:
        # Made where the loop is that they are used on.
        events: dict[str, asyncio.Event] = {}

        def event(which: str) -> asyncio.Event:
            return events.setdefault(which, asyncio.Event())

        async def one(sender: Any, **kwargs: Any) -> None:
            event("one").set()
            await event("other").wait()
            met.append("one")

        async def other(sender: Any, **kwargs: Any) -> None:
            event("other").set()
            await event("one").wait()
            met.append("other")

        return one, other

    one, other = make()
    announced.connect(one)
    connect_background(announced, index)
    announced.connect(other)
    send(name)
    assert sorted(met) == ["one", "other"]
    assert rows() == ["index"]


@pytest.mark.parametrize("name", SENDS)
def test_a_send_changes_between_sync_and_async_at_most_once(name: str) -> None:
    async def inline(sender: Any, **kwargs: Any) -> None: ...

    def sync_inline(sender: Any, **kwargs: Any) -> None: ...

    for receiver in (inline, sync_inline):
        announced.connect(receiver)
    for receiver in (index, mail, thumbnail):
        connect_background(announced, receiver)
    with (
        mock.patch.object(dispatcher, "async_to_sync", wraps=async_to_sync) as to_sync,
        mock.patch.object(dispatcher, "sync_to_async", wraps=sync_to_async) as to_async,
    ):
        send(name)
    assert to_sync.call_count + to_async.call_count == 1
    assert rows() == ["index", "mail", "thumbnail"]


class Unwell(Exception):
    """What a receiver raises."""


@pytest.mark.parametrize("is_async", [False, True])
def test_asend_stops_at_an_error_and_asend_robust_returns_it(is_async: bool) -> None:
    error = Unwell()

    def fail(sender: Any, **kwargs: Any) -> None:
        raise error

    async def fail_asynchronously(sender: Any, **kwargs: Any) -> None:
        raise error

    failing = fail_asynchronously if is_async else fail
    announced.connect(failing)
    connect_background(announced, index)
    with pytest.raises(BaseException) as raised:
        send("asend")
    # Several may fail together since Django 6.1.
    errors = getattr(raised.value, "exceptions", (raised.value,))
    assert error in errors
    responses = send("asend_robust")
    assert (failing, error) in responses
    assert "index" in rows()


@pytest.mark.django_db(transaction=True)
@override_settings(ROOT_URLCONF=__name__)
def test_under_asgi_the_signals_of_a_request_reach_everybody_by_asend() -> None:
    heard: list[tuple[str, str]] = []

    def sync_inline(sender: Any, signal: Any, **kwargs: Any) -> None:
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        heard.append(("sync", "started" if signal is request_started else "finished"))

    async def async_inline(sender: Any, signal: Any, **kwargs: Any) -> None:
        asyncio.get_running_loop()
        heard.append(("async", "started" if signal is request_started else "finished"))

    async def ask() -> None:
        application = get_asgi_application()
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "GET",
            "path": "/",
            "query_string": b"",
            "headers": [],
        }
        communicator = ApplicationCommunicator(application, {**scope, "asgi": {"version": "3.0"}})
        await communicator.send_input({"type": "http.request"})
        assert (await communicator.receive_output())["status"] == 204
        await communicator.receive_output()
        await communicator.wait()

    signals = (request_started, request_finished)
    request_finished.disconnect(close_old_connections)
    for signal in signals:
        signal.connect(sync_inline)
        signal.connect(async_inline)
        connect_background(signal, index)
    # The last of all, in the thread of the request.
    request_finished.connect(close_connections)
    try:
        # The second is sent where the response is closed, in a thread.
        with mock.patch.object(request_started, "send", side_effect=AssertionError("a sync send blocks the loop")):
            async_to_sync(ask)()
    finally:
        for signal in signals:
            signal.disconnect(sync_inline)
            signal.disconnect(async_inline)
        request_finished.disconnect(close_connections)
        request_finished.connect(close_old_connections)
    assert sorted(heard) == [("async", "finished"), ("async", "started"), ("sync", "finished"), ("sync", "started")]
    tasks = Task.objects.order_by("id").values_list("signal", "sender")
    assert list(tasks) == [
        ("django.core.signals.request_started", "django.core.handlers.asgi.ASGIHandler"),
        ("django.core.signals.request_finished", "django.core.handlers.asgi.ASGIHandler"),
    ]


def close_connections(sender: Any, **kwargs: Any) -> None:
    for connection in connections.all(initialized_only=True):
        # SQLite's own method leaves a database in memory open.
        BaseDatabaseWrapper.close(connection)


def nothing(request: Any) -> HttpResponse:
    return HttpResponse(status=204)


urlpatterns = [path("", nothing)]


def test_an_asynchronous_save_sends_in_the_thread_that_saves() -> None:
    connect_background(post_save, index, sender=Author)

    async def save() -> None:
        await Author.objects.acreate(name="Ada")
        assert await Task.objects.acount() == 1

    async_to_sync(save)()
    assert rows() == ["index"]
