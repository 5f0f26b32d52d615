"""Transitions that a person wishes for: a waiting task is cancelled, a dead one is tried again, an ended one is forgotten.

They are those of the engine, through Django's connection. The statements are its own
(`crates/signalpost-store/src/{sqlite,postgres}/`: `end_waiting.sql`, `retry.sql` and, in `statements.rs`, `prune`), for the
placeholders of Django's cursors; a test compares what they leave behind. `docs/delivery.md`, "States and transitions", has the
guards: none of them touches a task that a worker has in its hands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.db import connections, transaction

from .clock import store_now
from .reason import readable

__all__ = ["cancel", "forget", "parts", "retry"]

#: So many tasks are moved in one transaction, so that writers beside us have their turn.
AT_ONCE = 500

#: What a task takes with it into the history.
_ENDS_WITH = (
    "id, send_id, signal, sender, receiver, queue, priority, run_at, expires_at, key, payload, payload_version, headers, "
    "parent, depth, attempt, deaths, fence, worker, created_at"
)
#: What a task that waits again is left of its past, but for the time at which it is due.
_WAITS_WITH = (
    "id, send_id, signal, sender, receiver, queue, priority, key, payload, payload_version, headers, parent, depth, fence, "
    "created_at, reason"
)
_IS_WAITING = "worker IS NULL"
# A success keeps no payload, so there would be nothing to run.
_CAN_BE_RETRIED = "state = 'dead' AND payload IS NOT NULL"

# The casts are for PostgreSQL, where a parameter among selected columns would be a text.
_INTO_HISTORY = (
    f"INSERT INTO signalpost_history ({_ENDS_WITH}, state, reason, result, finished_at) "
    f"SELECT {_ENDS_WITH}, 'cancelled', CAST(%s AS text), NULL, CAST(%s AS bigint) FROM"
)
_BACK_TO_TASKS = f"INSERT INTO signalpost_task ({_WAITS_WITH}, run_at) SELECT {_WAITS_WITH}, CAST(%s AS bigint) FROM"


def cancel(alias: str, ids: Iterable[int], reason: str) -> set[int]:
    """Ends waiting tasks of the store `alias` as *cancelled*, with `reason`, as `Store::cancel_if_waiting` does.

    Returns the ids of those that were cancelled. The others run, have ended, or were never there.
    """
    reason, now = readable(reason), store_now(alias)

    def on_postgresql(cursor: Any, some: list[int]) -> list[int]:
        ended = f"DELETE FROM signalpost_task WHERE {_IS_WAITING} AND id = ANY (%s::bigint[]) RETURNING {_ENDS_WITH}"
        return _ids(cursor, f"WITH ended AS ({ended}) {_INTO_HISTORY} ended RETURNING id", [some, reason, now])

    def on_sqlite(cursor: Any, some: list[int]) -> list[int]:
        sql = f"{_INTO_HISTORY} signalpost_task WHERE {_IS_WAITING} AND {_among(some)} RETURNING id"
        moved = _ids(cursor, sql, [reason, now, *some])
        return _then_delete(cursor, "signalpost_task", moved)

    return _in_steps(alias, ids, on_postgresql, on_sqlite)


def retry(alias: str, ids: Iterable[int]) -> set[int]:
    """Lets dead tasks of the store `alias` wait again, due at once, as `Store::retry_if_dead` does.

    Number and fence go on, attempts and deaths begin anew, and the reason stays until the next failure. Returns the ids of those
    that wait again. The others are not dead (any more), or their payload is gone.
    """
    now = store_now(alias)

    def on_postgresql(cursor: Any, some: list[int]) -> list[int]:
        dead = f"DELETE FROM signalpost_history WHERE {_CAN_BE_RETRIED} AND id = ANY (%s::bigint[]) RETURNING {_WAITS_WITH}"
        return _ids(cursor, f"WITH dead AS ({dead}) {_BACK_TO_TASKS} dead RETURNING id", [some, now])

    def on_sqlite(cursor: Any, some: list[int]) -> list[int]:
        sql = f"{_BACK_TO_TASKS} signalpost_history WHERE {_CAN_BE_RETRIED} AND {_among(some)} RETURNING id"
        moved = _ids(cursor, sql, [now, *some])
        return _then_delete(cursor, "signalpost_history", moved)

    return _in_steps(alias, ids, on_postgresql, on_sqlite)


def forget(alias: str, ids: Iterable[int]) -> set[int]:
    """Removes ended tasks of the store `alias` from its history, whatever their age. Returns the ids of those that were there.

    As by pruning, a send that was made once is not remembered any longer.
    """

    def on_postgresql(cursor: Any, some: list[int]) -> list[int]:
        return _ids(cursor, forgetting("SELECT unnest(%s::bigint[]) AS id", "id"), [some])

    def on_sqlite(cursor: Any, some: list[int]) -> list[int]:
        return _ids(cursor, f"DELETE FROM signalpost_history WHERE {_among(some)} RETURNING id", some)

    return _in_steps(alias, ids, on_postgresql, on_sqlite)


def forgetting(chosen: str, answer: str) -> str:
    """The statement for PostgreSQL that removes the ended tasks whose ids the query `chosen` selects, and selects `answer`.

    The sends that are made once are remembered in a table of their own there, for as long as their task is.
    """
    return (
        f"WITH old AS MATERIALIZED ({chosen}), "
        "gone AS (DELETE FROM signalpost_history AS history USING old WHERE history.id = old.id "
        "RETURNING history.id, send_id, signal, receiver), "
        "unsaid AS (DELETE FROM signalpost_once AS once USING gone WHERE EXISTS (SELECT FROM signalpost_once) "
        "AND once.send_id = gone.send_id AND once.signal = gone.signal AND once.receiver = gone.receiver) "
        f"SELECT {answer} FROM gone"
    )


def _in_steps(
    alias: str,
    ids: Iterable[int],
    on_postgresql: Callable[[Any, list[int]], list[int]],
    on_sqlite: Callable[[Any, list[int]], list[int]],
) -> set[int]:
    connection = connections[alias]
    move = on_postgresql if connection.vendor == "postgresql" else on_sqlite
    moved: set[int] = set()
    for some in parts(sorted(set(ids))):
        # The first statement writes, so that a transaction of SQLite's begins with the lock that it needs.
        with transaction.atomic(using=alias), connection.cursor() as cursor:
            moved.update(move(cursor, some))
    return moved


def _then_delete(cursor: Any, table: str, ids: list[int]) -> list[int]:
    if ids:
        cursor.execute(f"DELETE FROM {table} WHERE {_among(ids)}", ids)
    return ids


def _ids(cursor: Any, sql: str, parameters: list[Any]) -> list[int]:
    cursor.execute(sql, parameters)
    return [row[0] for row in cursor.fetchall()]


def _among(ids: list[int]) -> str:
    return f"id IN ({', '.join(['%s'] * len(ids))})"


def parts(ids: list[int]) -> Iterator[list[int]]:
    """`ids` in parts of the size of a step, as no database takes any number of parameters."""
    for start in range(0, len(ids), AT_ONCE):
        yield ids[start : start + AT_ONCE]
