"""Stores: which database a task is written to, and whether at once. `docs/django-semantics.md`, "Which database"."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.core.exceptions import ImproperlyConfigured
from django.db import connections, router

from . import conf

__all__ = ["Destination", "VENDORS", "choose", "is_same_database", "is_store"]

#: What `connection.vendor` may be for an alias that holds a store.
VENDORS = frozenset({"sqlite", "postgresql"})
#: What makes two aliases one database, beside the vendor.
_IDENTITY = ("NAME", "HOST", "PORT")
_IDENTITY_OPTIONS = ("service", "options")


class Destination(NamedTuple):
    """Where the task of a send is written."""

    #: The alias on whose connection the INSERT runs.
    alias: str
    #: The alias whose commit is awaited first. None: the INSERT runs now.
    after: str | None = None


#: The aliases of `SIGNALPOST["STORES"]`, each with itself as the destination. Empty: not read yet.
_stores: dict[str, Destination] = {}


@conf.on_change
def _forget() -> None:
    global _stores
    _stores = {}


def choose(using: str | None, sent_using: Any) -> Destination:
    """Where a task goes, if its receiver says `using` and its send says `sent_using`.

    Raises `ImproperlyConfigured` if there is no store that could hold it.
    """
    stores = _stores or _read_stores()
    if using is None or using == sent_using:
        direct = stores.get(sent_using) if isinstance(sent_using, str) else None
        if direct is not None:
            return direct
    if not isinstance(sent_using, str) or sent_using not in connections.settings:
        # A signal of one's own may mean something else by it.
        sent_using = None
    wanted = using or sent_using or router.db_for_write(_task_model())
    if using is not None and sent_using is not None and using != sent_using:
        if is_same_database(using, sent_using) and is_store(using):
            # On the connection of the send, in its transaction.
            return Destination(sent_using)
        return Destination(using if is_store(using) else _fallback(), after=sent_using)
    if is_store(wanted):
        return Destination(wanted)
    return Destination(_fallback(), after=wanted)


def is_store(alias: str) -> bool:
    """Whether `alias` is the database of one of `SIGNALPOST["STORES"]`."""
    stores = _stores or _read_stores()
    return alias in stores or any(is_same_database(alias, store) for store in stores)


def is_same_database(one: str, other: str) -> bool:
    """Whether two aliases lead to one database: by their settings, or because one mirrors the other in tests."""
    if one == other:
        return True
    mirrors = {one: _mirror(one), other: _mirror(other)}
    if mirrors[one] == other or mirrors[other] == one or (mirrors[one] is not None and mirrors[one] == mirrors[other]):
        return True
    return connections[one].vendor == connections[other].vendor and _identity(one) == _identity(other)


def _identity(alias: str) -> tuple[Any, ...] | None:
    # The connection's own dict, which has the name of the test database in tests.
    settings = connections[alias].settings_dict
    if settings["NAME"] in (":memory:", "") and connections[alias].vendor == "sqlite":
        return (alias,)
    options = settings.get("OPTIONS") or {}
    return (
        *(str(settings.get(key) or "") for key in _IDENTITY),
        *(options.get(key) for key in _IDENTITY_OPTIONS),
    )


def _mirror(alias: str) -> str | None:
    return (connections[alias].settings_dict.get("TEST") or {}).get("MIRROR")


def _read_stores() -> dict[str, Destination]:
    global _stores
    stores = conf.current().stores
    for alias in stores:
        if alias not in connections.settings:
            known = ", ".join(map(repr, connections.settings))
            raise ImproperlyConfigured(f"SIGNALPOST['STORES'] names {alias!r}; DATABASES has {known}")
        vendor = connections[alias].vendor
        if vendor not in VENDORS:
            raise ImproperlyConfigured(
                f"SIGNALPOST['STORES'] names {alias!r}, a database of {vendor}. SQLite and PostgreSQL can hold a store."
            )
    _stores = {alias: Destination(alias) for alias in stores}
    return _stores


def _fallback() -> str:
    routed = router.db_for_write(_task_model())
    return routed if is_store(routed) else conf.current().stores[0]


def _task_model() -> Any:
    # Models can be imported only when apps are loaded, and this module is imported before.
    from .models import Task

    return Task
