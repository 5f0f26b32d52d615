"""SIGTERM: a child passes it over, as it is the engine that stops, and tells its children."""

from __future__ import annotations

import signal
from typing import Any

__all__ = ["default_in_copy", "pass_over"]


def pass_over() -> None:
    """Has it do nothing here. Who stops a service may send it to every process: a child that died of it would leave its runs
    unfinished, and be charged to them."""
    # No SIG_IGN, which programs that receivers start would inherit.
    signal.signal(signal.SIGTERM, _nothing)


def default_in_copy() -> None:
    """In a process that a receiver has forked: who forks may end it so, as `multiprocessing` does."""
    if signal.getsignal(signal.SIGTERM) is _nothing:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _nothing(*_: Any) -> None:
    pass
