"""What the tests of children share."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator
from pathlib import Path

import django
import pytest

from .database import Database, made
from .engine import Engine
from .executable import ENGINE
from .patience import PATIENCE
from .project import Project
from .server import Server

#: Django 5.2 has no django.tasks.
collect_ignore = ["test_django_tasks.py"] if django.VERSION < (6, 0) else []


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
        # Opened so, a pipe does not wait for ever for a receiver that never comes.
        descriptor = os.open(Path(self.directory) / "began", os.O_RDONLY | os.O_NONBLOCK)
        with open(descriptor, "rb") as pipe:
            assert select.select([pipe], [], [], PATIENCE)[0], "it has not begun"
            os.set_blocking(descriptor, True)
            return int(pipe.read())

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


@pytest.fixture
def project(database: Database, tmp_path: Path) -> Project:
    """One of its own."""
    return Project(database, tmp_path / "ledger")


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A PostgreSQL server of these tests' own."""
    with Server() as server:
        yield server


@pytest.fixture(scope="session")
def migrated_in_server(server: Server) -> Iterator[Database]:
    """One with the project's tables, to be copied, in which every role may do everything."""
    with server.database() as database:
        database.migrate()
        database.run("GRANT ALL ON ALL TABLES IN SCHEMA public TO PUBLIC")
        database.run("GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO PUBLIC")
        yield database


@pytest.fixture
def own_database(server: Server, migrated_in_server: Database) -> Iterator[Database]:
    """The project's database, in that server."""
    with server.database(like=migrated_in_server) as database:
        yield database
