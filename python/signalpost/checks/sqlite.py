"""Checks of SQLite files that hold tasks: web processes and workers write to them at the same time."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Warning
from django.db import connections
from django.db.backends.sqlite3.base import Database  # type: ignore[attr-defined]

from .. import conf
from ..installation import is_installed

__all__ = ["check_journal", "check_settings"]

#: The first SQLite without the WAL-reset bug (sqlite.org/wal.html#walresetbug).
SOUND = (3, 51, 3)


def check_settings(**kwargs: Any) -> list[CheckMessage]:
    """Transactions begin with the write lock, and Python's SQLite is new enough or leaves checkpoints to the worker."""
    found: list[CheckMessage] = []
    for alias in _files():
        options = connections[alias].settings_dict.get("OPTIONS") or {}
        if (options.get("transaction_mode") or "").upper() not in ("IMMEDIATE", "EXCLUSIVE"):
            found.append(
                Warning(
                    f"Transactions on {alias!r} begin without SQLite's write lock. One that reads first fails with \"database is "
                    'locked" when somebody else has written in between, and no timeout helps.',
                    hint=f"Set DATABASES[{alias!r}]['OPTIONS']['transaction_mode'] to 'IMMEDIATE'.",
                    id="signalpost.W004",
                )
            )
        if Database.sqlite_version_info < SOUND and "wal_autocheckpoint=0" not in _commands(options):
            found.append(
                Warning(
                    f"Python's SQLite is {Database.sqlite_version}. Before 3.51.3 it can lose commits in WAL mode when two "
                    f"connections write and checkpoint {alias!r} at the same instant.",
                    hint="Use a Python with SQLite 3.51.3 or newer. Until then let signalpost's worker, which brings its own, do "
                    f"the checkpoints: add 'PRAGMA wal_autocheckpoint=0' to DATABASES[{alias!r}]['OPTIONS']['init_command'], and "
                    "keep a worker running, as without one the log grows.",
                    id="signalpost.W005",
                )
            )
    return found


def check_journal(databases: list[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """The file is in WAL mode: readers do not wait for writers, nor writers for readers."""
    found: list[CheckMessage] = []
    for alias in _files():
        if alias not in (databases or ()):
            continue
        with connections[alias].cursor() as cursor:
            cursor.execute("PRAGMA journal_mode")
            (journal,) = cursor.fetchone()
        if journal != "wal":
            found.append(
                Warning(
                    f"{alias!r} is in SQLite's journal mode {journal!r}: whoever writes waits for everybody who reads, and a "
                    "worker always does one or the other.",
                    hint=f"Add 'PRAGMA journal_mode=WAL' to DATABASES[{alias!r}]['OPTIONS']['init_command'].",
                    id="signalpost.W009",
                )
            )
    return found


def _files() -> list[str]:
    """The aliases of stores that are SQLite files. What is in memory belongs to one process."""
    stores = conf.current().stores if is_installed() else ()
    on_sqlite = [alias for alias in stores if alias in connections.settings and connections[alias].vendor == "sqlite"]
    return [alias for alias in on_sqlite if _is_file(connections[alias])]


def _is_file(connection: Any) -> bool:
    return not connection.is_in_memory_db()


def _commands(options: dict[str, Any]) -> str:
    return "".join(options.get("init_command", "").lower().split())
