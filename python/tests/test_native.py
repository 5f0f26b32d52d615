"""The native module: no database, no threads, safe in a process that forks, and as its stub says."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from signalpost import _native, codec

from .news.models import Article

STUB = Path(_native.__file__).parent / "_native.pyi"
LIBRARY = Path(_native.__file__)

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="it looks into /proc")

#: Loads the module by its file, so that nothing else is imported, and uses it.
ALONE = f"""
import importlib.machinery, importlib.util, json, os, sys
files = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
loader = importlib.machinery.ExtensionFileLoader("_native", {str(LIBRARY)!r})
native = importlib.util.module_from_spec(importlib.util.spec_from_loader("_native", loader))
loader.exec_module(native)
nothing = lambda *given: None
made = native.Codec(
    kind_of=nothing, name_of_class=nothing, resolve=nothing, load=nothing, router=None, write_alias=nothing,
    cannot_travel=nothing, cannot_decode=nothing,
)
assert made.decode(made.encode([1, "a"])) == [1, "a"]
native.uuid7(), native.statements("sqlite")
"""


def alone(then: str) -> Any:
    """What a process finds that has nothing but the native module, and prints as JSON."""
    ended = subprocess.run([sys.executable, "-I", "-S", "-c", ALONE + then], stdout=subprocess.PIPE, check=True, timeout=60)
    return json.loads(ended.stdout)


@on_linux
def test_the_module_starts_no_thread() -> None:
    assert alone("print(len(os.listdir('/proc/self/task')))") == 1


@on_linux
def test_the_module_opens_no_file() -> None:
    assert alone("print(len(os.listdir('/proc/self/fd')) - files)") == 0


@on_linux
def test_no_sqlite_comes_with_the_module() -> None:
    loaded = alone("print(json.dumps(sorted({line.split()[-1] for line in open('/proc/self/maps') if '.so' in line})))")

    assert str(LIBRARY) in loaded
    assert [file for file in loaded if "sqlite" in file] == []
    # Linked into it, its version would stand in it, and so would its functions.
    binary = LIBRARY.read_bytes()
    assert b"sqlite3_" not in binary
    assert b"SQLite format 3" not in binary


def in_a_child(work: Callable[[], object]) -> Any:
    """What `work` returns in a process that is forked from this one."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(writer, json.dumps(work()).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as told:
        text = told.read()
    assert os.waitpid(pid, 0) == (pid, 0)
    return json.loads(text)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_process_can_fork_after_it_has_used_the_module() -> None:
    named = {"created": True, "tags": {1, 2}, "model": Article}
    before = codec.encode_named(Article, named, True).payload

    assert in_a_child(lambda: codec.encode_named(Article, named, True).payload) == before
    assert in_a_child(lambda: codec.decode_named(before) == (Article, named)) is True


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_processes_that_were_forked_make_other_ids() -> None:
    _native.uuid7()
    # Of one millisecond the ids differ by their randomness alone.
    ids = [in_a_child(lambda: [_native.uuid7() for _ in range(200)]) for _ in range(3)]
    random_parts = [each[14:] for child in ids for each in child]

    assert len(set(random_parts)) == len(random_parts)


def test_an_id_is_a_uuid_of_version_seven_and_of_now() -> None:
    before = time.time_ns() // 1_000_000
    made = [uuid.UUID(_native.uuid7()) for _ in range(1000)]
    after = time.time_ns() // 1_000_000

    assert len(set(made)) == 1000
    for each in made:
        assert (each.version, each.variant) == (7, uuid.RFC_4122)
        assert before <= each.int >> 80 <= after
    send_id, sent_at, _, _ = codec.new_send(None, {}, True)
    assert uuid.UUID(send_id).int >> 80 == sent_at
    assert before <= sent_at <= _native.now()


def test_threads_use_the_module_at_the_same_time() -> None:
    def use(number: int) -> bool:
        # Classes of its own, and those of everybody.
        kind = type("Text", (str,), {})
        named = {"a": kind(number), "b": {number}, "model": Article}
        return all(codec.decode_named(codec.encode_named(Article, named, True).payload)[1] == named for _ in range(100))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(use, range(64)))


