"""Enqueuing, and running, tasks of `django.tasks`."""

from __future__ import annotations

import json
import sys
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.dispatch import Signal
from django.tasks import TaskResultStatus, task, task_backends
from django.tasks.exceptions import InvalidTask, InvalidTaskBackend
from django.test import override_settings

from signalpost import async_receiver, current_task, registry, task_enqueued
from signalpost.child.hello import hello
from signalpost.django_tasks import SignalpostBackend
from signalpost.models import HistoryEntry
from signalpost.models import Task as Row
from signalpost.outcome import Unknown
from signalpost.testing import assertTaskEnqueued, immediate, run_tasks

from .tasks import add, add_later, add_within, elsewhere, fail, named_badly, tell, tell_later

OURS = {"BACKEND": "signalpost.django_tasks.SignalpostBackend"}


@pytest.mark.django_db(transaction=True)
def test_a_task_of_django_is_there_if_and_only_if_the_transaction_is_committed() -> None:
    with pytest.raises(LookupError), transaction.atomic():
        add.enqueue(1)
        raise LookupError
    assert not Row.objects.exists()

    with transaction.atomic():
        result = add.enqueue(2)
        assert Row.objects.get().send_id == result.id
    assert Row.objects.count() == 1


@pytest.mark.django_db
def test_its_row_has_what_was_said() -> None:
    result = tell.enqueue("hello")

    row = Row.objects.get()
    assert (row.signal, row.sender, row.receiver) == ("django.tasks", "signalpost", f"{tell.func.__module__}.tell")
    assert (row.queue, row.priority, row.send_id, row.parent, row.depth) == ("mail", 7, result.id, None, 0)
    assert json.loads(row.payload) == {"sender": None, "args": ["hello"], "named": {}}
    assert row.run_at == row.created_at
    assert assertTaskEnqueued(tell, "hello", queue="mail").task.send_id == result.id
    assert (result.task, result.args, result.kwargs, result.backend) == (tell, ["hello"], {}, "signalpost")
    assert (result.status, result.attempts, result.is_finished) == (TaskResultStatus.READY, 0, False)


@pytest.mark.django_db
def test_what_using_changes_stands_in_the_row() -> None:
    add.using(queue_name="mail", priority=-100).enqueue(1)
    add.enqueue(2)

    assert list(Row.objects.order_by("id").values_list("queue", "priority")) == [("mail", -100), ("default", 0)]


@pytest.mark.django_db
def test_it_is_run_with_its_arguments(done: list[Any]) -> None:
    add.enqueue(1, other=2)
    add_later.enqueue(3, other=4)

    assert [ran.succeeded for ran in run_tasks()] == [True, True]
    assert done == [(1, 2), (3, 4)]


@pytest.mark.django_db
def test_any_name_of_an_argument_will_do() -> None:
    named = {"result_id": 1, "task": 2, "sender": 3, "signal": 4, "context": 5, "timeout": 6}
    result = named_badly.enqueue(**named)
    run_tasks()

    assert named_badly.get_result(result.id).return_value == named


@pytest.mark.django_db
def test_the_higher_priority_comes_first(done: list[Any]) -> None:
    for priority in (0, 100, -100):
        add.using(priority=priority).enqueue(priority)
    run_tasks()

    assert done == [(100, 0), (0, 0), (-100, 0)]


@pytest.mark.django_db
def test_it_waits_until_run_after(done: list[Any]) -> None:
    when = datetime.now(timezone.utc) + timedelta(hours=1)
    result = add.using(run_after=when).enqueue(1)

    row = Row.objects.get()
    assert 0 <= row.run_at - when.timestamp() * 1000 <= 1.1
    assert run_tasks() == []
    assert add.get_result(result.id).task == result.task == add.using(run_after=when)

    run_tasks(ahead=timedelta(hours=2))
    assert done == [(1, 0)]
    assert add.get_result(result.id).task.run_after == when


@pytest.mark.django_db
def test_a_time_that_has_passed_is_now(done: list[Any]) -> None:
    add.using(run_after=datetime(2020, 1, 1, tzinfo=timezone.utc)).enqueue(1)
    run_tasks()

    assert done == [(1, 0)]


