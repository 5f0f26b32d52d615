"""The plugin of pytest, as a project finds it: by its entry point, beside pytest-django and xdist."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HOME = Path(__file__).parents[1]

PROJECT = """
import pytest
from django.db import connection, transaction
from django.db.models.signals import post_save

from signalpost import async_receiver, task
from signalpost.testing import assertTaskEnqueued, assertSignalSent
from tests.news.models import Article, Author

done = []


@async_receiver(post_save, sender=Article, name="index")
def index(instance, **kwargs):
    done.append(instance.title)


@task(name="note")
def note(what):
    done.append(what)


@pytest.fixture(autouse=True)
def nothing_done():
    done.clear()


def test_run_tasks(db, run_tasks):
    Article.objects.create(title="Harbour light")
    assertTaskEnqueued(index)
    assert len(run_tasks()) == 1
    assert done == ["Harbour light"]


def test_run_tasks_without_a_transaction(transactional_db, run_tasks):
    with transaction.atomic():
        Article.objects.create(title="Harbour light")
    assert not connection.in_atomic_block
    run_tasks()
    assert done == ["Harbour light"]


@pytest.mark.django_db
def test_run_tasks_in_callbacks(run_tasks, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        transaction.on_commit(lambda: note.delay("committed"))
    run_tasks()
    assert done == ["committed"]


@pytest.mark.django_db
def test_immediate(signalpost_immediate):
    Article.objects.create(title="Harbour light")
    assert done == ["Harbour light"]


@pytest.mark.django_db
def test_not_immediate(run_tasks):
    Article.objects.create(title="Harbour light")
    assert done == []


@pytest.mark.django_db
def test_mute(mute, run_tasks):
    mute(index)
    Article.objects.create(title="Harbour light")
    assert run_tasks() == []


@pytest.mark.django_db
def test_not_mute(run_tasks):
    Article.objects.create(title="Harbour light")
    assert len(run_tasks()) == 1


@pytest.mark.django_db
def test_captured_sends(captured_sends):
    sends = captured_sends(post_save)
    Author.objects.create(name="Ada")
    sends.assert_sent(post_save, sender=Author, count=1, created=True)


def test_assertions_need_no_fixture(captured_sends):
    with assertSignalSent(post_save, sender=Author):
        post_save.send(Author)


def test_no_database(run_tasks):
    with pytest.raises(RuntimeError, match="Database access not allowed"):
        run_tasks()


@pytest.mark.django_db
@pytest.mark.parametrize("number", range(20))
def test_side_by_side(number, run_tasks):
    note.delay(number)
    assert len(run_tasks()) == 1
    assert done == [number]
"""

NO_DJANGO = """
from django.conf import settings

def test_nobody_has_asked_for_settings():
    assert not settings.configured
"""


def _pytest(tmp_path: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(
        command, env={**inherited, "PYTHONPATH": str(HOME), **environment}, cwd=tmp_path, capture_output=True, text=True,
        timeout=300,
    )  # fmt: skip


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_project_has_the_fixtures(tmp_path: Path, workers: str) -> None:
    (tmp_path / "test_project.py").write_text(PROJECT)

    done = _pytest(tmp_path, "-n", workers, DJANGO_SETTINGS_MODULE="tests.settings", SIGNALPOST_TEST_SUFFIX=f"_pytest{workers}")

    assert "30 passed" in done.stdout, done.stdout + done.stderr


def test_a_project_without_django_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "test_project.py").write_text(NO_DJANGO)

    done = _pytest(tmp_path, "-p", "no:django", "-p", "no:xdist")

    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_the_fixtures_are_told_of(tmp_path: Path) -> None:
    done = _pytest(tmp_path, "--fixtures", "-p", "no:django")

    for fixture in ("run_tasks", "signalpost_immediate", "mute", "captured_sends"):
        assert f"\n{fixture} -- " in done.stdout
