"""Frames: what goes over the socket between the engine and a child. `docs/django-worker.md`, "Frames"."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

from .. import _native
from ..stored_task import StoredTask

__all__ = ["VERSION", "Frame", "Gone", "Handed", "NoFrame", "Wire", "tasks_of"]

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
    data: bytes

    @property
    def body(self) -> dict[str, Any]:
        """What it says. Raises `NoFrame`."""
        try:
            body = _decode(self.data.decode())
        except (ValueError, RecursionError) as error:
            raise NoFrame(f"the body of a frame {self.kind!r} is no JSON: {error}") from error
        if not isinstance(body, dict):
            raise NoFrame(f"the body of a frame {self.kind!r} is no object")
        return body


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
                yield Frame(chr(held[begin + 4]), bytes(held[begin + 5 : end]))
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


_new, _set = object.__new__, object.__setattr__


def tasks_of(data: bytes) -> list[Handed]:
    """The tasks of a frame `T`. Raises `NoFrame`."""
    try:
        return [Handed(run, _task(fields)) for run, fields in _native.tasks(data)]
    except ValueError as error:
        raise NoFrame(f"a frame 'T' has no tasks that can be read: {error}") from error


def _task(fields: dict[str, Any]) -> StoredTask:
    # A frozen dataclass sets its fields one by one, which takes longer than to read them.
    task = _new(StoredTask)
    _set(task, "__dict__", fields)
    return task
