"""The log `signalpost`, written to so that nothing fails for it."""

from __future__ import annotations

import contextlib
import logging
import sys
import traceback
from typing import Any

__all__ = ["log"]

logger = logging.getLogger("signalpost")


def log(level: int, message: str, *args: Any, exc_info: Any = None) -> None:
    """Logs. What a filter or handler of the project raises goes to standard error: what became of a task stands already, and others
    run in this process."""
    try:
        logger.log(level, message, *args, exc_info=exc_info, stacklevel=2)
    except Exception:
        # A handler may have failed because nothing can be written at all.
        with contextlib.suppress(Exception):
            print(f"signalpost: the logging of this project has failed for {message!r}", file=sys.stderr)
            traceback.print_exc()
