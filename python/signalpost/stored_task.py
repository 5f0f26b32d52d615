"""A task as it stands in the store while it is run."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ALL_RECEIVERS", "StoredTask"]

#: The receiver of a background signal's task: all that the signal has.
ALL_RECEIVERS = "*"


@dataclass(frozen=True)
class StoredTask:
    """The row of a task that was claimed; `docs/delivery.md` explains the columns.

    `using` is the alias of the store that holds it.
    """

    id: int
    send_id: str
    signal: str
    sender: str | None
    receiver: str
    queue: str
    priority: int
    payload: str
    headers: str
    parent: int | None
    depth: int
    using: str
    payload_version: int = 1
    #: Claims, this one included.
    attempt: int = 1
    #: Claims that ended with the death of their runner. Deaths are not failures.
    deaths: int = 0
    fence: int = 1
    created_at: int = 0
    unknown_since: int | None = None

    @property
    def failures_with_this_one(self) -> int:
        """Its failures, if this run is one."""
        return max(self.attempt - self.deaths, 1)