@pytest.mark.django_db
@override_settings(USE_TZ=False, TIME_ZONE="Asia/Tokyo")
def test_without_time_zones_times_are_those_of_the_project() -> None:
    when = datetime.now() + timedelta(hours=1)
    later, result = add.using(run_after=when).enqueue(1), add.enqueue(2)
    assert 0 <= Row.objects.get(send_id=later.id).run_at - when.timestamp() * 1000 <= 1.1
    assert add.get_result(later.id).task.run_after == when

    run_tasks()
    result.refresh()
    for moment in (result.enqueued_at, result.started_at, result.finished_at):
        assert moment is not None and moment.tzinfo is None
        assert abs(moment - datetime.now()) < timedelta(minutes=5)


@pytest.mark.django_db
def test_asynchronous_code_enqueues_and_asks() -> None:
    async def enqueued() -> Any:
        result = await add.aenqueue(1, other=2)
        return await add.aget_result(result.id)

    result = async_to_sync(enqueued)()
    assert (result.status, result.kwargs) == (TaskResultStatus.READY, {"other": 2})


@pytest.mark.django_db
@pytest.mark.parametrize("argument", [datetime(2026, 1, 1), {1, 2}, object(), b"\xff"])
def test_arguments_that_are_no_json_are_refused(argument: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="Unsupported"):
        add.enqueue(argument)
    assert not Row.objects.exists()


@pytest.mark.django_db
def test_arguments_are_normalised_as_by_djangos_own_backends(done: list[Any]) -> None:
    result = add.enqueue((1, b"two"), other={"three": (4,)})
    assert (result.args, result.kwargs) == ([[1, "two"]], {"other": {"three": [4]}})

    run_tasks(raises=False)
    assert done == [([1, "two"], {"three": [4]})]


def test_what_cannot_be_enqueued_is_an_invalid_task() -> None:
    def inside() -> None: ...

    with pytest.raises(InvalidTask, match="module level"):
        task(backend="signalpost")(inside)
    with pytest.raises(InvalidTask, match="Queue 'nobody' is not valid"):
        add.using(queue_name="nobody")
    with pytest.raises(InvalidTask, match="priority must be a whole number between -100 and 100"):
        add.using(priority=101)
    with pytest.raises(InvalidTask, match="run_after must be an aware datetime"):
        add.using(run_after=datetime(2026, 1, 1))
    with pytest.raises(InvalidTask, match="takes context but does not have a first argument"):
        task(backend="signalpost", takes_context=True)(add.func)


def _of_a_long_name() -> None: ...


def test_a_name_that_no_row_can_hold_is_an_invalid_task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_of_a_long_name, "__qualname__", "long" * 50)

    with pytest.raises(InvalidTask, match="200 are allowed"):
        task(backend="signalpost")(_of_a_long_name)


@pytest.mark.django_db
def test_a_backend_without_queues_takes_any() -> None:
    with override_settings(TASKS={"signalpost": {**OURS, "QUEUES": []}}):
        add.using(queue_name="anything").enqueue(1)
        with pytest.raises(InvalidTask, match="its queue has 201 bytes"):
            add.using(queue_name="x" * 201)

    assert Row.objects.get().queue == "anything"


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"max_attempts": 0}, r"TASKS\['signalpost'\]: max_attempts= must be a whole number from 1"),
        ({"timeout": -1}, "timeout= must be seconds"),
        ({"using": "nowhere"}, "using='nowhere' is not an alias of DATABASES"),
        ({"retries": 3}, "OPTIONS cannot hold retries. It may hold max_attempts, timeout, using"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], problem: str) -> None:
    with (
        override_settings(TASKS={"signalpost": {**OURS, "OPTIONS": options}}),
        pytest.raises(InvalidTaskBackend, match=problem),
    ):
        _ = task_backends["signalpost"]


@pytest.mark.django_db
def test_where_we_are_not_installed_nothing_is_enqueued(settings: Any) -> None:
    apps = [app for app in settings.INSTALLED_APPS if app != "signalpost"]
    with override_settings(INSTALLED_APPS=apps), pytest.raises(ImproperlyConfigured, match="add 'signalpost'"):
        add.enqueue(1)


