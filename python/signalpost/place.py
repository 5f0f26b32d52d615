"""Places: file and line, as errors and warnings name them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import asgiref
import django

__all__ = ["calling_frame", "outside_frame", "place_of"]

_OURS = os.path.dirname(os.path.abspath(__file__)) + os.sep
_LIBRARIES = (
    _OURS,
    os.path.dirname(os.path.abspath(django.__file__)) + os.sep,
    os.path.dirname(os.path.abspath(asgiref.__file__)) + os.sep,
)
#: Between a call in asynchronous code and the thread that carries it out stand only these.
_THREADS = (
    os.path.dirname(os.path.abspath(os.__file__)) + os.sep + "concurrent" + os.sep,
    os.path.dirname(os.path.abspath(os.__file__)) + os.sep + "asyncio" + os.sep,
    os.path.dirname(os.path.abspath(os.__file__)) + os.sep + "threading.py",
)


def calling_frame() -> FrameType:
    """The first frame outside signalpost: where something of ours was called."""
    return _first_outside((_OURS,))


def outside_frame() -> FrameType:
    """The first frame outside signalpost, Django and asgiref: the line of the project that led here.

    Code that was called through `sync_to_async` runs in a thread that does not know who called it. Then it is the outermost
    frame of Django.
    """
    return _first_outside(_LIBRARIES + _THREADS)


def _first_outside(libraries: tuple[str, ...]) -> FrameType:
    frame: FrameType = sys._getframe(1)
    last_of_django = frame
    while frame.f_code.co_filename.startswith(libraries):
        if not frame.f_code.co_filename.startswith(_THREADS):
            last_of_django = frame
        if frame.f_back is None:
            return last_of_django
        frame = frame.f_back
    return frame


def place_of(function: Callable[..., Any]) -> str:
    """Where `function` was declared, as `file:line`. For a callable without code of its own: where we were called."""
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    if code is not None:
        return f"{code.co_filename}:{code.co_firstlineno}"
    frame = calling_frame()
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
