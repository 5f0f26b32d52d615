"""Tasks as they would stand in a store, for tests of what runs them."""

from __future__ import annotations

from typing import Any

from signalpost import codec
from signalpost.current import TASK_SIGNAL
from signalpost.stored_task import StoredTask

#: Whatever time it is.
NOW = 1_000_000_000_000


def called(receiver: str, *args: Any, named: dict[str, Any] | None = None, **columns: Any) -> StoredTask:
    """The task of a call."""
    payload = codec.encode_named(None, named or {}, True, args).payload
    return stored(**{"receiver": receiver, "signal": TASK_SIGNAL, "payload": payload, **columns})


def sent(receiver: str, signal: str, sender: Any = None, named: dict[str, Any] | None = None, **columns: Any) -> StoredTask:
    """The task of a send."""
    payload = codec.encode_named(sender, named or {}, True).payload
    return stored(**{"receiver": receiver, "signal": signal, "payload": payload, **columns})


def stored(**columns: Any) -> StoredTask:
    """A task with these columns."""
    given = {
        "id": 7,
        "send_id": "0192f000-0000-7000-8000-000000000000",
        "sender": None,
        "queue": "default",
        "priority": 0,
        "headers": "{}",
        "parent": None,
        "depth": 0,
        "using": "default",
    }
    return StoredTask(**{**given, **columns})
