"""Tests of code that sends, and of receivers, without a worker. `docs/django.md` shows them at work.

- `run_tasks()` runs what is due, and `immediate()` each task inside its send.
- `captured_sends()` and `assertSignalSent()` look at sends, `assertTaskEnqueued()` and its like at tasks that wait.
- `mute()` leaves one receiver out.
- `SignalpostAssertions` has the assertions for test cases; pytest finds the fixtures `run_tasks`, `signalpost_immediate`,
  `captured_sends` and `mute` by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..immediate import immediate
    from .assertions import SignalpostAssertions
    from .muted import mute
    from .run import arun_tasks, run_tasks
    from .runs import Endless, Ran, ReceiversFailed, Runs
    from .sends import CapturedSends, Sent, assertSignalNotSent, assertSignalSent, captured_sends
    from .waiting import (
        Enqueued,
        assertEnqueues,
        assertNoTaskEnqueued,
        assertTaskEnqueued,
        assertTasksEnqueued,
        enqueued,
    )

# Models can be imported only when apps are ready, and pytest imports this package long before.
_HOMES = {
    "immediate": "..immediate",
    "SignalpostAssertions": ".assertions",
    **dict.fromkeys(("Enqueued", "assertEnqueues", "assertNoTaskEnqueued", "assertTaskEnqueued"), ".waiting"),
    **dict.fromkeys(("assertTasksEnqueued", "enqueued"), ".waiting"),
    "mute": ".muted",
    **dict.fromkeys(("arun_tasks", "run_tasks"), ".run"),
    **dict.fromkeys(("Endless", "Ran", "ReceiversFailed", "Runs"), ".runs"),
    **dict.fromkeys(("CapturedSends", "Sent", "assertSignalNotSent", "assertSignalSent", "captured_sends"), ".sends"),
}

__all__ = [
    "CapturedSends",
    "Endless",
    "Enqueued",
    "Ran",
    "ReceiversFailed",
    "Runs",
    "Sent",
    "SignalpostAssertions",
    "arun_tasks",
    "assertEnqueues",
    "assertNoTaskEnqueued",
    "assertSignalNotSent",
    "assertSignalSent",
    "assertTaskEnqueued",
    "assertTasksEnqueued",
    "captured_sends",
    "enqueued",
    "immediate",
    "mute",
    "run_tasks",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name], __name__), name)
