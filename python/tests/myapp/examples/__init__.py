"""Its examples, each in a module of its own, because they share names.

Not called `receivers`, which would be found by every test: `SIGNALPOST["AUTODISCOVER"]` names them where they are wanted.
"""

from __future__ import annotations

from . import asynchronous, by_hand, notify, races, several_signals, unique  # noqa: F401
