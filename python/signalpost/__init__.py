"""Signals whose receivers run at once, or reliably in the background.

Everything here can be imported before Django's apps are ready.
"""

from __future__ import annotations

from .atomicity import AtomicSignalsMixin, OutsideTransaction, OutsideTransactionError
from .background_signal import AsyncSignal
from .current import Permanent, Retry, TooDeep, current_task
from .installation import NotInstalled
from .lifecycle import task_enqueued, task_finished, task_started
from .options import DeclarationError
from .outbox import MissingTables
from .receiver import ConnectedLate, async_receiver, connect_background
from .request_signals import request_finished, request_started
from .signal_names import name_signal

__all__ = [
    "AsyncSignal",
    "AtomicSignalsMixin",
    "ConnectedLate",
    "DeclarationError",
    "MissingTables",
    "NotInstalled",
    "OutsideTransaction",
    "OutsideTransactionError",
    "Permanent",
    "Retry",
    "TooDeep",
    "async_receiver",
    "connect_background",
    "current_task",
    "name_signal",
    "request_finished",
    "request_started",
    "task_enqueued",
    "task_finished",
    "task_started",
]
