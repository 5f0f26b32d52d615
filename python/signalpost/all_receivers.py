"""All receivers of a background signal, in one run of its task."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from asgiref.sync import async_to_sync, iscoroutinefunction

from . import targets
from .background_signal import AsyncSignal
from .calls import attempt, call, of_error
from .current import CurrentTask, running
from .log import log
from .outbox import NewTask
from .outcome import Outcome, RetryAfter, Succeeded, backoff
from .stored_task import StoredTask

__all__ = ["run_all"]


def run_all(task: StoredTask, signal: AsyncSignal, current: CurrentTask, sender: Any, named: dict[str, Any]) -> Succeeded:
    """All receivers of a background signal, in Django's order; each that fails becomes a task of its own."""
    blocking, asynchronous = signal._live_receivers(sender)
    known = {receiver: name for name, receiver in targets.names_of_receivers(signal).items()}
    names = {receiver: _known_name(known, receiver) for receiver in (*blocking, *asynchronous)}
    named = {"signal": signal, "sender": sender, **named}

    def one(receiver: Callable[..., Any]) -> Outcome:
        with running(replace(current, receiver=names[receiver])):
            call(receiver, iscoroutinefunction(receiver), None, (), named)
        return Succeeded()

    async def one_async(receiver: Callable[..., Any]) -> Outcome:
        try:
            with running(replace(current, receiver=names[receiver])):
                await receiver(**named)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return of_error(error)
        return Succeeded()

    async def together() -> list[Outcome]:
        return list(await asyncio.gather(*map(one_async, asynchronous)))

    outcomes = [attempt(partial(one, receiver)) for receiver in blocking]
    if asynchronous:
        outcomes += async_to_sync(together)()
    failed = [
        (_follow_up(task, names[receiver], outcome), getattr(outcome, "error", None))
        for receiver, outcome in zip((*blocking, *asynchronous), outcomes, strict=True)
        if not isinstance(outcome, Succeeded)
    ]
    return Succeeded(then=tuple(follow for follow, _ in failed), errors=tuple(error for _, error in failed))


def _known_name(known: dict[Callable[..., Any], str], receiver: Callable[..., Any]) -> str:
    """The name of `receiver`, which others may have wrapped, as tools that measure receivers do."""
    wrapped: Any = receiver
    while wrapped is not None:
        if wrapped in known:
            return known[wrapped]
        wrapped = getattr(wrapped, "__wrapped__", None)
    return targets.name_of_receiver(receiver)


def _follow_up(task: StoredTask, name: str, outcome: Any) -> NewTask:
    log(
        logging.ERROR, "%s failed beside the other receivers of %s, in task %s; it follows as a task of its own",
        name, task.signal, task.id, exc_info=outcome.error,
    )  # fmt: skip
    return NewTask(
        signal=task.signal,
        receiver=name,
        queue=task.queue,
        payload=task.payload,
        sender=task.sender,
        send_id=task.send_id,
        priority=task.priority,
        delay=outcome.after if isinstance(outcome, RetryAfter) else backoff(1),
        payload_version=task.payload_version,
        headers=task.headers,
        parent=task.id,
        depth=task.depth,
        reason=outcome.reason,
    )
