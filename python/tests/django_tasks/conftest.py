"""What these tests share. Django 5.2 has no `django.tasks`, and none of them is collected there."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import django
import pytest

collect_ignore_glob = ["test_*.py"] if django.VERSION < (6, 0) else []


@pytest.fixture
def done() -> Iterator[list[Any]]:
    """What the tasks have noted."""
    from .tasks import done

    done.clear()
    yield done
    done.clear()
    gc.collect()


@pytest.fixture
def told() -> Iterator[list[tuple[str, Any, Any]]]:
    """What Django's signals have told: the signal's name, its sender, and the status that the result had then."""
    from django.tasks import signals

    heard: list[tuple[str, Any, Any]] = []
    listeners = []
    for name in ("task_enqueued", "task_started", "task_finished"):

        def listen(sender: Any, task_result: Any, name: str = name, **kwargs: Any) -> None:
            heard.append((name, sender, task_result.status))

        getattr(signals, name).connect(listen)
        listeners.append((getattr(signals, name), listen))
    yield heard
    for signal, listen in listeners:
        signal.disconnect(listen)
