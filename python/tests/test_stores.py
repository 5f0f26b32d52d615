"""Which database a task is written to, and when."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connections, transaction
from django.db.models.signals import post_save
from django.test import TestCase, override_settings

from signalpost import DeclarationError, connect_background, stores
from signalpost.models import Task
from signalpost.stores import Destination

from .news import signals
from .news.models import Author

two_databases = pytest.mark.django_db(databases=["default", "archive"], transaction=True)


def handler(sender: Any, **kwargs: Any) -> None:
    """Never runs here."""


def tasks_in(alias: str) -> int:
    return Task.objects.using(alias).count()


@pytest.mark.parametrize(
    ("using", "sent_using", "destination"),
    [
        (None, "default", Destination("default")),
        (None, None, Destination("default")),
        # What is no alias is an argument like any other.
        (None, "a hammer", Destination("default")),
        (None, ["default"], Destination("default")),
        (None, "archive", Destination("default", after="archive")),
        # A second name of the same database.
        (None, "replica", Destination("replica")),
        ("default", "default", Destination("default")),
        ("default", None, Destination("default")),
        ("default", "archive", Destination("default", after="archive")),
        ("default", "replica", Destination("replica")),
        ("archive", "default", Destination("default", after="default")),
        ("archive", None, Destination("default", after="archive")),
    ],
)
def test_the_receiver_then_the_send_then_the_router_say_where(
    using: str | None, sent_using: Any, destination: Destination
) -> None:
    assert stores.choose(using, sent_using) == destination


class ToTheArchive:
    """A router that sends signalpost's own models to the other database."""

    def db_for_write(self, model: type, **hints: Any) -> str | None:
        return "archive" if model is Task else None


@override_settings(DATABASE_ROUTERS=[ToTheArchive()], SIGNALPOST={"STORES": ["default", "archive"]})
def test_a_router_chooses_among_several_stores() -> None:
    assert stores.choose(None, None) == Destination("archive")
    assert stores.choose(None, "default") == Destination("default")
    assert stores.choose("default", "archive") == Destination("default", after="archive")


@override_settings(DATABASE_ROUTERS=[ToTheArchive()])
def test_what_a_router_chooses_has_to_be_a_store() -> None:
    assert stores.choose(None, None) == Destination("default", after="archive")


def test_settings_say_which_aliases_are_the_same_database() -> None:
    assert stores.is_same_database("default", "default")
    assert stores.is_same_database("default", "replica")
    assert stores.is_same_database("replica", "default")
    assert not stores.is_same_database("default", "archive")
    with mock.patch.dict(connections["replica"].settings_dict, TEST={}):
        assert stores.is_same_database("default", "replica")
        with mock.patch.dict(connections["replica"].settings_dict, NAME="elsewhere"):
            assert not stores.is_same_database("default", "replica")
        with mock.patch.dict(connections["replica"].settings_dict, USER="another role"):
            assert stores.is_same_database("default", "replica")
        with mock.patch.dict(connections["replica"].settings_dict, OPTIONS={"service": "elsewhere"}):
            assert not stores.is_same_database("default", "replica")


def test_a_mirror_is_the_database_that_it_mirrors() -> None:
    with mock.patch.dict(connections["replica"].settings_dict, NAME="read.replica"):
        assert stores.is_same_database("default", "replica")


def test_the_vendor_decides_and_not_the_engine() -> None:
    with (
        mock.patch.dict(connections["default"].settings_dict, ENGINE="prometheus.of.somebody"),
        override_settings(SIGNALPOST={"STORES": ["default"]}),
    ):
        assert stores.choose(None, "default") == Destination("default")
    with (
        mock.patch.object(connections["default"], "vendor", "mysql"),
        override_settings(SIGNALPOST={"STORES": ["default"]}),
        pytest.raises(ImproperlyConfigured, match=r"STORES'\] names 'default', a database of mysql"),
    ):
        stores.choose(None, "default")


