"""Signals of the project."""

from __future__ import annotations

from django.dispatch import Signal

from signalpost import AsyncSignal

order_paid = Signal()
order_noted = Signal()
stock_changed = AsyncSignal(queue="stock")
