"""The start of a child: from the engine's first frame to the hello."""

from __future__ import annotations

import faulthandler
import os
import socket
import sys
import threading
import traceback
from typing import Any

from .frames import VERSION, Gone, NoFrame, Wire
from .page import Page

__all__ = ["CannotStart", "start"]


class CannotStart(Exception):
    """It makes no sense to go on: the message says why."""


def start(connection: socket.socket, page_descriptor: int, reload: bool) -> None:
    """Serves the engine until it says stop; then the process may end.

    Exits with 1 where Django cannot be set up, with 70 where what comes is no frame, with 0 where the engine is gone.
    """
    wire = Wire(connection)
    try:
        greeting = _greeting(wire)
        try:
            page = Page(page_descriptor, greeting["threads"] + greeting["async_concurrency"])
            os.close(page_descriptor)
            if greeting["version"] != VERSION:
                raise CannotStart(f"the engine speaks version {greeting['version']} of the frames, and {VERSION} is known here")
            _set_up()
        except BaseException as error:
            # A settings module may well call sys.exit.
            wire.send("x", {"reason": _reason(error)})
            sys.exit(1)
    except NoFrame as error:
        print(f"signalpost.child: {error}", file=sys.stderr, flush=True)
        os._exit(70)
    except Gone:
        os._exit(0)
    from .child import Child

    child = Child(connection, page, wire, greeting["threads"], greeting["async_concurrency"])
    if reload:
        from .reload import watch

        threading.Thread(target=watch, args=(child.replace,), name="signalpost-reload", daemon=True).start()
    child.serve()


def _greeting(wire: Wire) -> dict[str, Any]:
    frame = wire.first()
    numbers = ("version", "child", "threads", "async_concurrency")
    body = frame.body if frame.kind == "H" else {}
    if not all(type(body.get(name)) is int for name in numbers):
        raise NoFrame("the first frame is no hello")
    return body


def _set_up() -> None:
    if sys.stderr is not None and not faulthandler.is_enabled():
        try:
            # Where a receiver ends the process, this is all that says where.
            faulthandler.enable()
        except (OSError, ValueError):
            pass
    import django

    django.setup()
    from django.db import connections

    from ..installation import is_installed

    if not is_installed():
        raise CannotStart("'signalpost' is not in INSTALLED_APPS")
    # Those of the start, which no receiver will use.
    connections.close_all()


def _reason(error: BaseException) -> str:
    from ..reason import reason_of

    if isinstance(error, CannotStart):
        return str(error)
    traceback.print_exception(type(error), error, error.__traceback__)
    return reason_of(error)
