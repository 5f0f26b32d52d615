"""What has become of tasks of `django.tasks`."""

from __future__ import annotations

import copy
import pickle
from datetime import datetime, timedelta, timezone
from typing import Any

import django
import pytest
from django.tasks import TaskResultStatus, task, task_backends
from django.tasks.exceptions import TaskResultDoesNotExist, TaskResultMismatch
from django.test import override_settings

from signalpost import task as own_task
from signalpost.django_tasks import GivenUp
from signalpost.models import HistoryEntry
from signalpost.models import Task as Row
from signalpost.testing import run_tasks
from signalpost.testing.drain import Drain, store_now
from signalpost.transitions import cancel, retry

from .tasks import (
    add,
    elsewhere,
    fail,
    fail_because,
    fail_for_good,
    fail_later,
    return_much,
    return_what_is_no_json,
    tell,
    wait_for_ever,
)

OURS = {"BACKEND": "signalpost.django_tasks.SignalpostBackend"}


def _with(**options: Any) -> Any:
    return override_settings(TASKS={"signalpost": {**OURS, "OPTIONS": options}})


@pytest.mark.django_db
def test_a_result_says_what_has_become_of_its_task(done: list[Any]) -> None:
    enqueued = add.enqueue(1, other=2)
    waiting = add.get_result(enqueued.id)
    assert (waiting.status, waiting.task, waiting.args, waiting.kwargs) == ("READY", add, [1], {"other": 2})
    assert (waiting.started_at, waiting.finished_at, waiting.last_attempted_at) == (None, None, None)
    assert (waiting.errors, waiting.worker_ids, waiting.attempts) == ([], [], 0)
    with pytest.raises(ValueError, match="Task has not finished yet"):
        _ = waiting.return_value

    run_tasks()
    ended = task_backends["signalpost"].get_result(enqueued.id)
    assert (ended.status, ended.return_value, ended.args, ended.kwargs) == ("SUCCESSFUL", 3, [1], {"other": 2})
    assert (ended.errors, ended.attempts, ended.is_finished, ended.backend) == ([], 1, True, "signalpost")
    assert ended.worker_ids[0].startswith("testing-")
    assert waiting.enqueued_at == ended.enqueued_at
    assert ended.started_at == ended.last_attempted_at
    assert ended.enqueued_at <= ended.started_at <= ended.finished_at
    now = datetime.now(timezone.utc)
    for moment in (ended.enqueued_at, ended.started_at, ended.finished_at):
        assert moment is not None and now - timedelta(minutes=5) < moment < now + timedelta(minutes=5)

    enqueued.refresh()
    assert (enqueued.status, enqueued.return_value, enqueued.worker_ids) == ("SUCCESSFUL", 3, ended.worker_ids)


@pytest.mark.django_db
def test_a_result_of_a_task_that_runs_says_so() -> None:
    result = add.enqueue(1)
    drain = Drain("default")
    claimed = drain.claim(store_now("default"))
    assert claimed is not None

    result.refresh()
    assert (result.status, result.worker_ids, result.attempts) == (TaskResultStatus.RUNNING, [drain.worker], 1)
    drain.release(claimed)
    drain.end()
    result.refresh()
    assert (result.status, result.attempts) == (TaskResultStatus.READY, 0)


@pytest.mark.django_db
@pytest.mark.parametrize(("failing", "kind"), [(fail, ValueError), (fail_later, LookupError)])
def test_a_task_of_django_that_fails_is_failed_at_once_and_shows_why(failing: Any, kind: type) -> None:
    result = failing.enqueue("the printer is off")
    (ran,) = run_tasks(raises=False)
    assert ran.reason is not None and ran.reason.startswith(f"failure 1 of 1: {kind.__name__}: the printer is off")

    result.refresh()
    assert (result.status, result.attempts, result.args) == (TaskResultStatus.FAILED, 1, ["the printer is off"])
    (error,) = result.errors
    assert (error.exception_class_path, error.exception_class) == (f"builtins.{kind.__name__}", kind)
    assert error.traceback.endswith(f"\n{kind.__name__}: the printer is off\n") and "in fail" in error.traceback
    assert "began at" not in error.traceback and "signalpost/django_tasks" not in error.traceback
    assert result.started_at is not None and result.finished_at is not None
    with pytest.raises(ValueError, match="Task failed"):
        _ = result.return_value


@pytest.mark.django_db
def test_with_more_attempts_it_is_tried_again(told: list[Any]) -> None:
    with _with(max_attempts=3):
        result = fail.enqueue("the printer is off")
        run_tasks(raises=False)
        result.refresh()
        assert (result.status, result.attempts, result.finished_at) == (TaskResultStatus.READY, 1, None)
        assert result.errors[0].exception_class is ValueError and result.started_at is not None

        run_tasks(raises=False, ahead=3600)
        result.refresh()
        assert (result.status, result.attempts, len(result.errors)) == (TaskResultStatus.FAILED, 3, 1)

    # Told of once: what is tried again has not finished.
    assert [name for name, _, _ in told].count("task_finished") == 1
    assert [name for name, _, _ in told].count("task_started") == 3


@pytest.mark.django_db
def test_a_permanent_failure_is_the_last_one(told: list[Any]) -> None:
    with _with(max_attempts=3):
        result = fail_for_good.enqueue()
        run_tasks(raises=False)
        result.refresh()

    assert (result.status, result.attempts, told[-1][2]) == (TaskResultStatus.FAILED, 1, "FAILED")
    assert result.errors[0].exception_class_path == "signalpost.Permanent"