@pytest.mark.django_db
def test_djangos_signals_tell_of_a_run(told: list[Any], done: list[Any], caplog: pytest.LogCaptureFixture) -> None:
    add.enqueue(1)
    add_later.enqueue(2)
    assert told == [("task_enqueued", SignalpostBackend, "READY")] * 2
    told.clear()

    caplog.set_level("INFO", "django.tasks")
    run_tasks()
    assert told == [("task_started", SignalpostBackend, "RUNNING"), ("task_finished", SignalpostBackend, "SUCCESSFUL")] * 2
    assert len([record for record in caplog.records if record.name == "django.tasks"]) == 4


@pytest.mark.django_db
def test_a_failure_is_told_of_with_its_exception(told: list[Any], caplog: pytest.LogCaptureFixture) -> None:
    fail.enqueue("the printer is off")
    run_tasks(raises=False)

    assert told[-1] == ("task_finished", SignalpostBackend, "FAILED")
    (record,) = [record for record in caplog.records if record.name == "django.tasks" and record.levelname == "ERROR"]
    assert record.exc_info is not None and isinstance(record.exc_info[1], ValueError)


@pytest.mark.django_db
def test_a_listener_of_djangos_signals_that_fails_changes_nothing(done: list[Any]) -> None:
    from django.tasks import signals

    def listen(**kwargs: Any) -> None:
        raise LookupError("nobody listens to me")

    all_of_them = (signals.task_enqueued, signals.task_started, signals.task_finished)
    for signal in all_of_them:
        signal.connect(listen)
    try:
        result = add.enqueue(1)
        run_tasks()
    finally:
        for signal in all_of_them:
            signal.disconnect(listen)

    assert done == [(1, 0)]
    assert add.get_result(result.id).status == TaskResultStatus.SUCCESSFUL


@pytest.mark.django_db
def test_our_own_signal_tells_of_its_row() -> None:
    heard = []

    def listen(sender: Any, **kwargs: Any) -> None:
        heard.append((sender, kwargs["send_id"], kwargs["signal_name"], kwargs["receiver"], kwargs["queue"]))

    task_enqueued.connect(listen)
    try:
        result = tell.enqueue("hello")
    finally:
        task_enqueued.disconnect(listen)
    assert heard == [(tell.func, result.id, "django.tasks", tell.module_path, "mail")]


@pytest.mark.django_db
def test_a_task_that_takes_context_has_it() -> None:
    first, second = tell.enqueue("one"), tell_later.enqueue("two")
    run_tasks()

    first.refresh()
    second.refresh()
    assert first.return_value == [1, True, "RUNNING", "one"]
    assert second.return_value == [1, "RUNNING", "two"]


@pytest.mark.django_db
def test_immediate_mode_runs_it_inside_enqueue(told: list[Any], done: list[Any]) -> None:
    with immediate():
        result = add.enqueue(1, other=2)

    assert (result.status, result.return_value, done) == (TaskResultStatus.SUCCESSFUL, 3, [(1, 2)])
    assert [name for name, _, _ in told] == ["task_enqueued", "task_started", "task_finished"]
    assert HistoryEntry.objects.get().send_id == result.id


@pytest.mark.django_db
def test_what_a_task_enqueues_has_it_as_its_parent(done: list[Any]) -> None:
    result = add_within.enqueue(5)
    run_tasks()

    result.refresh()
    outer = HistoryEntry.objects.get(send_id=result.id)
    inner = HistoryEntry.objects.get(send_id=result.return_value)
    assert (inner.parent, inner.depth, done) == (outer.pk, 1, [(5, 0)])


@pytest.mark.django_db
def test_one_that_was_declared_on_another_backend_is_found_among_loaded_modules() -> None:
    result = elsewhere.using(backend="signalpost").enqueue("here")
    with registry.isolated():
        # As in a worker, which has never called `using`.
        registry._by_name.pop(elsewhere.module_path)
        found = registry.get(elsewhere.module_path)
        assert found is not None and found.function is elsewhere.func
        run_tasks()

    result.refresh()
    assert result.return_value == "here"


