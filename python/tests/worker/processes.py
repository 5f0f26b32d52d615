"""The processes of a worker: the engine, its children, and whatever they have started."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

__all__ = ["Process", "children_of", "descriptors_of", "memory_of", "of_session"]


class Process(NamedTuple):
    """One as the system lists it."""

    pid: int
    state: str
    parent: int
    session: int


def of_session(session: int) -> list[Process]:
    """All that have not left the session. A worker of the tests leads one."""
    inside = [process for process in _all() if process.session == session]
    pids = {process.pid for process in inside}
    # What has ended, and its parent before it, is left to whoever adopts it.
    return [process for process in inside if process.state != "Z" or process.parent in pids]


def children_of(engine: int) -> list[int]:
    """Its children that have not ended, the oldest first."""
    return sorted(process.pid for process in _all() if process.parent == engine and process.state != "Z")


def descriptors_of(pid: int) -> int:
    """How many files it has open. Raises `FileNotFoundError` when it has ended."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def memory_of(pid: int) -> int:
    """How much memory it has in use, in bytes. Raises `FileNotFoundError` when it has ended."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _all() -> list[Process]:
    found = []
    for name in os.listdir("/proc"):
        if not name.isdecimal():
            continue
        try:
            said = Path(f"/proc/{name}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            # It has ended since the directory was read.
            continue
        # Its name stands in parentheses, and may have some.
        state, parent, _group, session = said.rpartition(")")[2].split()[:4]
        found.append(Process(int(name), state, int(parent), int(session)))
    return found
