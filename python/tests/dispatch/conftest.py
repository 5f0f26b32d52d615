"""Each test begins without receivers, and leaves none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from signalpost import registry

from .listeners import announced, cached, withdrawn


@pytest.fixture(autouse=True)
def nobody_listens() -> Iterator[None]:
    with registry.isolated():
        yield
    for signal in (announced, cached, withdrawn):
        with signal.lock:
            signal.receivers = []
            signal.sender_receivers_cache.clear()
