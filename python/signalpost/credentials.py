"""Credentials: what the engine needs to know of the databases that hold tasks, as Django knows it.

`docs/django-worker.md` specifies the objects. They hold passwords: they are never written to a file with a name, and never logged.
"""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from . import conf, stores

__all__ = ["CannotHonour", "settings_of", "settings_of_all"]

#: Options of Django's SQLite backend that concern Python's connections alone, or that the engine is told of.
_SQLITE_OPTIONS = frozenset(
    {
        "autocommit",
        "cached_statements",
        "check_same_thread",
        "detect_types",
        "factory",
        "init_command",
        "isolation_level",
        "timeout",
        "transaction_mode",
        "uri",
    }
)
#: What a URI of a SQLite file may say beside its path: how Python opens it, and nothing of how it is locked.
_SQLITE_URI = {"mode": {"rw", "rwc"}, "cache": {"private", "shared"}}
#: Options of Django's that change what a session is, and what libpq has for it.
_POSTGRES_REFUSED = {"assume_role": "put `-c role=…` into OPTIONS['options'], which the database itself understands"}


class CannotHonour(ImproperlyConfigured):
    """A database is configured in a way that the engine cannot follow: the message names the option."""


def settings_of_all() -> dict[str, Any]:
    """The settings of the engine: `SIGNALPOST["STORES"]`, each database once.

    Raises as `settings_of`.
    """
    aliases: list[str] = []
    for alias in conf.current().stores:
        if not any(stores.is_same_database(alias, other) for other in aliases):
            aliases.append(alias)
    return {"version": 1, "stores": [settings_of(alias) for alias in aliases]}


def settings_of(alias: str) -> dict[str, Any]:
    """The store `alias`, resolved anew: a connection of its own is made for it, where one is needed.

    `SIGNALPOST["DIRECT"]` may name another alias for the engine, which leads past a pooler.

    Raises `CannotHonour`, and what the database raises.
    """
    by = conf.current().direct.get(alias, alias)
    for setting, each in (("STORES", alias), ("DIRECT", by)):
        if each not in connections.settings:
            raise CannotHonour(f"SIGNALPOST[{setting!r}] names {each!r}, which DATABASES does not have")
    # Not the one that this thread has, which may be in the middle of something.
    connection = connections.create_connection(by)
    try:
        if connection.vendor == "sqlite":
            return {"alias": alias, "vendor": "sqlite", **_of_sqlite(by, connection)}
        if connection.vendor == "postgresql":
            pooled = None if by == alias else False
            return {"alias": alias, "vendor": "postgresql", **_of_postgres(by, connection), "pooled": pooled}
    finally:
        connection.close()
    raise CannotHonour(f"DATABASES[{by!r}] is a database of {connection.vendor}. SQLite and PostgreSQL can hold a store.")


def _of_sqlite(alias: str, connection: Any) -> dict[str, Any]:
    where = f"DATABASES[{alias!r}]"
    options = connection.settings_dict.get("OPTIONS") or {}
    for option in options:
        if option not in _SQLITE_OPTIONS:
            raise CannotHonour(f"{where}['OPTIONS'][{option!r}] is nothing that signalpost's engine can do")
    if connection.is_in_memory_db():
        raise CannotHonour(f"{where} is in memory, where no other process finds it: give it a file")
    timeout = options.get("timeout")
    return {
        "path": os.path.abspath(_path_of(where, os.fspath(connection.settings_dict["NAME"]))),
        "busy_timeout_ms": None if timeout is None else int(timeout * 1000),
    }


def _path_of(where: str, name: str) -> str:
    if not name.startswith("file:"):
        return name
    parts = urlsplit(name)
    for key, values in parse_qs(parts.query, keep_blank_values=True).items():
        if not set(values) <= _SQLITE_URI.get(key, set()):
            raise CannotHonour(f"{where}['NAME'] says {key}={values[-1]}, which is nothing that signalpost's engine can do")
    if parts.netloc not in ("", "localhost"):
        raise CannotHonour(f"{where}['NAME'] names the host {parts.netloc!r}")
    return unquote(parts.path)


def _of_postgres(alias: str, connection: Any) -> dict[str, Any]:
    options = connection.settings_dict.get("OPTIONS") or {}
    for option, hint in _POSTGRES_REFUSED.items():
        if options.get(option):
            raise CannotHonour(f"DATABASES[{alias!r}]['OPTIONS'][{option!r}] cannot be honoured: {hint}")
    # Not one of a pool: that may have been let in by an older password.
    connection.settings_dict = {**connection.settings_dict, "OPTIONS": {**options, "pool": False}}
    wanted = connection.get_connection_params()
    for name in ("host", "hostaddr", "port"):
        # psycopg goes through them by itself, and says which one it has got to.
        if "," in str(wanted.get(name) or ""):
            raise CannotHonour(
                f"DATABASES[{alias!r}] names several servers by {name!r}, which cannot be honoured: have "
                "SIGNALPOST['DIRECT'] name an alias for the engine that has one of them"
            )
    connection.ensure_connection()
    info = connection.connection.info
    # With what came from a service file, the environment and libpq's own defaults. psycopg 2 has another name for it.
    get = getattr(info, "get_parameters", None)
    given = get() if get is not None else info.dsn_parameters
    parameters = {name: str(value) for name, value in given.items() if value is not None and value != ""}
    if (wanted.get("host") or os.environ.get("PGHOST")) and not (wanted.get("hostaddr") or os.environ.get("PGHOSTADDR")):
        # psycopg has looked the name up. The engine does so each time, and checks the name in the certificate.
        parameters.pop("hostaddr", None)
    # The engine always speaks UTF-8, as Django does.
    parameters.pop("client_encoding", None)
    # Those that libpq has found out by itself are not among them: the directory of its sockets, the user's name.
    for name, found in (("host", info.host), ("port", info.port), ("user", info.user), ("dbname", info.dbname)):
        if found:
            parameters.setdefault(name, str(found))
    if info.password:
        parameters["password"] = info.password
    return {"parameters": parameters, "schema": _schema(connection)}


def _schema(connection: Any) -> str | None:
    """Where Django finds the tables. None: nowhere."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT space.nspname FROM pg_catalog.pg_class AS found JOIN pg_catalog.pg_namespace AS space "
            "ON space.oid = found.relnamespace WHERE found.oid = to_regclass('signalpost_task')"
        )
        row = cursor.fetchone()
    return None if row is None else row[0]
