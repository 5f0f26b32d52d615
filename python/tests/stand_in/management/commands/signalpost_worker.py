"""Runs all tasks in this process, and ends. The real command takes its place as soon as it is there: `test_newsroom.py`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from signalpost.testing import run_tasks


class Command(BaseCommand):
    """As `signalpost_worker --exit-when-idle`, without an engine and children."""

    def add_arguments(self, parser: CommandParser) -> None:
        """Declares the one option."""
        parser.add_argument("--exit-when-idle", action="store_true", required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        """Runs what is due, and what failed once more, without waiting for its time."""
        run_tasks(raises=False, ahead=timedelta(hours=1))
