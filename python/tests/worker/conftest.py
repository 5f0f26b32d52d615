"""What the tests of children share."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .engine import ROOT, Engine


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
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the project's tables, to be copied."""
    file = tmp_path_factory.mktemp("worker") / "tables.db"
    environment = {**os.environ, "SIGNALPOST_TEST_FILE": str(file), "PYTHONPATH": ROOT}
    command = [sys.executable, "-m", "django", "migrate", "--run-syncdb", "--settings=tests.worker.settings", "-v0"]
    subprocess.run(command, check=True, env=environment)
    return file


@pytest.fixture
def database(migrated: Path, tmp_path: Path) -> Path:
    """The project's database."""
    file = tmp_path / "project.db"
    shutil.copy(migrated, file)
    return file


@pytest.fixture
def storing(database: Path) -> Iterator[Engine]:
    """With a child that is ready and has a database."""
    with Engine(SIGNALPOST_TEST_FILE=str(database)) as engine:
        engine.ready()
        yield engine
