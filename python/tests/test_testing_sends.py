"""What was sent."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest
from asgiref.sync import async_to_sync
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_save
from django.dispatch import Signal

from signalpost import AsyncSignal
from signalpost.models import Task
from signalpost.testing import assertSignalNotSent, assertSignalSent, captured_sends

from .news.models import Article, Author, Tag

order_paid = Signal()
stock_changed = AsyncSignal()


@pytest.mark.django_db
def test_a_model_signal_is_seen_with_its_sender_and_arguments() -> None:
    with assertSignalSent(post_save, sender=Article, count=1, created=True) as sends:
        article = Article.objects.create(title="Harbour light")
        Author.objects.create(name="Ada")

    assert [sent.sender for sent in sends] == [Article, Author]
    assert sends[0].named["instance"] == article


@pytest.mark.parametrize("send", ["send", "send_robust", "asend", "asend_robust"])
def test_all_four_sends_are_seen_and_answer_as_they_do(send: str) -> None:
    def listens(cents: int, **kwargs: Any) -> int:
        return cents

    order_paid.connect(listens)
    with assertSignalSent(order_paid, sender=None, cents=7):
        method = getattr(order_paid, send)
        answers = (async_to_sync(method) if send.startswith("a") else method)(None, cents=7)
    order_paid.disconnect(listens)

    assert answers == [(listens, 7)]


@pytest.mark.django_db
@pytest.mark.parametrize("send", ["send", "send_robust", "asend", "asend_robust"])
def test_the_sends_of_a_background_signal_are_seen_when_they_are_made(send: str) -> None:
    with assertSignalSent(stock_changed, sender=Article, count=1, left=3):
        method = getattr(stock_changed, send)
        (async_to_sync(method) if send.startswith("a") else method)(Article, left=3)

    assert Task.objects.count() == 1


def test_a_signal_that_was_not_sent_fails_the_test() -> None:
    with pytest.raises(AssertionError) as raised, assertSignalSent(order_paid):
        pass

    assert str(raised.value) == (
        f"{__name__}.order_paid was to be sent at least once, and was not sent. All sends that were recorded: none"
    )


def test_the_message_shows_what_was_sent_instead() -> None:
    with pytest.raises(AssertionError) as raised:
        with assertSignalSent(order_paid, sender=Article, count=2, cents=7):
            order_paid.send(Article, cents=7, note="x" * 500)
            order_paid.send("till 3", cents=8)
            order_paid.send(None)

    assert str(raised.value) == "\n  ".join(
        [
            f"{__name__}.order_paid was to be sent 2 times by news.Article, with cents=7, and was sent once. "
            "All sends that were recorded:",
            f"{__name__}.order_paid by news.Article: cents=7, note='{'x' * 119}…",
            f"{__name__}.order_paid by till 3: cents=8",
            f"{__name__}.order_paid by None: without arguments",
        ]
    )


def test_that_nothing_was_sent_can_be_said() -> None:
    with assertSignalNotSent(order_paid):
        pass
    with assertSignalNotSent(order_paid, sender=Article, cents=7):
        order_paid.send(Author, cents=7)
    with pytest.raises(AssertionError, match="was to be not sent, and was sent once"):
        with assertSignalNotSent(order_paid):
            order_paid.send(None)


def test_a_sender_is_a_class_an_object_nobody_or_a_label() -> None:
    till = object()
    with captured_sends(order_paid) as sends:
        for sender in (Article, till, None, "till 3"):
            order_paid.send(sender)

    for sender in (Article, till, None, "till 3", "news.Article"):
        assert len(sends.of(order_paid, sender=sender)) == 1
    assert len(sends.of(order_paid)) == 4
    assert sends.of(order_paid, sender=object()) == []


def test_arguments_can_be_compared_with_anything() -> None:
    with assertSignalSent(order_paid, cents=mock.ANY):
        order_paid.send(None, cents=7)


def test_arguments_with_names_of_the_assertions_own_are_given_apart() -> None:
    with assertSignalSent(order_paid, named={"count": 3, "named": 4}):
        order_paid.send(None, count=3, named=4)


def test_a_send_is_seen_although_a_receiver_raises() -> None:
    def breaks(**kwargs: Any) -> None:
        raise LookupError

    order_paid.connect(breaks)
    with captured_sends(order_paid) as sends:
        with pytest.raises(LookupError):
            order_paid.send(None)
    order_paid.disconnect(breaks)

    assert len(sends) == 1


def test_an_error_in_the_block_is_the_one_that_is_shown() -> None:
    with pytest.raises(LookupError):
        with assertSignalSent(order_paid):
            raise LookupError


@pytest.mark.django_db
def test_sends_that_django_leaves_out_where_nobody_listens_are_seen() -> None:
    article, tag = Article.objects.create(title="one"), Tag.objects.create(label="sea")

    with assertSignalSent(m2m_changed, sender=Article.tags.through, action="post_add", pk_set={tag.pk}):
        article.tags.add(tag)
    with assertSignalSent(post_delete, sender=Author):
        Author.objects.create(name="Ada")
        Author.objects.all().delete()


@pytest.mark.django_db
def test_several_signals_are_recorded_in_order() -> None:
    with captured_sends(pre_save, post_save) as sends:
        Author.objects.create(name="Ada")

    assert [sent.signal for sent in sends] == [pre_save, post_save]


def test_recordings_may_overlap_and_leave_nothing_behind() -> None:
    one, other = captured_sends(order_paid), captured_sends(order_paid)
    first = one.__enter__()
    order_paid.send(None)
    second = other.__enter__()
    order_paid.send(None)
    one.__exit__(None, None, None)
    order_paid.send(None)
    other.__exit__(None, None, None)
    order_paid.send(None)

    assert (len(first), len(second)) == (2, 2)
    assert not set(vars(order_paid)) & {"send", "send_robust", "asend", "asend_robust", "has_listeners"}
    assert not order_paid.has_listeners()


def test_only_a_plain_list_is_needed_to_look_at_them() -> None:
    with captured_sends(order_paid) as sends:
        order_paid.send(Article, cents=7)

    (sent,) = sends
    assert (sent.signal, sent.sender, sent.named) == (order_paid, Article, {"cents": 7})
    assert sends.assert_sent(order_paid, count=1) == sends
