"""Running one stored task: the one place where a row becomes a call of a function.

`run` is for whoever runs a task in its own process. A worker's child takes the same steps apart, because it writes down what it
runs between them: `prepare`, then `perform` or `aperform`, then `concluded`.
"""

from __future__ import annotations

import contextvars
import json
import logging
from collections.abc import Sequence
from time import monotonic
from typing import Any, NamedTuple

from asgiref.sync import sync_to_async
from django.db.transaction import TransactionManagementError

from . import carriers, codec, lifecycle, targets
from .all_receivers import run_all
from .background_signal import AsyncSignal
from .caches import close_caches
from .calls import attempt, call, call_within, of_error
from .conf import current as settings
from .current import CHAIN, TASK_SIGNAL, CurrentTask, chain_after, enter
from .current import way_to as shown_way
from .log import log
from .outcome import Dead, Failed, Outcome, RetryAfter, Succeeded, Unknown, settled
from .reason import readable, reason_of
from .stored_task import StoredTask

__all__ = ["Prepared", "aperform", "concluded", "perform", "prepare", "rolled_back", "run", "tell_finished"]

#: The version of payloads that is written and read here.
PAYLOAD_VERSION = 1
#: In seconds.
MINUTE = 60.0
#: Most that succeed have no more to say.
_SUCCEEDED = Succeeded()


class Prepared(NamedTuple):
    """A task of which everything is known that can be known before its receiver runs."""

    target: targets.Target
    #: What is told of it.
    current: CurrentTask


def run(task: StoredTask, now: int) -> Outcome:
    """Runs `task`, which the caller has claimed, and says what becomes of it. `now` is the store's time in milliseconds.

    The receiver runs in a context of its own: context variables that the caller has set it does not see. Asynchronous
    receivers are run as by Django, through `async_to_sync`. Recording the outcome is the caller's, and so is telling of it
    by `task_finished`.

    Raises `KeyboardInterrupt` only: whatever else a receiver raises is an outcome.
    """
    prepared = prepare(task)
    if not isinstance(prepared, Prepared):
        return concluded(task, settings().max_attempts, prepared, now)
    outcome = contextvars.Context().run(perform, task, prepared)
    return concluded(task, prepared.target.max_attempts, outcome, now)


def prepare(task: StoredTask) -> Prepared | Outcome:
    """Looks up what `task` runs, or says what becomes of it without a run. No code of the project runs for it."""
    try:
        if task.payload_version > PAYLOAD_VERSION:
            raise targets.Missing(f"its payload has version {task.payload_version}, and {PAYLOAD_VERSION} is known here")
        target = targets.find(task)
        return Prepared(target, _current_of(task, target, _headers(task)))
    except targets.Missing as missing:
        return Unknown(readable(str(missing)))
    except ValueError as error:
        return Dead(readable(str(error)), error)


def perform(task: StoredTask, prepared: Prepared) -> Outcome:
    """Runs the receiver, in a context that is nobody else's. The outcome is to be `concluded`.

    Raises `KeyboardInterrupt` only.
    """
    lifecycle.task_started.send_robust(prepared.target.runs, task=prepared.current)
    try:
        return attempt(lambda: _call(task, prepared.target, prepared.current))
    finally:
        close_caches()


async def aperform(task: StoredTask, prepared: Prepared) -> Outcome:
    """As `perform`, for an asynchronous receiver and on the running loop. It is stopped at its timeout."""
    try:
        await lifecycle.task_started.asend_robust(prepared.target.runs, task=prepared.current)
        return await _acall(task, prepared.target, prepared.current)
    except BaseException as error:
        return of_error(error)
    finally:
        close_caches()


def concluded(task: StoredTask, max_attempts: int, outcome: Outcome, now: int | None = None) -> Outcome:
    """What `outcome` means for `task`, once it is in the log. Without `now` the caller decides how long an unknown one waits."""
    outcome = settled(task, max_attempts, outcome, now)
    if not isinstance(outcome, Succeeded):
        _log(task, outcome)
    return outcome


def rolled_back(outcome: Outcome, aliases: Sequence[str]) -> Outcome:
    """What `outcome` is worth, of a receiver that has left transactions open on `aliases`. What it has written there is rolled back."""
    if not isinstance(outcome, Succeeded):
        return outcome
    what = f"the receiver returned, but it left a transaction open on {aliases[0]!r}, which was rolled back"
    return of_error(TransactionManagementError(what))


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


