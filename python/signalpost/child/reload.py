"""Watching the code: a child whose modules have changed on disk asks to be replaced."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

__all__ = ["changed", "watch"]

#: Seconds between two looks.
PAUSE = 1.0


def watch(replace: Callable[[str], None]) -> None:
    """Calls `replace`, once, with the reason, when the file of a module that is loaded has changed. For a thread of its own."""
    seen: dict[str, float] = {}
    while True:
        path = changed(seen)
        if path is not None:
            replace(f"{path} has changed")
            return
        time.sleep(PAUSE)


def changed(seen: dict[str, float]) -> str | None:
    """The first file that is not as it was `seen`, which is filled with those that were not."""
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None)
        if not isinstance(path, str) or not path.endswith(".py"):
            continue
        try:
            time_of = os.stat(path).st_mtime
        except OSError:
            # In the middle of being saved.
            continue
        if seen.setdefault(path, time_of) != time_of:
            return path
    return None
