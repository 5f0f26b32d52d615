"""Checks of the databases that hold tasks, and of those that do not."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, Warning
from django.db import connections, router

from .. import conf
from ..installation import is_installed
from ..stores import VENDORS, is_store

__all__ = ["check_direct", "check_other_aliases", "check_stores"]


def check_stores(**kwargs: Any) -> list[CheckMessage]:
    """Each of `STORES` is a database that can hold the tables, and gets them."""
    if not is_installed():
        return []
    found: list[CheckMessage] = []
    for alias in conf.current().stores:
        if alias not in connections.settings:
            known = ", ".join(map(repr, connections.settings))
            found.append(
                Error(
                    f"SIGNALPOST['STORES'] names {alias!r}, which is not in DATABASES.",
                    hint=f"DATABASES has {known}.",
                    id="signalpost.E002",
                )
            )
        elif connections[alias].vendor not in VENDORS:
            # Without any database Django has a default of its own, and needs no store.
            if connections[alias].vendor != "unknown":
                found.append(
                    Error(
                        f"SIGNALPOST['STORES'] names {alias!r}, a database of {connections[alias].vendor}.",
                        hint="SQLite and PostgreSQL can hold tasks. Leave the alias out and name one that can; tasks about its "
                        "rows are then written there, after the commit.",
                        id="signalpost.E003",
                    )
                )
        elif not _gets_tables(alias):
            found.append(
                Error(
                    f"SIGNALPOST['STORES'] names {alias!r}, and a database router keeps signalpost's tables from it.",
                    hint="Have allow_migrate() of your DATABASE_ROUTERS allow the app 'signalpost' there, or leave the alias "
                    "out.",
                    id="signalpost.E004",
                )
            )
    return found


def check_direct(**kwargs: Any) -> list[CheckMessage]:
    """`DIRECT` leads from a store to its own server, past a pooler."""
    if not is_installed():
        return []
    settings = conf.current()
    found: list[CheckMessage] = []
    for store, direct in settings.direct.items():
        wrong = _wrong_with_direct(store, direct, settings.stores)
        if wrong is not None:
            problem, hint = wrong
            found.append(
                Error(
                    f"SIGNALPOST['DIRECT'] leads from {store!r} to {direct!r}, and {problem}.", hint=hint, id="signalpost.E008"
                )
            )
    return found


def _wrong_with_direct(store: str, direct: str, stores: tuple[str, ...]) -> tuple[str, str] | None:
    """The problem and the hint."""
    if store not in stores:
        return f"{store!r} is not one of SIGNALPOST['STORES']", f"The stores are {', '.join(map(repr, stores))}."
    if direct not in connections.settings:
        return f"{direct!r} is not in DATABASES", f"DATABASES has {', '.join(map(repr, connections.settings))}."
    if store == direct:
        return (
            "that is the same alias",
            "Leave it out, or name another alias of DATABASES, with the host and the port of the server itself.",
        )
    for alias in (store, direct):
        # What else is wrong with a store, other checks say.
        if alias in connections.settings and connections[alias].vendor != "postgresql":
            return (
                f"{alias!r} is a database of {connections[alias].vendor}",
                "Only PostgreSQL can have a pooler in between. Leave it out, or have both aliases lead to one database of PostgreSQL.",
            )
    return None


def check_other_aliases(**kwargs: Any) -> list[CheckMessage]:
    """Where a database holds no store, the first promise is weaker."""
    if not is_installed() or not _are_usable(conf.current().stores):
        return []
    found: list[CheckMessage] = []
    for alias in connections.settings:
        if connections[alias].vendor != "unknown" and not is_store(alias):
            found.append(
                Warning(
                    f"The database {alias!r} holds no tasks. What is saved there has its tasks written to another database "
                    "after the commit, so a crash in between loses them.",
                    hint=f"Add {alias!r} to SIGNALPOST['STORES'] and run manage.py migrate --database={alias}, if it is SQLite or "
                    "PostgreSQL. Silence this if nothing with background receivers is saved there.",
                    id="signalpost.W001",
                )
            )
    from ..models import Task

    routed = router.db_for_write(Task)
    if routed in connections.settings and not is_store(routed):
        found.append(
            Warning(
                f"The database routers write tasks to {routed!r}, which is not one of SIGNALPOST['STORES']. Sends that name "
                "no database have their tasks written elsewhere, after its commit.",
                hint=f"Add {routed!r} to SIGNALPOST['STORES'], or have db_for_write() of your DATABASE_ROUTERS name a store for "
                "signalpost's models.",
                id="signalpost.W002",
            )
        )
    return found


def _gets_tables(alias: str) -> bool:
    from ..models import Task

    return router.allow_migrate_model(alias, Task)


def _are_usable(stores: tuple[str, ...]) -> bool:
    return all(alias in connections.settings and connections[alias].vendor in VENDORS for alias in stores)
