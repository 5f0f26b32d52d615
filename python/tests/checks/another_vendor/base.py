"""SQLite that says it is something else, as wrapped engines do not."""

from __future__ import annotations

from django.db.backends.sqlite3 import base


class DatabaseWrapper(base.DatabaseWrapper):
    vendor = "another"
    display_name = "Another"
