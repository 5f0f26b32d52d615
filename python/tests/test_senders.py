"""Senders: their labels, and those that are not heard."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import models
from django.test.utils import isolate_apps

from signalpost.models import HistoryEntry, PublishedReceiver, Task, WorkerLease
from signalpost.senders import is_excluded, label_of

from .news.models import Article, Draft, Review


class Store:
    """A class of no model."""

    class Counter:
        """One inside another."""


@pytest.mark.parametrize(
    ("sender", "label"),
    [
        (None, None),
        (Article, "news.Article"),
        (Draft, "news.Draft"),
        (Review, "news.Review"),
        (Article.tags.through, "news.Article_tags"),
        (User, "auth.User"),
        (Store, "tests.test_senders.Store"),
        (Store.Counter, "tests.test_senders.Store.Counter"),
        (Store(), "tests.test_senders.Store"),
        (Article(), "news.Article"),
        (type(None), "builtins.NoneType"),
        ("django.contrib.auth", "django.contrib.auth"),
        (7, "builtins.int"),
    ],
)
def test_a_sender_is_named_by_its_label(sender: Any, label: str | None) -> None:
    assert label_of(sender) == label
    assert not is_excluded(sender)


@pytest.mark.parametrize("model", [Task, HistoryEntry, WorkerLease, PublishedReceiver])
def test_our_own_models_are_not_heard(model: type[models.Model]) -> None:
    assert is_excluded(model)


def test_models_of_another_registry_are_not_heard() -> None:
    with isolate_apps("tests.news"):

        class Elsewhere(models.Model):
            class Meta:
                app_label = "news"

    assert is_excluded(Elsewhere)
