"""Receivers that harm the process that they run in, or what is around it."""

from __future__ import annotations

import os
import signal
import sys
import threading

from signalpost import task


@task(name="noise", keep_result=True)
def noise() -> str:
    """Writes what could be taken for frames."""
    print("hello\0" * 1000)
    sys.stderr.write("world")
    for descriptor in (1, 2):
        os.write(descriptor, b"\x05\0\0\0r{}{}" * 100)
    return "quiet again"


@task(name="leave")
def leave() -> None:
    os._exit(3)


@task(name="hang", timeout=0.5, max_attempts=1)
def hang() -> None:
    threading.Event().wait()


@task(name="close")
def close() -> None:
    os.closerange(0, 256)


@task(name="reopen")
def reopen(path: str) -> None:
    """Closes everything, and has files of its own under the numbers of what was there."""
    os.closerange(0, 256)
    for _ in range(50):
        os.open(path, os.O_CREAT | os.O_RDWR | os.O_APPEND)


@task(name="fork", keep_result=True)
def fork() -> str:
    """Comes to its end twice."""
    copy = os.fork()
    if copy:
        os.waitpid(copy, 0)
    return "parent" if copy else "copy"


@task(name="fork off", keep_result=True)
def fork_off(lives_on: bool) -> int:
    """Leaves a copy behind, which nobody waits for; returns its process."""
    copy = os.fork()
    if copy == 0:
        while lives_on:
            signal.pause()
        os._exit(7)
    return copy


#: What is never let go of.
_leaked: list[bytes] = []


@task(name="leak", keep_result=True)
def leak(size: int) -> int:
    """Takes so much memory, and keeps it; returns its process."""
    _leaked.append(b"x" * size)
    return os.getpid()


@task(name="flood", keep_result=True)
def flood(size: int) -> int:
    """Writes so much to standard output; returns how much."""
    piece, written = b"\x05\0\0\0r{}\n" * (1 << 17), 0
    while written < size:
        written += os.write(1, piece[: size - written])
    return written


@task(name="process", keep_result=True)
def process() -> int:
    """Returns its process."""
    return os.getpid()
