"""Immediate mode: each task runs inside its send. For tests, and for development without a worker.

It is decided anew for each send. A task is written, run and ended as by a worker, in a savepoint where a transaction is open,
so what stands in the tables is the same. What a receiver sends runs when that receiver has ended: a chain of sends does not
pile up, and too long a one is `TooDeep` here as elsewhere. A task that failed waits for its next attempt.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from . import conf, outbox

__all__ = ["follow_setting", "immediate", "is_immediate"]

#: Whether failures are raised, for each `immediate()` that is entered; the setting stands at the bottom.
_modes: list[bool] = []
_by_setting = False
_here = threading.local()


@contextmanager
def immediate(*, raises: bool = True) -> Iterator[None]:
    """Runs the task of each send that is made within, in all threads. A context manager, and a decorator for functions.

    A receiver that fails raises `ReceiversFailed` from the send, unless `raises` is false.
    `SIGNALPOST["IMMEDIATE"] = True` is the same for the whole process.
    """
    _modes.append(raises)
    _listen()
    try:
        yield
    finally:
        _modes.remove(raises)
        _listen()


def is_immediate() -> bool:
    """Whether a send that is made now runs its task."""
    return _by_setting or bool(_modes)


@conf.on_change
def follow_setting() -> None:
    """Does what `SIGNALPOST["IMMEDIATE"]` says. Called when apps are ready, and when the setting is overridden."""
    global _by_setting
    _by_setting = conf.current().immediate
    _listen()


def _listen() -> None:
    listens = _run_written in outbox.on_written
    if is_immediate() and not listens:
        outbox.on_written.append(_run_written)
    elif listens and not is_immediate():
        outbox.on_written.remove(_run_written)


def _run_written(alias: str, row: outbox.Row) -> None:
    pending: list[tuple[str, str]] | None = getattr(_here, "pending", None)
    if pending is not None:
        pending.append((alias, row.send_id))
        return
    # Production imports this module, and none of these.
    from .testing.drain import Drain, store_now
    from .testing.run import run_one
    from .testing.runs import ReceiversFailed, Runs

    runs = Runs()
    pending = _here.pending = [(alias, row.send_id)]
    try:
        while pending:
            alias, send_id = pending.pop(0)
            drain = Drain(alias)
            task = drain.claim(store_now(alias), send_id=send_id)
            if task is not None:
                runs.append(run_one(drain, task))
            drain.end()
    finally:
        del _here.pending
    if runs.failed and (_modes[-1] if _modes else True):
        raise ReceiversFailed(runs) from runs.failed[0].error
