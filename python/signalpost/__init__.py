"""Signals whose receivers run at once, or reliably in the background.

Everything here can be imported before Django's apps are ready.
"""

from __future__ import annotations

from .atomicity import AtomicSignalsMixin, OutsideTransaction, OutsideTransactionError
from .background_signal import AsyncSignal
from .bridge import bridge
from .carriers import carrier
from .codec import CannotTravel
from .current import Permanent, Retry, TooDeep, current_task
from .gone import Gone
from .installation import NotInstalled
from .lifecycle import task_enqueued, task_finished, task_started
from .options import DeclarationError
from .outbox import MissingTables
from .receiver import ConnectedLate, async_receiver, connect_background
from .request_signals import request_finished, request_started
from .signal_names import name_signal
from .task import Task, task

__all__ = [
    "AsyncSignal",
    "AtomicSignalsMixin",
    "CannotTravel",
    "ConnectedLate",
    "DeclarationError",
    "Gone",
    "MissingTables",
    "NotInstalled",
    "OutsideTransaction",
    "OutsideTransactionError",
    "Permanent",
    "Retry",
    "Task",
    "TooDeep",
    "async_receiver",
    "bridge",
    "carrier",
    "connect_background",
    "current_task",
    "name_signal",
    "request_finished",
    "request_started",
    "task",
    "task_enqueued",
    "task_finished",
    "task_started",
]
