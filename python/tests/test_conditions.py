"""`when`, `fields` and `actions`: decided inside the send, before anything is written."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.signals import user_logged_in
from django.db import connection
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_save
from django.test.utils import CaptureQueriesContext

from signalpost import DeclarationError, connect_background
from signalpost.models import Task

from .news import signals
from .news.models import Article, Author, Tag

pytestmark = pytest.mark.django_db


def handler(sender: Any, **kwargs: Any) -> None:
    """Never runs here."""


def tasks() -> int:
    return Task.objects.count()


def test_when_is_asked_with_what_the_receiver_gets() -> None:
    asked = []

    def if_created(sender: Any, instance: Any, created: bool, **named: Any) -> bool:
        asked.append((sender, instance, named))
        return created

    connect_background(post_save, handler, sender=Author, when=if_created)
    author = Author.objects.create(name="Ada")
    author.save()
    assert tasks() == 1
    assert asked == [(Author, author, {"raw": False, "using": "default", "update_fields": None})] * 2


def test_a_condition_that_is_not_met_makes_no_query() -> None:
    connect_background(signals.order_paid, handler, when=lambda sender, **named: False)
    with CaptureQueriesContext(connection) as captured:
        signals.order_paid.send(None)
    assert len(captured) == 0


def test_what_a_condition_raises_the_send_raises() -> None:
    connect_background(signals.order_paid, handler, when=lambda sender, **named: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        signals.order_paid.send(None)
    [(_, error)] = signals.order_paid.send_robust(None)
    assert isinstance(error, ZeroDivisionError)


def test_fields_pass_what_may_have_changed() -> None:
    connect_background(post_save, handler, sender=Article, fields={"status", "author"})
    article = Article.objects.create(title="Light")
    assert tasks() == 1
    article.save()
    assert tasks() == 2
    article.save(update_fields=["title"])
    assert tasks() == 2
    article.save(update_fields=["title", "status"])
    assert tasks() == 3


@pytest.mark.parametrize("declared", ["author", "author_id"])
@pytest.mark.parametrize("sender", [Article, "news.Article", None])
def test_a_foreign_key_has_two_names(declared: str, sender: Any) -> None:
    article = Article.objects.create(title="Light")
    connect_background(post_save, handler, sender=sender, fields=[declared])
    article.save(update_fields=["author"])
    article.save(update_fields=["author_id"])
    article.save(update_fields=["title"])
    assert tasks() == 2


def test_a_deferred_instance_is_saved_by_the_fields_that_were_loaded() -> None:
    Article.objects.create(title="Light")
    connect_background(pre_save, handler, sender=Article, fields={"status"})
    Article.objects.defer("status").get().save()
    assert tasks() == 0
    Article.objects.only("status").get().save()
    assert tasks() == 1


def test_actions_choose_among_those_of_m2m_changed() -> None:
    connect_background(m2m_changed, handler, sender=Article.tags.through, actions={"post_add", "post_clear"})
    article = Article.objects.create(title="Light")
    sea = Tag.objects.create(label="sea")
    article.tags.add(sea)
    article.tags.remove(sea)
    article.tags.clear()
    assert ['"action":"post_add"' in task.payload for task in Task.objects.order_by("id")] == [True, False]


def test_all_conditions_have_to_be_met() -> None:
    connect_background(
        signals.order_paid,
        handler,
        actions={"paid"},
        fields={"cents"},
        when=lambda sender, cents, **named: cents > 100,
    )
    signals.order_paid.send(None, action="refunded", update_fields={"cents"}, cents=200)
    signals.order_paid.send(None, action="paid", update_fields={"address"}, cents=200)
    signals.order_paid.send(None, action="paid", update_fields={"cents"}, cents=50)
    assert tasks() == 0
    signals.order_paid.send(None, action="paid", update_fields={"cents"}, cents=200)
    assert tasks() == 1


def test_our_own_models_are_not_asked_about() -> None:
    connect_background(post_save, handler, when=lambda sender, **named: pytest.fail("asked"))
    Task.objects.create(
        send_id="s", signal="s", receiver="r", queue="q", priority=0, run_at=0, payload="{}", payload_version=1, headers="{}",
        depth=0, created_at=0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("signal", "sender", "options", "problem"),
    [
        (
            post_delete,
            Article,
            {"fields": {"status"}},
            "update_fields, which django.db.models.signals.post_delete does not have",
        ),
        (
            post_save,
            Article,
            {"fields": {"statu"}},
            "fields= names 'statu', and news.Article can be saved by author, author_id,",
        ),
        (post_save, Article, {"actions": {"post_add"}}, "action, which django.db.models.signals.post_save does not have"),
        (
            user_logged_in,
            None,
            {"fields": {"name"}},
            "update_fields, which django.contrib.auth.signals.user_logged_in does not",
        ),
        (m2m_changed, None, {"actions": {"add"}}, "actions= holds 'add'; m2m_changed has post_add, post_clear,"),
    ],
)
def test_a_condition_that_cannot_be_asked_is_an_error(signal: Any, sender: Any, options: dict[str, Any], problem: str) -> None:
    with pytest.raises(DeclarationError, match=rf"{__file__}:\d+: handler: .*{problem}"):
        connect_background(signal, handler, sender=sender, **options)
