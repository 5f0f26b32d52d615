"""An engine in Python: it starts a real child and speaks to it in frames, and nothing else of an engine."""

from __future__ import annotations

import json
import mmap
import os
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from .patience import PATIENCE

__all__ = ["Engine", "new_task"]

#: What belongs into the path of a child.
ROOT = str(Path(__file__).absolute().parents[2])
MAGIC = 0x3147505F4C4E4753


def new_task(run: int, receiver: str, signal: str = "signalpost.task", **fields: Any) -> dict[str, Any]:
    """A task as frames have it. `args` and `named` are what it was sent with."""
    payload = {"sender": None, "named": fields.pop("named", {})}
    args = fields.pop("args", None)
    if args is not None:
        payload["args"] = args
    return {
        "run": run,
        "store": "default",
        "id": 1000 + run,
        "fence": 1,
        "attempt": 1,
        "deaths": 0,
        "depth": 0,
        "priority": 0,
        "payload_version": 1,
        "created_at": 1_000_000_000_000,
        "send_id": "0192f000-0000-7000-8000-000000000000",
        "signal": signal,
        "receiver": receiver,
        "queue": "default",
        "payload": json.dumps(payload),
        "headers": "{}",
        **fields,
    }


class Engine:
    """One child with its socket and its page. A context manager: the child is dead at its end."""

    def __init__(
        self,
        *arguments: str,
        threads: int = 2,
        places: int = 100,
        settings: str = "tests.worker.settings",
        version: int = 1,
        **environment: str,
    ) -> None:
        self.socket, theirs = socket.socketpair()
        self.socket.settimeout(PATIENCE)
        size = 64 + 40 * (threads + places)
        with tempfile.TemporaryFile() as file:
            file.write(struct.pack("=QQ", MAGIC, threads + places).ljust(size, b"\0"))
            file.flush()
            self._page = mmap.mmap(file.fileno(), size)
            self.errors = tempfile.TemporaryFile()
            command = [sys.executable, "-m", "signalpost.child", f"--settings={settings}", f"--pythonpath={ROOT}"]
            command += [*arguments, f"--socket-fd={theirs.fileno()}", f"--page-fd={file.fileno()}"]
            self.process = subprocess.Popen(
                command,
                pass_fds=(theirs.fileno(), file.fileno()),
                stdin=subprocess.DEVNULL,
                stdout=self.errors,
                stderr=self.errors,
                env={**os.environ, **environment},
                start_new_session=True,
            )
        theirs.close()
        self._held = b""
        self._runs = 0
        greeting = {"version": version, "engine": "0", "child": 1, "threads": threads, "async_concurrency": places}
        self.send("H", {**greeting, "stores": ["default"]})

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if error is not None:
            print(self.said())
        self.socket.close()
        self.errors.close()

    def send(self, kind: str, body: Any) -> None:
        """One frame."""
        data = kind.encode() + json.dumps(body).encode()
        self.socket.sendall(struct.pack("<I", len(data)) + data)

    def receive(self) -> tuple[str, dict[str, Any]]:
        """The next frame. Raises `EOFError` at the end."""
        while len(self._held) < 4 or len(self._held) < 4 + (length := struct.unpack("<I", self._held[:4])[0]):
            chunk = self.socket.recv(1 << 20)
            if not chunk:
                raise EOFError(self.said())
            self._held += chunk
        data, self._held = self._held[4 : 4 + length], self._held[4 + length :]
        return chr(data[0]), json.loads(data[1:])

    def expect(self, kind: str) -> dict[str, Any]:
        """The body of the next frame, which is of this kind."""
        found, body = self.receive()
        assert found == kind, (found, body)
        return body

    def ready(self) -> dict[str, Any]:
        """The child's hello."""
        return self.expect("h")

    def hand(self, receiver: str, *args: Any, **fields: Any) -> int:
        """Hands one task over, and returns its run."""
        (run,) = self.new_runs(1)
        args_of_call = {} if "named" in fields else {"args": list(args)}
        self.send("T", {"tasks": [new_task(run, receiver, **args_of_call, **fields)]})
        return run

    def new_runs(self, count: int) -> range:
        """Numbers that no run has yet."""
        self._runs += count
        return range(self._runs - count + 1, self._runs + 1)

    def results(self, count: int) -> dict[int, tuple[str, Any]]:
        """So many results, by their runs: what became of each, and what is said of it."""
        found: dict[int, tuple[str, Any]] = {}
        while len(found) < count:
            for result in self.expect("r")["results"]:
                run = result.pop("run")
                assert run not in found
                (found[run],) = result.items()
        assert len(found) == count
        return found

    def run(self, receiver: str, *args: Any, **fields: Any) -> tuple[str, Any]:
        """Has one task run, and returns what became of it."""
        run = self.hand(receiver, *args, **fields)
        return self.results(1)[run]

    def slots(self) -> list[tuple[int, int, int, int]]:
        """What is on the page: run, deadline, timeout and max_attempts."""
        numbers = memoryview(self._page).cast("Q")
        count = numbers[1]
        slots = [tuple(numbers[8 + 4 * slot : 12 + 4 * slot]) for slot in range(count)]
        numbers.release()
        return [slot for slot in slots if slot[0]]  # type: ignore[misc]

    def last_runs(self) -> set[int]:
        """The runs that have ended last, each in its slot."""
        numbers = memoryview(self._page).cast("Q")
        count = numbers[1]
        ended = set(numbers[8 + 4 * count : 8 + 5 * count]) - {0}
        numbers.release()
        return ended

    def ended(self) -> int:
        """The child's status, once it has ended."""
        return self.process.wait(PATIENCE)

    def said(self) -> str:
        """What it has written to standard output and error."""
        # By a position of our own: the child writes where the file stands.
        descriptor = self.errors.fileno()
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode(errors="replace")

    def raw(self, parts: Iterable[bytes]) -> None:
        """Sends what may be no frame."""
        for part in parts:
            self.socket.sendall(part)
