"""The newsroom's own signals."""

from __future__ import annotations

from django.dispatch import Signal

from signalpost import AsyncSignal

article_published = AsyncSignal(providing_args=("article", "editor"), queue="press")
edition_closed = Signal()
order_paid = Signal()
