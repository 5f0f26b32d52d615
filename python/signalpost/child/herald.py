"""The herald: a thread that tells the project what the engine has to say, so that no receiver waits for it."""

from __future__ import annotations

import contextvars
import json
import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from .. import running
from ..caches import close_caches
from ..log import log
from ..outbox import NewTask
from ..outcome import Dead, Failed, Outcome, Succeeded, Unknown
from ..stored_task import StoredTask
from .frames import NoFrame, tasks_of
from .keeper import Keeper

__all__ = ["Herald", "outcome_of"]

_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_OF_NEW_TASKS = frozenset(NewTask.__dataclass_fields__)


class Herald:
    """Logs events, and sends `task_finished`. Its thread is started with the first of them."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def event(self, body: dict[str, Any], on_logged: Callable[[int], None]) -> None:
        """Logs an event of the engine; `on_logged` is told its number then, if it has one. Raises `NoFrame`."""
        level, name, message = _LEVELS.get(str(body.get("level"))), body.get("logger"), body.get("message")
        if level is None or not isinstance(name, str) or not isinstance(message, str):
            raise NoFrame("an event has no level, logger or message")
        extra = {f"signalpost_{key}": body.get(key) for key in ("kind", "fields", "tasks")}
        number = body.get("event")

        def told() -> None:
            try:
                # Not as an argument: what collects errors puts those of one message together.
                logging.getLogger(name).log(level, message, extra=extra)
            finally:
                if type(number) is int:
                    on_logged(number)

        self._do(told)

    def finished(self, body: dict[str, Any]) -> None:
        """Tells of what was recorded. Raises `NoFrame`."""
        finished = body.get("finished")
        if not isinstance(finished, list):
            raise NoFrame("a frame 'F' has no list of what has finished")
        for each in finished:
            if not isinstance(each, dict):
                raise NoFrame("a frame 'F' has what is no object")
            task, outcome = _task_of(each.get("task")), outcome_of(each.get("outcome"))
            self._do(lambda task=task, outcome=outcome: running.tell_finished(task, outcome))  # type: ignore[misc]

    def stop(self) -> None:
        """Returns when everything was told."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()

    def _do(self, told: Callable[[], None]) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="signalpost-herald", daemon=True)
            self._thread.start()
        self._queue.put(told)

    def _work(self) -> None:
        keeper = Keeper()
        while (told := keeper.next_of(self._queue)) is not None:
            context = contextvars.Context()
            try:
                context.run(told)
            except BaseException:
                log(logging.ERROR, "Something that the engine has said could not be told", exc_info=True)
            context.run(close_caches)
            keeper.after_run()
        keeper.close()


def _task_of(said: Any) -> StoredTask:
    if not isinstance(said, dict):
        raise NoFrame("a frame 'F' tells of what is no task")
    # They are few, and read like those that are to be run. Which run it was concerns nobody here, and may be unknown.
    ((_, task),) = tasks_of(json.dumps({"tasks": [{**said, "run": 1}]}).encode())
    return task


def outcome_of(said: Any) -> Outcome:
    """An outcome as frames have it. Raises `NoFrame`."""
    try:
        ((kind, body),) = said.items()
        if kind == "ok":
            then = tuple(_new_task(each) for each in body.get("then") or ())
            return Succeeded(body.get("result"), then)
        if kind == "retry":
            return Failed(body["reason"], body.get("after"))
        if kind == "dead":
            return Dead(body["reason"])
        if kind == "unknown":
            return Unknown(body["reason"], body.get("after"))
    except (AttributeError, KeyError, TypeError, ValueError):
        pass
    raise NoFrame(f"an outcome is {said!r}")


def _new_task(fields: dict[str, Any]) -> NewTask:
    return NewTask(**{name: value for name, value in fields.items() if name in _OF_NEW_TASKS and value is not None})
