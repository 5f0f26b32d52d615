"""Keepers: each cares for the connections to databases that its thread has opened."""

from __future__ import annotations

import logging
import time
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from django.db import connections

__all__ = ["Keeper"]

T = TypeVar("T")

logger = logging.getLogger("signalpost")

#: A connection that was not used for so long is looked at before it is used again, where `CONN_HEALTH_CHECKS` says so.
STALE = 1.0
#: One that was not used for so long is closed. In seconds.
IDLE = 10.0


class Keeper:
    """The care for the connections of one thread, which calls it.

    Django closes connections around each request. A task may be a thousand times as short, so here they stay open from task
    to task, and are closed after an error, when they are older than `CONN_MAX_AGE` (unless that is 0), when a receiver has
    left a transaction open, and when nothing was to be done for a while.
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

    def after_run(self, is_shared: bool = False) -> None:
        """Looks after them. `is_shared` where somebody else is in the middle of something with them."""
        self._is_open = False
        for connection in _of_this_thread():
            if connection.connection is None:
                continue
            try:
                self._is_open |= _is_kept(connection, is_shared)
            except Exception:
                logger.warning("A connection to %r is given up", connection.alias, exc_info=True)
                _give_up(connection)

    def close(self) -> None:
        """Closes them."""
        self._is_open = False
        for connection in _all():
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


def _is_kept(connection: Any, is_shared: bool) -> bool:
    """Closes `connection` if it cannot be used as it is, as `close_if_unusable_or_obsolete` of Django does."""
    if not is_shared and (connection.in_atomic_block or connection.autocommit != connection.settings_dict["AUTOCOMMIT"]):
        logger.warning("A receiver has left a transaction open on %r: it is rolled back", connection.alias)
        _give_up(connection)
        return False
    if connection.queries_log:
        connection.queries_log.clear()
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
        logger.debug("It could not be closed", exc_info=True)
    if getattr(connections, "_connections", None) is not None and connection.alias in connections:
        del connections[connection.alias]
