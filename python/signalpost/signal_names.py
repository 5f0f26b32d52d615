"""Names of signals: what stands in a row instead of the object."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from django.dispatch import Signal

from .options import DeclarationError, check_name
from .place import calling_frame

__all__ = ["BuiltIn", "UnknownSignal", "built_in", "name_of", "name_signal", "names_of", "signal_named"]


class UnknownSignal(LookupError):
    """A name that no signal of this process has."""


@dataclass(frozen=True)
class BuiltIn:
    """One of Django's own signals."""

    name: str
    #: Why it cannot have background receivers, and what to do instead. None: it can.
    refused: str | None = None
    #: Whether it is about one row, which `post_save` outside a transaction has already committed.
    of_saving: bool = False


_CONSTRUCTION = "it is sent for every instance that is made, those that a query makes included. {}"
_BUILT_IN = {
    each.name: each
    for each in (
        BuiltIn(
            "django.db.models.signals.pre_init",
            _CONSTRUCTION.format("Use an inline receiver, or pre_save in the background."),
        ),
        BuiltIn(
            "django.db.models.signals.post_init",
            _CONSTRUCTION.format("Use an inline receiver, or post_save in the background."),
        ),
        BuiltIn(
            "django.db.models.signals.class_prepared",
            "it is sent while models are being imported, when no query can be made. Use an inline receiver.",
        ),
        BuiltIn(
            "django.db.backends.signals.connection_created",
            "it is sent while the connection that would have to store the task is being made. Use an inline receiver.",
        ),
        BuiltIn("django.db.models.signals.pre_save", of_saving=True),
        BuiltIn("django.db.models.signals.post_save", of_saving=True),
        BuiltIn("django.db.models.signals.pre_delete"),
        BuiltIn("django.db.models.signals.post_delete"),
        BuiltIn("django.db.models.signals.m2m_changed"),
        BuiltIn("django.db.models.signals.pre_migrate"),
        BuiltIn("django.db.models.signals.post_migrate"),
        BuiltIn("django.core.signals.request_started"),
        BuiltIn("django.core.signals.request_finished"),
        BuiltIn("django.core.signals.got_request_exception"),
        BuiltIn("django.core.signals.setting_changed"),
        BuiltIn("django.contrib.auth.signals.user_logged_in"),
        BuiltIn("django.contrib.auth.signals.user_logged_out"),
        BuiltIn("django.contrib.auth.signals.user_login_failed"),
        BuiltIn("django.test.signals.template_rendered"),
        BuiltIn("django.utils.autoreload.autoreload_started"),
        BuiltIn("django.utils.autoreload.file_changed"),
        BuiltIn("django.tasks.signals.task_enqueued"),
        BuiltIn("django.tasks.signals.task_started"),
        BuiltIn("django.tasks.signals.task_finished"),
    )
}

#: Names that were given or found, and where a signal was made if it told.
_names: WeakKeyDictionary[Signal, str] = WeakKeyDictionary()
_given: dict[str, Signal] = {}
_aliases: dict[str, Signal] = {}
_homes: WeakKeyDictionary[Signal, str] = WeakKeyDictionary()


def built_in(signal: Signal) -> BuiltIn | None:
    """What is known of `signal`, if it is one of Django's own."""
    name = name_of(signal, default=None)
    return None if name is None else _BUILT_IN.get(name)


def name_of(signal: Signal, *, default: str | None = "") -> str | None:
    """The name of `signal`: the one that was given to it, else the module attribute that holds it.

    Only modules that are loaded are looked through, once per signal. A signal that several modules hold is named by the
    one where it was made, if that is known; else by one whose last part is `signals`; else by the shortest name.

    Raises `DeclarationError` for a signal that nobody holds, unless there is a `default`.
    """
    name = _names.get(signal)
    if name is None:
        name = _found(signal)
        if name is not None:
            _names[signal] = name
        elif default == "":
            raise DeclarationError(
                f"{signal!r} has no name, and tasks name their signal. Assign it to a variable of a module that can be imported, or call "
                f"signalpost.name_signal(signal, 'shop.order_paid')."
            )
        else:
            return default
    return name


def names_of(signal: Signal) -> tuple[str, ...]:
    """The name of `signal` and its former ones."""
    name = name_of(signal, default=None)
    aliases = tuple(alias for alias, held in _aliases.items() if held is signal)
    return aliases if name is None else (name, *aliases)


def name_signal(signal: Signal, name: str, *, aliases: tuple[str, ...] | list[str] = ()) -> None:
    """Gives `signal` a name that stays when it is moved to another module.

    `aliases` are former names, under which tasks may still wait. Raises `DeclarationError` if the name is another
    signal's, or cannot be one.
    """
    frame = calling_frame()
    who = f"{frame.f_code.co_filename}:{frame.f_lineno}"
    check_name(who, "the name of a signal", name)
    for each in aliases:
        check_name(who, "an alias of a signal", each)
    for each in (name, *aliases):
        holder = _given.get(each) or _aliases.get(each)
        if holder is not None and holder is not signal:
            raise DeclarationError(f"{who}: two signals are called {each!r}: {holder!r} and {signal!r}")
    _names[signal] = name
    _given[name] = signal
    for each in aliases:
        _aliases[each] = signal


def made_in(signal: Signal, module: str) -> None:
    """Notes where `signal` was made: that is its home, whoever else imports it."""
    _homes[signal] = module


def signal_named(name: str, *, load: bool = False) -> Signal:
    """The signal called `name` in this process.

    A name in a row never imports anything. `load` is for unpickling, which imports as it does for a function.

    Raises `UnknownSignal`.
    """
    signal = _given.get(name) or _aliases.get(name)
    if signal is not None:
        return signal
    module_name, _, attribute = name.rpartition(".")
    if load and module_name and module_name not in sys.modules:
        importlib.import_module(module_name)
    held = vars(sys.modules[module_name]).get(attribute) if module_name in sys.modules else None
    if isinstance(held, Signal):
        return held
    raise UnknownSignal(f"no signal is called {name!r} here. Is the module that makes it imported?")


def _found(signal: Signal) -> str | None:
    found = [f"{module}.{attribute}" for module, attribute in _holders(signal)]
    known = [name for name in found if name in _BUILT_IN]
    home = _homes.get(signal)
    at_home = [name for name in found if home is not None and name.rpartition(".")[0] == home]
    # By the name alone, so that every process chooses alike.
    return min(known or at_home or found, key=_order, default=None)


def _holders(signal: Signal) -> list[tuple[str, str]]:
    found = []
    main = sys.modules.get("__main__")
    # Copies, because other threads import.
    for module_name, module in list(sys.modules.items()):
        if module is main:
            # It has another name in every other process.
            continue
        try:
            members = list(vars(module).items())
        except TypeError:
            continue
        found += [(module_name, attribute) for attribute, value in members if value is signal]
    return found


def _order(name: str) -> tuple[Any, ...]:
    module = name.rpartition(".")[0]
    return module.rpartition(".")[2] != "signals", len(name), name
