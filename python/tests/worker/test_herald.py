"""The herald."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import caches
from django.dispatch import receiver

from signalpost import task_finished
from signalpost.child.herald import Herald

from .engine import new_task

pytestmark = pytest.mark.no_database


def test_caches_that_a_listener_has_opened_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[Any] = []
    monkeypatch.setattr("django.core.cache.backends.locmem.LocMemCache.close", lambda self, **kwargs: closed.append(self))
    opened: list[Any] = []

    @receiver(task_finished)
    def finished(**kwargs: Any) -> None:
        opened.append(caches["default"])

    herald = Herald()
    try:
        herald.finished({"finished": [{"task": new_task(run, "no such receiver"), "outcome": {"ok": {}}} for run in (1, 2)]})
        herald.stop()
    finally:
        task_finished.disconnect(finished)
    assert len(opened) == 2
    assert closed == opened