def test_a_database_that_cannot_hold_a_store_has_no_statements() -> None:
    with pytest.raises(ValueError, match='a database of vendor "mysql" cannot hold a store'):
        _native.statements("mysql")


def test_the_schema_is_that_of_the_engine() -> None:
    schema = Path(__file__).resolve().parents[2] / "crates" / "signalpost-store" / "schema"

    assert _native.statements("sqlite").schema == (schema / "sqlite" / "v1.sql").read_text()
    assert _native.statements("postgresql").schema == (schema / "postgres" / "v1.sql").read_text()


def insert(**columns: Any) -> None:
    """Writes a task with the outbox's statement for several."""
    row = {"send_id": _native.uuid7(), "signal": "a signal", "receiver": "a receiver", "queue": "mail", "priority": 0}
    row |= {"delay": 0, "payload": "{}", "payload_version": 1, "headers": "{}", "depth": 0} | columns
    with connection.cursor() as cursor:
        cursor.execute(_native.statements(connection.vendor).insert, [json.dumps([row])])


def rows(query: str) -> list[tuple[Any, ...]]:
    """What a query finds."""
    with connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())


@pytest.mark.django_db
@pytest.mark.parametrize("debug", [False, True])
def test_tasks_are_written_through_django_s_connection(debug: bool, settings: Any) -> None:
    connection.force_debug_cursor = debug
    try:
        with CaptureQueriesContext(connection):
            insert(payload='{"percent": "100 % of %s and ?1"}', delay=5)
    finally:
        connection.force_debug_cursor = False

    assert rows("SELECT signal, payload, run_at - created_at, attempt FROM signalpost_task") == [
        ("a signal", '{"percent": "100 % of %s and ?1"}', 5, 0)
    ]


@pytest.mark.django_db
@pytest.mark.parametrize("fence", [3, 2])
def test_a_claimed_task_is_completed_by_its_claim_and_by_no_other(fence: int) -> None:
    insert()
    ((task,),) = rows("SELECT id FROM signalpost_task")
    statements = _native.statements(connection.vendor)
    claim = {"claim": json.dumps({"id": task, "worker": "me", "fence": fence})}
    with connection.cursor() as cursor:
        cursor.execute("UPDATE signalpost_task SET worker = 'me', fence = 3, attempt = 1")
        cursor.execute(statements.complete, claim)
        completed = cursor.rowcount
        cursor.execute(statements.complete_delete, claim)

        assert completed == cursor.rowcount == (1 if fence == 3 else 0)
    assert rows("SELECT id, state FROM signalpost_history") == ([(task, "succeeded")] if fence == 3 else [])
    assert len(rows("SELECT id FROM signalpost_task")) == (0 if fence == 3 else 1)


def stub() -> ast.Module:
    """What is declared."""
    return ast.parse(STUB.read_text())


@pytest.mark.skipif(sys.version_info < (3, 13), reason="mypy is installed on the newest Python only")
def test_the_stub_declares_what_the_module_has() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "signalpost._native"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )

    assert (ended.returncode, ended.stdout) == (0, "Success: no issues found in 1 module\n")


def test_the_stub_says_of_what_classes_fields_are() -> None:
    send_id, sent_at, payload, dropped = codec.new_send(None, {"a": object()}, False)
    statements = _native.statements("sqlite")

    assert [type(part) for part in (send_id, sent_at, payload, dropped)] == [str, int, str, list]
    assert [[type(part) for part in pair] for pair in dropped or []] == [[str, str]]
    assert {type(getattr(statements, name)) for name in vars(type(statements)) if not name.startswith("_")} == {str}
    with pytest.raises(AttributeError):
        statements.insert = "another"  # type: ignore[misc]


def test_what_stands_in_the_stub_is_said_by_the_module_too() -> None:
    for node in ast.walk(stub()):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and (said := ast.get_docstring(node)):
            there = getattr(_native, node.name, None) or getattr(_native.Codec, node.name)
            first = re.split(r"(?<=[.:])\s", said)[0]
            assert first.rstrip(".:") in " ".join(there.__doc__.split()), node.name
