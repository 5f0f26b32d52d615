"""Frames: what goes over the socket between the engine and a child. `docs/django-worker.md`, "Frames"."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

from ..stored_task import StoredTask

__all__ = ["VERSION", "Frame", "Gone", "Handed", "NoFrame", "Wire", "task_of", "tasks_of"]

#: Of the frames.
VERSION = 1
#: The longest one, without its length.
MOST = 64 << 20
#: What is read at once.
CHUNK = 1 << 18

_decode = json.JSONDecoder().decode


class NoFrame(Exception):
    """What came is none: the message says why."""


class Gone(Exception):
    """The engine has closed the connection, or is no longer there."""


class Frame(NamedTuple):
    """One that came."""

    kind: str
    body: dict[str, Any]


class Handed(NamedTuple):
    """A task that the engine has handed over."""

    run: int
    task: StoredTask


class Wire:
    """The socket, with whole frames.

    One thread reads; any may send. A receiver may close the descriptor, and open something else under its number: so it is
    looked at before each write, because frames must not go into a file of the project.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._identity = _identity(connection.fileno())
        self._sending = threading.Lock()
        self._frames = self._read()

    def first(self) -> Frame:
        """The first one. Raises as `frames`."""
        return next(self._frames)

    def frames(self) -> Iterator[Frame]:
        """What comes, frame by frame. Raises `NoFrame`, and `Gone` at the end."""
        return self._frames

    def _read(self) -> Iterator[Frame]:
        held = bytearray()
        while True:
            try:
                chunk = self._socket.recv(CHUNK)
            except OSError as error:
                raise Gone(str(error)) from error
            if not chunk:
                raise Gone("end of file")
            held += chunk
            begin = 0
            while len(held) >= begin + 4:
                length = int.from_bytes(held[begin : begin + 4], "little")
                if not 1 <= length <= MOST:
                    raise NoFrame(f"a frame cannot have {length} bytes")
                end = begin + 4 + length
                if len(held) < end:
                    break
                yield _frame(bytes(held[begin + 4 : end]))
                begin = end
            del held[:begin]

    def send(self, kind: str, body: dict[str, Any]) -> None:
        """Sends one frame. Raises `Gone`."""
        self.send_text(kind, json.dumps(body))

    def send_text(self, kind: str, body: str) -> None:
        """As `send`, of what is JSON already."""
        # Only ASCII: json.dumps escapes what is not.
        frame = f"{kind}{body}".encode()
        with self._sending:
            try:
                if _identity(self._socket.fileno()) != self._identity:
                    raise Gone("the socket was closed in this process")
                self._socket.sendall(len(frame).to_bytes(4, "little") + frame)
            except OSError as error:
                raise Gone(str(error)) from error

    def close_after_fork(self) -> None:
        """In a process that a receiver has forked: the connection is its parent's. No lock is taken, as its holder is not here."""
        try:
            if _identity(self._socket.fileno()) == self._identity:
                self._socket.close()
        except OSError:
            pass


def _identity(descriptor: int) -> tuple[int, int]:
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino


def _frame(data: bytes) -> Frame:
    kind = chr(data[0])
    try:
        body = _decode(data[1:].decode())
    except (ValueError, RecursionError) as error:
        raise NoFrame(f"the body of a frame {kind!r} is no JSON: {error}") from error
    if not isinstance(body, dict):
        raise NoFrame(f"the body of a frame {kind!r} is no object")
    return Frame(kind, body)


#: What a task needs to have.
_NEEDED: tuple[tuple[str, type], ...] = (
    ("run", int),
    ("store", str),
    ("id", int),
    ("fence", int),
    ("attempt", int),
    ("deaths", int),
    ("depth", int),
    ("priority", int),
    ("payload_version", int),
    ("created_at", int),
    ("send_id", str),
    ("signal", str),
    ("receiver", str),
    ("queue", str),
    ("payload", str),
    ("headers", str),
)
_NULLABLE: tuple[tuple[str, type], ...] = (("sender", str), ("parent", int), ("unknown_since", int))


def tasks_of(body: dict[str, Any]) -> list[Handed]:
    """The tasks of a frame `T`. Raises `NoFrame`."""
    tasks = body.get("tasks")
    if not isinstance(tasks, list):
        raise NoFrame("a frame 'T' has no list of tasks")
    return [task_of(each) for each in tasks]


def task_of(fields: Any) -> Handed:
    """One task as frames have it; the object becomes the task's. Raises `NoFrame`."""
    try:
        for name, kind in _NEEDED:
            if type(fields[name]) is not kind:
                raise NoFrame(f"the field {name!r} of a task is {fields[name]!r}")
        for name, kind in _NULLABLE:
            if fields.setdefault(name, None) is not None and type(fields[name]) is not kind:
                raise NoFrame(f"the field {name!r} of a task is {fields[name]!r}")
        run = fields.pop("run")
    except KeyError as missing:
        raise NoFrame(f"a task has no field {missing}") from None
    except (TypeError, AttributeError):
        raise NoFrame(f"a task is {fields!r}") from None
    if run < 1:
        raise NoFrame(f"the field 'run' of a task is {run}")
    fields["using"] = fields.pop("store")
    # A frozen dataclass sets its fields one by one, which takes longer than to read them. One that is not known stays among
    # them, and nobody asks for it.
    task = object.__new__(StoredTask)
    task.__dict__.update(fields)
    return Handed(run, task)
