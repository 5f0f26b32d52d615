"""The guide for Django, `docs/django.md`: its blocks make a project, whose checks, migrations and tests run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .pages import DOCS, write_project

HOME = Path(__file__).parents[1]
SETTINGS = """
SECRET_KEY = "only for tests"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
from tests.settings import DATABASES
DATABASES = {"default": DATABASES["default"]}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project of the guide."""
    write_project("django.md", SETTINGS, tmp_path)
    return tmp_path


def _python(project: Path, *arguments: str) -> str:
    environment = {
        **os.environ, "PYTHONPATH": f"{project}:{HOME}", "DJANGO_SETTINGS_MODULE": "project.settings",
        "SIGNALPOST_TEST_SUFFIX": "_guide",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, *arguments], cwd=project, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_project_of_the_guide_is_checked_and_its_tests_pass(project: Path) -> None:
    _python(project, "-m", "django", "makemigrations", "shop")
    _python(project, "-m", "django", "check", "--fail-level", "ERROR")
    assert "Ran 7 tests" in _python(project, "-m", "django", "test", "--noinput", "shop.tests")
    assert "1 passed" in _python(project, "-m", "pytest", "-p", "no:cacheprovider", "shop/test_with_pytest.py")


def test_what_the_guide_says_not_to_do_is_there() -> None:
    text = (DOCS / "django.md").read_text()

    for what in ("No mail, no HTTP, no PDF in an inline receiver", "No signal where a function would do"):
        assert f"**{what}" in text
