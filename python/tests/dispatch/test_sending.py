"""Sends, with background receivers among those who hear them."""

from __future__ import annotations

import logging
import random
import threading
from functools import partial
from typing import Any

import pytest
from django.db import transaction
from django.db.models.signals import m2m_changed, post_save
from django.dispatch import Signal

from signalpost import connect_background
from signalpost.testing import run_tasks

from ..news.models import Article, Author, Tag
from .listeners import Publisher, announced, index, mail, rows

pytestmark = pytest.mark.django_db


def test_receivers_run_in_the_order_in_which_they_were_connected() -> None:
    order: list[int] = []
    numbers = list(range(50))
    random.Random(7).shuffle(numbers)

    def receiver(number: int) -> Any:
        return lambda **kwargs: order.append(number)

    for number in numbers:
        if number == 25:
            connect_background(announced, index, when=lambda **kwargs: order.append(25) or True)
        else:
            announced.connect(receiver(number), weak=False)
    announced.send(None)
    assert order == numbers
    assert rows() == ["index"]


def test_a_send_runs_every_inline_receiver_in_the_callers_thread_before_it_returns() -> None:
    threads: list[int] = []
    connect_background(announced, index)
    announced.connect(lambda **kwargs: threads.append(threading.get_ident()), weak=False)
    connect_background(announced, mail)
    announced.connect(lambda **kwargs: threads.append(threading.get_ident()), weak=False)
    announced.send(None)
    assert threads == [threading.get_ident()] * 2
    assert rows() == ["index", "mail"]


def test_a_receiver_gets_the_signal_the_sender_and_everything_that_was_sent() -> None:
    heard: list[dict[str, Any]] = []

    def inline(**kwargs: Any) -> None:
        heard.append(kwargs)

    announced.connect(inline)
    connect_background(announced, inline, dispatch_uid="in the background too")
    announced.send(Publisher, title="Harbour", pages=[1, 2])
    run_tasks()
    assert heard == [{"signal": announced, "sender": Publisher, "title": "Harbour", "pages": [1, 2]}] * 2


def test_a_send_needs_a_sender_which_is_a_class_an_object_or_nobody() -> None:
    author = Author.objects.create(name="Ada")
    connect_background(announced, index)
    for send in (announced.send, announced.send_robust):
        with pytest.raises(TypeError, match="sender"):
            send()  # type: ignore[call-arg]
    for sender in (None, Publisher, author, "by name"):
        announced.send(sender)
    assert len(rows()) == 4


def test_sends_return_pairs_of_receiver_and_response_and_nothing_when_nobody_listens() -> None:
    assert announced.send(None) == announced.send_robust(None) == []

    def answer(sender: Any, **kwargs: Any) -> str:
        return "heard"

    announced.connect(answer)
    connect_background(announced, index)
    for responses in (announced.send(None), announced.send_robust(None)):
        (first, second) = responses
        assert first == (answer, "heard")
        assert second[1] is None
        assert second[0].__wrapped__ is index


class Unwell(Exception):
    """What a receiver raises."""


def test_send_stops_at_the_first_error_and_keeps_it_as_it_was() -> None:
    error = Unwell()

    def fail(sender: Any, **kwargs: Any) -> None:
        raise error

    connect_background(announced, index)
    announced.connect(fail)
    connect_background(announced, mail)
    with pytest.raises(Unwell) as raised:
        announced.send(None)
    assert raised.value is error
    # What was written before stays in the transaction, whose owner decides.
    assert rows() == ["index"]


def test_send_robust_runs_everybody_and_returns_and_logs_the_error(caplog: pytest.LogCaptureFixture) -> None:
    error = Unwell("the printer is on fire")

    def fail(sender: Any, **kwargs: Any) -> None:
        raise error

    connect_background(announced, index)
    announced.connect(fail)
    connect_background(announced, mail)
    with caplog.at_level(logging.ERROR, "django.dispatch"):
        responses = announced.send_robust(None)
    assert [response for _, response in responses] == [None, error, None]
    assert error.__traceback__ is not None
    assert rows() == ["index", "mail"]
    (record,) = [record for record in caplog.records if record.name == "django.dispatch"]
    assert record.levelno == logging.ERROR
    assert "fail" in record.getMessage()
    assert record.exc_info is not None and record.exc_info[1] is error


def test_send_robust_lets_pass_what_is_no_exception() -> None:
    def interrupt(sender: Any, **kwargs: Any) -> None:
        raise KeyboardInterrupt

    announced.connect(interrupt)
    connect_background(announced, index)
    with pytest.raises(KeyboardInterrupt):
        announced.send_robust(None)
    assert rows() == []


