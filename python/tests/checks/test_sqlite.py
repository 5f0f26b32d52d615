from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from signalpost.checks import sqlite

pytestmark = pytest.mark.no_database

Found = Callable[..., list[Any]]
AddFile = Callable[..., str]


@pytest.fixture
def python_has(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Gives Python another SQLite, as far as the check can see."""

    def python_has(version: str) -> None:
        parts = tuple(map(int, version.split(".")))
        monkeypatch.setattr(sqlite, "Database", SimpleNamespace(sqlite_version=version, sqlite_version_info=parts))

    return python_has


@pytest.mark.parametrize("options", [{}, {"transaction_mode": None}, {"transaction_mode": "DEFERRED"}])
def test_w004_transactions_that_begin_without_the_lock_are_a_warning(found: Found, add_file: AddFile, options: Any) -> None:
    add_file(**options)
    (warning,) = found("W004")
    assert "'file'" in warning.msg
    assert "['OPTIONS']['transaction_mode'] to 'IMMEDIATE'" in warning.hint


@pytest.mark.parametrize("mode", ["IMMEDIATE", "immediate", "EXCLUSIVE"])
def test_w004_is_silent_where_they_begin_with_it(found: Found, add_file: AddFile, mode: str) -> None:
    add_file(transaction_mode=mode)
    assert found("W004") == []


@pytest.mark.parametrize("version", ["3.40.1", "3.51.2"])
def test_w005_an_old_sqlite_is_a_warning_that_says_who_is_to_checkpoint(
    found: Found, add_file: AddFile, python_has: Callable[[str], None], version: str
) -> None:
    python_has(version)
    add_file(init_command="PRAGMA journal_mode=WAL")
    (warning,) = found("W005")
    assert version in warning.msg
    assert "wal_autocheckpoint=0" in warning.hint


def test_w005_is_silent_with_a_new_one(found: Found, add_file: AddFile, python_has: Callable[[str], None]) -> None:
    python_has("3.51.3")
    add_file()
    assert found("W005") == []


def test_w005_is_silent_where_the_worker_does_the_checkpoints(
    found: Found, add_file: AddFile, python_has: Callable[[str], None]
) -> None:
    python_has("3.40.1")
    add_file(init_command="PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0")
    assert found("W005") == []


@pytest.mark.django_db(databases=["default", "archive"])
def test_w009_a_rollback_journal_is_a_warning(found: Found, add_file: AddFile, django_db_blocker: Any) -> None:
    with django_db_blocker.unblock():
        alias = add_file()
        (warning,) = found("W009", databases=[alias])
    assert "'delete'" in warning.msg
    assert "journal_mode=WAL" in warning.hint


def test_w009_is_silent_in_wal_mode_and_without_database(found: Found, add_file: AddFile, django_db_blocker: Any) -> None:
    with django_db_blocker.unblock():
        alias = add_file(init_command="PRAGMA journal_mode=WAL")
        assert found("W009", databases=[alias]) == []
        assert found("W009") == []


def test_a_database_in_memory_is_of_one_process_and_needs_none_of_it(
    found: Found, add_database: Callable[..., None], settings: Any
) -> None:
    add_database("memory", ENGINE="django.db.backends.sqlite3", NAME=":memory:")
    settings.SIGNALPOST = {"STORES": ["memory"]}
    assert found("W004") == found("W005") == []