def _current_of(task: StoredTask, target: targets.Target, headers: dict[str, str]) -> CurrentTask:
    name = task.receiver if task.signal == TASK_SIGNAL or task.signal in targets.of_signal else task.signal
    before = None
    if headers:
        before = headers.get(CHAIN)
        headers = {name: value for name, value in headers.items() if not name.startswith(carriers.RESERVED)}
    return CurrentTask.made(
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
        headers=headers,
        chain=chain_after(before, name),
    )


def _headers(task: StoredTask) -> dict[str, str]:
    if task.headers == "{}":
        return {}
    try:
        headers = json.loads(task.headers)
    except ValueError:
        headers = None
    if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
        raise ValueError("its headers are not a JSON object of texts")
    return headers


def _call(task: StoredTask, target: targets.Target, current: CurrentTask) -> Outcome:
    enter(current)
    with carriers.restored_afresh(current.headers):
        try:
            sender, args, named = codec.decode_call(task.payload, task.using)
        except codec.CannotDecode as error:
            return _undecodable(error)
        if isinstance(target.runs, AsyncSignal):
            return run_all(task, target.runs, current, sender, named)
        if target.calls is not None:
            outcome: Outcome = call(target.calls, target.is_async, target.timeout, args, named)
            return outcome
        returned = call(target.runs, target.is_async, target.timeout, args, _named(target, sender, named))
        return Succeeded(_kept(task, returned)) if target.keep_result else _SUCCEEDED


async def _acall(task: StoredTask, target: targets.Target, current: CurrentTask) -> Outcome:
    enter(current)
    with carriers.restored_afresh(current.headers):
        try:
            if _may_query(task.payload):
                decode = sync_to_async(codec.decode_call, thread_sensitive=True)
                sender, args, named = await decode(task.payload, task.using)
            else:
                sender, args, named = codec.decode_call(task.payload, task.using)
        except codec.CannotDecode as error:
            return _undecodable(error)
        if target.calls is not None:
            outcome: Outcome = await call_within(target.timeout, target.calls, args, named)
            return outcome
        returned = await call_within(target.timeout, target.runs, args, _named(target, sender, named))
        return Succeeded(_kept(task, returned)) if target.keep_result else _SUCCEEDED


def _may_query(payload: str) -> bool:
    """Whether to decode it makes queries: instances are tagged by this word, which the codec never escapes."""
    return '"instance"' in payload


def _undecodable(error: codec.CannotDecode) -> Dead:
    # Another run would read the same bytes.
    return Dead(readable(str(error)), error)


def _named(target: targets.Target, sender: Any, named: dict[str, Any]) -> dict[str, Any]:
    return named if target.signal is None else {"signal": target.signal, "sender": sender, **named}


def _kept(task: StoredTask, returned: Any) -> str | None:
    try:
        return codec.encode(returned)
    except codec.CannotTravel as error:
        # It has succeeded, and must not run again for this.
        log(logging.ERROR, "Task %s of %s has succeeded; its result is not kept: %s", task.id, task.receiver, error)
        return None


def _log(task: StoredTask, outcome: Outcome) -> None:
    # Never the arguments. The exception is for those who collect them.
    who = (task.id, task.receiver, task.attempt)
    if isinstance(outcome, Dead):
        log(logging.ERROR, "Task %s of %s is dead after attempt %s", *who, exc_info=outcome.error)
    elif isinstance(outcome, (Failed, RetryAfter)):
        log(logging.WARNING, "Task %s of %s failed in attempt %s; it will be tried again", *who, exc_info=outcome.error)
    elif isinstance(outcome, Unknown) and _is_news(outcome.reason):
        log(logging.WARNING, "Task %s waits: %s", task.id, outcome.reason)


#: What was said to be unknown, and when. A deploy may leave thousands of such tasks, and each comes twice a minute.
_said: dict[str, float] = {}


def _is_news(reason: str) -> bool:
    now = monotonic()
    if now - _said.get(reason, -MINUTE) < MINUTE:
        return False
    if len(_said) >= 1_000:
        _said.clear()
    _said[reason] = now
    return True
