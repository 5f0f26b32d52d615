"""The databases that are measured, made for one run: a file in ``TMPDIR``, and a database in the server that is given."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import unquote, urlsplit

POSTGRES = "SIGNALPOST_TEST_POSTGRES"

#: As ``docs/checks.md`` wants a file to be used.
GOOD = {"transaction_mode": "IMMEDIATE", "init_command": "PRAGMA journal_mode = WAL"}


def sqlite(file: str, options: dict[str, Any] | None = None) -> dict[str, Any]:
    """A file, with Django's settings and these."""
    return {"ENGINE": "django.db.backends.sqlite3", "NAME": file, "OPTIONS": GOOD if options is None else options}


def postgres(name: str | None = None) -> dict[str, Any]:
    """A database in the server that ``SIGNALPOST_TEST_POSTGRES`` names: that one, or one of another name."""
    url = urlsplit(os.environ[POSTGRES])
    return {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": url.hostname,
        "PORT": url.port,
        "USER": unquote(url.username or ""),
        "PASSWORD": unquote(url.password or ""),
        "NAME": name or url.path.removeprefix("/"),
    }


def create(name: str, template: str | None = None) -> None:
    """Makes an empty one in the server, or a copy of another one. One that has this name already is thrown away."""
    drop(name)
    with _server() as connection:
        connection.execute(f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else ""))


def drop(name: str) -> None:
    """Throws it away, if it is there."""
    with _server() as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _server() -> Any:
    import psycopg

    return psycopg.connect(os.environ[POSTGRES], autocommit=True)
