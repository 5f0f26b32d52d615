"""Fixtures for pytest. None is used unless a test asks for it; those that need the database need pytest-django's `db`,
`transactional_db` or mark beside them, as everything does that reads it.

Imported by pytest in every project where signalpost is installed, so it imports nothing of Django by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from . import CapturedSends


@pytest.fixture
def run_tasks() -> Callable[..., Any]:
    """`signalpost.testing.run_tasks`."""
    from . import run_tasks

    return run_tasks


@pytest.fixture
def signalpost_immediate() -> Iterator[None]:
    """Runs each task inside its send, for the length of the test: `signalpost.testing.immediate`."""
    from . import immediate

    with immediate():
        yield


@pytest.fixture
def mute() -> Iterator[Callable[..., None]]:
    """Mutes a receiver until the end of the test: `signalpost.testing.mute`."""
    from . import mute

    with ExitStack() as stack:
        yield lambda receiver, *signals: stack.enter_context(mute(receiver, *signals))


@pytest.fixture
def captured_sends() -> Iterator[Callable[..., CapturedSends]]:
    """Records the sends of signals until the end of the test: `signalpost.testing.captured_sends`."""
    from . import captured_sends

    with ExitStack() as stack:
        yield lambda *signals: stack.enter_context(captured_sends(*signals))
