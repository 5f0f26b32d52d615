"""What the tests of checks share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import CheckMessage, run_checks
from django.db import connections
from django.db.models.signals import post_save, pre_save
from django.test import override_settings

from signalpost import registry


@pytest.fixture
def found() -> Callable[..., list[CheckMessage]]:
    """Runs the checks as `manage.py check` does, with `--database` or without, and returns the messages of one number."""

    def found(number: str, databases: list[str] | None = None) -> list[CheckMessage]:
        # Django's own checks of the project are not asked for.
        messages = run_checks(tags=["signalpost", *(["database"] if databases else [])], databases=databases)
        return [message for message in messages if message.id == f"signalpost.{number}"]

    return found


@pytest.fixture
def isolated() -> Iterator[None]:
    """A process in which nothing is declared; what a test connects is disconnected at its end."""
    with registry.isolated():
        registry._by_name.clear()
        registry._by_alias.clear()
        before = {signal: signal.receivers for signal in (pre_save, post_save)}
        for signal in before:
            signal.receivers = []
            signal.sender_receivers_cache.clear()
        yield
    for signal, receivers in before.items():
        signal.receivers = receivers
        signal.sender_receivers_cache.clear()


@pytest.fixture
def add_database(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Adds an alias to `DATABASES` for one test."""
    added = []

    def add(alias: str, **settings: Any) -> None:
        # Django fills in what is missing once, when it first reads the setting.
        defaults = {key: value for key, value in connections.settings["default"].items() if key not in ("OPTIONS", "TEST")}
        monkeypatch.setitem(connections.settings, alias, {**defaults, "OPTIONS": {}, "TEST": {"MIRROR": None}, **settings})
        added.append(alias)

    yield add
    for alias in added:
        connections[alias].close()
        del connections[alias]


@pytest.fixture
def add_file(add_database: Callable[..., None], tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Makes a SQLite file with these options the only store for one test."""
    with override_settings(SIGNALPOST={"STORES": ["file"]}):

        def add(**options: Any) -> str:
            add_database("file", ENGINE="django.db.backends.sqlite3", NAME=str(tmp_path / "news.sqlite3"), OPTIONS=options)
            return "file"

        yield add
