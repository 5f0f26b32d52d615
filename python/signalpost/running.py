"""Running one stored task: the one place where a row becomes a call of a function."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any

from asgiref.sync import async_to_sync, iscoroutinefunction
from django.core.cache import caches

from . import carriers, codec, lifecycle, targets
from .background_signal import AsyncSignal
from .conf import current as settings
from .current import CHAIN, TASK_SIGNAL, CurrentTask, Permanent, Retry, chain_after, running
from .current import way_to as shown_way
from .outbox import NewTask
from .outcome import Dead, Failed, Outcome, RetryAfter, Succeeded, Unknown, backoff, settled
from .reason import readable, reason_of
from .stored_task import StoredTask

__all__ = ["run"]

logger = logging.getLogger("signalpost")

#: The version of payloads that is written and read here.
PAYLOAD_VERSION = 1


def run(task: StoredTask, now: int) -> Outcome:
    """Runs `task`, which the caller has claimed, and says what becomes of it. `now` is the store's time in milliseconds.

    The receiver runs in a context of its own: context variables that the caller has set it does not see. Asynchronous
    receivers are run as by Django, through `async_to_sync`. Recording the outcome is the caller's, and so is telling of it
    by `task_finished`.

    Raises `KeyboardInterrupt` only: whatever else a receiver raises is an outcome.
    """
    return contextvars.Context().run(_run, task, now)


def failed_after_all(task: StoredTask, error: BaseException, now: int) -> Outcome:
    """What becomes of `task`, whose receiver has returned, and left something behind that makes a failure of it."""
    outcome = settled(task, targets.find(task).max_attempts, Failed(reason_of(error), error=error), now)
    _log(task, outcome)
    return outcome


def way_to(task: StoredTask) -> str:
    """The signals that have led to `task`, the last one its own."""
    current = _told(task)[1]
    *before, name = current.chain.split("\n")
    return shown_way("\n".join(before), name, task.depth)


def tell_finished(task: StoredTask, outcome: Outcome) -> None:
    """Sends `task_finished`. For whoever has recorded the outcome."""
    runs, current = _told(task)
    lifecycle.task_finished.send_robust(runs, task=current, outcome=outcome)


def _told(task: StoredTask) -> tuple[Any, CurrentTask]:
    """What `task` runs and what is told of it, also where it could not be run."""
    try:
        target = targets.find(task)
    except targets.Missing:
        target = targets.Target(None, None, settings().max_attempts)
    try:
        headers = _headers(task)
    except ValueError:
        headers = {}
    return target.runs, _current_of(task, target, headers)


def _run(task: StoredTask, now: int) -> Outcome:
    max_attempts = settings().max_attempts
    try:
        if task.payload_version > PAYLOAD_VERSION:
            raise targets.Missing(f"its payload has version {task.payload_version}, and {PAYLOAD_VERSION} is known here")
        target = targets.find(task)
        max_attempts = target.max_attempts
        current = _current_of(task, target, _headers(task))
    except targets.Missing as missing:
        outcome: Outcome = Unknown(readable(str(missing)))
    except ValueError as error:
        outcome = Dead(readable(str(error)), error)
    else:
        lifecycle.task_started.send_robust(target.runs, task=current)
        try:
            outcome = _attempt(lambda: _call(task, target, current))
        finally:
            # Made anew in every context; nobody else would close them.
            caches.close_all()
    outcome = settled(task, max_attempts, outcome, now)
    _log(task, outcome)
    return outcome


def _current_of(task: StoredTask, target: targets.Target, headers: dict[str, str]) -> CurrentTask:
    name = task.receiver if task.signal == TASK_SIGNAL else task.signal
    return CurrentTask(
        id=task.id,
        send_id=task.send_id,
        signal=task.signal,
        sender=task.sender,
        receiver=task.receiver,
        queue=task.queue,
        attempt=task.attempt,
        deaths=task.deaths,
        max_attempts=target.max_attempts,
        parent=task.parent,
        depth=task.depth,
        using=task.using,
        headers={name: value for name, value in headers.items() if not name.startswith(carriers.RESERVED)},
        chain=chain_after(headers.get(CHAIN), name),
    )


def _headers(task: StoredTask) -> dict[str, str]:
    try:
        headers = json.loads(task.headers)
    except ValueError:
        headers = None
    if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
        raise ValueError("its headers are not a JSON object of texts")
    return headers


def _call(task: StoredTask, target: targets.Target, current: CurrentTask) -> Outcome:
    with running(current), carriers.restored(current.headers):
        try:
            sender, args, named = codec.decode_call(task.payload, task.using)
        except codec.CannotDecode as error:
            # Another run would read the same bytes.
            return Dead(readable(str(error)), error)
        if isinstance(target.runs, AsyncSignal):
            return _run_all(task, target.runs, current, sender, named)
        if target.signal is not None:
            named = {"signal": target.signal, "sender": sender, **named}
        returned = _call_function(target.runs, target.timeout, args, named)
        return Succeeded(_kept(task, returned) if target.keep_result else None)


def _call_function(
    function: Callable[..., Any], timeout: float | None, args: tuple[Any, ...], named: dict[str, Any]
) -> Any:
    if iscoroutinefunction(function):
        return async_to_sync(_within)(timeout, function, args, named)
    returned = function(*args, **named)
    if inspect.iscoroutine(returned):
        # It does not look asynchronous: an object with an asynchronous __call__, a lambda around one. Not to await it would be
        # a success of which nothing has run.
        return async_to_sync(_within)(timeout, lambda: returned, (), {})
    return returned


async def _within(
    timeout: float | None, function: Callable[..., Awaitable[Any]], args: tuple[Any, ...], named: dict[str, Any]
) -> Any:
    if timeout is None:
        return await function(*args, **named)
    clock = asyncio.get_running_loop().time
    ends = clock() + timeout
    try:
        return await asyncio.wait_for(function(*args, **named), timeout)
    except asyncio.TimeoutError as error:
        if clock() < ends:
            raise
        raise TimeoutError(f"it was stopped after {timeout:g} s, its timeout") from error


def _kept(task: StoredTask, returned: Any) -> str | None:
    try:
        return codec.encode(returned)
    except codec.CannotTravel as error:
        # It has succeeded, and must not run again for this.
        logger.error("Task %s of %s has succeeded; its result is not kept: %s", task.id, task.receiver, error)
        return None


def _attempt(call: Callable[[], Outcome]) -> Outcome:
    try:
        return call()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return _of_error(error)


def _of_error(error: BaseException) -> Outcome:
    """What a receiver's exception means. SystemExit and its like are failures too: nothing has succeeded."""
    reason = reason_of(error)
    if isinstance(error, Permanent):
        return Dead(reason, error)
    if isinstance(error, Retry) and error.after is not None:
        return RetryAfter(reason, int(error.after * 1000), error)
    return Failed(reason, error=error)


