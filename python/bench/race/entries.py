"""The race's ledger, as this process has it."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from ledger import Ledger

#: What each receiver calls first.
enter = Ledger(Path(settings.RACE["ledger"])).enter
