"""Checks that ask the store itself: its tables, and the names in them. They run with `--database`."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Warning
from django.db import connections
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Count

from .. import conf, targets
from ..installation import is_installed
from ..stored_task import StoredTask
from ..stores import VENDORS

__all__ = ["check_receivers_of_tasks", "check_receivers_of_workers", "check_server_version", "check_tables"]

#: The oldest PostgreSQL that the engine works with.
POSTGRESQL = 15
#: How many names are listed.
MOST = 5


def check_tables(databases: list[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """The tables are there. Silent in a database without any migration: that is about to be made."""
    found: list[CheckMessage] = []
    for alias in _stores(databases):
        if _has_tables(alias) or not MigrationRecorder(connections[alias]).has_table():
            continue
        found.append(
            Warning(
                f"The database {alias!r} has no tables of signalpost, so sends with background receivers fail.",
                hint=f"Run manage.py migrate signalpost --database={alias}",
                id="signalpost.W008",
            )
        )
    return found


def check_receivers_of_tasks(databases: list[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Waiting tasks name receivers that this code has."""
    from ..models import Task

    found: list[CheckMessage] = []
    for alias in filter(_has_tables, _stores(databases)):
        counted = Task.objects.using(alias).values_list("signal", "receiver").annotate(Count("pk"))
        unknown = [each for each in counted.order_by("signal", "receiver") if not _is_known(alias, *each[:2])]
        if unknown:
            listed = ", ".join(f"{receiver} of {signal} ({count})" for signal, receiver, count in unknown[:MOST])
            found.append(
                Warning(
                    f"{sum(count for *_, count in unknown)} tasks in {alias!r} name receivers or signals that this code does not "
                    f"have: {listed}{' and others' if len(unknown) > MOST else ''}. They wait for a while, and are dead then.",
                    hint="If one was renamed, give it its former name in aliases=. If it moved, import its module in a module "
                    "`receivers`, `signals` or `tasks` of an installed app.",
                    id="signalpost.W010",
                )
            )
    return found


def check_receivers_of_workers(databases: list[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """What workers have published is known here too: for a receiver that a sender does not know it writes no row."""
    from ..models import PublishedReceiver

    found: list[CheckMessage] = []
    for alias in filter(_has_tables, _stores(databases)):
        published = PublishedReceiver.objects.using(alias).order_by("name", "signal").values_list("signal", "name")
        # A Rust service's receivers are named by their Rust modules, and are no business of ours.
        missing = [name for signal, name in published if "::" not in name and not _is_known(alias, signal, name)]
        missing = list(dict.fromkeys(missing))
        if missing:
            found.append(
                Warning(
                    f"Workers of {alias!r} have receivers that this process does not know, and to which it would send nothing: "
                    f"{', '.join(missing[:MOST])}{' and others' if len(missing) > MOST else ''}.",
                    hint="Import the module that declares them in a module `receivers`, `signals` or `tasks` of an installed app.",
                    id="signalpost.W011",
                )
            )
    return found


def check_server_version(databases: list[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """The server is one that the worker works with, too."""
    found: list[CheckMessage] = []
    for alias in _stores(databases):
        connection: Any = connections[alias]
        if connection.vendor == "postgresql" and connection.pg_version < POSTGRESQL * 10_000:
            found.append(
                Warning(
                    f"{alias!r} is PostgreSQL {connection.pg_version // 10_000}.",
                    hint=f"signalpost's worker needs PostgreSQL {POSTGRESQL} or newer.",
                    id="signalpost.W012",
                )
            )
    return found


def _stores(databases: list[str] | None) -> list[str]:
    stores = conf.current().stores if is_installed() else ()
    asked = [alias for alias in stores if alias in (databases or ()) and alias in connections.settings]
    return [alias for alias in asked if connections[alias].vendor in VENDORS]


def _is_known(alias: str, signal: str, receiver: str) -> bool:
    # Of the row, only these two say what runs.
    task = StoredTask(0, "", signal, None, receiver, "", 0, "{}", "{}", None, 0, alias)
    try:
        targets.find(task)
    except targets.Missing:
        return False
    return True


def _has_tables(alias: str) -> bool:
    from ..models import Task

    with connections[alias].cursor() as cursor:
        return Task._meta.db_table in connections[alias].introspection.table_names(cursor)
