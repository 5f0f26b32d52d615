"""``manage.py signalpost_worker``: what the engine is started with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from .database import Database
from .engine import ROOT

pytestmark = pytest.mark.no_database

#: Stands for the engine, and tells what it was given.
ENGINE = f"""#!{sys.executable} -I
import json, os, sys
at = sys.argv.index("--settings-fd")
descriptor = int(sys.argv[at + 1])
with open(descriptor, "rb") as file:
    settings = json.load(file)
said = {{"settings": settings, "arguments": sys.argv[1:], "process": os.getpid(), "parent": os.getppid()}}
said["directory"] = os.getcwd()
said["module"] = os.environ.get("DJANGO_SETTINGS_MODULE")
said["descriptors"] = sorted(os.listdir("/proc/self/fd"))
print(json.dumps(said))
"""


@pytest.fixture
def program(tmp_path: Path) -> str:
    """The path of what stands for the engine."""
    file = tmp_path / "signalpost"
    file.write_text(ENGINE)
    file.chmod(0o755)
    return str(file)


def work(
    *arguments: str, database: Database | None = None, flags: Sequence[str] = ("-X", "utf8"), **environment: str
) -> subprocess.CompletedProcess[str]:
    """Runs the command."""
    command = [sys.executable, *flags, "-m", "django", "signalpost_worker", *arguments]
    command += [f"--pythonpath={ROOT}", "--settings=tests.worker.settings"]
    environment = {**os.environ, **(database.environment if database else {}), **environment}
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT, timeout=120)


def told(ended: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """What the engine was given."""
    assert ended.returncode == 0, ended.stderr
    said: dict[str, Any] = json.loads(ended.stdout)
    return said


def test_the_engine_takes_the_commands_place(program: str, database: Database) -> None:
    said = told(work(database=database, SIGNALPOST_ENGINE=program))
    store = {"alias": "default", "vendor": "sqlite", "path": database.settings["NAME"], "busy_timeout_ms": 20_000}
    assert said["settings"] == {"version": 1, "stores": [store]}
    assert (said["parent"], said["directory"]) == (os.getpid(), os.path.realpath(ROOT))
    assert said["module"] == "tests.worker.settings"
    # Nothing of the databases, and no file that the settings could be found in. The last is the directory's own.
    assert len(said["descriptors"]) == 4, said["descriptors"]
    options, child = parts(said["arguments"])
    assert options == ["worker", "--settings-fd", options[2]]
    assert child[0] == sys.executable
    assert child[1:3] == ["-X", "utf8"] or "utf8" in " ".join(child[1:4])
    module = child.index("-m")
    assert child[module : module + 3] == ["-m", "signalpost.child", "--settings=tests.worker.settings"]
    assert f"--pythonpath={ROOT}" in child


@pytest.mark.parametrize("flags", [["-u"], ["-W", "ignore"], []])
def test_children_have_the_flags_of_the_interpreter(program: str, database: Database, flags: list[str]) -> None:
    said = told(work(database=database, flags=flags, SIGNALPOST_ENGINE=program, PYTHONUNBUFFERED=""))
    child = parts(said["arguments"])[1]
    given = child[1 : child.index("-m")]
    assert ("-u" in given, "-Wignore" in given) == ("-u" in flags, "-W" in flags)


def parts(arguments: list[str]) -> tuple[list[str], list[str]]:
    """What stands before and after `--`."""
    at = arguments.index("--")
    return arguments[:at], arguments[at + 1 :]


def test_options_are_handed_on(program: str, database: Database) -> None:
    given = ["--processes=2", "--threads", "3", "--async-concurrency=0", "--max-tasks-per-child=5", "--grace=7"]
    given += ["--max-memory-per-child=200", "--queue=a", "--queue=b", "--exclude-queue=c", "--once", "--start-timeout=9"]
    given += ["--health=[::1]:8081"]
    options, child = parts(told(work(*given, "--reload", database=database, SIGNALPOST_ENGINE=program))["arguments"])
    assert options[3:] == [
        "--processes", "2", "--threads", "3", "--async-concurrency", "0", "--max-tasks-per-child", "5",
        "--max-memory-per-child", "200", "--queue", "a", "--queue", "b", "--exclude-queue", "c", "--once",
        "--grace", "7", "--start-timeout", "9", "--health", "[::1]:8081",
    ]  # fmt: skip
    assert child[-1] == "--reload"


@pytest.mark.parametrize(
    "option",
    [
        *("--processes=0", "--threads=0", "--async-concurrency=10001", "--grace=-1", "--grace=1.5", "--max-tasks-per-child=0"),
        *("--health=8081", "--health=localhost:8081", "--health=0.0.0.0:65536", "--health=::1:8081", "--health=[127.0.0.1]:80"),
    ],
)
def test_an_option_that_cannot_be_is_refused(program: str, database: Database, option: str) -> None:
    ended = work(option, database=database, SIGNALPOST_ENGINE=program)
    assert ended.returncode == 2
    assert option.split("=")[0] in ended.stderr


def test_the_setting_says_where_the_engine_is(program: str, database: Database) -> None:
    setting = json.dumps({"ENGINE": program})
    assert told(work(database=database, SIGNALPOST_TEST_SETTINGS=setting))["settings"]["version"] == 1


@pytest.mark.parametrize("where", ["SIGNALPOST_ENGINE", "SIGNALPOST['ENGINE']"])
def test_an_engine_that_is_not_there_is_named(database: Database, where: str) -> None:
    environment = (
        {"SIGNALPOST_ENGINE": "/no/such/engine"}
        if where == "SIGNALPOST_ENGINE"
        else {"SIGNALPOST_TEST_SETTINGS": '{"ENGINE": "/no/such/engine"}'}
    )
    ended = work(database=database, **environment)
    assert ended.returncode == 1
    assert f"{where} says '/no/such/engine', and that is no file that can be run" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_database_in_memory_cannot_be_served(program: str) -> None:
    ended = work(SIGNALPOST_ENGINE=program)
    assert ended.returncode == 2
    assert "DATABASES['default'] is in memory" in ended.stderr
