from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connections, models
from django.db.models.signals import post_save
from django.test import override_settings

from signalpost import AsyncSignal, connect_background
from signalpost.models import PublishedReceiver, Task
from tests.news.models import Article

Found = Callable[..., list[Any]]

announced = AsyncSignal(name="news.announced")


def mail(sender: Any, **kwargs: Any) -> None: ...


def listen(sender: Any, **kwargs: Any) -> None: ...


def task(**given: Any) -> None:
    Task.objects.create(
        **{
            "send_id": "0192d3c0-0000-7000-8000-000000000000",
            "signal": "django.db.models.signals.post_save",
            "receiver": f"{__name__}.mail",
            "queue": "default",
            "priority": 0,
            "run_at": 0,
            "payload": "{}",
            "payload_version": 1,
            "headers": "{}",
            "depth": 0,
            "created_at": 0,
            **given,
        }
    )


@pytest.fixture
def fresh(add_file: Callable[..., str], django_db_blocker: Any) -> Any:
    """A database of its own."""
    with django_db_blocker.unblock():
        yield add_file(transaction_mode="IMMEDIATE")


def test_w008_a_database_without_the_tables_is_a_warning(found: Found, fresh: str) -> None:
    call_command("migrate", "contenttypes", database=fresh, verbosity=0, skip_checks=True)
    (warning,) = found("W008", databases=[fresh])
    assert "migrate signalpost --database=file" in warning.hint


def test_w008_is_silent_after_migrate_before_the_first_one_and_without_database(found: Found, fresh: str) -> None:
    assert found("W008", databases=[fresh]) == []
    call_command("migrate", "signalpost", database=fresh, verbosity=0, skip_checks=True)
    assert found("W008", databases=[fresh]) == []
    assert found("W008") == []


@pytest.mark.django_db
def test_w010_waiting_tasks_of_receivers_that_are_not_here_are_counted_by_name(found: Found, isolated: None) -> None:
    for _ in range(2):
        task(receiver="news.old.mail")
    task(receiver="*", signal="news.closed")
    (warning,) = found("W010", databases=["default"])
    assert "news.old.mail of django.db.models.signals.post_save (2)" in warning.msg
    assert "* of news.closed (1)" in warning.msg
    assert warning.msg.startswith("3 tasks")
    assert "aliases=" in warning.hint


@pytest.mark.django_db
def test_w010_is_silent_about_names_aliases_background_signals_and_without_database(found: Found, isolated: None) -> None:
    connect_background(post_save, mail, sender=Article, aliases=["news.old.mail"])
    announced.connect(listen)
    try:
        task()
        task(receiver="news.old.mail")
        task(receiver="*", signal="news.announced")
        task(receiver=f"{__name__}.listen", signal="news.announced")
        assert found("W010", databases=["default"]) == []
        task(receiver="news.unknown")
        assert found("W010") == []
    finally:
        announced.disconnect(listen)


def publish(name: str) -> None:
    PublishedReceiver.objects.create(name=name, signal="django.db.models.signals.post_save", queue="default", published_at=0)


@pytest.mark.django_db
def test_w011_a_receiver_that_only_workers_know_is_a_warning(found: Found, isolated: None) -> None:
    publish("news.receivers.thumbnail")
    (warning,) = found("W011", databases=["default"])
    assert "news.receivers.thumbnail" in warning.msg


@pytest.mark.django_db
def test_w011_is_silent_about_what_is_known_here_and_about_a_rust_services_receivers(found: Found, isolated: None) -> None:
    connect_background(post_save, mail, sender=Article)
    publish(f"{__name__}.mail")
    publish("newsroom::receivers::thumbnail")
    assert found("W011", databases=["default"]) == []


class Server:
    """A connection to PostgreSQL, as far as the check looks."""

    vendor = "postgresql"

    def __init__(self, version: int) -> None:
        self.pg_version = version


@pytest.mark.parametrize(("version", "fires"), [(140_011, True), (150_000, False), (170_002, False)])
def test_w012_a_postgresql_that_the_worker_does_not_know_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, version: int, fires: bool
) -> None:
    from signalpost.checks import tables

    monkeypatch.setattr(tables, "connections", {"default": Server(version)})
    monkeypatch.setattr(tables, "_stores", lambda databases: databases)
    messages = tables.check_server_version(databases=["default"])
    assert [message.id for message in messages] == ["signalpost.W012"] * fires


@pytest.mark.django_db
def test_w012_is_silent_on_the_databases_of_these_tests(found: Found) -> None:
    assert found("W012", databases=["default"]) == []


@pytest.mark.django_db
def test_the_checks_that_ask_a_database_ask_only_those_that_are_named(found: Found) -> None:
    assert issubclass(Task, models.Model)
    with override_settings(SIGNALPOST={"STORES": ["default", "archive"]}):
        assert found("W008", databases=["default"]) == []
    assert "archive" in connections.settings
