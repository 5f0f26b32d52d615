"""Results: what became of runs, gathered and written together."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from threading import Lock
from typing import Any

from ..outbox import as_json
from ..outcome import Dead, Outcome, Succeeded, Unknown
from .frames import Wire

__all__ = ["Results", "text_of"]

#: How long a result is kept back for the sake of others, in seconds. 5 ms are allowed, and a thread may be late.
MOMENT = 0.002
#: The most that go into one frame, and about how many characters.
MOST, MOST_TEXT = 512, 1 << 20


def text_of(run: int, outcome: Outcome) -> str:
    """One result as JSON."""
    if isinstance(outcome, Succeeded):
        if outcome.result is None and not outcome.then:
            return f'{{"run":{run},"ok":{{}}}}'
        said: dict[str, Any] = {"result": outcome.result}
        if outcome.then:
            said["then"] = [as_json(task) for task in outcome.then]
        return json.dumps({"run": run, "ok": said})
    if isinstance(outcome, Unknown):
        return json.dumps({"run": run, "unknown": {"reason": outcome.reason}})
    said = {"reason": outcome.reason, "class": _class_of(outcome.error)}
    if isinstance(outcome, Dead):
        return json.dumps({"run": run, "dead": said})
    return json.dumps({"run": run, "retry": {**said, "after": outcome.after or 0}})


def _class_of(error: BaseException | None) -> str | None:
    if error is None:
        return None
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


class Results:
    """What is to be sent. Whoever adds something sends what has gathered, when it is time; `watch` sees to it where nobody adds
    anything any more because what runs next runs for long."""

    def __init__(self, wire: Wire, on_gone: Callable[[], None]) -> None:
        self._wire = wire
        self._on_gone = on_gone
        # Its appends and pops are each one step, whichever thread makes them.
        self._held: deque[str] = deque()
        self._flushing = Lock()
        self._flushed = 0.0
        self._is_watched = False
        self._alarm: SimpleQueue[None] = SimpleQueue()

    def add(self, text: str, is_last: bool) -> None:
        """Takes one result. It is sent at once if it `is_last`, as nothing else is to be run; and soon otherwise."""
        self._held.append(text)
        if is_last or time.monotonic() - self._flushed >= MOMENT:
            self.flush()
        elif not self._is_watched:
            self._is_watched = True
            self._alarm.put(None)

    def flush(self) -> None:
        """Sends everything, unless another thread does. That one sees what came meanwhile."""
        while self._held and self._flushing.acquire(blocking=False):
            try:
                self._flushed = time.monotonic()
                self._send()
            finally:
                self._flushing.release()

    def close(self) -> None:
        """Sends everything, and returns when it was sent."""
        with self._flushing:
            self._send()

    def watch(self) -> None:
        """For a thread of its own, for ever."""
        while True:
            if not self._held:
                self._is_watched = False
                # What was added in between has seen itself watched.
                if not self._held:
                    self._alarm.get()
                self._is_watched = True
            time.sleep(MOMENT)
            if self._held and time.monotonic() - self._flushed >= MOMENT:
                self.flush()

    def _send(self) -> None:
        while self._held:
            taken: list[str] = []
            size = 0
            try:
                while len(taken) < MOST and size < MOST_TEXT:
                    taken.append(self._held.popleft())
                    size += len(taken[-1])
            except IndexError:
                pass
            try:
                self._wire.send_text("r", f'{{"results":[{",".join(taken)}]}}')
            except Exception:
                self._on_gone()
                raise
