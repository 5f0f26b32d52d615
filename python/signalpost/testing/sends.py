"""Sends as they were made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from django.dispatch import Signal

from ..senders import label_of
from ..signal_names import name_of

__all__ = ["ANY", "CapturedSends", "Sent", "assertSignalNotSent", "assertSignalSent", "captured_sends", "matches"]


class _Any:
    def __repr__(self) -> str:
        return "ANY"


#: Whoever sent it.
ANY: Any = _Any()
#: How many sends a message shows, and how much of an argument.
SHOWN = 20
SHOWN_OF_VALUE = 120

_SYNC = ("send", "send_robust")
_ASYNC = ("asend", "asend_robust")


@dataclass(frozen=True, repr=False)
class Sent:
    """One send."""

    signal: Signal
    sender: Any
    named: dict[str, Any]

    def __repr__(self) -> str:
        named = ", ".join(f"{name}={_short(value)}" for name, value in self.named.items())
        return f"{_name(self.signal)} by {label_of(self.sender)}: {named or 'without arguments'}"


class CapturedSends(list[Sent]):
    """Sends in the order in which they were made."""

    def of(self, signal: Signal, *, sender: Any = ANY, named: Mapping[str, Any] | None = None, **more: Any) -> CapturedSends:
        """Those of `signal`, by this sender (or its label), with these arguments among others."""
        wanted = {**(named or {}), **more}
        return CapturedSends(
            sent for sent in self if sent.signal is signal and _is_by(sent, sender) and matches(sent.named, wanted)
        )

    def assert_sent(
        self,
        signal: Signal,
        *,
        sender: Any = ANY,
        count: int | None = None,
        named: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> CapturedSends:
        """That `signal` was sent, `count` times if that is given; returns those sends. As `assertSignalSent`."""
        found = self.of(signal, sender=sender, named=named, **more)
        if bool(found) if count is None else len(found) == count:
            return found
        wanted = [] if sender is ANY else [f"by {label_of(sender)}"]
        wanted += [f"with {name}={_short(value)}" for name, value in {**(named or {}), **more}.items()]
        how = f" {', '.join(wanted)}" if wanted else ""
        head = f"{_name(signal)} was to be {_times(count)}{how}, and was {_times(len(found))}. All sends that were recorded:"
        lines = [*map(repr, self[:SHOWN]), *(["…"] if len(self) > SHOWN else [])]
        raise AssertionError("\n  ".join([head if self else f"{head} none", *lines]))


@contextmanager
def captured_sends(*signals: Signal) -> Iterator[CapturedSends]:
    """Records every send of these signals that is made within, in all threads.

    A send is recorded when it begins, so it is there whether anybody listens and whether receivers raise. While they are
    recorded, `has_listeners` is true: Django leaves some sends out where it sees that nobody listens.
    """
    sends = CapturedSends()
    for signal in signals:
        _begin(signal, sends)
    try:
        yield sends
    finally:
        for signal in signals:
            _end(signal, sends)


@contextmanager
def assertSignalSent(
    signal: Signal,
    *,
    sender: Any = ANY,
    count: int | None = None,
    named: Mapping[str, Any] | None = None,
    **more: Any,
) -> Iterator[CapturedSends]:
    """Within, `signal` is sent: at least once, or `count` times.

    Only sends by `sender` count, a class, an object or a label, and only those that have these arguments, among others.
    Arguments called `sender`, `count` or `named` themselves stand in `named`. What is yielded has the sends.
    """
    with captured_sends(signal) as sends:
        yield sends
    sends.assert_sent(signal, sender=sender, count=count, named=named, **more)


def assertSignalNotSent(signal: Signal, *, sender: Any = ANY, named: Mapping[str, Any] | None = None, **more: Any) -> Any:
    """Within, `signal` is not sent: `assertSignalSent` with `count=0`."""
    return assertSignalSent(signal, sender=sender, count=0, named=named, **more)


def matches(named: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether `named` has all of `wanted`."""
    return all(name in named and named[name] == value for name, value in wanted.items())


def _is_by(sent: Sent, sender: Any) -> bool:
    if sender is ANY or sent.sender is sender:
        return True
    return isinstance(sender, str) and label_of(sent.sender) == sender


@dataclass
class _Recording:
    lists: list[CapturedSends] = field(default_factory=list)


_recordings: WeakKeyDictionary[Signal, _Recording] = WeakKeyDictionary()


def _begin(signal: Signal, sends: CapturedSends) -> None:
    recording = _recordings.get(signal)
    if recording is None:
        recording = _recordings[signal] = _Recording()
        for method in _SYNC:
            setattr(signal, method, _recorded(signal, recording, getattr(signal, method)))
        for method in _ASYNC:
            setattr(signal, method, _recorded_async(signal, recording, getattr(signal, method)))
        signal.has_listeners = lambda sender=None: True  # type: ignore[method-assign]
    recording.lists.append(sends)


def _end(signal: Signal, sends: CapturedSends) -> None:
    recording = _recordings[signal]
    # By identity: lists that hold the same sends are equal.
    recording.lists[:] = [each for each in recording.lists if each is not sends]
    if not recording.lists:
        del _recordings[signal]
        for method in (*_SYNC, *_ASYNC, "has_listeners"):
            # Those of the class show again.
            delattr(signal, method)


def _recorded(signal: Signal, recording: _Recording, send: Callable[..., Any]) -> Callable[..., Any]:
    def record(sender: Any, **named: Any) -> Any:
        for sends in list(recording.lists):
            sends.append(Sent(signal, sender, named))
        return send(sender, **named)

    return record


def _recorded_async(signal: Signal, recording: _Recording, send: Callable[..., Any]) -> Callable[..., Any]:
    async def record(sender: Any, **named: Any) -> Any:
        for sends in list(recording.lists):
            sends.append(Sent(signal, sender, named))
        return await send(sender, **named)

    return record


def _name(signal: Signal) -> str:
    return name_of(signal, default=None) or repr(signal)


def _times(count: int | None) -> str:
    return {None: "sent at least once", 0: "not sent", 1: "sent once"}.get(count, f"sent {count} times")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN_OF_VALUE else f"{text[:SHOWN_OF_VALUE]}…"
