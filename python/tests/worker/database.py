"""Databases of the project that children and workers of the tests run: those that `SIGNALPOST_TEST_DATABASE` names."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tests import settings as of_tests

from .engine import ROOT

__all__ = ["IS_POSTGRES", "Database", "made"]

IS_POSTGRES = of_tests.DATABASE == "postgres"


class Database:
    """One that only one test has."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        #: What its processes are told.
        self.environment = {"SIGNALPOST_TEST_DATABASES": json.dumps({"default": settings})}

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """What stands in it."""
        if IS_POSTGRES:
            with _connected(self.settings) as connection:
                return [tuple(row) for row in connection.execute(sql).fetchall()]
        with closing(sqlite3.connect(self.settings["NAME"])) as connection:
            return connection.execute(sql).fetchall()

    def run(self, sql: str) -> None:
        """Runs a statement of PostgreSQL."""
        with _connected(self.settings) as connection:
            connection.execute(sql)

    def migrate(self) -> None:
        """Makes the tables."""
        environment = {**os.environ, **self.environment, "PYTHONPATH": ROOT}
        command = [sys.executable, "-m", "django", "migrate", "--run-syncdb", "--skip-checks", "-v0"]
        subprocess.run([*command, "--settings=tests.worker.settings"], check=True, env=environment)


@contextmanager
def made(directory: Path, like: Database | None = None) -> Iterator[Database]:
    """A new one, as a copy of another where one is given. It is gone at the end."""
    if not IS_POSTGRES:
        file = directory / "project.db"
        if like is not None:
            shutil.copy(like.settings["NAME"], file)
        # As `docs/checks.md` wants it, whichever SQLite this Python has.
        options = {"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=0"}
        options |= {"timeout": 20, "transaction_mode": "IMMEDIATE"}
        yield Database({"ENGINE": "django.db.backends.sqlite3", "NAME": str(file), "OPTIONS": options})
        return
    global _number
    _number += 1
    name = f"worker_{os.getpid()}_{_number}"
    settings = {**of_tests._postgres("worker"), "NAME": name}
    template = "" if like is None else f" TEMPLATE {like.settings['NAME']}"
    with _connected({**settings, "NAME": "postgres"}) as connection:
        connection.execute(f"CREATE DATABASE {name}{template}")
    try:
        yield Database(settings)
    finally:
        with _connected({**settings, "NAME": "postgres"}) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


#: How many there were.
_number = 0


def _connected(settings: dict[str, Any]) -> Any:
    import psycopg

    named = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    given = {name: settings[key] for name, key in named.items() if settings[key]}
    return psycopg.connect(**given, autocommit=True)
