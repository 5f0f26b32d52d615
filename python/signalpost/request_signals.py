"""The ready-made background signals of a request's life.

They are there to be sent by you, `request_started.send(None)`, in a middleware of your own, say: Django sends its own
signals of these names, of `django.core.signals`, and not these.
"""

from __future__ import annotations

from .background_signal import AsyncSignal

__all__ = ["request_finished", "request_started"]

request_started = AsyncSignal(name="signalpost.request_started")
request_finished = AsyncSignal(name="signalpost.request_finished")
