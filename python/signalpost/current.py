"""The task that is running, what its receiver can ask for, and what its own sends inherit."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from . import carriers

__all__ = ["CurrentTask", "Permanent", "Retry", "TooDeep", "context_for_send", "current_task"]

#: A send that lies further from the first one than this is taken for a loop.
MAX_DEPTH = 50
#: The header with the names of the signals that led to a send, the oldest first, each on a line.
CHAIN = "signalpost-chain"
#: The signal of tasks that were called and not sent.
TASK_SIGNAL = "signalpost.task"
#: How many names of a chain are shown.
SHOWN = 10


class Retry(Exception):
    """Raised by a receiver that wants to be tried again, `after` seconds or a `timedelta` from now.

    It counts as a failure: when the attempts are used up the task is dead. Without `after` it waits as after any failure.
    """

    def __init__(self, message: str = "", *, after: float | timedelta | None = None) -> None:
        super().__init__(message)
        seconds = after.total_seconds() if isinstance(after, timedelta) else after
        # Written so that NaN is refused too.
        if seconds is not None and not 0 <= seconds <= 10 * 365 * 24 * 3600:
            raise ValueError(f"Retry(after={after!r}): give seconds or a timedelta between 0 and ten years")
        self.after = seconds


class Permanent(Exception):
    """Raised by a receiver that would fail in every attempt: the task is dead at once, with this message as the reason."""


class TooDeep(RuntimeError):
    """A send that lies so many sends after the first one that it is taken for a loop. The message shows the way to it."""


# Where people import them from, and so how they are to be shown.
Retry.__module__ = Permanent.__module__ = TooDeep.__module__ = "signalpost"


@dataclass(frozen=True)
class CurrentTask:
    """The task in whose receiver the code runs."""

    #: The row's number in the store `using`.
    id: int
    #: Shared by all rows of one send.
    send_id: str
    #: The signal's name.
    signal: str
    #: The sender's label.
    sender: str | None
    #: The receiver's name. In a background signal's task: that of the receiver that runs.
    receiver: str
    queue: str
    #: Which claim of the task this is, from 1.
    attempt: int
    #: After how many failures the task is dead.
    max_attempts: int
    #: The task in whose receiver this one was sent.
    parent: int | None
    #: How many sends lie before this one.
    depth: int
    using: str
    #: How many claims before this one ended with the death of their runner. Deaths are not failures.
    deaths: int = 0
    #: What travels beside the payload, without signalpost's own.
    headers: Mapping[str, str] = field(default_factory=dict)
    chain: str = field(default="", repr=False)

    @classmethod
    def made(cls, **fields: Any) -> CurrentTask:
        """One of all of its fields. A frozen dataclass sets them one by one, in longer than a short receiver takes."""
        task = object.__new__(cls)
        object.__setattr__(task, "__dict__", fields)
        return task


_current: ContextVar[CurrentTask | None] = ContextVar("signalpost_current_task", default=None)


def current_task() -> CurrentTask | None:
    """The task in whose receiver this code runs; None elsewhere. What is sent from there has it as its parent."""
    return _current.get()


def enter(task: CurrentTask) -> None:
    """The code that follows runs for `task`, until its context ends."""
    _current.set(task)


@contextmanager
def running(task: CurrentTask) -> Iterator[None]:
    """The code within runs for `task`."""
    token = _current.set(task)
    try:
        yield
    finally:
        _current.reset(token)


def context_for_send(signal: str) -> tuple[str, int | None, int]:
    """What the rows of a send of `signal` inherit from where it is made: headers as JSON, parent and depth.

    `signal` is the signal's name; for a task that is called, the task's.

    Raises `TooDeep`, and `carriers.HeaderError` for a header that cannot travel.
    """
    task = _current.get()
    if task is None:
        return carriers.headers_json(), None, 0
    depth = task.depth + 1
    if depth > MAX_DEPTH:
        raise TooDeep(
            f"{way_to(task.chain, signal, depth)}: this send lies {depth} sends after the first one, and {MAX_DEPTH} are "
            "allowed. Does a receiver send, or save, what it hears of?"
        )
    headers = carriers.headers_of_send(task.headers)
    headers[CHAIN] = task.chain
    return json.dumps(headers), task.id, depth


def chain_after(before: str | None, name: str) -> str:
    """The header of what is sent in a task of `name` that has `before` as its own."""
    if not before:
        return name
    # One less than is shown: the signal that is sent comes after them.
    older = before.split("\n")[-(SHOWN - 2) :]
    return "\n".join([*older, name])


def way_to(before: str | None, name: str, depth: int) -> str:
    """The names that led to what lies `depth` sends after the first one: `a → b → a`."""
    names = before.split("\n") if before else []
    cut = ["…"] if len(names) < depth else []
    return " → ".join([*cut, *names, name])
