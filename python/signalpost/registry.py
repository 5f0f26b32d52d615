"""Everything that can run in the background in this process, by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import CellType
from typing import TYPE_CHECKING

from .options import DeclarationError

if TYPE_CHECKING:
    from .receiver import BackgroundReceiver

__all__ = ["finders", "get", "isolated", "more_queues", "receivers", "register", "registered"]

#: Asked for a name that nobody has registered: for what is declared by somebody else's decorator.
finders: list[Callable[[str], BackgroundReceiver | None]] = []
#: Asked for queues that no receiver names.
more_queues: list[Callable[[], Iterable[str]]] = []

_by_name: dict[str, BackgroundReceiver] = {}
_by_alias: dict[str, BackgroundReceiver] = {}


def register(receiver: BackgroundReceiver) -> BackgroundReceiver:
    """Makes `receiver` known under its name and aliases, and returns the one that is to be used.

    That is an earlier one if it is of the same function. The same function made anew takes the earlier one's place: its
    module was imported again, or the function around it called again.

    Raises `DeclarationError`, with both places, if the name or an alias is taken.
    """
    known = _by_name.get(receiver.name)
    if known is not None:
        if known.function == receiver.function:
            known.extend(receiver)
            _claim_aliases(known)
            return known
        if not _is_made_anew(known, receiver):
            raise _taken(receiver.name, known, receiver)
        unregister(known)
    taken = _by_alias.get(receiver.name)
    if taken is not None:
        raise _taken(receiver.name, taken, receiver)
    _claim_aliases(receiver)
    _by_name[receiver.name] = receiver
    return receiver


def _is_made_anew(known: BackgroundReceiver, receiver: BackgroundReceiver) -> bool:
    if known.place != receiver.place:
        return False
    # The methods of two objects, and two closures that one function has made, are two receivers, unless the first is out
    # of use.
    return _holds(known) == _holds(receiver) or not known.is_connected


def _holds(receiver: BackgroundReceiver) -> list[int]:
    """What its function holds beside its code."""
    function = inspect.unwrap(receiver.function)
    cells = getattr(function, "__closure__", None) or ()
    return [id(getattr(function, "__self__", None)), *(id(_contents(cell)) for cell in cells)]


def _contents(cell: CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:
        # Not filled yet.
        return cell


def unregister(receiver: BackgroundReceiver) -> None:
    """Forgets `receiver` and disconnects it from all signals."""
    receiver.disconnect()
    _by_name.pop(receiver.name, None)
    for alias in receiver.aliases:
        _by_alias.pop(alias, None)


def get(name: str) -> BackgroundReceiver | None:
    """The receiver or task that is called `name` now, or was formerly. None: nobody here."""
    known = registered(name)
    if known is None:
        for find in finders:
            known = find(name)
            if known is not None:
                break
    return known


def registered(name: str) -> BackgroundReceiver | None:
    """As `get`, without asking anybody else."""
    return _by_name.get(name) or _by_alias.get(name)


def receivers() -> list[BackgroundReceiver]:
    """All receivers and tasks, in the order in which they were declared."""
    return list(_by_name.values())


@contextmanager
def isolated() -> Iterator[None]:
    """What is declared within is forgotten and disconnected at the end. For tests."""
    before, aliases = dict(_by_name), dict(_by_alias)
    try:
        yield
    finally:
        for receiver in receivers():
            if before.get(receiver.name) is not receiver:
                receiver.disconnect()
        _by_name.clear()
        _by_name.update(before)
        _by_alias.clear()
        _by_alias.update(aliases)


def _claim_aliases(receiver: BackgroundReceiver) -> None:
    for alias in receiver.aliases:
        taken = _by_name.get(alias) or _by_alias.get(alias)
        if taken is not None and taken is not receiver:
            raise _taken(alias, taken, receiver)
    for alias in receiver.aliases:
        _by_alias[alias] = receiver


def _taken(name: str, known: BackgroundReceiver, receiver: BackgroundReceiver) -> DeclarationError:
    return DeclarationError(
        f"two background receivers are called {name!r}: the one at {known.place} and the one at {receiver.place}. "
        "Give one of them a name= of its own."
    )
