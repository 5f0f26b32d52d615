"""The caches that a run has opened."""

from __future__ import annotations

import logging

from django.core.cache import caches

from .log import log

__all__ = ["close_caches"]


def close_caches() -> None:
    """Closes the caches of this context. They are made anew in every context; nobody else would close them."""
    try:
        # Where asgiref keeps what is of a context. To ask `caches` for each of its names takes longer than a short receiver.
        is_unused = caches._connections._storage._data.get(None) is None  # type: ignore[attr-defined]
    except AttributeError:
        is_unused = False
    if is_unused:
        return
    try:
        caches.close_all()
    except Exception:
        # The run has ended, as it has.
        log(logging.WARNING, "The caches that a run has opened could not be closed", exc_info=True)
