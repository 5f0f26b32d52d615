"""How values are written that the native module knows nothing of. It asks once for each class."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import inspect
import io
import types
import uuid
from collections.abc import Iterable, Iterator
from enum import Enum, Flag
from typing import Any

from django.apps import apps
from django.core.files.base import File
from django.db.models import Manager, Model, QuerySet
from django.dispatch import Signal
from django.http import HttpRequest
from django.utils.datastructures import MultiValueDict
from django.utils.functional import LazyObject, Promise, empty

from . import signal_names
from .gone import Gone
from .loaded import find_class

__all__ = ["kind_of", "name_of_class"]


def kind_of(cls: type) -> tuple[Any, ...]:
    """How the instances of `cls` are written: the name of a kind of the native module, and what belongs to it."""
    if issubclass(cls, Enum):
        return _kind_of_enum(cls)
    if issubclass(cls, Model):
        reason = _why_not_by_label(cls)
        return ("refused", f"is an instance of {reason}") if reason else ("instance", cls._meta.label, _key_of(cls))
    if issubclass(cls, Promise):
        return "tagged", "lazy", _text
    if issubclass(cls, LazyObject):
        return "unwrapped", _wrapped
    if issubclass(cls, Gone):
        return "tagged", "gone", _parts_of_gone
    if issubclass(cls, Signal):
        return "tagged", "signal", _parts_of_signal
    for refused, why, hint in _REFUSED:
        if issubclass(cls, refused):
            return "refused", f"is an instance of {_full_name(cls)}, which {why}\n  hint: send {hint}"
    for base, *kind in _KINDS:
        if issubclass(cls, base):
            return tuple(kind)
    if dataclasses.is_dataclass(cls):
        return "refused", f"is an instance of {_full_name(cls)}, a dataclass\n  hint: send dataclasses.asdict(value)"
    hint = "\n  hint: send a list or a dict of what it holds" if issubclass(cls, Iterable) else ""
    return "refused", f"is an instance of {_full_name(cls)}, which has no form that can be stored{hint}"


def name_of_class(cls: type) -> tuple[str, ...]:
    """How `cls` itself is written: the arguments of its tag, or why it cannot be."""
    if issubclass(cls, Model) and not cls._meta.abstract:
        reason = _why_not_by_label(cls)
        return ("refused", f"is {reason}") if reason else ("model", cls._meta.label)
    if cls is type(None):
        # It calls itself one of builtins, which does not have it.
        return "class", "types", "NoneType"
    if find_class(cls.__module__, cls.__qualname__) is not cls:
        return "refused", f"is the class {_full_name(cls)}, which cannot be found by its name\n  hint: {_AT_THE_TOP}"
    return "class", cls.__module__, cls.__qualname__


_AT_THE_TOP = "make it where its module keeps it, not inside a function"


def _kind_of_enum(cls: type[Enum]) -> tuple[Any, ...]:
    if find_class(cls.__module__, cls.__qualname__) is not cls:
        reason = f"is a member of {_full_name(cls)}, which cannot be found by its name\n  hint: {_AT_THE_TOP}"
        return "refused", reason
    return "flag" if issubclass(cls, Flag) else "enum", cls.__module__, cls.__qualname__


def _why_not_by_label(model: type[Model]) -> str | None:
    """What `model` is, if a worker would not find it by its label."""
    if model._meta.apps is not apps:
        return f"{model._meta.label} as a migration sees it, which a worker does not have"
    if apps.all_models[model._meta.app_label].get(model._meta.model_name or "") is not model:
        return f"{_full_name(model)}, while {model._meta.label} is another model"
    return None


def _key_of(model: type[Model]) -> str:
    """The attribute that holds the primary key of the instances of `model`, as `Model.pk` reads it; `pk` where that is its own."""
    return model._meta.pk.attname if inspect.getattr_static(model, "pk") is _MODEL_PK else "pk"


_MODEL_PK = inspect.getattr_static(Model, "pk")


def _full_name(cls: type) -> str:
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def _text(lazy: Promise) -> tuple[str]:
    return (str(lazy),)


def _wrapped(lazy: Any) -> Any:
    """What a lazy object stands for: the user of a request, say. It is made, if it was not yet."""
    if lazy._wrapped is empty:
        lazy._setup()
    return lazy._wrapped


def _parts_of_gone(gone: Gone) -> tuple[Any, Any]:
    return gone.model, gone.pk


def _parts_of_signal(signal: Signal) -> tuple[str] | str:
    name = signal_names.name_of(signal, default=None)
    return "is a signal without a name\n  hint: assign it to a variable of a module" if name is None else (name,)


#: What has no form, with the reason and what to send instead. The first that fits counts.
_REFUSED: tuple[tuple[type, str, str], ...] = (
    (QuerySet, "would be read when the task runs, and give other rows then", "a list of primary keys"),
    (Manager, "belongs to this process", "the model's class"),
    (HttpRequest, "holds sockets and secrets", "what the receiver needs of it"),
    (File, "is an open file", "its name in its storage"),
    (io.IOBase, "is an open file", "its path"),
    (MultiValueDict, "has several values for one key", "dict(value.lists())"),
    (types.FunctionType, "is code", "what it returns"),
    (types.MethodType, "is code", "what it returns"),
    (Iterator, "can be read only once", "a list"),
)

#: How instances of these and of their subclasses are written. The first that fits counts.
_KINDS: tuple[tuple[Any, ...], ...] = (
    (str, "text"),
    (int, "integer"),
    (float, "float"),
    (bytes, "bytes"),
    (bytearray, "unwrapped", bytes),
    (memoryview, "unwrapped", bytes),
    (set, "set"),
    (frozenset, "frozenset"),
    # Copied by their own order and items, of which the native module would see nothing.
    (list, "unwrapped", list),
    (tuple, "unwrapped", tuple),
    (dict, "unwrapped", dict),
    (datetime.datetime, "datetime"),
    (datetime.date, "date"),
    (datetime.time, "time"),
    (datetime.timedelta, "timedelta"),
    (decimal.Decimal, "decimal"),
    (uuid.UUID, "uuid"),
)
