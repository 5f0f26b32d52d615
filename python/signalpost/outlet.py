"""Outlets: what is remembered of a connection of Django's from send to send, so that a send costs little more than its INSERT."""

from __future__ import annotations

from asyncio import _get_running_loop
from threading import get_ident
from typing import Any, NamedTuple

from . import _native, conf
from .stores import VENDORS

__all__ = ["Outlet", "STATEMENTS", "outlet_of"]

STATEMENTS = {vendor: _native.statements(vendor) for vendor in VENDORS}
#: For how many milliseconds a connection to PostgreSQL does not look again for idle workers and at the clock. A worker that
#: was notified is awake for 20 ms at least before it calls itself idle again.
MOMENT = 20
#: As `MOMENT`, while one transaction goes on: only its end notifies anybody, and workers ask every 100 ms in any case.
MOMENT_IN_BLOCK = 100


def _on_one_line(statement: str) -> str:
    """Django and psycopg walk through the text at each call."""
    return " ".join(statement.split())


class _Inserts(NamedTuple):
    """The statements that look neither for idle workers nor at the clock."""

    #: With a parameter for each column.
    whole: str
    #: Of a task of no priority, without headers, and sent by no other task, as most are: each parameter has its price.
    plain: str


_INSERTS = _Inserts(
    *(_on_one_line(each) for each in (STATEMENTS["sqlite"].insert_one_quiet, STATEMENTS["sqlite"].insert_plain))
)
_INSERTS_OF_SQLITE = _Inserts(*(each.replace("%s", "?") for each in _INSERTS))
_LOOKING = _on_one_line(STATEMENTS["postgresql"].insert_one)


def outlet_of(connection: Any) -> Outlet:
    """The outlet of Django's `connection`, made when it is first asked for."""
    outlet = connection.__dict__.get("_signalpost")
    if outlet is None:
        outlet = connection._signalpost = Outlet(connection)
    return outlet


class Outlet:
    """What is remembered of one connection of Django's from send to send."""

    __slots__ = ("_block", "_clock", "_cursor", "_inserts", "_is_sqlite", "_raw", "_until")

    def __init__(self, connection: Any) -> None:
        self._is_sqlite = connection.vendor == "sqlite"
        # Of kept cursors: on SQLite they are the driver's own, to which Django does not translate.
        self._inserts = _INSERTS_OF_SQLITE if self._is_sqlite else _INSERTS
        self._raw: Any = None
        self._cursor: Any = None
        # Until when workers need not be looked for on each queue, and within which outermost block.
        self._until: dict[str, int] = {}
        self._block: Any = None
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
                self._execute(connection, cursor, row, _INSERTS)
            return
        if self._raw is not raw:
            self._cursor = connection.make_cursor(raw.cursor() if self._is_sqlite else connection.create_cursor())
            self._raw = raw
        self._execute(connection, self._cursor, row, self._inserts)

    def _execute(self, connection: Any, cursor: Any, row: Any, inserts: _Inserts) -> None:
        send_id, signal, sender, receiver, queue, priority, payload, headers, parent, depth, time = row
        # A file is on this machine, and its clock is that of the store.
        if not self._is_sqlite:
            blocks = connection.atomic_blocks
            block = blocks[0] if blocks else None
            if block is not self._block:
                # What another block has notified may have been rolled back with it.
                self._block = block
                self._until.clear()
            here, there = self._clock
            since = time - here
            # Both clocks have lost what is less than a millisecond. A task that is ahead of the server is not due yet.
            reckoned = there + max(since - 1, 0)
            if not here <= time < self._until.get(queue, 0):
                self._look(cursor, row, reckoned if 0 <= since < 2 * MOMENT_IN_BLOCK else 0)
                return
            time = reckoned
        if depth == 0 and priority == 0 and headers == "{}":
            cursor.execute(inserts.plain, (send_id, signal, sender, receiver, queue, payload, time, time))
        else:
            parameters = (send_id, signal, sender, receiver, queue, priority, payload, headers, parent, depth, time, time)
            cursor.execute(inserts.whole, parameters)

    def _look(self, cursor: Any, row: Any, earliest: int) -> None:
        cursor.execute(_LOOKING, (*row[:10], earliest, earliest))
        there = cursor.fetchone()[0]
        # After the answer, which was on its way for a while: rather late than ahead.
        here = _native.now()
        self._clock = (here, there)
        self._until[row[4]] = here + (MOMENT if self._block is None else MOMENT_IN_BLOCK)
