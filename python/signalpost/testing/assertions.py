"""The assertions as a mixin for test cases."""

from __future__ import annotations

from .sends import assertSignalNotSent, assertSignalSent
from .waiting import assertEnqueues, assertNoTaskEnqueued, assertTaskEnqueued, assertTasksEnqueued

__all__ = ["SignalpostAssertions"]


class SignalpostAssertions:
    """For `django.test` test cases: the functions of `signalpost.testing` as methods."""

    assertSignalSent = staticmethod(assertSignalSent)
    assertSignalNotSent = staticmethod(assertSignalNotSent)
    assertTaskEnqueued = staticmethod(assertTaskEnqueued)
    assertTasksEnqueued = staticmethod(assertTasksEnqueued)
    assertNoTaskEnqueued = staticmethod(assertNoTaskEnqueued)
    assertEnqueues = staticmethod(assertEnqueues)
