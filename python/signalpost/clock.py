"""The one clock that tasks live by: the store's."""

from __future__ import annotations

from django.db import connections

__all__ = ["store_now"]

#: The clock itself, which no test freezes, and not the transaction's beginning.
_NOW = {
    "sqlite": "SELECT CAST(strftime('%s', 'now') AS INTEGER) * 1000 + CAST(substr(strftime('%f', 'now'), 4) AS INTEGER)",
    "postgresql": "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint",
}


def store_now(alias: str) -> int:
    """The time of the store `alias`, in milliseconds since 1970."""
    connection = connections[alias]
    with connection.cursor() as cursor:
        cursor.execute(_NOW[connection.vendor])
        return int(cursor.fetchone()[0])
