"""What the engine is told of databases."""

from __future__ import annotations

import os
from typing import Any

import pytest
from django.db import connections
from django.test import override_settings

from signalpost import credentials

from .settings import DATABASE

FILE = {"ENGINE": "django.db.backends.sqlite3", "NAME": "/data/news.db"}


@pytest.fixture
def configured() -> Any:
    """Sets a database up, which nobody connects to."""
    added: list[str] = []

    def configure(alias: str, **database: Any) -> None:
        connections.settings[alias] = connections.configure_settings({"default": {}, alias: database})[alias]
        added.append(alias)

    yield configure
    for alias in added:
        del connections.settings[alias]


def test_a_file_is_named_by_its_absolute_path(configured: Any) -> None:
    configured("file", **{**FILE, "NAME": "news.db", "OPTIONS": {"timeout": 2.5, "transaction_mode": "IMMEDIATE"}})
    path = os.path.abspath("news.db")
    assert credentials.settings_of("file") == {
        "alias": "file", "vendor": "sqlite", "path": path, "busy_timeout_ms": 2_500,
    }  # fmt: skip


def test_a_uri_of_a_file_is_one(configured: Any) -> None:
    configured("file", **{**FILE, "NAME": "file:/data/the%20news.db?mode=rwc", "OPTIONS": {"uri": True}})
    assert credentials.settings_of("file")["path"] == "/data/the news.db"


@pytest.mark.parametrize(
    ("database", "named"),
    [
        ({"NAME": "file:/data/news.db?nolock=1"}, "nolock=1"),
        ({"NAME": "file:/data/news.db?vfs=unix-none"}, "vfs=unix-none"),
        ({"NAME": ":memory:"}, "in memory"),
        ({"OPTIONS": {"passphrase": "secret"}}, "'passphrase'"),
    ],
)
def test_what_the_engine_cannot_do_is_refused_by_name(configured: Any, database: dict[str, Any], named: str) -> None:
    configured("file", **{**FILE, **database})
    with pytest.raises(credentials.CannotHonour, match="DATABASES") as refused:
        credentials.settings_of("file")
    assert named in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_database_that_is_not_there_is_named() -> None:
    with pytest.raises(credentials.CannotHonour, match="'nowhere'"):
        credentials.settings_of("nowhere")


def test_a_store_behind_a_pooler_is_reached_by_another_alias(configured: Any) -> None:
    configured("pooled", **FILE)
    configured("direct", **{**FILE, "NAME": "/data/direct.db"})
    with override_settings(SIGNALPOST={"STORES": ["pooled"], "DIRECT": {"pooled": "direct"}}):
        (store,) = credentials.settings_of_all()["stores"]
    assert (store["alias"], store["path"]) == ("pooled", "/data/direct.db")


def test_several_stores_are_each_told_once(configured: Any) -> None:
    configured("one", **FILE)
    configured("again", **FILE)
    configured("other", **{**FILE, "NAME": "/data/other.db"})
    with override_settings(SIGNALPOST={"STORES": ["one", "again", "other"]}):
        assert [store["alias"] for store in credentials.settings_of_all()["stores"]] == ["one", "other"]


@pytest.mark.django_db
def test_of_postgresql_everything_is_said_that_libpq_has_found_out() -> None:
    """The databases of the tests are in memory where they are SQLite's."""
    if DATABASE == "sqlite":
        with pytest.raises(credentials.CannotHonour, match="in memory"):
            credentials.settings_of("default")
        return
    said = credentials.settings_of("default")
    assert said["vendor"] == "postgresql"
    assert {"host", "port", "user", "dbname"} <= said["parameters"].keys()
    assert said["parameters"]["dbname"] == connections["default"].settings_dict["NAME"]
    assert (said["schema"], said["pooled"]) == ("public", None)


@pytest.mark.django_db
@pytest.mark.postgres
def test_a_pool_is_passed_by_as_its_connections_may_have_an_older_password(monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db.backends.postgresql.base import DatabaseWrapper

    monkeypatch.setitem(connections.settings["default"]["OPTIONS"], "pool", {"min_size": 1})
    assert credentials.settings_of("default")["parameters"]["user"]
    assert DatabaseWrapper._connection_pools == {}


@pytest.mark.django_db
@pytest.mark.postgres
def test_a_name_that_the_driver_has_looked_up_stays_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connections.settings["default"], "HOST", "localhost")
    parameters = credentials.settings_of("default")["parameters"]
    assert parameters["host"] == "localhost" and "hostaddr" not in parameters
    monkeypatch.setitem(connections.settings["default"]["OPTIONS"], "hostaddr", "127.0.0.1")
    assert credentials.settings_of("default")["parameters"]["hostaddr"] == "127.0.0.1"
