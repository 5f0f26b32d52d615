"""``python -m signalpost.child``: started by the engine, for the engine."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys

from .sigterm import pass_over

__all__ = ["main"]


def main() -> None:
    """Sets Django up and serves the engine."""
    given = _arguments()
    # Before anything of the project is imported, which may start processes.
    for descriptor in (given.socket_fd, given.page_fd):
        os.set_inheritable(descriptor, False)
    connection = socket.socket(fileno=given.socket_fd)
    connection.setblocking(True)
    # Ctrl-C is meant for the engine; whoever sends it to a child means that child.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    pass_over()
    sys.path[:] = [path for path in dict.fromkeys([*given.pythonpath, *sys.path])]
    if given.settings:
        os.environ["DJANGO_SETTINGS_MODULE"] = given.settings

    from .start import start

    start(connection, given.page_fd, given.reload)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m signalpost.child", description=__doc__)
    parser.add_argument("--socket-fd", type=int, required=True, help="the socket to the engine")
    parser.add_argument("--page-fd", type=int, required=True, help="the page that says what runs")
    parser.add_argument("--settings", help="the module of Django's settings")
    parser.add_argument("--pythonpath", action="append", default=[], help="what belongs in front of sys.path, in its order")
    parser.add_argument("--reload", action="store_true", help="ask to be replaced when a module has changed")
    return parser.parse_args()


if __name__ == "__main__":
    main()
