"""Outlets: what is remembered of a connection of Django's from send to send, so that a send costs little more than its INSERT."""

from __future__ import annotations

from asyncio import _get_running_loop
from threading import get_ident
from typing import Any

from . import _native, conf
from .stores import VENDORS

__all__ = ["Outlet", "STATEMENTS", "outlet_of"]

STATEMENTS = {vendor: _native.statements(vendor) for vendor in VENDORS}
# On one line: Django and psycopg walk through the text at each call.
_QUIET = " ".join(STATEMENTS["sqlite"].insert_one_quiet.split())
_QUIET_ON_SQLITE = _QUIET.replace("%s", "?")
_LOOKING = " ".join(STATEMENTS["postgresql"].insert_one.split())
#: For how many milliseconds a connection to PostgreSQL does not look again for idle workers and at the clock. A worker that
#: was notified is awake for 20 ms at least before it calls itself idle again.
MOMENT = 20
#: The most that this grows to, doubled with each look, while one transaction goes on: only its end notifies anybody. Workers
#: ask every 100 ms in any case.
LONGEST = 100


def outlet_of(connection: Any) -> Outlet:
    """The outlet of Django's `connection`, made when it is first asked for."""
    outlet = connection.__dict__.get("_signalpost")
    if outlet is None:
        outlet = connection._signalpost = Outlet(connection)
    return outlet


class Outlet:
    """What is remembered of one connection of Django's from send to send."""

    __slots__ = ("_block", "_clock", "_cursor", "_is_sqlite", "_looked", "_moment", "_quiet", "_raw")

    def __init__(self, connection: Any) -> None:
        self._is_sqlite = connection.vendor == "sqlite"
        # The statement of kept cursors: on SQLite they are the driver's own, to which Django does not translate.
        self._quiet = _QUIET_ON_SQLITE if self._is_sqlite else _QUIET
        self._raw: Any = None
        self._cursor: Any = None
        # When workers were looked for on each queue, and within which outermost block.
        self._looked: dict[str, int] = {}
        self._block: Any = None
        self._moment = MOMENT
        # What this machine's clock said when the server's was looked at, and what the server's said then.
        self._clock = (0, 0)

    def write(self, connection: Any, row: Any) -> None:
        """Executes the INSERT of `row`, an `outbox.Row`.

        With a cursor that is kept from send to send while a transaction is open, where nobody could tell the difference: to
        make one, and to have Django translate `%s` for SQLite, takes longer than the INSERT. With `connection.cursor()` in
        autocommit mode, where Django may first have to connect; while queries are logged or wrapped; where `cursor` was
        replaced, as by tests and toolbars; and where Django would refuse the thread or the running event loop.
        """
        own = connection.__dict__
        raw = own["connection"]
        if (
            not own["in_atomic_block"]
            or raw is None
            or own["execute_wrappers"]
            or "cursor" in own
            or own["force_debug_cursor"]
            or conf.is_debug()
            or own["_thread_ident"] != get_ident()
            or own["_thread_sharing_count"]
            or _get_running_loop() is not None
        ):
            with connection.cursor() as cursor:
                self._execute(connection, cursor, row, _QUIET)
            return
        if self._raw is not raw:
            self._cursor = connection.make_cursor(raw.cursor() if self._is_sqlite else connection.create_cursor())
            self._raw = raw
        self._execute(connection, self._cursor, row, self._quiet)

    def _execute(self, connection: Any, cursor: Any, row: Any, quiet: str) -> None:
        now = row[10]
        if self._is_sqlite:
            # A file is on this machine, and its clock is that of the store.
            cursor.execute(quiet, (*row, now))
            return
        blocks = connection.atomic_blocks
        block = blocks[0] if blocks else None
        if block is not self._block:
            # What another block has notified may have been rolled back with it.
            self._block, self._moment = block, MOMENT
            self._looked.clear()
        here, there = self._clock
        since = now - here
        # Both clocks have lost what is less than a millisecond. A task that is ahead of the server is not due yet.
        there += max(since - 1, 0)
        moment = self._moment
        if 0 <= since < moment and 0 <= now - self._looked.get(row[4], -moment) < moment:
            cursor.execute(quiet, (*row[:10], there, there))
            return
        if not 0 <= since < 2 * LONGEST:
            there = 0
        cursor.execute(_LOOKING, (*row[:10], there, there))
        there = cursor.fetchone()[0]
        # After the answer, which was on its way for a while: rather late than ahead.
        _, here = _native.new_send()
        self._clock = (here, there)
        self._looked[row[4]] = here
        if block is not None:
            self._moment = min(2 * moment, LONGEST)
