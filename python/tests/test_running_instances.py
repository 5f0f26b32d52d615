"""Instances of models, from the send to the receiver."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db.models.signals import post_delete, post_save
from django.dispatch import Signal, receiver

from signalpost import AsyncSignal, Gone, async_receiver, task
from signalpost.testing import run_tasks

from .news.models import Article, Author, Country, Document, Draft, Line, Notice, Review

order_paid = Signal()
stock_changed = AsyncSignal()

pytestmark = pytest.mark.django_db


class PizzaStore:
    """A sender that is no model."""


MADE: dict[Any, dict[str, Any]] = {
    Author: {"name": "Ada"},
    Document: {"id": uuid.UUID(int=7), "name": "one"},
    Country: {"code": "de"},
    Line: {"page": 1, "number": 2},
    Draft: {"title": "a proxy"},
    Review: {"title": "of several tables"},
    Notice: {"text": "hidden by the default manager"},
}


@pytest.fixture
def got() -> list[dict[str, Any]]:
    return []


@pytest.mark.parametrize("model", MADE)
def test_an_instance_arrives_and_one_that_is_gone_leaves_its_key(model: Any, got: list[dict[str, Any]]) -> None:
    async_receiver(post_save, sender=model, name="index")(lambda **kwargs: got.append(kwargs))
    instance = model(**MADE[model])
    instance.save()
    pk = instance.pk
    run_tasks()
    instance.save()
    # As somebody else would delete it.
    model._base_manager.filter(pk=pk).delete()
    run_tasks()

    there, gone = got
    assert (there["instance"].pk, type(there["instance"])) == (pk, model)
    assert "_instance_pk" not in there
    assert (gone["instance"], gone["_instance_pk"], gone["sender"]) == (None, pk, model)


@pytest.mark.parametrize("model", MADE)
def test_a_deletion_has_the_key(model: Any, got: list[dict[str, Any]]) -> None:
    async_receiver(post_delete, sender=model, name="forget")(lambda **kwargs: got.append(kwargs))
    instance = model._base_manager.create(**MADE[model])
    pk = instance.pk
    instance.delete()
    run_tasks()

    assert (got[0]["instance"], got[0]["_instance_pk"]) == (None, pk)


def test_an_instance_may_have_any_keyword_and_the_sender_may_be_a_plain_class(got: list[dict[str, Any]]) -> None:
    async_receiver(order_paid, sender=PizzaStore, name="bill")(lambda **kwargs: got.append(kwargs))
    order, other = Article.objects.create(title="an order"), Article.objects.create(title="another")
    order_paid.send(sender=PizzaStore, order=order, orders=[order, other])
    order_paid.send(sender=Author, order=order)
    pk = other.pk
    other.delete()
    run_tasks()
    order_paid.send(sender=PizzaStore, order=order)
    gone = order.pk
    order.delete()
    run_tasks()

    assert got[0]["sender"] is PizzaStore
    assert (got[0]["order"].pk, got[0]["orders"]) == (gone, [got[0]["order"], Gone(Article, pk)])
    assert (got[1]["order"], got[1]["_order_pk"]) == (None, gone)
    assert len(got) == 2


def test_no_instance_at_all_is_none(got: list[dict[str, Any]]) -> None:
    async_receiver(order_paid, name="bill")(lambda **kwargs: got.append(kwargs))
    order_paid.send(None, instance=None)
    run_tasks()

    assert got == [{"signal": order_paid, "sender": None, "instance": None}]


def test_the_receivers_of_a_background_signal_share_what_was_read(got: list[dict[str, Any]]) -> None:
    for name in ("one", "other"):
        listens = receiver(stock_changed, weak=False)
        listens(lambda name=name, **kwargs: got.append({name: kwargs["article"].title}))
    article = Article.objects.create(title="before")
    stock_changed.send(Article, article=article)
    Article.objects.update(title="after")
    run_tasks()
    stock_changed.receivers.clear()

    assert got == [{"one": "after"}, {"other": "after"}]


def test_a_task_that_is_called_with_an_instance_that_is_gone_has_its_key() -> None:
    calls: list[Any] = []
    bill = task(name="bill")(lambda *args, **kwargs: calls.append((args, kwargs)))
    author = Author.objects.create(name="Ada")
    bill.delay(author, again=author)
    pk = author.pk
    author.delete()
    run_tasks()

    assert calls == [((Gone(Author, pk),), {"again": None, "_again_pk": pk})]


def test_a_background_receiver_of_a_background_signal_is_a_task_of_its_own(got: list[dict[str, Any]]) -> None:
    async_receiver(stock_changed, name="count", queue="stock")(lambda **kwargs: got.append(kwargs))
    stock_changed.send(Article, left=3)

    runs = run_tasks()

    assert [ran.receiver for ran in runs] == ["*", "count"]
    assert runs[1].task.parent == runs[0].task.id
    assert got == [{"signal": stock_changed, "sender": Article, "left": 3}]
