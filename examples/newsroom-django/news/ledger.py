"""What receivers have done, written outside the database: it judges whether anything was lost."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from django.conf import settings

from signalpost import current_task

__all__ = ["Line", "read", "run"]


@dataclass(frozen=True)
class Line:
    """A receiver has begun with an article, or has come to its end."""

    #: "started" or "done".
    what: str
    receiver: str
    article: int
    task: int
    #: Which claim of the task this is, and how many of those before it ended with the death of their runner.
    attempt: int
    deaths: int


@contextmanager
def run(article: int) -> Iterator[int]:
    """Around what a background receiver does about an article: two lines, the second one if it comes to its end."""
    task = current_task()
    assert task is not None, "only background receivers keep the ledger"
    line = Line("started", task.receiver, article, task.id, task.attempt, task.deaths)
    _write(line)
    yield article
    _write(Line(**{**asdict(line), "what": "done"}))


def read() -> list[Line]:
    """All lines. One that was cut off by a crash is left out."""
    if not settings.LEDGER.exists():
        return []
    lines = []
    for text in settings.LEDGER.read_text().splitlines():
        try:
            lines.append(Line(**json.loads(text)))
        except (ValueError, TypeError):
            continue
    return lines


def _write(line: Line) -> None:
    # One write to a file that is appended to: the line is whole, also beside those of other processes. And on the disk, before
    # the task is recorded as done.
    file = os.open(settings.LEDGER, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, (json.dumps(asdict(line)) + "\n").encode())
        os.fsync(file)
    finally:
        os.close(file)
