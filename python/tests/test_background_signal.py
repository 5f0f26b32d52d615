"""`AsyncSignal`: one task per send, whatever the number of receivers."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.apps import apps
from django.db import DatabaseError, transaction
from django.dispatch import Signal, receiver
from django.test import override_settings

import signalpost
from signalpost import AsyncSignal, CannotTravel, DeclarationError, NotInstalled, async_receiver, connect_background
from signalpost.models import Task

from .news import signals
from .news.models import Article, Author

transactional = pytest.mark.django_db(transaction=True)
pytestmark = pytest.mark.django_db

closed = AsyncSignal()
wired = AsyncSignal(queue="high_priority")
without_signalpost = override_settings(INSTALLED_APPS=["tests.news"])


def nobody(sender: Any, **kwargs: Any) -> None:
    raise AssertionError("a send of a background signal runs nobody")


def test_it_is_a_signal_of_djangos_with_djangos_sends() -> None:
    assert issubclass(AsyncSignal, Signal)
    for name in ("send", "send_robust", "asend", "asend_robust"):
        assert inspect.signature(getattr(AsyncSignal, name)).parameters.keys() == {"self", "sender", "named"}
        assert inspect.iscoroutinefunction(getattr(AsyncSignal, name)) is name.startswith("a")


@pytest.mark.parametrize("name", ["send", "send_robust"])
def test_a_send_writes_one_row_whatever_the_number_of_receivers(name: str) -> None:
    listeners = [lambda sender, **kwargs: nobody(sender) for _ in range(5)]
    for listener in listeners:
        closed.connect(listener)
    assert getattr(closed, name)(Author, edition=3) == []
    task = Task.objects.get()
    assert (task.signal, task.sender, task.receiver, task.queue) == (
        "tests.test_background_signal.closed",
        "news.Author",
        "*",
        "default",
    )
    assert task.payload == '{"sender":{"$":["model","news.Author"]},"named":{"edition":3}}'
    for listener in listeners:
        closed.disconnect(listener)


@pytest.mark.parametrize("name", ["asend", "asend_robust"])
@transactional
def test_an_asynchronous_send_writes_one_row_in_the_threads_transaction(name: str) -> None:
    async def send() -> None:
        assert await getattr(closed, name)(None, edition=3) == []

    with transaction.atomic():
        async_to_sync(send)()
        assert Task.objects.count() == 1
        transaction.set_rollback(True)
    assert Task.objects.count() == 0


def test_a_send_that_nobody_hears_here_is_written_for_the_worker() -> None:
    assert not closed.has_listeners()
    closed.send(None)
    assert Task.objects.count() == 1


def test_its_receivers_are_connected_like_others() -> None:
    @receiver(closed)
    def decorated(sender: Any, **kwargs: Any) -> None: ...

    assert closed.has_listeners()
    assert closed.disconnect(decorated) is True


def test_a_receiver_can_hear_both_kinds() -> None:
    heard = []

    @receiver([closed, signals.order_paid])
    def both(sender: Any, **kwargs: Any) -> None:
        heard.append(sender)

    closed.send("a")
    signals.order_paid.send("b")
    assert heard == ["b"]
    closed.run("a")
    assert heard == ["b", "a"]
    closed.disconnect(both)
    signals.order_paid.disconnect(both)


def test_a_background_receiver_of_a_background_signal_is_a_task_of_the_worker() -> None:
    def later(sender: Any, **kwargs: Any) -> None: ...

    connect_background(closed, later)
    closed.send(None)
    assert Task.objects.get().receiver == "*"
    closed.run(None)
    assert Task.objects.latest("id").receiver.endswith("later")


def test_the_queue_can_be_said() -> None:
    wired.send(None)
    assert Task.objects.get().queue == "high_priority"
    with override_settings(SIGNALPOST={"QUEUE": "slow"}):
        closed.send(None)
    assert Task.objects.latest("id").queue == "slow"
    with pytest.raises(DeclarationError, match=rf"{__file__}:\d+: AsyncSignal: queue= is empty"):
        AsyncSignal(queue="")


def test_what_it_is_sent_with_can_be_said_and_is_kept() -> None:
    assert AsyncSignal(providing_args=("host", "path")).providing_args == ("host", "path")
    assert signals.article_published.providing_args == ("article", "editor")
    assert closed.providing_args is None


def test_requests_can_be_told_of() -> None:
    signalpost.request_started.send(None)
    signalpost.request_finished.send(None)
    assert list(Task.objects.order_by("id").values_list("signal", flat=True)) == [
        "signalpost.request_started",
        "signalpost.request_finished",
    ]


def test_what_cannot_travel_is_an_error_of_all_sends() -> None:
    for name in ("send", "send_robust"):
        with pytest.raises(CannotTravel, match=r"\$\.named\.at"):
            getattr(closed, name)(None, at=object())
    with pytest.raises(CannotTravel, match="an unsaved news.Article"):
        closed.send(None, article=Article(title="Light"))
    assert not Task.objects.exists()


@transactional
@pytest.mark.parametrize("name", ["send", "send_robust"])
def test_an_insert_that_fails_is_an_error_of_all_sends(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signalpost.current.context_for_send", lambda name: ("{}", None, "not a number"))
    with transaction.atomic():
        Author.objects.create(name="Ada")
        with pytest.raises(DatabaseError):
            getattr(closed, name)(None)
    assert not Author.objects.exists()


def test_one_without_a_name_cannot_be_sent() -> None:
    with pytest.raises(DeclarationError, match="has no name"):
        AsyncSignal().send(None)
    named = AsyncSignal(name="news.by_hand")
    named.send(None)
    assert Task.objects.get().signal == "news.by_hand"


@without_signalpost
@pytest.mark.parametrize("name", ["send", "send_robust", "asend", "asend_robust"])
def test_where_we_are_not_installed_receivers_run_in_the_send_and_a_warning_says_so(name: str) -> None:
    assert not apps.is_installed("signalpost")
    heard = []

    def listener(sender: Any, signal: Any, **named: Any) -> str:
        heard.append(named)
        return "heard"

    closed.connect(listener)

    async def asynchronously() -> Any:
        return await getattr(closed, name)(None, edition=3)

    try:
        with pytest.warns(NotInstalled, match="add 'signalpost' to INSTALLED_APPS") as caught:
            answers = async_to_sync(asynchronously)() if name.startswith("a") else getattr(closed, name)(None, edition=3)
    finally:
        closed.disconnect(listener)
    assert answers == [(listener, "heard")]
    assert heard == [{"edition": 3}]
    assert caught[0].filename == __file__


@without_signalpost
def test_where_we_are_not_installed_background_receivers_run_in_the_send() -> None:
    heard = []

    @async_receiver(signals.order_paid)
    def synchronous(sender: Any, **kwargs: Any) -> None:
        heard.append("synchronous")

    @async_receiver(signals.order_paid)
    async def asynchronous(sender: Any, **kwargs: Any) -> None:
        heard.append("asynchronous")

    with pytest.warns(NotInstalled, match="synchronous runs inside the send"):
        signals.order_paid.send(None)
    assert heard == ["synchronous", "asynchronous"]