def test_send_robust_logs_a_background_receiver_that_has_no_name_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    def refuse(**kwargs: Any) -> bool:
        raise Unwell

    # Of an inline one Django cannot log it: it reads `__qualname__`.
    connect_background(announced, partial(index), name="news.partial", when=refuse)
    connect_background(announced, mail)
    assert isinstance(announced.send_robust(None)[0][1], Unwell)
    assert "Signal.send_robust" in caplog.text
    assert rows() == ["mail"]


def test_a_receiver_survives_what_a_newer_sender_has_added() -> None:
    heard: list[Any] = []

    def inline(sender: Any, **kwargs: Any) -> None:
        heard.append(kwargs.get("added_later"))

    announced.connect(inline)
    connect_background(announced, inline, dispatch_uid="in the background too")
    announced.send(None, added_later="yes")
    run_tasks()
    assert heard == ["yes", "yes"]


def test_a_model_signal_with_an_argument_that_nobody_knows_reaches_background_receivers() -> None:
    heard: list[dict[str, Any]] = []

    def note(sender: Any, **kwargs: Any) -> None:
        heard.append(kwargs)

    for signal in (post_save, m2m_changed):
        connect_background(signal, note, sender=Article, name="news.note")
    article = Article.objects.create(title="Harbour")
    common = {"instance": article, "using": "default", "added_later": 1}
    post_save.send(Article, created=False, raw=False, update_fields=None, **common)
    m2m_changed.send(Article, action="post_add", reverse=False, model=Tag, pk_set={1}, **common)
    run_tasks()
    assert [kwargs.get("added_later") for kwargs in heard] == [None, 1, 1]


def test_a_model_travels_under_any_name_with_a_sender_that_is_no_model() -> None:
    heard: list[tuple[Any, Any, Any]] = []

    def note(sender: Any, author: Author, lines: list[Any], **kwargs: Any) -> None:
        heard.append((sender, author.name, [line.label for line in lines]))

    connect_background(announced, note, sender=Publisher, name="news.note")
    author, tag = Author.objects.create(name="Ada"), Tag.objects.create(label="sea")
    announced.send(Publisher, author=author, lines=[tag])
    Author.objects.filter(pk=author.pk).update(name="Ada L.")
    run_tasks()
    assert heard == [(Publisher, "Ada L.", ["sea"])]


def test_a_signal_of_ones_own_may_carry_no_instance() -> None:
    heard: list[dict[str, Any]] = []

    def note(sender: Any, signal: Any, **kwargs: Any) -> None:
        heard.append(kwargs)

    connect_background(announced, note, name="news.note")
    announced.send(Publisher, instance=None)
    announced.send(Publisher)
    run_tasks()
    assert heard == [{"instance": None}, {}]


class AlwaysEqual(type):
    """The class of classes that say that they are any other."""

    def __eq__(cls, other: object) -> bool:
        return True

    def __hash__(cls) -> int:
        return 1


class One(metaclass=AlwaysEqual):
    """A sender."""


class Other(metaclass=AlwaysEqual):
    """Another one, that is equal to it."""


def test_senders_do_not_cross_talk_and_are_told_apart_by_identity() -> None:
    assert One == Other
    connect_background(announced, index, sender=One)
    announced.send(Other)
    announced.send(Publisher)
    announced.send(None)
    assert rows() == []
    announced.send(One)
    assert rows() == ["index"]


def test_who_listens_to_everybody_hears_everybody() -> None:
    connect_background(announced, index)
    connect_background(post_save, mail)
    for sender in (None, Publisher, "by name"):
        announced.send(sender)
    Author.objects.create(name="Ada")
    Tag.objects.create(label="sea")
    assert rows() == ["index"] * 3 + ["mail"] * 2


def test_disconnecting_inside_a_receiver_during_a_send_is_safe() -> None:
    def leave(sender: Any, signal: Signal, **kwargs: Any) -> None:
        signal.disconnect(leave)
        signal.disconnect(index)

    announced.connect(leave)
    connect_background(announced, index)
    connect_background(announced, mail)
    announced.send(None)
    # The receivers of a send are known at its beginning, as ever.
    assert rows() == ["index", "mail"]
    announced.send(None)
    assert rows() == ["index", "mail", "mail"]


def test_connecting_inside_a_receiver_takes_effect_with_the_next_send() -> None:
    def join(sender: Any, signal: Signal, **kwargs: Any) -> None:
        connect_background(signal, mail)

    announced.connect(join)
    announced.send(None)
    assert rows() == []
    announced.send(None)
    assert rows() == ["mail"]


def test_a_receiver_that_fails_leaves_the_transaction_to_its_owner() -> None:
    def fail(sender: Any, **kwargs: Any) -> None:
        raise Unwell

    connect_background(announced, index)
    announced.connect(fail)
    with pytest.raises(Unwell), transaction.atomic():
        announced.send(None)
    assert rows() == []
