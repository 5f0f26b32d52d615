"""What all tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from signalpost import registry


@pytest.fixture(autouse=True)
def _declared_in_one_test() -> Iterator[None]:
    """Receivers that a test declares end with it."""
    with registry.isolated():
        yield
