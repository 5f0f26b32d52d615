"""The tables and the models are pictures of each other."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Model
from django.test import override_settings

from signalpost import schema
from signalpost.models import HistoryEntry, PublishedReceiver, Task, WorkerLease

MODELS = [Task, HistoryEntry, WorkerLease, PublishedReceiver]
#: Columns that no model shows: who is notified is the engine's affair, and only PostgreSQL notifies.
NOT_SHOWN = {("signalpost_worker", "idle")}
#: What the databases call the types of our fields.
TYPES = {
    "sqlite": {"BigAutoField": "integer", "BigIntegerField": "integer", "SmallIntegerField": "integer", "TextField": "text"},
    "postgresql": {"BigAutoField": "bigint", "BigIntegerField": "bigint", "SmallIntegerField": "smallint", "TextField": "text"},
}


def columns(table: str) -> dict[str, tuple[str, bool, bool]]:
    """What the database says: each column's type, whether it may be NULL, and whether it belongs to the key."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(f"PRAGMA table_info({table})")
            # The key of a table without rowid, or INTEGER PRIMARY KEY, cannot be NULL whatever is said of it.
            return {
                name: (kind.lower(), not not_null and not key, bool(key))
                for _, name, kind, not_null, _, key in cursor.fetchall()
            }
        cursor.execute(
            "SELECT column_name, data_type, is_nullable = 'YES' FROM information_schema.columns"
            " WHERE table_name = %s AND table_schema = current_schema()",
            [table],
        )
        found = cursor.fetchall()
        key = connection.introspection.get_primary_key_columns(cursor, table)
        return {name: (kind, nullable, name in key) for name, kind, nullable in found}


@pytest.mark.django_db
@pytest.mark.parametrize("model", MODELS)
def test_a_model_has_the_columns_of_its_table(model: type[Model]) -> None:
    table = model._meta.db_table
    of_model = {}
    for field in model._meta.concrete_fields:
        kind = field.get_internal_type()
        expected = field.db_type(connection) if kind == "LockField" else TYPES[connection.vendor][kind]
        in_key = field in model._meta.pk_fields
        of_model[field.column] = (expected, field.null, in_key)
    of_table = {name: about for name, about in columns(table).items() if (table, name) not in NOT_SHOWN}
    assert of_model == of_table


@pytest.mark.django_db
def test_every_table_is_a_models_or_the_engines_own() -> None:
    with connection.cursor() as cursor:
        tables = {name for name in connection.introspection.table_names(cursor) if name.startswith("signalpost_")}
    own = {"signalpost_schema"} | ({"signalpost_once"} if connection.vendor == "postgresql" else set())
    assert tables == {model._meta.db_table for model in MODELS} | own
    assert tables <= set(schema.TABLES)


@pytest.mark.django_db
def test_the_tables_are_the_engines_and_not_djangos() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT version, works_with FROM signalpost_schema")
        assert cursor.fetchall() == [(1, 1)]
        if connection.vendor == "sqlite":
            cursor.execute("SELECT sql FROM sqlite_master WHERE name = 'signalpost_task'")
            assert cursor.fetchone()[0].endswith("STRICT")


@pytest.mark.django_db
def test_there_is_nothing_to_migrate() -> None:
    call_command("makemigrations", "signalpost", check=True, dry_run=True, verbosity=0)


@pytest.mark.django_db(transaction=True)
def test_the_migration_can_be_undone_and_done_again() -> None:
    def go(name: str | None) -> set[str]:
        MigrationExecutor(connection).migrate([("signalpost", name)])
        with connection.cursor() as cursor:
            return {found for found in connection.introspection.table_names(cursor) if found.startswith("signalpost_")}

    before = go("0001_initial")
    assert go(None) == set()
    assert go("0001_initial") == before


@pytest.mark.django_db(transaction=True)
def test_tables_that_the_engine_has_made_are_taken_over() -> None:
    MigrationExecutor(connection).migrate([("signalpost", None)])
    with connection.schema_editor() as editor:
        schema.create(editor)
    MigrationExecutor(connection).migrate([("signalpost", "0001_initial")])
    assert not Task.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_sql_of_the_migration_can_be_shown() -> None:
    shown = StringIO()
    call_command("sqlmigrate", "signalpost", "0001", stdout=shown)
    assert "CREATE TABLE signalpost_task" in shown.getvalue()
    assert "CREATE TABLE signalpost_schema" in shown.getvalue()


class NotOurs:
    """A router that keeps us out of every database."""

    def allow_migrate(self, database: str, app_label: str, **hints: Any) -> bool | None:
        return False if app_label == "signalpost" else None


@pytest.mark.django_db(transaction=True)
def test_a_router_can_keep_the_tables_out() -> None:
    MigrationExecutor(connection).migrate([("signalpost", None)])
    try:
        with override_settings(DATABASE_ROUTERS=[NotOurs()]):
            MigrationExecutor(connection).migrate([("signalpost", "0001_initial")])
            with connection.cursor() as cursor:
                assert "signalpost_task" not in connection.introspection.table_names(cursor)
            MigrationExecutor(connection).migrate([("signalpost", None)])
    finally:
        MigrationExecutor(connection).migrate([("signalpost", "0001_initial")])


@pytest.mark.django_db(transaction=True)
def test_without_migrations_the_tables_are_the_engines_all_the_same() -> None:
    """As `pytest --nomigrations` and `MIGRATION_MODULES = {"signalpost": None}` have Django make them."""
    with connection.schema_editor() as editor:
        schema.drop(editor)
        for model in MODELS:
            editor.create_model(model)
    config = apps.get_app_config("signalpost")
    schema.complete(using="default", sender=config)
    with connection.cursor() as cursor:
        assert "signalpost_schema" in connection.introspection.table_names(cursor)
    # Once is enough.
    schema.complete(using="default", sender=config)


@pytest.mark.django_db(transaction=True)
def test_times_are_shown_as_times() -> None:
    task = Task(run_at=1_700_000_000_123, created_at=0, expires_at=None)
    assert task.due.isoformat() == "2023-11-14T22:13:20.123000+00:00"
    assert task.expires is None
