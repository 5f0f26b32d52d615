"""Pruning: ended tasks are forgotten by their age and their queue.

Workers do this by themselves (`docs/worker.md`, "How long history is kept"); this is for who wants it done otherwise, or at
once. As theirs (`crates/signalpost-store/src/sqlite/history.rs`, and `prune` in `postgres/statements.rs`) it walks along the
index by queue, state and time of the end, in small steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connections

from .transitions import forgetting

__all__ = ["KEEP_DEAD", "KEEP_ENDED", "Share", "count", "prune", "queues_of"]

#: As workers keep them unless they are told otherwise. Dead ones longer, because they can be tried again.
KEEP_ENDED = timedelta(days=1)
KEEP_DEAD = timedelta(days=30)

#: How a task can end, as the history's `state`.
STATES = ("succeeded", "dead", "cancelled", "expired", "merged")

_OLD = "queue = %s AND state = %s AND finished_at <= %s"
_OLDEST = f"WHERE {_OLD} ORDER BY finished_at LIMIT %s"
_FORGET_ON_SQLITE = (
    "DELETE FROM signalpost_history WHERE id IN "
    f"(SELECT id FROM signalpost_history INDEXED BY signalpost_history_ended {_OLDEST})"
)
#: How many were forgotten, and how many were found: a worker may have forgotten some of them in between.
_FORGET_ON_POSTGRESQL = forgetting(f"SELECT id FROM signalpost_history {_OLDEST}", "count(*), (SELECT count(*) FROM old)")


@dataclass(frozen=True)
class Share:
    """The part of a store's history that ended in one way, on one queue, at `before` or earlier (milliseconds since 1970)."""

    queue: str
    state: str
    before: int


def queues_of(alias: str) -> list[str]:
    """The queues that have a history in the store `alias`, in order: one look into the index for each, however long it is."""
    queues = [""]
    with connections[alias].cursor() as cursor:
        while True:
            cursor.execute("SELECT queue FROM signalpost_history WHERE queue > %s ORDER BY queue LIMIT 1", [queues[-1]])
            found = cursor.fetchall()
            if not found:
                break
            queues.append(found[0][0])
    return queues[1:]


def count(alias: str, share: Share) -> int:
    """How many ended tasks `prune` would forget."""
    with connections[alias].cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM signalpost_history WHERE {_OLD}", [share.queue, share.state, share.before])
        return int(cursor.fetchone()[0])


def prune(alias: str, share: Share, at_once: int) -> Iterator[int]:
    """Forgets a share of the history of the store `alias`, the oldest first, at most `at_once` in a transaction; yields how
    many, each time.

    Where no transaction is open, every step is one of its own, so whoever stops in between has done what was yielded.
    """
    connection = connections[alias]
    is_sqlite = connection.vendor == "sqlite"
    while True:
        parameters: list[Any] = [share.queue, share.state, share.before, at_once]
        with connection.cursor() as cursor:
            cursor.execute(_FORGET_ON_SQLITE if is_sqlite else _FORGET_ON_POSTGRESQL, parameters)
            forgotten, found = (cursor.rowcount, cursor.rowcount) if is_sqlite else cursor.fetchone()
        if forgotten:
            yield forgotten
        if found < at_once:
            return
