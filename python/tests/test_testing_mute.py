"""One receiver left out."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from django.db.models.signals import post_delete, post_save
from django.dispatch import Signal, receiver

from signalpost import AsyncSignal, async_receiver, connect_background, task
from signalpost.models import Task
from signalpost.testing import mute, run_tasks

from .news.models import Article, Author

order_paid, order_shipped = Signal(), Signal(use_caching=True)
stock_changed = AsyncSignal()
called: list[str] = []


@pytest.fixture(autouse=True)
def _forget() -> Any:
    yield
    for signal in (order_paid, order_shipped, stock_changed):
        signal.receivers.clear()
        signal.sender_receivers_cache.clear()
    called.clear()


def one(**kwargs: Any) -> None:
    called.append("one")


def two(**kwargs: Any) -> None:
    called.append("two")


def three(**kwargs: Any) -> None:
    called.append("three")


def _send(signal: Signal = order_paid) -> list[str]:
    called.clear()
    # A signal that caches needs a sender that can be weakly referenced.
    signal.send(Article)
    return list(called)


@pytest.mark.parametrize("signal", [order_paid, order_shipped])
@pytest.mark.parametrize("muted", [one, two, three])
def test_an_inline_receiver_is_left_out_and_comes_back_to_its_place(signal: Signal, muted: Any) -> None:
    for each in (one, two, three):
        signal.connect(each)
    assert _send(signal) == ["one", "two", "three"]

    with mute(muted):
        assert _send(signal) == [each.__name__ for each in (one, two, three) if each is not muted]
    assert _send(signal) == ["one", "two", "three"]


def test_it_is_left_out_of_all_signals_or_of_those_that_are_given() -> None:
    for signal in (order_paid, order_shipped):
        signal.connect(one)

    with mute(one):
        assert _send(order_paid) == _send(order_shipped) == []
    with mute(one, order_paid):
        assert (_send(order_paid), _send(order_shipped)) == ([], ["one"])


def test_a_receiver_of_several_senders_is_left_out_of_all() -> None:
    for sender in (Article, Author):
        order_paid.connect(one, sender=sender)

    with mute(one):
        order_paid.send(Article)
        order_paid.send(Author)
        assert called == []
        assert not order_paid.has_listeners(Article)
    order_paid.send(Article)
    assert called == ["one"]


@pytest.mark.django_db
def test_no_task_is_written_for_a_background_receiver() -> None:
    async_receiver(post_save, sender=Article, name="one")(one)
    by_name = connect_background(post_save, two, sender=Article, name="two")

    with mute(one):
        Article.objects.create(title="Harbour light")
    assert [row.receiver for row in Task.objects.all()] == ["two"]
    with mute(one), mute(by_name):
        Article.objects.create(title="Harbour light")
    assert Task.objects.count() == 1
    Article.objects.create(title="Harbour light")
    assert Task.objects.count() == 3


@pytest.mark.django_db
def test_tasks_that_wait_already_are_not_concerned() -> None:
    async_receiver(order_paid, name="one")(one)
    order_paid.send(None)

    with mute(one):
        run_tasks()

    assert called == ["one"]


@pytest.mark.django_db
@pytest.mark.parametrize("which", ["the task", "its delay", "its entry in the registry"])
def test_a_task_is_muted_by_itself_or_its_delay(which: str) -> None:
    bill = task(name="bill")(one)
    order_paid.connect(bill.delay)

    with mute({"the task": bill, "its delay": bill.delay, "its entry in the registry": bill.receiver}[which]):
        order_paid.send(None)
    assert not Task.objects.exists()
    order_paid.send(None)
    assert Task.objects.count() == 1
    order_paid.disconnect(bill.delay)


@pytest.mark.django_db
def test_a_receiver_of_a_background_signal_is_left_out_when_its_task_runs() -> None:
    for each in (one, two):
        stock_changed.connect(each)
    stock_changed.send(None)

    with mute(one):
        run_tasks()

    assert called == ["two"]


def test_a_method_is_muted_for_its_object_only() -> None:
    class Printer:
        def __init__(self, name: str) -> None:
            self.name = name

        def print(self, **kwargs: Any) -> None:
            called.append(self.name)

    first, second = Printer("first"), Printer("second")
    order_paid.connect(first.print)
    order_paid.connect(second.print)

    with mute(first.print):
        assert _send() == ["second"]


def test_the_answers_are_without_it() -> None:
    order_paid.connect(one)
    order_paid.connect(two)

    with mute(one):
        assert order_paid.send(None) == [(two, None)]


def test_it_is_a_decorator() -> None:
    order_paid.connect(one)

    @mute(one)
    def send() -> list[str]:
        return _send()

    assert send() == []
    assert _send() == ["one"]


def test_an_error_within_brings_it_back() -> None:
    order_paid.connect(one)

    with pytest.raises(LookupError), mute(one):
        raise LookupError
    assert _send() == ["one"]


def test_what_is_connected_and_disconnected_meanwhile_stays_as_it_is() -> None:
    for each in (one, two):
        order_paid.connect(each)

    with mute(two):
        order_paid.disconnect(one)
        order_paid.connect(three)
    assert _send() == ["two", "three"]

    with mute(two):
        order_paid.connect(two)
        assert _send() == ["three", "two"]
    assert _send() == ["three", "two"]


def test_what_is_connected_nowhere_cannot_be_muted() -> None:
    with pytest.raises(ValueError, match="is not connected to any signal, so there is nothing to mute"), mute(one):
        pass
    order_paid.connect(one)
    with pytest.raises(ValueError, match="is not connected to the 1 signals that were given"), mute(one, order_shipped):
        pass


def test_a_weak_receiver_that_goes_while_it_is_muted_is_gone() -> None:
    def local(**kwargs: Any) -> None:
        called.append("local")

    order_paid.connect(local)
    with mute(local):
        pass
    assert _send() == ["local"]
    with mute(local):
        del local
        gc.collect()
    assert _send() == []


@pytest.mark.django_db
def test_nobody_listens_where_the_only_receiver_is_muted() -> None:
    post_delete.connect(one, sender=Author)
    Author.objects.create(name="Ada")
    try:
        with mute(one):
            assert not post_delete.has_listeners(Author)
    finally:
        post_delete.disconnect(one, sender=Author)


def test_a_decorated_receiver_is_muted_by_the_function() -> None:
    @receiver([order_paid, order_shipped])
    def both(**kwargs: Any) -> None:
        called.append("both")

    with mute(both):
        assert _send(order_paid) == _send(order_shipped) == []
