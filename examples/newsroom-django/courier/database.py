"""The database: a file of SQLite's, or a URL of PostgreSQL's."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

__all__ = ["database_at"]


def database_at(place: str, default: Path) -> dict[str, Any]:
    """What stands in `DATABASES` for `place`: a URL like `postgres://user:password@host:port/name`, the path of a file, or
    nothing for the file `default`."""
    if place.startswith(("postgres://", "postgresql://")):
        return _postgresql(place)
    return _sqlite(Path(place) if place else default)


def _postgresql(text: str) -> dict[str, Any]:
    url = urlsplit(text)
    options = dict(parse_qsl(url.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(url.path.lstrip("/")),
        "USER": unquote(url.username or ""),
        "PASSWORD": unquote(url.password or ""),
        # The directory of a Unix socket can only stand behind the question mark.
        "HOST": options.pop("host", unquote(url.hostname or "")),
        "PORT": options.pop("port", str(url.port or "")),
        "OPTIONS": options,
        "ATOMIC_REQUESTS": True,
    }


def _sqlite(file: Path) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": file,
        "ATOMIC_REQUESTS": True,
        "OPTIONS": {
            # Seconds to wait while another process writes.
            "timeout": 20,
            # A transaction that reads first and writes later would otherwise fail beside other writers.
            "transaction_mode": "IMMEDIATE",
            # Readers and the writer do not wait for each other. Checkpoints are left to the worker, whose SQLite is newer than
            # Python's (see docs/checks.md, signalpost.W005).
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0",
        },
    }