@pytest.mark.django_db
def test_one_that_is_stopped_at_its_timeout_is_failed(told: list[Any]) -> None:
    with _with(timeout=0.01):
        result = wait_for_ever.enqueue()
        run_tasks(raises=False)
        result.refresh()

    assert (result.status, result.errors[0].exception_class) == (TaskResultStatus.FAILED, TimeoutError)
    assert told[-1][0] == "task_finished" and told[-1][2] == "FAILED"


@pytest.mark.django_db
@pytest.mark.skipif(django.VERSION < (6, 1), reason="Django 6.1 gives further arguments of @task to the backend")
def test_a_task_can_say_more_than_its_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    patient = task(backend="signalpost", max_attempts=2, timeout=30)(_patient)  # type: ignore[call-arg]
    backend: Any = task_backends["signalpost"]
    assert (backend.max_attempts_of(patient), backend.timeout_of(patient)) == (2, 30)
    monkeypatch.setattr(f"{__name__}._patient", patient)
    result = patient.enqueue()

    run_tasks(raises=False)
    result.refresh()
    assert result.status == TaskResultStatus.READY


def _patient() -> None:
    raise ValueError("not yet")


@pytest.mark.django_db
def test_what_an_exception_came_from_is_shown_before_it() -> None:
    result = fail_because.enqueue("the printer is off")
    run_tasks(raises=False)
    result.refresh()

    first, second = result.errors[0].traceback.split("\n\n")
    assert first.endswith("\nKeyError: 'printer'") and second.endswith("\nValueError: the printer is off\n")
    assert result.errors[0].exception_class is ValueError


@pytest.mark.django_db
@pytest.mark.skipif(django.VERSION < (6, 1), reason="Django 6.0 does not pickle tasks")
def test_a_task_of_ours_and_its_result_are_pickled() -> None:
    result = add.using(priority=3).enqueue(1)
    for kept in (result, result.task):
        assert pickle.loads(pickle.dumps(kept)) == kept == copy.deepcopy(kept)


@pytest.mark.django_db
def test_what_is_returned_must_be_json() -> None:
    result = return_what_is_no_json.enqueue()
    run_tasks(raises=False)
    result.refresh()

    assert (result.status, result.errors[0].exception_class) == (TaskResultStatus.FAILED, TypeError)


@pytest.mark.django_db
def test_a_result_with_large_arguments_is_kept_without_them_and_too_large_a_one_is_not(caplog: Any) -> None:
    first = return_much.enqueue(600_000, text="y" * 600_000)
    second = return_much.enqueue(1_100_000)
    run_tasks()

    first, second = return_much.get_result(first.id), return_much.get_result(second.id)
    assert (len(first.return_value), first.args, first.kwargs) == (600_000, [], {})
    assert (second.status, second.return_value) == (TaskResultStatus.SUCCESSFUL, None)
    assert any("its result is not kept" in record.getMessage() for record in caplog.records)


@pytest.mark.django_db
def test_one_that_was_cancelled_has_failed_without_an_exception_of_its_own() -> None:
    result = add.enqueue(1)
    assert cancel("default", [Row.objects.get().pk], "nobody wants it")
    result.refresh()

    assert (result.status, result.attempts, result.started_at) == (TaskResultStatus.FAILED, 0, None)
    (error,) = result.errors
    assert (error.exception_class, error.traceback) == (GivenUp, "nobody wants it")


@pytest.mark.django_db
def test_a_failed_one_that_is_tried_again_is_ready() -> None:
    result = fail.enqueue("the printer is off")
    run_tasks(raises=False)
    assert retry("default", [HistoryEntry.objects.get().pk])
    result.refresh()

    assert (result.status, result.attempts) == (TaskResultStatus.READY, 0)


@pytest.mark.django_db
def test_what_is_no_result_of_the_backend_does_not_exist() -> None:
    @own_task(name="shop.count")
    def count() -> None: ...

    backend = task_backends["signalpost"]
    for unknown in (count.delay(), "0192f000-0000-7000-8000-000000000000", "nothing", "\0", 7):
        with pytest.raises(TaskResultDoesNotExist):
            backend.get_result(unknown)
    with override_settings(TASKS={"signalpost": OURS, "default": OURS}):
        other = elsewhere.enqueue("there")
        with pytest.raises(TaskResultDoesNotExist):
            task_backends["signalpost"].get_result(other.id)


@pytest.mark.django_db
def test_a_result_of_a_function_that_is_not_declared_here_does_not_exist() -> None:
    result = add.enqueue(1)
    Row.objects.update(receiver="shop.tasks.renamed")

    with pytest.raises(TaskResultDoesNotExist, match="no task is called 'shop.tasks.renamed' here"):
        add.get_result(result.id)


@pytest.mark.django_db
def test_a_result_of_another_task_is_a_mismatch() -> None:
    result = add.enqueue(1)

    with pytest.raises(TaskResultMismatch):
        tell.get_result(result.id)


@pytest.mark.django_db
def test_a_result_that_the_history_has_forgotten_does_not_exist() -> None:
    from signalpost.transitions import forget

    result = add.enqueue(1)
    run_tasks()
    forget("default", [HistoryEntry.objects.get().pk])

    with pytest.raises(TaskResultDoesNotExist):
        result.refresh()
