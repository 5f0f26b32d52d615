"""Receivers of the project that leave something behind, for whoever comes after them.

They are found where `AUTODISCOVER` names this module.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import signal
import sys
import threading
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connection

from signalpost import task

from .misbehaving import fork
from .models import Note
from .receivers import _hold

#: Only asyncio knows them otherwise, and weakly.
_tasks: set[Any] = set()


@task(name="leave a call")
async def leave_a_call(directory: str) -> None:
    """Ends while a call that it has made in a thread goes on."""
    loop, has_begun = asyncio.get_running_loop(), asyncio.Event()

    def call() -> None:
        loop.call_soon_threadsafe(has_begun.set)
        _hold(directory)

    _tasks.add(asyncio.ensure_future(sync_to_async(call)()))
    await has_begun.wait()


@task(name="call")
async def call() -> None:
    """Needs a thread."""
    await sync_to_async(threading.get_ident)()


def _begin() -> None:
    with connection.cursor() as cursor:
        # Django's own BEGIN is another one, which it knows of.
        cursor.execute("BEGIN IMMEDIATE" if connection.vendor == "sqlite" else "BEGIN")
    Note.objects.create(text="nobody commits this")


@task(name="begin and fail")
def begin_and_fail() -> None:
    _begin()
    raise ValueError("the printer is off")


@task(name="begin")
def begin() -> None:
    _begin()


@task(name="begin later")
async def begin_later() -> None:
    await sync_to_async(_begin)()


@task(name="begin loosely")
async def begin_loosely() -> None:
    """In a thread of which nobody knows which one it is."""
    await sync_to_async(_begin, thread_sensitive=False)()


@task(name="begin in a loop of its own")
def begin_in_a_loop() -> None:
    asyncio.run(begin_later())  # type: ignore[arg-type]


def _write(text: str) -> None:
    Note.objects.create(text=text)


@task(name="write loosely")
async def write_loosely(text: str) -> None:
    await asyncio.to_thread(_write, text)


async def _awrite(text: str) -> None:
    await Note.objects.acreate(text=text)


@task(name="write in a loop of its own")
def write_in_a_loop(text: str) -> None:
    asyncio.run(_awrite(text))


@task(name="exit in a task")
async def exit_in_a_task() -> None:
    async def ends() -> None:
        sys.exit(3)

    await asyncio.gather(ends())


def _wait_for_a_signal(has_begun: Any) -> None:
    has_begun.set()
    signal.pause()


@task(name="terminate", keep_result=True)
def terminate() -> int | None:
    """Starts a process and ends it, and returns how it ended."""
    forking = multiprocessing.get_context("fork")
    has_begun = forking.Event()
    process = forking.Process(target=_wait_for_a_signal, args=(has_begun,))
    process.start()
    has_begun.wait()
    process.terminate()
    process.join()
    return process.exitcode


@task(name="thread of a copy", keep_result=True)
def thread_of_a_copy() -> int | None:
    """Uses a thread of asgiref's in a process that it forks."""
    process = multiprocessing.get_context("fork").Process(target=lambda: asyncio.run(call()))
    process.start()
    process.join()
    return process.exitcode


@task(name="fork in a thread", keep_result=True)
async def fork_in_a_thread(is_sensitive: bool) -> str:
    """What it forks comes to the end of the call as well."""
    await Note.objects.acreate(text="before")
    forked = await sync_to_async(fork.function, thread_sensitive=is_sensitive)()
    await Note.objects.acreate(text="after")
    return forked


class _Refusing(logging.Filter):
    """One that has a bug."""

    def filter(self, record: logging.LogRecord) -> bool:
        if "unloggable" in record.getMessage() or "could not be told" in record.getMessage():
            raise RuntimeError("this filter has a bug")
        return True


for _name in ("signalpost", "signalpost.engine"):
    logging.getLogger(_name).addFilter(_Refusing())


@task(name="unloggable")
def unloggable() -> None:
    raise ValueError("the printer is off")


@task(name="unloggable later")
async def unloggable_later() -> None:
    raise ValueError("the printer is off")
