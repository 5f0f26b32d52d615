"""What can be said of a background receiver where it is declared, and the check of it."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connections

from .conf import LONGEST_TIMEOUT

__all__ = ["DeclarationError", "Options", "check_name"]

#: The longest name of a signal, sender, receiver or queue, in bytes (the engine's limit).
MAX_NAME = 200


class DeclarationError(ValueError):
    """A receiver, task or signal that is declared wrongly. The message begins with the place."""


@dataclass(frozen=True)
class Options:
    """The options of `async_receiver`, `connect_background` and `task`. None: nothing was said."""

    #: The name in the rows. Without one it is the function's module and qualified name.
    name: str | None = None
    #: Former names, under which tasks may still wait.
    aliases: tuple[str, ...] = ()
    #: The queue. Without one it is `SIGNALPOST["QUEUE"]`.
    queue: str | None = None
    #: After how many failures a task is dead. Without one it is `SIGNALPOST["MAX_ATTEMPTS"]`.
    max_attempts: int | None = None
    #: After how many seconds a run is told to stop. Without one it is `SIGNALPOST["TIMEOUT"]`.
    timeout: float | None = None
    #: -100 to 100, higher first.
    priority: int = 0
    #: The alias of the database that the tasks are written to. Without one it is the send's.
    using: str | None = None
    #: Asked inside the send, with the arguments of the receiver, whether there is to be a task.
    when: Callable[..., Any] | None = None
    #: Of which fields one must be in `update_fields`.
    fields: frozenset[str] | None = None
    #: Which values of `action` are heard.
    actions: frozenset[str] | None = None
    #: Whether what the function returns is kept in the history, as JSON.
    keep_result: bool = False

    @classmethod
    def checked(cls, who: str, **given: Any) -> Options:
        """The options, if they can be what they are. `who` names the function and its place.

        Raises `DeclarationError`, and `TypeError` for an option that does not exist.
        """
        unknown = given.keys() - cls.__dataclass_fields__.keys()
        if unknown:
            known = ", ".join(cls.__dataclass_fields__)
            raise TypeError(f"{who}: there is no option {', '.join(sorted(unknown))}. There are {known}.")
        values = {key: _CHECKS[key](who, value) for key, value in given.items() if value is not None}
        return cls(**values)


def check_name(who: str, what: str, name: Any) -> str:
    """`name`, if it can stand in a row: 1 to 200 bytes, no control characters.

    Raises `DeclarationError`.
    """
    if not isinstance(name, str):
        raise DeclarationError(f"{who}: {what} must be a text, and is {name!r}")
    if not name:
        raise DeclarationError(f"{who}: {what} is empty")
    if any(unicodedata.category(each) in ("Cc", "Cs") for each in name):
        raise DeclarationError(f"{who}: {what} holds a character that cannot be stored: {name!r}")
    if len(name.encode()) > MAX_NAME:
        raise DeclarationError(f"{who}: {what} has {len(name.encode())} bytes, and {MAX_NAME} are allowed: {name!r}")
    return name


def _name(who: str, value: Any) -> str:
    if value == "*":
        raise DeclarationError(f"{who}: name='*' is the name of all receivers of a background signal. Choose another one.")
    return check_name(who, "name=", value)


def _aliases(who: str, value: Any) -> tuple[str, ...]:
    return tuple(check_name(who, "an alias of aliases=", each) for each in _texts(who, "aliases", value))


def _queue(who: str, value: Any) -> str:
    return check_name(who, "queue=", value)


def _max_attempts(who: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value < 1 << 31:
        raise DeclarationError(f"{who}: max_attempts= must be a whole number from 1, and is {value!r}")
    return value


def _timeout(who: str, value: Any) -> float:
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    # Written so that NaN is refused too.
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 < seconds <= LONGEST_TIMEOUT:
        raise DeclarationError(f"{who}: timeout= must be seconds or a timedelta, above 0 and at most a year, and is {value!r}")
    return float(seconds)


def _priority(who: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not -100 <= value <= 100:
        raise DeclarationError(f"{who}: priority= must be a whole number from -100 to 100, and is {value!r}")
    return value


def _using(who: str, value: Any) -> str:
    if value not in connections.settings:
        known = ", ".join(map(repr, connections.settings))
        raise DeclarationError(f"{who}: using={value!r} is not an alias of DATABASES. There are {known}.")
    return value


def _when(who: str, value: Any) -> Callable[..., Any]:
    if not callable(value):
        raise DeclarationError(f"{who}: when= must be a function of the receiver's arguments, and is {value!r}")
    return value


def _fields(who: str, value: Any) -> frozenset[str]:
    return _some(who, "fields", value)


def _actions(who: str, value: Any) -> frozenset[str]:
    return _some(who, "actions", value)


def _keep_result(who: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise DeclarationError(f"{who}: keep_result= must be True or False, and is {value!r}")
    return value


def _some(who: str, option: str, value: Any) -> frozenset[str]:
    texts = frozenset(_texts(who, option, value))
    if not texts:
        raise DeclarationError(f"{who}: {option}= is empty, so nothing would ever be sent. Leave it out to hear everything.")
    return texts


def _texts(who: str, option: str, value: Any) -> Collection[str]:
    # A text is a collection of texts too, and never what was meant.
    if isinstance(value, str) or not isinstance(value, (list, tuple, set, frozenset)):
        raise DeclarationError(f"{who}: {option}= must be a list or set of texts, and is {value!r}")
    for each in value:
        if not isinstance(each, str):
            raise DeclarationError(f"{who}: {option}= must be a list or set of texts, and holds {each!r}")
    return value


_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "name": _name,
    "aliases": _aliases,
    "queue": _queue,
    "max_attempts": _max_attempts,
    "timeout": _timeout,
    "priority": _priority,
    "using": _using,
    "when": _when,
    "fields": _fields,
    "actions": _actions,
    "keep_result": _keep_result,
}
