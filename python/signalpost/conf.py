"""The setting `SIGNALPOST`: what may stand in it, and what it is when nothing does."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

__all__ = ["Settings", "current", "is_debug", "on_change"]

#: What may be done about a `post_save` outside a transaction.
POLICIES = ("warn", "raise", "allow")
#: The longest timeout, of one receiver or of all, in seconds.
LONGEST_TIMEOUT = 365 * 24 * 3600
#: What our answers, and what others remember, depend on beside `SIGNALPOST` itself.
_RELATED = frozenset({"SIGNALPOST", "DATABASES", "DATABASE_ROUTERS", "DEBUG", "INSTALLED_APPS", "LANGUAGE_CODE", "USE_I18N"})


@dataclass(frozen=True)
class Settings:
    """`SIGNALPOST`, checked. Each attribute is a key of the dict, in capitals there."""

    #: The aliases of `DATABASES` that hold signalpost's tables. A worker serves one or several of them.
    stores: tuple[str, ...] = ("default",)
    #: "warn", "raise" or "allow": `docs/django-semantics.md`, "Outside a transaction".
    outside_transaction: str = "warn"
    #: The modules of installed apps that are imported at the start, because they connect receivers or declare tasks.
    autodiscover: tuple[str, ...] = ("signals", "receivers", "tasks")
    #: The queue of receivers and signals that do not say another.
    queue: str = "default"
    #: After how many failures a task is dead, unless its receiver says otherwise. The same as the engine's own default.
    max_attempts: int = 10
    #: After how many seconds a run is told to stop, unless its receiver says otherwise. None: never.
    timeout: float | None = None
    #: What travels beside the arguments: import paths of carriers. None: all that there are (`signalpost.carriers`).
    carriers: tuple[str, ...] | None = None
    #: Whether tasks run inside the send, in tests (`signalpost.testing`).
    immediate: bool = False
    #: Where the engine's executable is. None: beside the interpreter's scripts (`signalpost.engine`).
    engine: str | None = None
    #: For a store behind a pooler, the alias of `DATABASES` by which the engine goes to the server itself.
    direct: Mapping[str, str] = field(default_factory=dict)


_current: Settings | None = None
_debug: bool | None = None
_listeners: list[Callable[[], None]] = []


def current() -> Settings:
    """The setting as it is now.

    Raises `ImproperlyConfigured`, with the key, for anything that cannot stand there.
    """
    global _current
    if _current is None:
        _current = _read(getattr(django_settings, "SIGNALPOST", {}))
    return _current


def is_debug() -> bool:
    """`DEBUG`, remembered: each send asks for it, and Django's settings are slow to say."""
    global _debug
    if _debug is None:
        _debug = django_settings.DEBUG
    return _debug


def on_change(listener: Callable[[], None]) -> Callable[[], None]:
    """Has `listener` called when the setting, or one that it depends on, is overridden in a test. A decorator."""
    _listeners.append(listener)
    return listener


def _forget(*, setting: str, **_: Any) -> None:
    global _current, _debug
    if setting in _RELATED:
        _current = _debug = None
        for listener in _listeners:
            listener()


setting_changed.connect(_forget, dispatch_uid="signalpost.conf", weak=False)


def _read(given: Any) -> Settings:
    if not isinstance(given, dict):
        raise ImproperlyConfigured(f"SIGNALPOST must be a dict, and is {given!r}")
    known = {each.name.upper(): each.name for each in fields(Settings)}
    for key in given:
        if key not in known:
            near = difflib.get_close_matches(str(key).upper(), known, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"It may have {', '.join(sorted(known))}."
            raise ImproperlyConfigured(f"SIGNALPOST[{key!r}] is not a setting. {hint}")
    values = {known[key]: _checked(key, value) for key, value in given.items()}
    return Settings(**values)


def _checked(key: str, value: Any) -> Any:
    if key in ("STORES", "AUTODISCOVER", "CARRIERS"):
        if value is None and key == "CARRIERS":
            return None
        if isinstance(value, str) or not isinstance(value, (list, tuple, set, frozenset)):
            raise _wrong(key, "a list of texts", value)
        if not all(isinstance(each, str) for each in value):
            raise _wrong(key, "a list of texts", value)
        if key == "STORES" and not value:
            raise _wrong(key, "at least one alias of DATABASES", value)
        return tuple(value)
    if key == "OUTSIDE_TRANSACTION" and value not in POLICIES:
        raise _wrong(key, f"one of {', '.join(map(repr, POLICIES))}", value)
    if key == "QUEUE" and not (isinstance(value, str) and value):
        raise _wrong(key, "the name of a queue", value)
    if key == "MAX_ATTEMPTS" and (isinstance(value, bool) or not isinstance(value, int) or not 1 <= value < 1 << 31):
        raise _wrong(key, "a whole number from 1", value)
    # Written so that NaN is refused too.
    if key == "TIMEOUT" and value is not None:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= LONGEST_TIMEOUT:
            raise _wrong(key, "a number of seconds above 0 and at most a year, or None", value)
    if key == "ENGINE" and value is not None:
        if not isinstance(value, (str, os.PathLike)) or not os.fspath(value):
            raise _wrong(key, "the path of the engine's executable, or None", value)
        return os.fspath(value)
    if key == "DIRECT":
        if not isinstance(value, dict) or not all(isinstance(each, str) for pair in value.items() for each in pair):
            raise _wrong(key, "a dict of aliases, each with another one", value)
        return dict(value)
    if key == "IMMEDIATE" and not isinstance(value, bool):
        raise _wrong(key, "True or False", value)
    return value


def _wrong(key: str, wanted: str, value: Any) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"SIGNALPOST[{key!r}] must be {wanted}, and is {value!r}")
