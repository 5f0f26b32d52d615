"""Calls of receivers: to their end, within their time, and what it means when they raise."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import async_to_sync

from .caches import close_caches
from .current import Permanent, Retry
from .outcome import Dead, Failed, Outcome, RetryAfter
from .reason import reason_of

__all__ = ["attempt", "call", "call_within", "of_error"]


def call(
    function: Callable[..., Any], is_async: bool, timeout: float | None, args: tuple[Any, ...], named: dict[str, Any]
) -> Any:
    """Calls a receiver and returns what it returns, an asynchronous one at its end. Only those are stopped at the timeout, in seconds.

    Raises what the receiver raises, and `TimeoutError`.
    """
    if is_async:
        return async_to_sync(call_within)(timeout, function, args, named)
    returned = function(*args, **named)
    if returned is not None and inspect.iscoroutine(returned):
        # It does not look asynchronous: an object with an asynchronous __call__, a lambda around one. Not to await it would be
        # a success of which nothing has run.
        return async_to_sync(call_within)(timeout, lambda: returned, (), {})
    return returned


async def call_within(
    timeout: float | None, function: Callable[..., Awaitable[Any]], args: tuple[Any, ...], named: dict[str, Any]
) -> Any:
    """As `call`, of an asynchronous receiver and on the running loop."""
    if timeout is None:
        return await function(*args, **named)
    try:
        returned, raised = await asyncio.wait_for(_held(function, args, named), timeout)
    except asyncio.TimeoutError as error:
        raise TimeoutError(f"it was stopped after {timeout:g} s, its timeout") from error
    if raised is not None:
        raise raised
    return returned


async def _held(
    function: Callable[..., Awaitable[Any]], args: tuple[Any, ...], named: dict[str, Any]
) -> tuple[Any, BaseException | None]:
    """What `function` returns or raises. Raised here, a timeout of its own could not be told from ours, and `SystemExit` would end
    the loop, as it does wherever asyncio finds it in a task."""
    try:
        return await function(*args, **named), None
    except asyncio.CancelledError:
        raise
    except BaseException as error:
        return None, error
    finally:
        # Before 3.12 `wait_for` has it run in a context of its own.
        close_caches()


def attempt(run: Callable[[], Outcome]) -> Outcome:
    """What `run` returns, or what becomes of a task if it raises. Raises `KeyboardInterrupt` only."""
    try:
        return run()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return of_error(error)


def of_error(error: BaseException) -> Outcome:
    """What becomes of a task whose receiver has raised this. SystemExit and its like are failures too: nothing has succeeded."""
    reason = reason_of(error)
    if isinstance(error, Permanent):
        return Dead(reason, error)
    if isinstance(error, Retry) and error.after is not None:
        return RetryAfter(reason, int(error.after * 1000), error)
    return Failed(reason, error=error)
