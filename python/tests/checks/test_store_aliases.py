from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings

Found = Callable[..., list[Any]]


class KeepsTasksOut:
    """A router that allows no table of signalpost anywhere."""

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        return False if app_label == "signalpost" else None


class SendsTasksToTheArchive:
    """A router that writes tasks to a database without a store."""

    def db_for_write(self, model: Any, **hints: Any) -> str | None:
        return "archive" if model._meta.app_label == "signalpost" else None


def router(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def test_e002_a_store_that_is_no_alias_is_an_error(found: Found) -> None:
    with override_settings(SIGNALPOST={"STORES": ["default", "defualt"]}):
        (error,) = found("E002")
    assert "'defualt'" in error.msg
    assert "'archive'" in error.hint


def test_e002_is_silent_about_aliases_that_there_are(found: Found) -> None:
    with override_settings(SIGNALPOST={"STORES": list(settings.DATABASES)}):
        assert found("E002") == []


@pytest.fixture
def warehouse(add_database: Callable[..., None]) -> None:
    add_database("warehouse", ENGINE="tests.checks.another_vendor", NAME=":memory:")


def test_e003_a_store_in_another_database_is_an_error(found: Found, warehouse: None) -> None:
    with override_settings(SIGNALPOST={"STORES": ["default", "warehouse"]}):
        (error,) = found("E003")
    assert "'warehouse', a database of another" in error.msg


def test_e003_is_silent_about_other_databases_that_are_no_stores(found: Found, warehouse: None) -> None:
    assert found("E003") == []


def test_e004_a_store_that_never_gets_the_tables_is_an_error(found: Found) -> None:
    with override_settings(DATABASE_ROUTERS=[router(KeepsTasksOut)]):
        (error,) = found("E004")
    assert "'default'" in error.msg
    assert "allow_migrate" in error.hint


def test_e004_is_silent_where_routers_allow_the_tables(found: Found) -> None:
    assert found("E004") == []


@pytest.fixture
def behind_a_pooler(add_database: Callable[..., None]) -> None:
    """Two aliases of one server, to which nobody connects."""
    for alias, port in ("pooled", "6432"), ("straight", "5432"):
        add_database(alias, ENGINE="django.db.backends.postgresql", NAME="news", HOST="db.example.org", PORT=port)
    add_database("file", ENGINE="django.db.backends.sqlite3", NAME="/data/news.db")


@pytest.mark.parametrize(
    ("direct", "said"),
    [
        ({"poled": "straight"}, "'poled' is not one of SIGNALPOST['STORES']"),
        ({"pooled": "strait"}, "'strait' is not in DATABASES"),
        ({"pooled": "pooled"}, "that is the same alias"),
        ({"pooled": "file"}, "'file' is a database of sqlite"),
        ({"file": "straight"}, "'file' is a database of sqlite"),
    ],
)
def test_e008_a_way_past_a_pooler_that_leads_elsewhere_is_an_error(
    found: Found, behind_a_pooler: None, direct: dict[str, str], said: str
) -> None:
    with override_settings(SIGNALPOST={"STORES": ["pooled", "file"], "DIRECT": direct}):
        (error,) = found("E008")
    assert said in error.msg
    assert error.hint


def test_e008_is_silent_about_another_alias_on_postgresql(found: Found, behind_a_pooler: None) -> None:
    with override_settings(SIGNALPOST={"STORES": ["pooled"], "DIRECT": {"pooled": "straight"}}):
        assert found("E008") == []


def test_w001_a_database_without_a_store_is_a_weaker_promise(found: Found) -> None:
    (warning,) = found("W001")
    assert "'archive'" in warning.msg
    assert "migrate --database=archive" in warning.hint


def test_w001_is_silent_where_every_database_is_a_store_or_another_name_of_one(found: Found) -> None:
    with override_settings(SIGNALPOST={"STORES": ["default", "archive"]}):
        assert found("W001") == []


def test_w002_routing_tasks_to_a_database_without_a_store_is_a_weaker_promise(found: Found) -> None:
    with override_settings(DATABASE_ROUTERS=[router(SendsTasksToTheArchive)]):
        (warning,) = found("W002")
    assert "'archive'" in warning.msg


def test_w002_is_silent_where_tasks_are_routed_to_a_store(found: Found) -> None:
    stores = {"STORES": ["default", "archive"]}
    with override_settings(DATABASE_ROUTERS=[router(SendsTasksToTheArchive)], SIGNALPOST=stores):
        assert found("W002") == []
