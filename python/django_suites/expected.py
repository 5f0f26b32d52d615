"""The tests of Django that cannot pass while somebody listens, each with the line that fails."""

from __future__ import annotations

#: By the test's name: the assertion that nobody listens.
EXPECTED = {
    "signals.tests.SignalTests.test_disconnect_in_dispatch": "self.assertEqual(signals.post_save.receivers, [])",
}
