"""`examples/newsroom-django`: its own tests, and its one command."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from .settings import DATABASE

HOME = Path(__file__).parents[1]
NEWSROOM = Path(__file__).resolve().parents[2] / "examples" / "newsroom-django"

#: Six articles with four receivers each, of which the webhook's fails once, and five subscribers.
COMPLETE = {"articles": 6, "succeeded": 24, "dead": 0, "retries": 6, "reruns": 0, "lost": 0, "mails": 30}


@pytest.fixture
def database() -> Iterator[str]:
    """A database of its own, as `--database` takes it. Empty: a file."""
    if DATABASE == "sqlite":
        yield ""
        return
    import psycopg

    server = os.environ["SIGNALPOST_TEST_POSTGRES"]
    name = f"newsroom_{os.getpid()}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield urlsplit(server)._replace(path=f"/{name}").geturl()
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _python(data: Path, database: str, *arguments: str) -> Any:
    environment = {
        **os.environ, "PYTHONPATH": str(HOME), "DJANGO_SETTINGS_MODULE": "courier.settings", "NEWSROOM_DATA": str(data),
        "NEWSROOM_DATABASE": database,
    }  # fmt: skip
    # Whoever reads the example finds nothing beside it that was not there.
    command = [sys.executable, "-B", *arguments]
    return subprocess.run(command, cwd=NEWSROOM, env=environment, capture_output=True, text=True, timeout=300)


def _run(data: Path, database: str) -> tuple[dict[str, int], int]:
    arguments = ["run.py", "--exit-when-idle", "--data", str(data), "--database", database]
    done = _python(data, database, *arguments)
    assert done.stdout, done.stderr
    return json.loads(done.stdout), done.returncode


def test_its_own_tests_pass(tmp_path: Path, database: str) -> None:
    done = _python(tmp_path, database, "-W", "error", "manage.py", "test", "--noinput")
    assert done.returncode == 0, done.stderr
    assert "OK" in done.stderr


@pytest.mark.no_database
def test_nothing_is_to_be_migrated_or_corrected(tmp_path: Path) -> None:
    for arguments in (["makemigrations", "--check", "--dry-run"], ["check", "--fail-level", "ERROR"]):
        done = _python(tmp_path, "", "manage.py", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr


def test_everything_is_done_at_the_first_start_and_nothing_at_the_second(tmp_path: Path, database: str) -> None:
    data = tmp_path / "data"
    assert _run(data, database) == (COMPLETE, 0)

    ledger = data / "ledger.jsonl"
    seen = ledger.read_text()
    assert _run(data, database) == (COMPLETE, 0)
    assert ledger.read_text() == seen

    # The ledger judges, and not the tables, which say that everything was done.
    ledger.write_text("")
    report, code = _run(data, database)
    assert (report["lost"], report["succeeded"], code) == (24, 24, 1)


@pytest.mark.no_database
def test_a_worker_that_fails_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = shutil.which("false")
    assert engine is not None
    monkeypatch.setenv("SIGNALPOST_ENGINE", engine)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    done = _python(tmp_path, "", "run.py", "--data", str(tmp_path), "--port", str(port))
    assert "error: the worker has ended with 1" in done.stderr
    assert done.returncode == 1


@pytest.mark.no_database
def test_a_database_that_cannot_be_had_is_an_error(tmp_path: Path) -> None:
    done = _python(
        tmp_path, "", "run.py", "--exit-when-idle", "--data", str(tmp_path), "--database", "postgres://127.0.0.1:1/x"
    )
    assert done.returncode != 0
    assert done.stdout == ""
