from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from django.db.models.signals import m2m_changed, post_save
from django.dispatch import Signal
from django.test import override_settings
from django.urls import clear_url_caches, path

import signalpost
from signalpost import async_receiver, connect_background, registry
from signalpost.models import Task
from tests.news.models import Article

Found = Callable[..., list[Any]]

order_paid = Signal()


def mail(sender: Any, **kwargs: Any) -> None: ...


def strict(sender: Any, signal: Any, order: Any) -> None: ...


@pytest.fixture
def connections(isolated: None) -> Iterator[Callable[..., None]]:
    """Connects inline receivers, as in production: without Django's own look at them."""
    connected = []

    def connect(signal: Signal, receiver: Any, **kwargs: Any) -> None:
        with override_settings(DEBUG=False):
            signal.connect(receiver, **kwargs)
        connected.append((signal, receiver, kwargs.get("sender")))

    yield connect
    for signal, receiver, sender in connected:
        signal.disconnect(receiver, sender=sender)


def test_e005_a_function_inside_a_function_and_a_lambda_are_errors(found: Found, isolated: None) -> None:
    @async_receiver(post_save)
    def inside(sender: Any, **kwargs: Any) -> None: ...

    connect_background(post_save, lambda **kwargs: None)
    names = sorted(message.msg.split(" at ")[0] for message in found("E005"))
    assert names == [
        f"{__name__}.test_e005_a_function_inside_a_function_and_a_lambda_are_errors.<locals>.<lambda>",
        f"{__name__}.test_e005_a_function_inside_a_function_and_a_lambda_are_errors.<locals>.inside",
    ]


def test_e005_is_silent_about_functions_of_modules_and_about_names_given_by_hand(found: Found, isolated: None) -> None:
    connect_background(post_save, mail)
    connect_background(post_save, lambda **kwargs: None, name="news.lambda")
    assert found("E005") == []


def test_e006_fields_that_a_lazily_named_model_has_not_are_an_error(found: Found, isolated: None) -> None:
    connect_background(post_save, mail, sender="news.Article", fields={"stat", "title"})
    (error,) = found("E006")
    assert "'stat'" in error.msg
    assert "news.Article" in error.msg
    assert "status" in error.hint


def test_e006_is_silent_about_fields_and_their_columns(found: Found, isolated: None) -> None:
    connect_background(post_save, mail, sender="news.Article", fields={"status", "author", "author_id"})
    assert found("E006") == []


def test_e007_the_delay_of_a_task_that_listens_to_tasks_is_an_error(found: Found, connections: Callable[..., None]) -> None:
    connections(post_save, signalpost.task(mail).delay, sender=Task)
    (error,) = found("E007")
    assert "signalpost.Task" in error.msg
    assert "task_enqueued" in error.hint


def test_e007_is_silent_about_inline_receivers_of_tasks_and_about_other_senders(
    found: Found, connections: Callable[..., None]
) -> None:
    connections(post_save, mail, sender=Task)
    connections(post_save, signalpost.task(mail).delay, sender=Article)
    assert found("E007") == []


@pytest.fixture
def views(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A module of views that connects a receiver when it is first read."""

    class Views(ModuleType):
        @property
        def urlpatterns(self) -> list[Any]:
            connect_background(post_save, mail)
            return [path("", lambda request: None)]

    monkeypatch.setitem(sys.modules, "late_views", Views("late_views"))
    with override_settings(ROOT_URLCONF="late_views"):
        clear_url_caches()
        yield
    clear_url_caches()


def test_w006_a_receiver_that_views_connect_is_a_warning(found: Found, isolated: None, views: None) -> None:
    (warning,) = found("W006")
    assert f"{__name__}.mail" in warning.msg
    assert "`receivers`" in warning.hint


def test_w006_is_silent_about_what_was_connected_at_the_start(
    found: Found, isolated: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signalpost.receiver.django_apps", SimpleNamespace(ready=False))
    connect_background(post_save, mail)
    assert found("W006") == []


def test_w007_an_inline_receiver_without_keywords_is_found_in_production(
    found: Found, connections: Callable[..., None]
) -> None:
    connections(order_paid, strict)
    (warning,) = found("W007")
    assert f"{__name__}.strict" in warning.msg
    assert "order_paid" in warning.msg
    assert "**kwargs" in warning.hint


def test_w007_is_silent_about_receivers_that_accept_them_and_about_what_cannot_be_read(
    found: Found, connections: Callable[..., None]
) -> None:
    connections(order_paid, mail)
    connections(m2m_changed, dict)
    assert found("W007") == []


def test_messages_name_the_place(found: Found, isolated: None) -> None:
    connect_background(post_save, lambda **kwargs: None)
    (error,) = found("E005")
    (receiver,) = [each for each in registry.receivers() if "<lambda>" in each.name]
    assert receiver.place in error.msg
