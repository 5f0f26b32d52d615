"""System checks: what can be found before it goes wrong. `docs/checks.md` has a row for each.

Importing this registers them. That needs no models, so a project that forgot `INSTALLED_APPS` is told too.
"""

from __future__ import annotations

from typing import Any

from django.core.checks import Tags, register

from . import installation, receivers, sqlite, store_aliases, tables, transactions

__all__ = ["TAG"]

#: `manage.py check --tag signalpost` runs these alone.
TAG = "signalpost"

register(TAG)(installation.check_installed)
register(TAG)(store_aliases.check_stores)
register(TAG)(store_aliases.check_direct)
register(TAG)(store_aliases.check_other_aliases)
register(TAG)(transactions.check_saves)
register(TAG)(sqlite.check_settings)
register(TAG)(receivers.check_names)
register(TAG)(receivers.check_fields)
register(TAG)(receivers.check_own_senders)
register(TAG)(receivers.check_late)
register(TAG)(receivers.check_keywords)
# Only with `--database`, and before a migration: these ask the database.
_with_databases: tuple[Any, ...] = (
    tables.check_tables,
    tables.check_receivers_of_tasks,
    tables.check_receivers_of_workers,
    tables.check_server_version,
    sqlite.check_journal,
)
for _check in _with_databases:
    register(Tags.database)(_check)
