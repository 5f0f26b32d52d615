"""Connecting and disconnecting, with background receivers beside the others."""

from __future__ import annotations

import gc
import inspect
import weakref
from functools import partial
from typing import Any
from unittest import mock

import pytest
from django.db.models.signals import post_save
from django.dispatch import Signal, dispatcher, receiver
from django.test import override_settings
from django.utils.inspect import _get_func_parameters

import signalpost
from signalpost import async_receiver, connect_background

from ..news.models import Author
from .listeners import Publisher, announced, cached, index, mail, rows, withdrawn

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("signal", [announced, cached], ids=["plain", "use_caching"])
def test_a_signal_with_a_cache_and_one_without_are_heard_alike(signal: Signal) -> None:
    signal.send(Publisher)
    connect_background(signal, index, sender=Publisher)
    signal.send(Publisher)
    signal.send(Editor)
    assert rows() == ["index"]
    assert signal.disconnect(index, sender=Publisher)
    signal.send(Publisher)
    assert rows() == ["index"]


def test_signals_and_their_methods_are_djangos_own() -> None:
    for name in (
        "connect",
        "disconnect",
        "send",
        "send_robust",
        "asend",
        "asend_robust",
        "has_listeners",
        "_live_receivers",
    ):
        method = getattr(Signal, name)
        assert method.__module__ == "django.dispatch.dispatcher", name
        assert method.__code__.co_filename == dispatcher.__file__, name
    assert type(post_save).connect.__module__ == "django.db.models.signals"


def test_connect_has_the_arguments_of_django_and_takes_them_by_position() -> None:
    connect = inspect.signature(announced.connect)
    assert str(connect) == "(receiver, sender=None, weak=True, dispatch_uid=None)"
    names = [name for name in inspect.signature(connect_background).parameters if name in connect.parameters]
    assert names == ["sender", "weak", "dispatch_uid"]

    connect_background(announced, index, sender=Publisher)
    called: list[Any] = []
    announced.connect(lambda **kwargs: called.append(kwargs["sender"]), Publisher, False, "by position")
    announced.send(Publisher)
    announced.send(None)
    assert (called, rows()) == ([Publisher], ["index"])


@pytest.mark.parametrize("debug", [False, True])
def test_an_inline_receiver_is_held_weakly_and_a_background_receiver_strongly(debug: bool) -> None:
    def make() -> weakref.ref[Any]:
        def local(sender: Any, **kwargs: Any) -> None:
            raise AssertionError("it is gone")

        def local_background(sender: Any, **kwargs: Any) -> None: ...

        announced.connect(local)
        connect_background(announced, local_background)
        return weakref.ref(local)

    with override_settings(DEBUG=debug):
        inline = make()
        # Where DEBUG is true Django keeps what it has looked at.
        _get_func_parameters.cache_clear()
        gc.collect()
        assert inline() is None
        announced.send(None)
    assert rows() == ["local_background"]


def test_weak_false_keeps_a_local_inline_receiver() -> None:
    called = []

    def connect() -> None:
        def local(sender: Any, **kwargs: Any) -> None:
            called.append(sender)

        announced.connect(local, weak=False)

    connect()
    connect_background(announced, index)
    gc.collect()
    announced.send(Publisher)
    assert (called, rows()) == ([Publisher], ["index"])


