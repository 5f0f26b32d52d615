"""Its examples, each in a module of its own, because they share names. Found when the app is loaded."""

from __future__ import annotations

from . import asynchronous, by_hand, notify, races, several_signals, unique  # noqa: F401