@pytest.mark.django_db
def test_no_module_is_imported_because_a_row_of_django_tasks_names_it() -> None:
    add.enqueue(1)
    Row.objects.update(receiver="tests.myapp.examples.by_hand.forget_everything")
    sys.modules.pop("tests.myapp.examples.by_hand", None)
    (ran,) = run_tasks(raises=False)

    assert isinstance(ran.outcome, Unknown)
    assert "no task of django.tasks is called 'tests.myapp.examples.by_hand.forget_everything'" in str(ran.reason)
    assert "tests.myapp.examples.by_hand" not in sys.modules


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("backends", "reason"),
    [
        ({"default": OURS}, "TASKS has no backend 'signalpost' here"),
        ({"signalpost": {"BACKEND": "django.tasks.backends.dummy.DummyBackend"}}, "is not signalpost's backend here"),
    ],
)
def test_one_whose_backend_is_not_there_waits(backends: Any, reason: str) -> None:
    add.enqueue(1)
    with override_settings(TASKS=backends):
        (ran,) = run_tasks(raises=False)

    assert isinstance(ran.outcome, Unknown) and reason in ran.outcome.reason


@pytest.mark.django_db
def test_one_that_was_enqueued_runs_though_its_queue_is_not_valid_any_more(done: list[Any]) -> None:
    result = add.using(queue_name="mail").enqueue(1)
    with override_settings(TASKS={"signalpost": OURS}):
        run_tasks()
        assert add.get_result(result.id).task.queue_name == "mail"

    assert done == [(1, 0)]


@pytest.mark.django_db(databases=["default", "archive"], transaction=True)
def test_where_the_database_holds_no_tasks_it_is_written_after_the_commit(told: list[Any], done: list[Any]) -> None:
    with override_settings(TASKS={"signalpost": {**OURS, "OPTIONS": {"using": "archive"}}}):
        with transaction.atomic(using="archive"):
            result = add.enqueue(1)
            assert not Row.objects.exists() and told == []
        assert told == [("task_enqueued", SignalpostBackend, "READY")]
        run_tasks()
        result.refresh()

    assert (result.status, done) == (TaskResultStatus.SUCCESSFUL, [(1, 0)])


def test_a_worker_serves_the_queues_of_the_backend_and_publishes_its_tasks() -> None:
    add.using(priority=1)
    said = hello()

    assert {"default", "mail"} <= set(said["queues"])
    assert {"name": add.module_path, "signal": "django.tasks", "queue": "default"} in said["receivers"]


order_paid = Signal()


def _both(**kwargs: Any) -> str:
    running: Any = current_task()
    return str(running.signal)


@pytest.mark.django_db
@pytest.mark.parametrize("receiver_first", [True, False])
def test_a_function_may_be_a_task_of_django_and_a_background_receiver(receiver_first: bool) -> None:
    if receiver_first:
        async_receiver(order_paid, keep_result=True)(_both)
    both = task(backend="signalpost")(_both)
    if not receiver_first:
        async_receiver(order_paid, keep_result=True)(_both)
    result = both.enqueue()
    order_paid.send(None)
    first, second = run_tasks()

    result.refresh()
    assert result.return_value == first.result["return_value"] == "django.tasks"
    assert second.result == f"{__name__}.order_paid"


def test_two_functions_of_one_name_are_an_invalid_task(monkeypatch: pytest.MonkeyPatch) -> None:
    add.using(priority=1)
    monkeypatch.setattr(_of_a_long_name, "__module__", add.func.__module__)
    monkeypatch.setattr(_of_a_long_name, "__qualname__", "add")

    with pytest.raises(InvalidTask, match="two background receivers are called"):
        task(backend="signalpost")(_of_a_long_name)


def test_a_task_that_is_declared_late_is_warned_of() -> None:
    from signalpost import ConnectedLate

    with pytest.warns(ConnectedLate, match="is declared after Django has started"):
        task(backend="signalpost")(_of_a_long_name)
    known = registry.get(f"{__name__}._of_a_long_name")
    assert known is not None and known.is_late
