"""What the tests of children share."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import django
import pytest

from signalpost import engine as place

from .database import Database, made
from .engine import Engine

#: Django 5.2 has no django.tasks.
collect_ignore = ["test_django_tasks.py"] if django.VERSION < (6, 0) else []


def _executable() -> str | None:
    """Where the command finds it, or where cargo leaves it: the environments of tests lie in its target directory."""
    try:
        return place.executable()
    except place.EngineMissing:
        target = Path(sys.prefix).parents[1]
        built = [target / profile / "signalpost" for profile in ("release", "debug")]
        return next((str(path) for path in built if path.is_file()), None)


ENGINE = _executable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what needs the engine, where nobody has built it."""
    if ENGINE is None:
        without = [item for item in items if item.get_closest_marker("engine") is not None]
        config.hook.pytest_deselected(items=without)
        items[:] = [item for item in items if item not in without]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says so."""
    if ENGINE is None:
        terminalreporter.write_line(
            "left out: the tests of the whole worker, because its engine was not built (cargo build --release -p signalpost-engine)"
        )


class Holding:
    """What a receiver called `hold` waits for."""

    def __init__(self, directory: Path) -> None:
        self.directory = str(directory)
        for name in ("began", "go"):
            os.mkfifo(directory / name)

    def began(self) -> int:
        """Waits until it has begun, and returns its process."""
        return int((Path(self.directory) / "began").read_text())

    def go(self) -> None:
        """Lets it end."""
        (Path(self.directory) / "go").write_text("go")


@pytest.fixture
def holding(tmp_path: Path) -> Holding:
    """For one receiver."""
    directory = tmp_path / "holding"
    directory.mkdir()
    return Holding(directory)


@pytest.fixture
def engine() -> Iterator[Engine]:
    """With a child that is ready."""
    with Engine() as engine:
        engine.ready()
        yield engine


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """One with the project's tables, to be copied."""
    with made(tmp_path_factory.mktemp("worker")) as database:
        database.migrate()
        yield database


@pytest.fixture
def database(migrated: Database, tmp_path: Path) -> Iterator[Database]:
    """The project's database."""
    with made(tmp_path, migrated) as database:
        yield database


@pytest.fixture
def storing(database: Database) -> Iterator[Engine]:
    """With a child that is ready and has a database."""
    with Engine(**database.environment) as engine:
        engine.ready()
        yield engine
