"""What all tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from signalpost import registry


@pytest.fixture(autouse=True)
def _declared_in_one_test() -> Iterator[None]:
    """Receivers that a test declares end with it."""
    with registry.isolated():
        yield


def pytest_configure(config: pytest.Config) -> None:
    """Names our markers."""
    config.addinivalue_line("markers", "engine: needs the executable of the engine")
    config.addinivalue_line("markers", "no_database: is the same whatever the database, so it is run with SQLite only")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what has been run with SQLite already, where both are run: `cargo xtask test` says so."""
    if os.environ.get("SIGNALPOST_TEST_AGAIN") != "1":
        return
    again = [item for item in items if item.get_closest_marker("no_database") is None]
    config.hook.pytest_deselected(items=[item for item in items if item not in again])
    items[:] = again
