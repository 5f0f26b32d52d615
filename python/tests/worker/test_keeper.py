"""The care for connections."""

from __future__ import annotations

import time
from queue import SimpleQueue
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest

from signalpost.child import keeper
from signalpost.child.keeper import Keeper

pytestmark = pytest.mark.no_database


def settings(**given: Any) -> dict[str, Any]:
    """Those of an alias."""
    return {"AUTOCOMMIT": True, "CONN_MAX_AGE": 0, "OPTIONS": {}, **given}


def driver(**given: Any) -> Any:
    """A connection of psycopg or of sqlite3, as far as a keeper looks at it."""
    return SimpleNamespace(
        in_transaction=given.get("in_transaction"), info=SimpleNamespace(transaction_status=given.get("status"))
    )


class Connection:
    """As far as a keeper looks at one."""

    alias = "default"

    def __init__(self, **attributes: Any) -> None:
        self.connection: Any = driver(in_transaction=False)
        self.vendor = "sqlite"
        self.in_atomic_block = self.errors_occurred = False
        self.autocommit = self.health_check_done = True
        self.settings_dict = settings()
        self.queries_log: list[Any] = ["a query"]
        self.close_at: float | None = 0.0
        self.usable = True
        vars(self).update(attributes)

    def is_usable(self) -> bool:
        """Asks the server."""
        return self.usable

    def close(self) -> None:
        """Closes it."""
        self.connection = None


class Connections(dict[str, Connection]):
    """Those of one thread."""

    def all(self, initialized_only: bool) -> list[Connection]:
        """All of them."""
        return list(self.values())


def kept_by(monkeypatch: pytest.MonkeyPatch, connection: Connection) -> Keeper:
    """Who keeps this one."""
    monkeypatch.setattr(keeper, "connections", Connections(default=connection))
    made = Keeper()
    made.after_run()
    return made


@pytest.mark.parametrize(
    ("attributes", "is_kept"),
    [
        # Django's default would close it after each request.
        ({}, True),
        ({"settings_dict": settings(CONN_MAX_AGE=60), "close_at": time.monotonic() + 3600}, True),
        ({"settings_dict": settings(CONN_MAX_AGE=60), "close_at": time.monotonic() - 1}, False),
        ({"settings_dict": settings(CONN_MAX_AGE=None), "close_at": None}, True),
        ({"settings_dict": settings(OPTIONS={"pool": True}), "close_at": None}, False),
        ({"settings_dict": settings(OPTIONS={"pool": False}), "close_at": None}, True),
        ({"errors_occurred": True}, True),
        ({"errors_occurred": True, "usable": False}, False),
    ],
)
def test_a_connection_is_kept_unless_there_is_a_reason(
    monkeypatch: pytest.MonkeyPatch, attributes: dict[str, Any], is_kept: bool
) -> None:
    connection = Connection(**attributes)
    kept_by(monkeypatch, connection)
    assert (connection.connection is not None) is is_kept
    if is_kept:
        assert not connection.errors_occurred
        assert connection.queries_log == []


@pytest.mark.parametrize(
    ("attributes", "is_left_open"),
    [
        ({"in_atomic_block": True}, True),
        ({"autocommit": False}, True),
        ({"connection": driver(in_transaction=True)}, True),
        *(({"vendor": "postgresql", "connection": driver(status=status)}, status in (1, 2, 3)) for status in range(5)),
        # It is the project that knows when its transactions end.
        ({"autocommit": False, "settings_dict": settings(AUTOCOMMIT=False), "connection": driver(in_transaction=True)}, False),
        ({"vendor": "oracle", "connection": object()}, False),
    ],
)
def test_what_is_left_open_is_closed_and_told(
    monkeypatch: pytest.MonkeyPatch, attributes: dict[str, Any], is_left_open: bool
) -> None:
    connection = Connection(**attributes)
    monkeypatch.setattr(keeper, "connections", Connections(default=connection))
    assert Keeper().after_run() == (["default"] if is_left_open else [])
    assert (connection.connection is None) is is_left_open


def test_without_work_a_connection_is_looked_at_again_and_later_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "STALE", 0.001)
    monkeypatch.setattr(keeper, "IDLE", 3600.0)
    connection = Connection()
    made = kept_by(monkeypatch, connection)
    queue: SimpleQueue[str] = SimpleQueue()

    def is_looked_at_again() -> bool:
        return not connection.health_check_done

    def put_when(condition: Any) -> None:
        while not condition():
            time.sleep(0)
        queue.put("a task")

    thread = Thread(target=put_when, args=(is_looked_at_again,))
    thread.start()
    assert made.next_of(queue) == "a task"
    thread.join()
    assert connection.connection is not None

    monkeypatch.setattr(keeper, "IDLE", 0.002)
    thread = Thread(target=put_when, args=(lambda: connection.connection is None,))
    thread.start()
    assert made.next_of(queue) == "a task"
    thread.join()


@pytest.mark.django_db
def test_the_connections_of_a_thread_are_found_where_django_keeps_them() -> None:
    from django.db import connection

    connection.ensure_connection()
    assert connection.alias in [found.alias for found in keeper._of_this_thread()]
