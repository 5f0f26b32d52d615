"""Tasks and their history in Django's admin. It is there where `django.contrib.admin` is installed.

It shows what there is, and carries out three wishes: a waiting task is cancelled, a dead one tried again, an ended one deleted.
Nothing can be edited, as a row is what a worker goes by. `docs/django-admin.md` says who may do what.
"""

from __future__ import annotations

from django.contrib import admin

from ..models import HistoryEntry, Task
from .history import HistoryAdmin
from .stored import StoredAdmin
from .tasks import TaskAdmin

__all__ = ["HistoryAdmin", "StoredAdmin", "TaskAdmin"]

admin.site.register(Task, TaskAdmin)
admin.site.register(HistoryEntry, HistoryAdmin)
