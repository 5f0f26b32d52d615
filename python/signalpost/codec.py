"""The codec: arguments as JSON that is data and nothing else, and what becomes of them when the task runs.

A payload is `{"sender": …, "named": {…}}`, and `"args": […]` for a task that was called with positional arguments. What
JSON has no form for is a tag, `{"$": ["datetime", "2026-01-02T03:04:05+00:00"]}`. Nothing is imported or evaluated
because a payload names it. `docs/django-semantics.md` has the table of what arrives as what.
"""

from __future__ import annotations

from enum import Enum, Flag
from typing import Any, NamedTuple

from django.db import router

from . import instances, signal_names
from ._native import Codec
from .gone import Gone
from .kinds import kind_of, name_of_class
from .loaded import find_class

__all__ = ["CannotDecode", "CannotTravel", "Decoded", "Encoded", "decode", "decode_call", "decode_named", "encode"]
__all__ += ["encode_named", "new_send"]


class CannotTravel(TypeError):
    """An argument has no form in which it could be stored, or is beyond the limits."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        #: Where it is: `$.named.lines[3]`.
        self.path = path
        #: What is wrong with it, as the rest of a sentence.
        self.reason = reason

    def __str__(self) -> str:
        return f"the argument at {self.path} cannot be sent to the background: it {self.reason}"


class CannotDecode(ValueError):
    """A payload does not say what it stands for, or names what this process does not have."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        #: Where it is: `$.named.lines[3]`.
        self.path = path
        #: What is wrong with it, as the rest of a sentence.
        self.reason = reason

    def __str__(self) -> str:
        return f"the payload cannot be decoded: what is at {self.path} {self.reason}"


class Decoded(NamedTuple):
    """What a payload holds."""

    sender: Any
    args: tuple[Any, ...]
    named: dict[str, Any]


class Encoded(NamedTuple):
    """Arguments as they are stored."""

    payload: str
    #: The names of those that were left out, each with the reason.
    dropped: list[tuple[str, str]]


def encode_named(sender: object, named: dict[str, Any], strict: bool, args: tuple[Any, ...] = ()) -> Encoded:
    """What `new_send` writes of its arguments."""
    _, _, payload, dropped = new_send(sender, named, strict, args)
    return Encoded(payload, dropped or [])


def decode_call(payload: str, using: str | None = None) -> Decoded:
    """What `new_send` was given. Instances are read again; this makes queries.

    A keyword whose instance has no row any more is `None`, and `_<keyword>_pk` is its primary key; inside a container,
    and among positional arguments, it is a `Gone`. `using` is where instances are read from that name no database.

    Raises `CannotDecode`.
    """
    value = _codec.decode(payload, using)
    if not isinstance(value, dict):
        raise CannotDecode("$", "is no object")
    sender, args, named = value.get("sender"), value.get("args", []), value.get("named")
    if not isinstance(named, dict):
        raise CannotDecode("$.named", "are no named arguments")
    has_gone = False
    for name, argument in named.items():
        if not isinstance(name, str):
            raise CannotDecode("$.named", "are no named arguments")
        if isinstance(argument, Gone):
            has_gone = True
    if not isinstance(args, list):
        raise CannotDecode("$.args", "are no arguments")
    if has_gone:
        for name, missing in [(name, value) for name, value in named.items() if isinstance(value, Gone)]:
            named[name] = None
            named[f"_{name}_pk"] = missing.pk
    return Decoded(sender, tuple(args), named)


def decode_named(payload: str, using: str | None = None) -> tuple[Any, dict[str, Any]]:
    """The sender and the named arguments of a payload, as `decode_call` makes them."""
    sender, _, named = decode_call(payload, using)
    return sender, named


def encode(value: object) -> str:
    """One value as JSON: the result of a task. Raises `CannotTravel`."""
    return _codec.encode(value)


def decode(text: str, using: str | None = None) -> Any:
    """The value of `encode`. Raises `CannotDecode`."""
    return _codec.decode(text, using)


def _resolve(tag: str, arguments: list[Any], path: str) -> object:
    """What a tag stands for that the native module does not make itself."""
    match tag, arguments:
        case "model", [str(label)]:
            model = instances.model_labelled(label)
            if model is None:
                raise CannotDecode(path, f"is the model {label!r}, and no installed app has it")
            return model
        case "class", [str(module), str(qualname)]:
            return _class(module, qualname, path)
        case "enum", [str(module), str(qualname), value]:
            return _member(_class(module, qualname, path), value, path)
        case "gone", [type() as model, pk]:
            return Gone(model, pk)
        case "signal", [str(name)]:
            try:
                return signal_names.signal_named(name)
            except LookupError as error:
                raise CannotDecode(path, f"is a signal: {error}") from error
    raise CannotDecode(path, f"is a tag {tag!r} of {len(arguments)} arguments, which this version does not know")


def _class(module: str, qualname: str, path: str) -> type:
    found = find_class(module, qualname)
    if found is None:
        hint = "put it into a module that an installed app imports at the start"
        raise CannotDecode(path, f"is the class {module}.{qualname}, which is not loaded here\n  hint: {hint}")
    return found


def _member(enum: type, value: object, path: str) -> object:
    if issubclass(enum, Flag) and isinstance(value, int):
        try:
            return enum(value)
        except ValueError as error:
            raise CannotDecode(path, f"is no member of {enum.__module__}.{enum.__qualname__}: {error}") from error
    if issubclass(enum, Enum) and isinstance(value, str) and value in enum.__members__:
        return enum.__members__[value]
    raise CannotDecode(path, f"is {value!r}, which {enum.__module__}.{enum.__qualname__} does not have as a member")


def _load(references: list[instances.Reference], using: str | None) -> list[object]:
    try:
        return instances.load(references, using)
    except instances.Unreadable as error:
        raise CannotDecode(error.path, error.reason) from error.__cause__


_codec = Codec(
    kind_of=kind_of,
    name_of_class=name_of_class,
    resolve=_resolve,
    load=_load,
    router=router,
    write_alias=instances.write_alias,
    cannot_travel=CannotTravel,
    cannot_decode=CannotDecode,
)

#: `new_send(sender, named, strict, args=None)`: the id of a new send, the milliseconds since 1970 that stand in it, its payload,
#: and what was left out of it, as pairs of a name and the reason, or None.
#:
#: Nothing is left out if it is `strict`, as sends of one's own signals are: what cannot travel is `CannotTravel` then. What is
#: too large is so in any case. It is the native function itself: each send passes here.
new_send = _codec.new_send
