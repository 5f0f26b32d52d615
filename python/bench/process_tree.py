"""A process and all that descend from it, as Linux shows them."""

from __future__ import annotations

from pathlib import Path


def members(root: int) -> list[int]:
    """The ids of `root` and of its descendants."""
    children: dict[int, list[int]] = {}
    for directory in Path("/proc").iterdir():
        if directory.name.isdecimal():
            try:
                parent = int((directory / "stat").read_text().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
            children.setdefault(parent, []).append(int(directory.name))
    found = [root]
    for process in found:
        found += children.get(process, [])
    return found


def memory(root: int) -> int:
    """Their resident memory in bytes. What several of them share is counted once (`Pss`)."""
    return sum(_resident(process) for process in members(root))


def _resident(process: int) -> int:
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    (kibibytes,) = (int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kibibytes * 1024
