"""Django's own test cases: blocks around a test, none, callbacks of commits, several processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

from django.db import IntegrityError, connection, transaction
from django.db.models.signals import post_save
from django.dispatch import Signal
from django.test import TestCase, TransactionTestCase

from signalpost import async_receiver, registry, task
from signalpost.models import HistoryEntry, Task, WorkerLease
from signalpost.testing import SignalpostAssertions, immediate, run_tasks

from .news.models import Article, Author, Country

order_paid = Signal()
called: list[Any] = []


class _Declared(SignalpostAssertions):
    """With a background receiver of articles that writes an author, and a task that counts."""

    index: Any
    count: Any

    def setUp(self) -> None:
        isolated = registry.isolated()
        isolated.__enter__()
        self.addCleanup(isolated.__exit__, None, None, None)
        self.addCleanup(called.clear)

        @async_receiver(post_save, sender=Article, name="index")
        def index(instance: Any, **kwargs: Any) -> None:
            Author.objects.create(name=f"found {instance.title}")

        self.index = index
        self.count = task(name="count")(lambda: called.append(Author.objects.count()))


class InATestCase(_Declared, TestCase):
    """Everything is in one transaction that is never committed."""

    before: ClassVar[Author]

    @classmethod
    def setUpTestData(cls) -> None:
        cls.before = Author.objects.create(name="from setUpTestData")

    def test_tasks_run_without_a_commit(self) -> None:
        Article.objects.create(title="Harbour light")
        self.assertTaskEnqueued(self.index)
        run_tasks()
        self.count.delay()
        run_tasks()

        self.assertEqual(called, [2])
        self.assertNoTaskEnqueued()

    def test_and_are_gone_for_the_next_test(self) -> None:
        self.assertEqual((Task.objects.count(), HistoryEntry.objects.count(), Author.objects.count()), (0, 0, 1))
        Article.objects.create(title="Harbour light")
        run_tasks()

    def test_a_rolled_back_savepoint_leaves_no_task(self) -> None:
        with self.assertRaises(LookupError), transaction.atomic():
            Article.objects.create(title="Harbour light")
            raise LookupError

        self.assertNoTaskEnqueued()
        self.assertEqual(run_tasks(), [])

    def test_an_error_of_the_databases_in_a_receiver_leaves_the_test_its_transaction(self) -> None:
        @task(name="broken")
        def broken() -> None:
            for _ in range(2):
                Country.objects.create(code="de")

        broken.delay()
        (failed,) = run_tasks(raises=False)

        self.assertIsInstance(failed.error, IntegrityError)
        self.assertEqual(Task.objects.get().attempt, 1)

    def test_callbacks_of_a_receivers_commit_are_captured(self) -> None:
        @task(name="commits")
        def commits() -> None:
            transaction.on_commit(lambda: called.append("committed"))
            called.append("ran")

        commits.delay()
        with self.captureOnCommitCallbacks(execute=True) as callbacks:
            run_tasks()

        self.assertEqual((called, len(callbacks)), (["ran", "committed"], 1))

    def test_tasks_that_a_callback_of_a_commit_sends_run(self) -> None:
        with self.captureOnCommitCallbacks(execute=True):
            transaction.on_commit(self.count.delay)
            self.assertEqual(run_tasks(), [])

        run_tasks()
        self.assertEqual(called, [1])

    def test_callbacks_of_a_receiver_that_broke_the_transaction_are_dropped(self) -> None:
        @task(name="broken")
        def broken() -> None:
            transaction.on_commit(lambda: called.append("committed"))
            try:
                with transaction.atomic(savepoint=False):
                    for _ in range(2):
                        Country.objects.create(code="de")
            except IntegrityError:
                pass

        broken.delay()
        with self.captureOnCommitCallbacks(execute=True):
            run_tasks(raises=False)

        self.assertEqual(called, [])

    def test_immediate_mode_needs_no_commit_either(self) -> None:
        with immediate():
            Article.objects.create(title="Harbour light")

        self.assertTrue(Author.objects.filter(name="found Harbour light").exists())

    async def test_asynchronous_tests_have_the_same_transaction(self) -> None:
        from signalpost.testing import arun_tasks

        await Article.objects.acreate(title="Harbour light")
        runs = await arun_tasks()

        self.assertEqual(len(runs), 1)
        self.assertTrue(await Author.objects.filter(name="found Harbour light").aexists())


class InATransactionTestCase(_Declared, TransactionTestCase):
    """Everything is committed, and deleted afterwards."""

    def test_tasks_run_as_in_a_worker_without_a_transaction(self) -> None:
        task(name="look")(lambda: called.append(connection.in_atomic_block)).delay()
        run_tasks()

        self.assertEqual(called, [False])

    def test_what_a_receiver_writes_is_committed_before_its_task_ends(self) -> None:
        with transaction.atomic():
            Article.objects.create(title="Harbour light")
        run_tasks()
        self.count.delay()
        run_tasks()

        self.assertEqual(called, [1])
        self.assertEqual(HistoryEntry.objects.count(), 2)
        self.assertEqual(WorkerLease.objects.count(), 0)

    def test_a_rolled_back_save_leaves_no_task(self) -> None:
        with self.assertRaises(LookupError), transaction.atomic():
            Article.objects.create(title="Harbour light")
            raise LookupError

        self.assertNoTaskEnqueued()

    def test_an_open_transaction_of_the_tests_own_is_not_broken(self) -> None:
        with transaction.atomic():
            Article.objects.create(title="Harbour light")
            run_tasks()
            self.assertEqual(Author.objects.count(), 1)

        self.assertEqual(HistoryEntry.objects.get().state, "succeeded")

    def test_callbacks_of_a_receivers_commit_run_in_the_receiver(self) -> None:
        @task(name="commits")
        def commits() -> None:
            transaction.on_commit(lambda: called.append("committed"))
            called.append("ran")

        commits.delay()
        run_tasks()

        self.assertEqual(called, ["committed", "ran"])


def test_djangos_own_runner_runs_them_in_several_processes(tmp_path: Path) -> None:
    """The cases of this module, by `manage.py test --parallel`."""
    home = Path(__file__).parents[1]
    # Databases of its own: those of this run are in use.
    more = {"DJANGO_SETTINGS_MODULE": "tests.settings", "PYTHONPATH": str(home), "SIGNALPOST_TEST_SUFFIX": "_cases"}
    command = [sys.executable, "-m", "django", "test", "--parallel", "2", "--noinput", "-t", str(home), __name__]
    done = subprocess.run(command, env={**os.environ, **more}, cwd=tmp_path, capture_output=True, text=True, timeout=300)

    assert done.returncode == 0, done.stderr
    assert "Ran 14 tests" in done.stderr
    assert "Cloning test database for alias 'default'" in done.stderr
