"""The tables, from the engine's own SQL: one source for both languages."""

from __future__ import annotations

from typing import Any

from django.db import router
from django.db.migrations.operations.base import Operation

from . import _native
from .stores import VENDORS

__all__ = ["CreateTables", "complete"]

#: The tables in the order in which they can be dropped.
TABLES = (
    "signalpost_once",
    "signalpost_task",
    "signalpost_history",
    "signalpost_worker",
    "signalpost_receiver",
    "signalpost_schema",
)


class CreateTables(Operation):
    """The database side of the first migration: runs the engine's schema of the connection's database.

    Does nothing on a database that cannot be a store, and where the tables are there already because a Rust service has
    made them.
    """

    reduces_to_sql = True
    reversible = True

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Nothing: the models stand beside it, in `SeparateDatabaseAndState`."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Creates the tables."""
        connection = schema_editor.connection
        if not router.allow_migrate(connection.alias, app_label) or connection.vendor not in VENDORS:
            return
        if schema_editor.collect_sql or not has_tables(connection):
            create(schema_editor)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Drops the tables, with the tasks in them."""
        connection = schema_editor.connection
        if router.allow_migrate(connection.alias, app_label) and connection.vendor in VENDORS:
            drop(schema_editor)

    def describe(self) -> str:
        """As Django shows it."""
        return "Create signalpost's tables"

    @property
    def migration_name_fragment(self) -> str:
        """As Django would name a migration of it."""
        return "create_tables"


def create(schema_editor: Any) -> None:
    """Creates the tables."""
    connection = schema_editor.connection
    for statement in connection.ops.prepare_sql_script(_native.statements(connection.vendor).schema):
        schema_editor.execute(statement, params=None)


def drop(schema_editor: Any) -> None:
    """Drops the tables."""
    for table in TABLES:
        schema_editor.execute(f"DROP TABLE IF EXISTS {table}", params=None)


def has_tables(connection: Any) -> bool:
    """Whether the engine's schema is there."""
    with connection.cursor() as cursor:
        return "signalpost_schema" in connection.introspection.table_names(cursor)


def complete(using: str, **_: Any) -> None:
    """A receiver of `post_migrate`: where migrations are switched off (`--nomigrations`), Django has made tables from the models,
    which lack what a model cannot say. Puts the engine's own in their place, if they are empty."""
    from django.db import connections

    from .models import Task

    connection = connections[using]
    if connection.vendor not in VENDORS or not router.allow_migrate_model(using, Task):
        return
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
    if "signalpost_task" not in tables or "signalpost_schema" in tables or Task.objects.using(using).exists():
        return
    with connection.schema_editor() as schema_editor:
        drop(schema_editor)
        create(schema_editor)