@override_settings(SIGNALPOST={"STORES": ["nowhere"]})
def test_a_store_has_to_be_one_of_the_databases() -> None:
    with pytest.raises(ImproperlyConfigured, match=r"STORES'\] names 'nowhere'; DATABASES has 'default', 'archive', 'replica'"):
        stores.choose(None, "default")


@two_databases
def test_a_save_to_a_database_without_a_store_is_told_of_after_its_commit() -> None:
    connect_background(post_save, handler, sender=Author)
    with transaction.atomic(using="archive"):
        author = Author.objects.using("archive").create(name="Ada")
        assert tasks_in("default") == 0
    assert tasks_in("archive") == 0
    assert f'["instance","news.Author",{author.pk},"archive"]' in Task.objects.get().payload


@two_databases
def test_a_rolled_back_save_to_a_database_without_a_store_leaves_no_task() -> None:
    connect_background(post_save, handler, sender=Author)
    with pytest.raises(ZeroDivisionError), transaction.atomic(using="archive"):
        Author.objects.using("archive").create(name="Ada")
        raise ZeroDivisionError
    assert tasks_in("default") == 0


@two_databases
def test_a_failure_after_the_commit_is_raised_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    connect_background(post_save, handler, sender=Author)
    with (
        mock.patch("signalpost.current.context_for_send", lambda name: ("{}", None, "not a number")),
        pytest.raises(Exception, match="not a number|cannot store TEXT"),
        transaction.atomic(using="archive"),
    ):
        Author.objects.using("archive").create(name="Ada")
    assert Author.objects.using("archive").exists()
    assert "is committed, and the task is not" in caplog.text


@two_databases
@override_settings(SIGNALPOST={"STORES": ["default", "archive"]})
def test_each_store_has_the_tasks_of_its_own_data() -> None:
    connect_background(post_save, handler, sender=Author)
    with transaction.atomic(using="archive"):
        Author.objects.using("archive").create(name="Ada")
        assert tasks_in("archive") == 1
    Author.objects.create(name="Grace")
    assert (tasks_in("default"), tasks_in("archive")) == (1, 1)


@two_databases
@override_settings(SIGNALPOST={"STORES": ["default", "archive"]})
def test_a_receiver_that_names_another_database_waits_for_the_commit() -> None:
    connect_background(post_save, handler, sender=Author, using="archive")
    with transaction.atomic():
        Author.objects.create(name="Ada")
        assert tasks_in("archive") == 0
    assert (tasks_in("default"), tasks_in("archive")) == (0, 1)


@two_databases
@override_settings(SIGNALPOST={"STORES": ["default", "archive"]})
def test_a_signal_of_ones_own_says_by_using_where_it_goes() -> None:
    connect_background(signals.order_paid, handler)
    signals.order_paid.send(None, using="archive")
    signals.article_published.send(None, using="archive")
    assert (tasks_in("default"), tasks_in("archive")) == (0, 2)


def test_using_has_to_be_one_of_the_databases() -> None:
    with pytest.raises(DeclarationError, match=r"test_stores.py:\d+: handler: using='nowhere' is not an alias of DATABASES"):
        connect_background(post_save, handler, using="nowhere")


class BesideCapturedCommits(TestCase):
    """In a TestCase no commit comes, but it can be acted out."""

    databases = frozenset({"default", "archive"})

    def test_a_task_that_waits_for_a_commit_is_written_by_it(self) -> None:
        connect_background(post_save, handler, sender=Author)
        with self.captureOnCommitCallbacks(using="archive", execute=True) as callbacks:
            Author.objects.using("archive").create(name="Ada")
            assert tasks_in("default") == 0
        assert len(callbacks) == 1
        assert tasks_in("default") == 1

    def test_a_task_in_a_store_waits_for_nothing(self) -> None:
        connect_background(post_save, handler, sender=Author)
        with self.captureOnCommitCallbacks() as callbacks:
            Author.objects.create(name="Ada")
        assert callbacks == []
        assert tasks_in("default") == 1
