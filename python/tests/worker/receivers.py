"""Receivers of the project: each does one thing that a child has to cope with."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import threading
import time
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connection, transaction
from django.db.models.signals import post_save
from django.dispatch import receiver

from signalpost import Permanent, Retry, async_receiver, current_task, task, task_finished

from . import ledger, misbehaving  # noqa: F401
from .models import Article, Note
from .signals import order_noted, order_paid, stock_changed

variable: ContextVar[str] = ContextVar("variable", default="nothing")


@async_receiver(order_paid, name="count", queue="counting")
def count(**kwargs: Any) -> None:
    """The quickest that there is."""


@async_receiver(order_paid, name="count later", queue="counting")
async def count_later(**kwargs: Any) -> None:
    """The quickest asynchronous one."""


@task(name="add", keep_result=True)
def add(one: int, other: int) -> int:
    return one + other


@task(name="add later", keep_result=True)
async def add_later(one: int, other: int) -> int:
    return one + other


@task(name="fail", max_attempts=3)
def fail(secret: str) -> None:
    raise ValueError("the printer is off")


@task(name="retry")
def retry() -> None:
    raise Retry("the printer is busy", after=90)


@task(name="permanent")
def permanent() -> None:
    raise Permanent("there is no printer")


@task(name="interrupt")
def interrupt() -> None:
    raise KeyboardInterrupt


@task(name="exit later", timeout=60)
async def exit_later() -> None:
    raise SystemExit(3)


def _note() -> None:
    running: Any = current_task()
    descriptor = os.open(os.environ["SIGNALPOST_TEST_LEDGER"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(descriptor, f"{running.id}\n".encode())
    os.close(descriptor)


@async_receiver(order_noted, name="note")
def note(**kwargs: Any) -> None:
    """Writes down, outside of any database, that it has run."""
    _note()


@async_receiver(order_noted, name="note later")
async def note_later(**kwargs: Any) -> None:
    await asyncio.sleep(0)
    _note()


@async_receiver(post_save, sender=Article, name="note article")
def note_article(instance: Any, **kwargs: Any) -> None:
    """Takes a while, and writes down when it begins and when it ends."""
    running: Any = current_task()
    about = (-1 if instance is None else instance.number, running.id)
    file = os.environ["SIGNALPOST_TEST_LEDGER"]
    ledger.write(file, "began", *about)
    time.sleep(random.uniform(0.002, 0.02))
    ledger.write(file, "ended", *about)


#: How many have come to `meet`, and what they wait for.
_met = 0
_all_are_here = asyncio.Event()


@task(name="meet")
async def meet(count: int) -> None:
    """Ends when so many have come."""
    global _met
    _met += 1
    if _met == count:
        _all_are_here.set()
    await _all_are_here.wait()


@task(name="wait for ever", timeout=0.05)
async def wait_for_ever() -> None:
    await asyncio.Event().wait()


def _hold(directory: str) -> None:
    # To open a pipe waits for the other side.
    (Path(directory) / "began").write_text(str(os.getpid()))
    (Path(directory) / "go").read_text()


@task(name="hold", timeout=3600, max_attempts=7)
def hold(directory: str) -> None:
    """Tells that it has begun, and waits until it may go on."""
    _hold(directory)


@task(name="hold without a timeout")
def hold_without_a_timeout(directory: str) -> None:
    _hold(directory)


@task(name="hold later", timeout=3600)
async def hold_later(directory: str) -> None:
    await asyncio.get_running_loop().run_in_executor(None, _hold, directory)


@task(name="set", keep_result=True)
def set_variable() -> str:
    before = variable.get()
    variable.set("something")
    return before


@task(name="set later", keep_result=True)
async def set_variable_later() -> str:
    before = variable.get()
    variable.set("something")
    return before


@task(name="write", keep_result=True)
def write(text: str) -> int:
    Note.objects.create(text=text)
    return id(connection.connection)


@task(name="write later", keep_result=True)
async def write_later(text: str) -> int:
    note = await Note.objects.acreate(text=text)
    await asyncio.sleep(0)
    note = await Note.objects.aget(pk=note.pk)
    note.text += "!"
    await note.asave()
    return await sync_to_async(threading.get_ident)()


@task(name="write slowly", keep_result=True)
async def write_slowly(text: str) -> int:
    """Reads, waits for a second, and writes: as a hundred of them do at once."""
    note = await Note.objects.acreate(text=text)
    note = await Note.objects.aget(pk=note.pk)
    await asyncio.sleep(1)
    note.text += "!"
    await note.asave()
    return await sync_to_async(threading.get_ident)()


@task(name="leave open")
def leave_open() -> None:
    """Leaves a transaction open."""
    transaction.set_autocommit(False)
    Note.objects.create(text="nobody commits this")


@task(name="read", keep_result=True)
def read(note: Any) -> str | None:
    return None if note is None else note.text


@task(name="read later", keep_result=True)
async def read_later(note: Any) -> str | None:
    return None if note is None else note.text


@task(name="whoami", keep_result=True)
def whoami() -> list[Any]:
    running: Any = current_task()
    return [running.id, running.attempt, running.queue, running.headers]


@receiver(stock_changed)
def stock_fails(**kwargs: Any) -> None:
    raise ValueError("the shelf is empty")


@receiver(stock_changed)
def stock_is_fine(**kwargs: Any) -> None:
    pass


@task(name="descriptors of a program", keep_result=True)
def descriptors_of_a_program() -> list[str]:
    """What a program inherits that is started without care."""
    command = [sys.executable, "-c", "import os; print(*os.listdir('/proc/self/fd'))"]
    said = subprocess.run(command, close_fds=False, stdout=subprocess.PIPE, text=True, check=True).stdout
    # Its own is that of the directory.
    return sorted(said.split())[:-1]


if "SIGNALPOST_TEST_FINISHED" in os.environ:

    @receiver(task_finished)
    def finished(sender: Any, task: Any, outcome: Any, **kwargs: Any) -> None:
        Path(os.environ["SIGNALPOST_TEST_FINISHED"]).write_text(f"{task.receiver} {type(outcome).__name__}")
