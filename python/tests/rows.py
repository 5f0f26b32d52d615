"""Rows as workers leave them, for tests of what people do with them."""

from __future__ import annotations

from itertools import count
from typing import Any

from signalpost.clock import store_now
from signalpost.models import HistoryEntry, Task

#: An hour, in milliseconds.
HOUR = 3_600_000
SEND = "0192f000-0000-7000-8000-000000000000"

_numbers = count(1_000_000)


def waiting(**columns: Any) -> Task:
    """A task that waits, and is due."""
    return Task.objects.create(**{"id": next(_numbers), **_columns(), **columns})


def running(**columns: Any) -> Task:
    """A task in a worker's hands."""
    return waiting(**{"worker": "worker-of-another-process", "attempt": 1, "fence": 1, **columns})


def ended(state: str, *, age: int = 0, **columns: Any) -> HistoryEntry:
    """A task that has ended `age` milliseconds ago."""
    given = {"id": next(_numbers), **_columns(), "attempt": 1, "deaths": 0, "fence": 1, "worker": "gone", "state": state}
    finished_at = store_now("default") - age
    return HistoryEntry.objects.create(**{**given, "finished_at": finished_at, **columns})


def _columns() -> dict[str, Any]:
    now = store_now("default")
    return {
        "send_id": SEND,
        "signal": "shop.paid",
        "sender": "shop.Order",
        "receiver": "shop.mail_receipt",
        "queue": "mail",
        "priority": 0,
        "run_at": now - HOUR,
        "payload": '{"sender":null,"named":{"cents":1250}}',
        "payload_version": 1,
        "headers": '{"tenant":"blue"}',
        "depth": 0,
        "created_at": now - HOUR,
    }