class Editor:
    """An object whose method receives."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def hear(self, sender: Any, **kwargs: Any) -> None:
        self.heard.append(sender)


def test_a_bound_method_receives_and_vanishes_with_its_object() -> None:
    connect_background(announced, index)
    editor = Editor()
    announced.connect(editor.hear)
    announced.send(Publisher)
    assert editor.heard == [Publisher]
    gone = weakref.ref(editor)
    del editor
    gc.collect()
    assert gone() is None
    announced.send(Publisher)
    assert [function for function, _ in announced.send_robust(Publisher)] == [announced.receivers[0][1]]
    assert rows() == ["index"] * 3


class Callable:
    """An object that can be called."""

    def __call__(self, sender: Any, **kwargs: Any) -> str:
        return "called"


@pytest.mark.parametrize(
    "anything",
    [Callable(), partial(lambda more, sender, **kwargs: "called", 1), mock.Mock(return_value="called")],
    ids=["object", "partial", "mock"],
)
def test_whatever_can_be_called_receives_inline_and_in_the_background(anything: Any) -> None:
    announced.connect(anything, weak=False)
    connect_background(withdrawn, anything, name="news.anything")
    assert announced.send(None) == announced.send_robust(None) == [(anything, "called")]
    ((enqueuer, response),) = withdrawn.send_robust(None)
    assert response is None
    assert rows() == ["anything"]


@pytest.mark.parametrize("uid", ["text", 7, ("a", 1), frozenset({"a"})])
def test_of_one_dispatch_uid_and_sender_the_first_wins(uid: Any) -> None:
    connect_background(announced, index, dispatch_uid=uid)
    connect_background(announced, mail, dispatch_uid=uid)
    connect_background(announced, mail, sender=Publisher, dispatch_uid=uid)
    announced.send(Publisher)
    assert rows() == ["index", "mail"]


@pytest.mark.parametrize("uid", ["", 0, None])
def test_a_dispatch_uid_that_is_false_counts_as_none_as_in_django(uid: Any) -> None:
    for _ in range(2):
        connect_background(announced, index, dispatch_uid=uid)
        connect_background(announced, mail, dispatch_uid=uid)
    announced.send(Publisher)
    assert rows() == ["index", "mail"]


def test_a_dispatch_uid_is_shared_with_inline_receivers() -> None:
    connect_background(announced, index, dispatch_uid="one")
    announced.connect(lambda **kwargs: pytest.fail("the first registration wins"), weak=False, dispatch_uid="one")
    announced.send(None)
    assert rows() == ["index"]


def test_disconnecting_says_whether_something_was_removed() -> None:
    connect_background(announced, index, sender=Publisher)
    assert announced.disconnect(index) is False
    assert announced.disconnect(index, sender=Publisher) is True
    assert announced.disconnect(index, sender=Publisher) is False
    assert announced.receivers == []


def test_disconnecting_from_a_lazy_sender_says_nothing_as_in_django() -> None:
    connect_background(post_save, index, sender="news.Author")
    assert post_save.disconnect(index, sender="news.Author") is None
    Author.objects.create(name="Ada")
    assert rows() == []


def test_a_dispatch_uid_alone_disconnects_under_the_sender_it_was_connected_with() -> None:
    connect_background(announced, index, sender=Publisher, dispatch_uid="one")
    assert announced.disconnect(dispatch_uid="one") is False
    assert announced.disconnect(sender=Editor, dispatch_uid="one") is False
    assert announced.disconnect(sender=Publisher, dispatch_uid="one") is True
    announced.send(Publisher)
    assert rows() == []


@pytest.mark.parametrize("several", [[announced, withdrawn], (announced, withdrawn)], ids=["list", "tuple"])
def test_the_decorators_connect_to_several_signals_and_return_the_function(several: Any) -> None:
    heard: list[Signal] = []

    def inline(sender: Any, signal: Signal, **kwargs: Any) -> None:
        heard.append(signal)

    assert receiver(several, sender=Publisher)(inline) is inline
    assert async_receiver(several, sender=Publisher)(index) is index
    announced.send(Publisher)
    withdrawn.send(Publisher)
    withdrawn.send(None)
    assert heard == [announced, withdrawn]
    assert rows() == ["index", "index"]


def test_who_listens_is_seen_as_ever() -> None:
    assert not announced.has_listeners(Publisher)
    connect_background(announced, index, sender=Publisher)
    assert announced.has_listeners(Publisher)
    assert not announced.has_listeners(Editor)
    sync_receivers, async_receivers = announced._live_receivers(Publisher)
    assert (len(sync_receivers), async_receivers) == (1, [])


def test_mute_signals_of_other_packages_assign_the_list_and_restore_it() -> None:
    connect_background(cached, index)
    cached.send(Publisher)
    before, cached.receivers = cached.receivers, []
    cached.sender_receivers_cache.clear()
    cached.send(Publisher)
    cached.receivers = before
    cached.sender_receivers_cache.clear()
    cached.send(Publisher)
    assert rows() == ["index", "index"]


def test_the_package_names_are_importable_before_apps_are_ready() -> None:
    assert signalpost.async_receiver is async_receiver
    assert async_receiver.__module__ == "signalpost.receiver"
