"""The guide for Django, `docs/django.md`: its blocks make a project, whose checks, migrations and tests run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HOME = Path(__file__).parents[1]
GUIDE = Path(__file__).resolve().parents[2] / "docs" / "django.md"
#: A block of Python, which begins with the file that it stands in.
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The files of the guide, each of them made of its blocks in their order."""
    files: dict[str, str] = {
        "project/__init__.py": "",
        "shop/__init__.py": "",
        "project/settings.py": "SECRET_KEY = 'only for tests'\nUSE_TZ = True\n"
        "DEFAULT_AUTO_FIELD = 'django.db.models.BigAutoField'\n"
        "from tests.settings import DATABASES\nDATABASES = {'default': DATABASES['default']}\n",
    }
    for block in BLOCK.findall(GUIDE.read_text()):
        name, _, code = block.partition("\n")
        assert re.fullmatch(r"# [a-z_/]+\.py", name), f"a block of the guide does not say where it stands: {name}"
        files[name[2:]] = files.get(name[2:], "") + code
    for name, code in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(code)
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
    text = GUIDE.read_text()

    for what in ("No mail, no HTTP, no PDF in an inline receiver", "No signal where a function would do"):
        assert f"**{what}" in text
