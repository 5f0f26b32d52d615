"""The page `docs/django-tasks.md`: its blocks make a project, which is checked and whose task runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from ..test_guide import BLOCK, HOME

PAGE = Path(__file__).resolve().parents[3] / "docs" / "django-tasks.md"
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
    files = {"project/__init__.py": "", "shop/__init__.py": "", "project/settings.py": SETTINGS}
    for block in BLOCK.findall(PAGE.read_text()):
        name, _, code = block.partition("\n")
        assert re.fullmatch(r"# [a-z_/]+\.py", name), f"a block of the page does not say where it stands: {name}"
        files[name[2:]] = files.get(name[2:], "") + code
    for name, code in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(code)
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{HOME}", "DJANGO_SETTINGS_MODULE": "project.settings"}

    for arguments in (["-m", "django", "check"], ["-m", "django", "migrate", "-v0"], ["-W", "ignore", "-c", PAY]):
        command = [sys.executable, *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
