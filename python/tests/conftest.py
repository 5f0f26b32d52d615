"""What all tests share."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import django
import pytest

from signalpost import registry

from .settings import DATABASE


@pytest.fixture(autouse=True)
def _declared_in_one_test() -> Iterator[None]:
    """Receivers that a test declares end with it."""
    with registry.isolated():
        yield


def pytest_configure(config: pytest.Config) -> None:
    """Names our markers."""
    config.addinivalue_line("markers", "engine: needs the executable of the engine")
    config.addinivalue_line("markers", "no_database: is the same whatever the database, so it is run with SQLite only")
    config.addinivalue_line("markers", "postgres: is about PostgreSQL, so it is run with that only")
    config.addinivalue_line("markers", "newest_pair: is slow, and run on the newest pair of Django and Python only")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what is run elsewhere."""
    others = {
        # Where both databases are run: `cargo xtask test` says so.
        "no_database": os.environ.get("SIGNALPOST_TEST_AGAIN") == "1",
        "postgres": DATABASE != "postgres",
        "newest_pair": not _is_newest_pair(),
    }
    left_out = [item for item in items if any(others.get(mark.name) for mark in item.iter_markers())]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def _is_newest_pair() -> bool:
    pairs = Path(__file__).resolve().parents[1] / "pairs.toml"
    declared = re.findall(r'^"(\d+)\.(\d+)" = \[(.*)\]$', pairs.read_text(), re.MULTILINE)
    newest, pythons = max(((int(major), int(minor)), pythons) for major, minor, pythons in declared)
    return django.VERSION[:2] == newest and sys.version_info[:2] == max(
        (int(major), int(minor)) for major, minor in re.findall(r"(\d+)\.(\d+)", pythons)
    )
