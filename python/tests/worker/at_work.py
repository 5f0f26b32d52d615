"""A worker at work, and what it has of the machine."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from .patience import PATIENCE, until
from .processes import children_of, descriptors_of, memory_of, of_session
from .project import Project

__all__ = ["AtWork", "Held"]


class Held(NamedTuple):
    """What a worker has."""

    processes: int
    #: Of the engine.
    descriptors: int
    #: Of each child.
    of_children: list[int]


class AtWork:
    """A worker whose standard output is read. A context manager: it is stopped at its end, and ends well."""

    def __init__(self, project: Project, directory: Path, *arguments: str) -> None:
        self._log = (directory / "log").open("w+")
        self.process = project.worker(*arguments, stdout=subprocess.PIPE, stderr=self._log)
        #: How many bytes have come on its standard output.
        self.written = 0
        self._reading = threading.Thread(target=self._read)
        self._reading.start()

    def __enter__(self) -> AtWork:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None:
            self.process.terminate()
        else:
            print(self.said())
            for process in of_session(self.process.pid):
                os.kill(process.pid, signal.SIGKILL)
        status = self.process.wait(PATIENCE)
        # When the last one is gone that could write.
        self._reading.join(PATIENCE)
        said = self.said()
        self._log.close()
        assert error is not None or status == 0, said

    def said(self) -> str:
        """What has been logged."""
        return Path(self._log.name).read_text()

    def children(self) -> list[int]:
        """The processes of its children."""
        return children_of(self.process.pid)

    def renew(self) -> None:
        """Has each child replaced, and returns when that has happened: all that are there then have said hello."""
        before = set(self.children())
        self.process.send_signal(signal.SIGHUP)
        until("the end of those that are replaced", lambda: before.isdisjoint(self.children()))

    def held(self) -> Held:
        """What it has now."""
        children = self.children()
        processes = len(of_session(self.process.pid))
        return Held(processes, descriptors_of(self.process.pid), sorted(map(descriptors_of, children)))

    def memory(self) -> int:
        """How many bytes of memory its processes have in use, together."""
        return sum(memory_of(process.pid) for process in of_session(self.process.pid) if process.state != "Z")

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout.buffer as stream:
            while piece := stream.read1(1 << 20):
                self.written += len(piece)
