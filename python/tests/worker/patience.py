"""Waiting for what another process does, and how long that may take."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["PATIENCE", "until"]

#: Longer than anything takes, in seconds: what has not happened by then never will.
PATIENCE = 120


def until(what: str, is_so: Callable[[], object], longest_pause: float = 0.05) -> None:
    """Looks again and again until it is so, with longer and longer pauses. Raises `TimeoutError` when it never is."""
    given_up_at = time.monotonic() + PATIENCE
    pause = 0.001
    while not is_so():
        if time.monotonic() > given_up_at:
            raise TimeoutError(f"{what}: not after {PATIENCE} s")
        # It leaves the processor to those that are waited for.
        time.sleep(pause)
        pause = min(1.2 * pause, longest_pause)
