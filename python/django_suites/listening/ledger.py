"""What should have been written, and what was."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.apps import apps
from django.db.backends.base.base import BaseDatabaseWrapper
from django.dispatch import Signal

#: How a statement begins that writes tasks.
INSERT = "insert into signalpost_task"


class Ledger:
    """Counts the rows that are written, and compares them with the calls of each receiver.

    A background receiver and its inline twin are connected one after the other, so between two calls of twins lie the rows of
    one call of a background receiver.
    """

    def __init__(self) -> None:
        self.rows: Counter[str] = Counter()
        self.excluded: Counter[str] = Counter()
        self.differences: list[str] = []
        self._written = 0

    def watch(self, connection: BaseDatabaseWrapper) -> None:
        """Counts the rows that are written on a connection; may be called again."""
        if self._count not in connection.execute_wrappers:
            connection.execute_wrappers.append(self._count)

    def _count(self, execute: Any, sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
        result = execute(sql, params, many, context)
        statement = " ".join(str(sql).replace('"', "").lower().split())
        if INSERT in statement:
            self._written += context["cursor"].rowcount
        return result

    def settle(self, signal: str, sender: Any) -> None:
        """The twin was called: the row of this call is there, or was not to be written."""
        written, self._written = self._written, 0
        expected = 0 if is_excluded(sender) else 1
        if written != expected:
            self.differences.append(f"{signal} of {sender!r} wrote {written} rows instead of {expected}")
        (self.rows if expected else self.excluded)[signal] += 1


def is_excluded(sender: Any) -> bool:
    """The senders that are excluded: models of a migration, which has an app registry of its own, and signalpost's own."""
    meta = getattr(sender, "_meta", None)
    return meta is not None and (meta.apps is not apps or meta.app_label == "signalpost")


#: The one of this process.
ledger = Ledger()


def name_of(signal: Signal, named: dict[str, Signal]) -> str:
    """What a signal is called among these."""
    return next(name for name, other in named.items() if other is signal)
