"""Keepers: each cares for the connections to databases that its thread has opened."""

from __future__ import annotations

import logging
import time
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from django.db import connections

from ..log import log

__all__ = ["Keeper"]

T = TypeVar("T")

#: A connection that was not used for so long is looked at before it is used again, where `CONN_HEALTH_CHECKS` says so.
STALE = 1.0
#: One that was not used for so long is closed. In seconds.
IDLE = 10.0
#: What libpq calls ACTIVE, INTRANS and INERROR. When the connection is lost it says neither these nor IDLE.
_IN_TRANSACTION = (1, 2, 3)


class Keeper:
    """The care for the connections of one thread, which calls it.

    Django closes connections around each request. A task may be a thousand times as short, so here they stay open from task
    to task, and are closed after an error, when they are older than `CONN_MAX_AGE` (unless that is 0), when a receiver has
    left a transaction open, and when nothing was to be done for a while. Those of a pool go back to it.
    """

    def __init__(self) -> None:
        self._is_open = False

    def next_of(self, queue: SimpleQueue[T]) -> T:
        """The next one of `queue`, waited for. Connections are closed if that takes long."""
        if not self._is_open:
            return queue.get()
        try:
            return queue.get(timeout=STALE)
        except Empty:
            for connection in _all():
                # As `close_old_connections` before a request.
                connection.health_check_done = False
        try:
            return queue.get(timeout=IDLE - STALE)
        except Empty:
            self.close()
        return queue.get()

    def after_run(self) -> list[str]:
        """Looks after them. Returns the aliases on which a transaction was left open: it is rolled back."""
        self._is_open = False
        left_open: list[str] = []
        for connection in _of_this_thread():
            if connection.connection is None:
                continue
            try:
                if _is_in_transaction(connection):
                    left_open.append(connection.alias)
                    log(logging.WARNING, "A receiver has left a transaction open on %r: it is rolled back", connection.alias)
                    _give_up(connection)
                else:
                    self._is_open |= _is_kept(connection)
            except Exception:
                log(logging.WARNING, "A connection to %r is given up", connection.alias, exc_info=True)
                _give_up(connection)
        return left_open

    def close(self) -> None:
        """Closes them."""
        self._is_open = False
        for connection in _of_this_thread():
            try:
                connection.close()
            except Exception:
                _give_up(connection)


def _all() -> list[Any]:
    return list(connections.all(initialized_only=True))


def _of_this_thread() -> list[Any]:
    """`connections.all(initialized_only=True)`, which takes microseconds for each alias, whether it was used or not."""
    try:
        # Where asgiref keeps what is of a thread.
        held = vars(connections._connections._storage)  # type: ignore[attr-defined]
    except (AttributeError, TypeError):
        return _all()
    return [held[alias] for alias in connections.settings if alias in held] if held else []


def _is_in_transaction(connection: Any) -> bool:
    if connection.in_atomic_block or connection.autocommit != connection.settings_dict["AUTOCOMMIT"]:
        return True
    # Without autocommit there is one after every query, and it is the project that knows when it ends.
    return connection.autocommit and _is_begun(connection)


def _is_begun(connection: Any) -> bool:
    """Whether the driver knows of a transaction. Django does not see one that SQL has begun."""
    if connection.vendor == "sqlite":
        return bool(connection.connection.in_transaction)
    if connection.vendor == "postgresql":
        return connection.connection.info.transaction_status in _IN_TRANSACTION
    return False


def _is_kept(connection: Any) -> bool:
    """Closes `connection` if it cannot be used as it is, as `close_if_unusable_or_obsolete` of Django does."""
    if connection.queries_log:
        connection.queries_log.clear()
    if connection.settings_dict["OPTIONS"].get("pool"):
        # There are fewer of them than threads, and others wait for one.
        connection.close()
        return False
    if connection.errors_occurred:
        if not connection.is_usable():
            connection.close()
            return False
        connection.errors_occurred = False
        connection.health_check_done = True
    if connection.settings_dict["CONN_MAX_AGE"] and connection.close_at is not None:
        if time.monotonic() >= connection.close_at:
            connection.close()
            return False
    return True


def _give_up(connection: Any) -> None:
    """Closes it, and has Django make another one: in the middle of a transaction it would stay as it is."""
    try:
        connection.close()
    except Exception:
        log(logging.DEBUG, "It could not be closed", exc_info=True)
    if getattr(connections, "_connections", None) is not None and connection.alias in connections:
        del connections[connection.alias]