def _run_all(
    task: StoredTask, signal: AsyncSignal, current: CurrentTask, sender: Any, named: dict[str, Any]
) -> Succeeded:
    """All receivers of a background signal, in Django's order; each that fails becomes a task of its own."""
    blocking, asynchronous = signal._live_receivers(sender)
    known = {receiver: name for name, receiver in targets.names_of_receivers(signal).items()}
    names = {receiver: _known_name(known, receiver) for receiver in (*blocking, *asynchronous)}
    named = {"signal": signal, "sender": sender, **named}

    def one(receiver: Callable[..., Any]) -> Outcome:
        with running(replace(current, receiver=names[receiver])):
            _call_function(receiver, None, (), named)
        return Succeeded()

    async def one_async(receiver: Callable[..., Any]) -> Outcome:
        try:
            with running(replace(current, receiver=names[receiver])):
                await receiver(**named)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return _of_error(error)
        return Succeeded()

    async def together() -> list[Outcome]:
        return list(await asyncio.gather(*map(one_async, asynchronous)))

    outcomes = [_attempt(partial(one, receiver)) for receiver in blocking]
    if asynchronous:
        outcomes += async_to_sync(together)()
    failed = [
        (_follow_up(task, names[receiver], outcome), getattr(outcome, "error", None))
        for receiver, outcome in zip((*blocking, *asynchronous), outcomes)
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
    logger.error(
        "%s failed beside the other receivers of %s, in task %s; it follows as a task of its own",
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


def _log(task: StoredTask, outcome: Outcome) -> None:
    # Never the arguments. The exception is for those who collect them.
    who = (task.id, task.receiver, task.attempt)
    if isinstance(outcome, Dead):
        logger.error("Task %s of %s is dead after attempt %s", *who, exc_info=outcome.error)
    elif isinstance(outcome, (Failed, RetryAfter)):
        logger.warning("Task %s of %s failed in attempt %s; it will be tried again", *who, exc_info=outcome.error)
    elif isinstance(outcome, Unknown):
        logger.warning("Task %s waits: %s", task.id, outcome.reason)
