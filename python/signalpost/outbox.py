"""The outbox: tasks are written with one INSERT, through Django's connection, in whatever transaction is open there."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, NamedTuple

from django.db import DatabaseError, InterfaceError, ProgrammingError, connections, transaction

from . import _native
from .lifecycle import task_enqueued
from .outlet import STATEMENTS, outlet_of

__all__ = ["MissingTables", "NewTask", "Row", "as_json", "on_written", "put", "put_findable", "write"]

logger = logging.getLogger("signalpost")


class MissingTables(ProgrammingError):
    """The database has no tables of signalpost: its migrations were not run there."""


class Row(NamedTuple):
    """A task that is due at once, as its row is written."""

    send_id: str
    signal: str
    sender: str | None
    receiver: str
    queue: str
    priority: int
    payload: str
    headers: str
    parent: int | None
    depth: int
    #: When it was sent, by the clock of this machine.
    sent_at: int


@dataclass(frozen=True)
class NewTask:
    """A task with everything that can be said of one: the engine's own `NewTask`. Times are milliseconds."""

    signal: str
    receiver: str
    queue: str
    payload: str
    sender: str | None = None
    send_id: str = ""
    priority: int = 0
    #: Due this long after the send.
    delay: int = 0
    #: Due at this time, if that is later.
    run_at: int | None = None
    #: Ends as expired if nobody has started it this long after the send.
    expires_in: int | None = None
    key: str | None = None
    payload_version: int = 1
    headers: str = "{}"
    parent: int | None = None
    depth: int = 0
    #: Why it was written, if it follows from a failure.
    reason: str | None = None


#: Writes one task that can be found by its send while it lives. On PostgreSQL live tasks have no index for that, and the sends
#: that are made once have.
_FINDABLE = {
    "sqlite": STATEMENTS["sqlite"].insert,
    "postgresql": f"WITH written AS ({STATEMENTS['postgresql'].insert} RETURNING id, send_id, signal, receiver) "
    "INSERT INTO signalpost_once (task, send_id, signal, receiver) SELECT id, send_id, signal, receiver FROM written",
}

#: Called with the alias and the row, when it was written. For `signalpost.testing`.
on_written: list[Callable[[str, Row], None]] = []


def put(connection: Any, after: str | None, row: Row | tuple[Any, ...], of: Any) -> None:
    """Writes one task that is due at once on Django's `connection`: now, or after the commit on the alias `after`.

    The `send_id` and `sent_at` of `row` were made for it by `codec.new_send`. `of` is what will run: the sender of
    `task_enqueued`.

    Raises what the database raises, after it was logged and the transaction was marked for rollback.
    """
    if after is not None:
        transaction.on_commit(partial(_after_commit, connection.alias, row[3], put, row, of), using=after)
        return
    try:
        outlet_of(connection).write(connection, row)
    except Exception as error:
        _fail(connection, error, row[3])
        raise
    if task_enqueued.receivers or on_written:
        _tell(connection.alias, Row(*row), of)


def put_findable(connection: Any, after: str | None, task: NewTask, of: Any, written: Callable[[], Any]) -> None:
    """As `put`, of a task of which somebody will ask by its `send_id` what has become of it. Calls `written` when it is."""
    if after is not None:
        alias = connection.alias
        transaction.on_commit(partial(_after_commit, alias, task.receiver, put_findable, task, of, written), using=after)
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute(_FINDABLE[connection.vendor], [json.dumps([as_json(task)])])
    except Exception as error:
        _fail(connection, error, task.receiver)
        raise
    written()
    if task_enqueued.receivers or on_written:
        # A UUIDv7 begins with the time.
        sent_at = int(task.send_id.replace("-", "")[:12], 16)
        said: tuple[Any, ...] = (*(getattr(task, field) for field in Row._fields[:-1]), sent_at)
        _tell(connection.alias, Row(*said), of)


def write(alias: str, tasks: Sequence[NewTask]) -> None:
    """Writes tasks with one INSERT on `alias`. Raises as `put` does."""
    if not tasks:
        return
    connection = connections[alias]
    rows = json.dumps([as_json(task) for task in tasks])
    try:
        with connection.cursor() as cursor:
            cursor.execute(STATEMENTS[connection.vendor].insert, [rows])
    except Exception as error:
        _fail(connection, error, tasks[0].receiver)
        raise


def as_json(task: NewTask) -> dict[str, Any]:
    """What of `task` is not null, with the id of a send in any case: as the engine reads new tasks."""
    given = asdict(task)
    given["send_id"] = task.send_id or _native.uuid7()
    return {key: value for key, value in given.items() if value is not None}


def _after_commit(alias: str, receiver: str, put: Callable[..., None], *arguments: Any) -> None:
    try:
        put(connections[alias], None, *arguments)
    except (DatabaseError, InterfaceError):
        logger.error("The data that the task of %s is about is committed, and the task is not", receiver)
        raise


def _fail(connection: Any, error: Exception, receiver: str) -> None:
    """Sees to it that the data cannot be committed without the task, even if somebody catches `error`, as `send_robust` does.

    Raises `MissingTables` in its place if that is what it means.
    """
    logger.error("A task of %s was not written to the database %r: %s", receiver, connection.alias, error, exc_info=error)
    if connection.in_atomic_block:
        connection.needs_rollback = True
        if connection.rollback_exc is None:
            connection.rollback_exc = error
    elif connection.connection is not None and not connection.autocommit:
        # Without a block that ends, nobody would look at the mark before the commit.
        connection.rollback()
        connection.needs_rollback = True
    if isinstance(error, DatabaseError) and _is_missing_table(error):
        raise MissingTables(
            f"The database {connection.alias!r} has no tables of signalpost. Run `manage.py migrate signalpost "
            f"--database={connection.alias}`, or leave the alias out of SIGNALPOST['STORES']."
        ) from error


def _is_missing_table(error: DatabaseError) -> bool:
    cause = error.__cause__
    state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    if state is not None:
        return state == "42P01" and "signalpost_" in str(error)
    return "no such table: signalpost_" in str(error)


def _tell(alias: str, row: Row, of: Any) -> None:
    for listener in on_written:
        listener(alias, row)
    task_enqueued.send_robust(
        of, send_id=row.send_id, signal_name=row.signal, receiver=row.receiver, queue=row.queue, using=alias
    )
