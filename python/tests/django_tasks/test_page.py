"""The page `docs/django-tasks.md`: its blocks make a project, which is checked and whose task runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ..pages import write_project

SETTINGS = """
SECRET_KEY = "only for tests"
USE_TZ = True
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3", "OPTIONS": {"transaction_mode": "IMMEDIATE"}}}
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
"""
PAY = """
import django; django.setup()
from unittest.mock import Mock
from django.core import mail
from django.tasks import default_task_backend
from signalpost.testing import run_tasks
from shop.payment import pay

result = pay(Mock(email="ada@example.org", cents=1250))
(ran,) = run_tasks("mail")
assert default_task_backend.get_result(result).return_value == {"mailed": "ada@example.org"}
assert mail.outbox[0].to == ["ada@example.org"]
"""


def test_the_project_of_the_page_on_djangos_tasks_is_checked_and_its_task_runs(tmp_path: Path) -> None:
    write_project("django-tasks.md", SETTINGS, tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "DJANGO_SETTINGS_MODULE": "project.settings"}

    for arguments in (["-m", "django", "check"], ["-m", "django", "migrate", "-v0"], ["-W", "ignore", "-c", PAY]):
        command = [sys.executable, *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
