"""Settings of the project that workers of the tests run for tasks of `django.tasks`."""

from __future__ import annotations

from tests.settings import TASKS
from tests.worker.settings import DATABASES, DEFAULT_AUTO_FIELD, LOGGING, SECRET_KEY, SIGNALPOST, USE_TZ
from tests.worker.settings import INSTALLED_APPS as _APPS

__all__ = ["DATABASES", "DEFAULT_AUTO_FIELD", "INSTALLED_APPS", "LOGGING", "SECRET_KEY", "SIGNALPOST", "TASKS", "USE_TZ"]

INSTALLED_APPS = [*_APPS, "tests.django_tasks"]
