"""A worker without a loop: claims one task when it is told to, and records what became of it.

As the engine's (`crates/signalpost-worker/src/drain.rs`), through Django's own connection, so that it sees what a test has
not committed. `docs/delivery.md` says what each transition records.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db import connections, transaction

from .. import _native, outbox
from ..clock import store_now
from ..outcome import Dead, Failed, Outcome, RetryAfter, Succeeded, Unknown
from ..reason import readable
from ..stored_task import StoredTask

__all__ = ["Drain", "store_now"]

#: Longer than any test runs, in milliseconds. It is never renewed.
LEASE = 24 * 3600 * 1000

_TASK_COLUMNS = (
    "id, send_id, signal, sender, receiver, queue, priority, payload, headers, parent, depth, payload_version, attempt, "
    "deaths, fence, created_at, unknown_since"
)
#: What task and history have in common, but for the payload and the reason.
_KEPT = (
    "id, send_id, signal, sender, receiver, queue, priority, run_at, expires_at, key, payload_version, headers, parent, "
    "depth, attempt, deaths, fence, worker, created_at"
)
_MINE = "id = %s AND worker = %s AND fence = %s"
# The casts are for PostgreSQL, where a parameter among selected columns would be a text.
_END = (
    f"INSERT INTO signalpost_history ({_KEPT}, payload, state, reason, result, finished_at) "
    f"SELECT {_KEPT}, CASE WHEN %s THEN payload END, %s, coalesce(CAST(%s AS text), reason), CAST(%s AS text), "
    f"CAST(%s AS bigint) FROM signalpost_task WHERE {_MINE}"
)
_DELETE = f"DELETE FROM signalpost_task WHERE {_MINE}"
_GIVE_BACK = (
    "UPDATE signalpost_task SET worker = NULL, run_at = coalesce(CAST(%s AS bigint), run_at), attempt = attempt - %s, "
    f"unknown_since = CAST(%s AS bigint), reason = coalesce(CAST(%s AS text), reason) WHERE {_MINE}"
)
_CLAIM = "UPDATE signalpost_task SET worker = %s, fence = fence + 1, attempt = attempt + 1 WHERE id = %s AND worker IS NULL"


class Drain:
    """Claims tasks of the store `alias`. Its lease is a row, as every worker's is; `end` removes it."""

    def __init__(self, alias: str) -> None:
        self.alias = alias
        self.worker = f"testing-{_native.uuid7()}"
        self._registered = False

    def claim(self, now: int, queues: Collection[str] | None = None, send_id: str | None = None) -> StoredTask | None:
        """The task that is due first at `now`, of these queues or of this send only: by priority, then by the time at which
        it was due, then by number. None: nothing is due."""
        wanted, parameters = _wanted(queues, send_id)
        sql = (
            "SELECT id FROM signalpost_task WHERE worker IS NULL AND run_at <= %s AND (expires_at IS NULL OR "
            f"expires_at > %s){wanted} ORDER BY priority DESC, run_at, id LIMIT 1"
        )
        with connections[self.alias].cursor() as cursor:
            while True:
                cursor.execute(sql, [now, now, *parameters])
                found = cursor.fetchone()
                if found is None:
                    return None
                self._register(now)
                cursor.execute(_CLAIM, [self.worker, found[0]])
                if cursor.rowcount == 1:
                    break
            cursor.execute(f"SELECT {_TASK_COLUMNS} FROM signalpost_task WHERE id = %s", [found[0]])
            columns = [column[0] for column in cursor.description]
            return StoredTask(**dict(zip(columns, cursor.fetchone(), strict=True)), using=self.alias)

    def next_due(self, queues: Collection[str] | None = None) -> int | None:
        """When the next of the waiting tasks is due."""
        wanted, parameters = _wanted(queues, None)
        with connections[self.alias].cursor() as cursor:
            cursor.execute(f"SELECT min(run_at) FROM signalpost_task WHERE worker IS NULL{wanted}", parameters)
            due = cursor.fetchone()[0]
        return None if due is None else int(due)

    def finish(self, task: StoredTask, outcome: Outcome, now: int) -> bool:
        """Records `outcome`, and writes the tasks that follow from it, in one transaction. False: the claim was overtaken,
        and nothing was recorded."""
        with transaction.atomic(using=self.alias):
            moved = self._move(task, outcome, now)
            if moved and isinstance(outcome, Succeeded):
                outbox.write(self.alias, outcome.then)
        return moved

    def release(self, task: StoredTask) -> None:
        """Gives `task` back as it was: it has not run to an end."""
        self._execute(_GIVE_BACK, [None, 1, task.unknown_since, None], task)

    def end(self) -> None:
        """Takes leave of the store."""
        if self._registered:
            with connections[self.alias].cursor() as cursor:
                cursor.execute("DELETE FROM signalpost_worker WHERE id = %s", [self.worker])

    def _move(self, task: StoredTask, outcome: Outcome, now: int) -> bool:
        match outcome:
            case Succeeded():
                # A success needs its payload no longer; a dead task keeps it, to be tried again.
                return self._end(task, [False, "succeeded", None, outcome.result, now])
            case Dead():
                return self._end(task, [True, "dead", readable(outcome.reason), None, now])
            case Failed() | RetryAfter():
                after = outcome.after or 0
                return self._execute(_GIVE_BACK, [now + after, 0, None, readable(outcome.reason)], task)
            case Unknown():
                since = now if task.unknown_since is None else task.unknown_since
                after = outcome.after or 0
                return self._execute(_GIVE_BACK, [now + after, 1, since, readable(outcome.reason)], task)

    def _end(self, task: StoredTask, parameters: list[Any]) -> bool:
        return self._execute(_END, parameters, task) and self._execute(_DELETE, [], task)

    def _execute(self, sql: str, parameters: list[Any], task: StoredTask) -> bool:
        with connections[self.alias].cursor() as cursor:
            cursor.execute(sql, [*parameters, task.id, self.worker, task.fence])
            return bool(cursor.rowcount == 1)

    def _register(self, now: int) -> None:
        if self._registered:
            return
        with connections[self.alias].cursor() as cursor:
            cursor.execute(
                "INSERT INTO signalpost_worker (id, started_at, lease_until) VALUES (%s, %s, %s)",
                [self.worker, now, now + LEASE],
            )
        self._registered = True


def _wanted(queues: Collection[str] | None, send_id: str | None) -> tuple[str, list[Any]]:
    sql = ""
    parameters: list[Any] = []
    if queues is not None:
        sql += f" AND queue IN ({', '.join(['%s'] * len(queues))})"
        parameters += queues
    if send_id is not None:
        sql += " AND send_id = %s"
        parameters.append(send_id)
    return sql, parameters
