"""The tasks. A module of this name is found in installed apps."""

from __future__ import annotations

import asyncio
from typing import Any

from django.tasks import TaskContext, task

from signalpost import Permanent, current_task

done: list[Any] = []


@task(backend="signalpost")
def add(one: int, other: int = 0) -> int:
    done.append((one, other))
    return one + other


@task(backend="signalpost")
async def add_later(one: int, other: int = 0) -> int:
    await asyncio.sleep(0)
    done.append((one, other))
    return one + other


@task(backend="signalpost", queue_name="mail", priority=7, takes_context=True)
def tell(context: TaskContext, text: str) -> list[Any]:
    running: Any = current_task()
    return [context.attempt, context.task_result.id == running.send_id, context.task_result.status, text]


@task(backend="signalpost", takes_context=True)
async def tell_later(context: TaskContext, text: str) -> list[Any]:
    return [context.attempt, context.task_result.status, text]


@task(backend="signalpost")
def fail(text: str) -> None:
    raise ValueError(text)


@task(backend="signalpost")
def fail_because(text: str) -> None:
    try:
        {}["printer"]
    except KeyError as error:
        raise ValueError(text) from error


@task(backend="signalpost")
async def fail_later(text: str) -> None:
    raise LookupError(text)


@task(backend="signalpost")
def fail_for_good() -> None:
    raise Permanent("there is no printer")


@task(backend="signalpost")
async def wait_for_ever() -> None:
    await asyncio.Event().wait()


@task(backend="signalpost")
def return_what_is_no_json() -> object:
    return object()


@task(backend="signalpost")
def return_much(size: int, text: str = "") -> str:
    return "x" * size


@task(backend="signalpost")
def add_within(one: int) -> str:
    """Enqueues another one, and has its id."""
    return str(add.enqueue(one).id)


@task(backend="signalpost")
def named_badly(**named: Any) -> dict[str, Any]:
    return named


@task
def elsewhere(text: str) -> str:
    """Declared on Django's own backend."""
    return text
