"""``manage.py signalpost_worker``: runs tasks, until it is told to stop."""

from __future__ import annotations

import argparse
import ipaddress
import os
import signal
import sys
from typing import Any

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connections

from signalpost import credentials, engine

__all__ = ["Command"]

#: Those that are handed on to the engine, as they stand.
_HANDED_ON = (
    "processes",
    "threads",
    "async_concurrency",
    "max_tasks_per_child",
    "max_memory_per_child",
    "queue",
    "exclude_queue",
    "once",
    "exit_when_idle",
    "grace",
    "start_timeout",
    "health",
)


class Command(BaseCommand):
    """Replaces this process by the engine, which starts processes of Python for the receivers."""

    help = (
        "Runs tasks. This process becomes signalpost's engine, which claims tasks and hands them to child processes that run the "
        "receivers. SIGTERM and SIGINT let receivers end within the grace; a second one, or SIGQUIT, does not. SIGHUP replaces the "
        "children."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Those of the engine, and `--reload`."""
        parser.add_argument(
            "--processes", type=_at_least(1), metavar="N", help="children that run at once (default: the number of CPUs)"
        )
        parser.add_argument(
            "--threads",
            type=_at_least(1, 1_000),
            metavar="N",
            help="synchronous receivers that run at once in a child (default: 4)",
        )
        parser.add_argument(
            "--async-concurrency",
            type=_at_least(0, 10_000),
            metavar="N",
            help="asynchronous receivers that run at once in a child (default: 100)",
        )
        parser.add_argument("--max-tasks-per-child", type=_at_least(1), metavar="N", help="replace a child after so many tasks")
        parser.add_argument(
            "--max-memory-per-child", type=_at_least(1), metavar="MIB", help="replace a child that has more memory than this"
        )
        parser.add_argument(
            "--queue",
            action="append",
            metavar="NAME",
            help="serve this queue; may be given often (default: all of the project)",
        )
        parser.add_argument(
            "--exclude-queue", action="append", metavar="NAME", help="do not serve this queue; may be given often"
        )
        ends = parser.add_mutually_exclusive_group()
        ends.add_argument("--once", action="store_true", help="run what is due, and end")
        ends.add_argument("--exit-when-idle", action="store_true", help="end when no task is left, delayed ones included")
        parser.add_argument(
            "--grace", type=_at_least(0, 86_400), metavar="SECONDS", help="how long a stop waits for what runs (default: 30)"
        )
        parser.add_argument(
            "--start-timeout",
            type=_at_least(1, 86_400),
            metavar="SECONDS",
            help="how long a child may take to start (default: 60)",
        )
        parser.add_argument(
            "--health",
            type=_address,
            metavar="ADDRESS",
            help="answer probes by HTTP there, as 0.0.0.0:8081: 200 at / while the worker works, 503 with the reason else",
        )
        parser.add_argument("--reload", action="store_true", help="replace children when their code changes; for development")

    def handle(self, *args: Any, **options: Any) -> None:
        """Does not return. Raises `CommandError` for what keeps the engine from being started."""
        module = getattr(django_settings, "SETTINGS_MODULE", None)
        if not module:
            raise CommandError("The settings were configured by code, and a child process could not find them: use a module.")
        try:
            program = engine.executable()
            settings = credentials.settings_of_all()
        except engine.EngineMissing as error:
            raise CommandError(str(error)) from error
        except ImproperlyConfigured as error:
            # As the engine says it of settings.
            raise CommandError(str(error), returncode=2) from error
        except DatabaseError as error:
            raise CommandError(f"A database that holds tasks cannot be reached: {error}") from error
        for store in settings["stores"]:
            if store["vendor"] == "postgresql" and store["schema"] is None:
                alias = store["alias"]
                raise CommandError(
                    f"The database {alias!r} has no tables of signalpost. Run `manage.py migrate signalpost --database={alias}`."
                )
        command = [program, "worker", "--settings-fd", str(engine.file_of_settings(settings))]
        command += engine.options_of(options, _HANDED_ON)
        command += ["--", *engine.child_command(module, *(["--reload"] if options["reload"] else []))]
        self._become(command)

    def _become(self, command: list[str]) -> None:
        connections.close_all()
        self.stdout.flush()
        self.stderr.flush()
        sys.stdout.flush()
        sys.stderr.flush()
        # Python ignores these, and what is ignored stays so in the program that takes its place.
        for each in ("SIGPIPE", "SIGXFSZ"):
            if hasattr(signal, each):
                signal.signal(getattr(signal, each), signal.SIG_DFL)
        try:
            os.execv(command[0], command)
        except OSError as error:
            raise CommandError(f"{command[0]} cannot be run: {error}") from error


def _at_least(least: int, most: int | None = None) -> Any:
    def number(text: str) -> int:
        value = int(text)
        if value < least or (most is not None and value > most):
            raise argparse.ArgumentTypeError(f"{text} is not {least} or more" + (f", up to {most}" if most else ""))
        return value

    return number


def _address(text: str) -> str:
    host, _, port = text.rpartition(":")
    is_bracketed = host.startswith("[") and host.endswith("]")
    try:
        address = ipaddress.ip_address(host[1:-1] if is_bracketed else host)
        is_right = is_bracketed == (address.version == 6) and port.isascii() and port.isdigit() and int(port) < 1 << 16
    except ValueError:
        is_right = False
    if not is_right:
        raise argparse.ArgumentTypeError(f"{text!r} is no address with a port, as 127.0.0.1:8081, 0.0.0.0:8081 or [::]:8081")
    return text
