"""The INSERT: in which transaction it stands, what happens when it fails, and by which cursor it runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.exceptions import SynchronousOnlyOperation
from django.db import DatabaseError, connection, connections, transaction
from django.db.models.signals import post_save
from django.db.transaction import TransactionManagementError
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import path

from signalpost import MissingTables, _native, codec, connect_background, outbox, task_enqueued
from signalpost.carriers import request_id
from signalpost.models import Task

from .news import signals
from .news.models import Author, Tag

transactional = pytest.mark.django_db(transaction=True)
rolled_back = pytest.mark.django_db


def handler(sender: Any, **kwargs: Any) -> None:
    """Never runs here."""


@pytest.fixture(autouse=True)
def _listening() -> None:
    connect_background(post_save, handler, sender=Author)
    connect_background(signals.order_paid, handler)


@contextmanager
def a_row_that_cannot_be_stored(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patched:
        patched.setattr("signalpost.current.context_for_send", lambda name: ("{}", None, "not a number"))
        yield


class Undone(Exception):
    """Ends a block that is to be rolled back."""


@transactional
def test_a_committed_save_leaves_a_task() -> None:
    with transaction.atomic():
        author = Author.objects.create(name="Ada")
        # Visible there at once.
        assert Task.objects.count() == 1
    assert f'"news.Author",{author.pk},' in Task.objects.get().payload


@transactional
def test_a_rolled_back_save_leaves_no_task() -> None:
    with pytest.raises(Undone), transaction.atomic():
        Author.objects.create(name="Ada")
        raise Undone
    assert not Author.objects.exists()
    assert not Task.objects.exists()


@transactional
def test_a_rolled_back_savepoint_leaves_the_tasks_around_it() -> None:
    with transaction.atomic():
        Author.objects.create(name="Ada")
        with pytest.raises(Undone), transaction.atomic():
            Author.objects.create(name="Grace")
            raise Undone
    assert Author.objects.get().name == "Ada"
    assert Task.objects.count() == 1


@transactional
def test_in_autocommit_mode_a_task_is_there_at_once() -> None:
    Author.objects.create(name="Ada")
    assert Task.objects.count() == 1


@transactional
def test_without_autocommit_the_commit_decides() -> None:
    transaction.set_autocommit(False)
    try:
        Author.objects.create(name="Ada")
        transaction.rollback()
        Author.objects.create(name="Grace")
        transaction.commit()
    finally:
        transaction.set_autocommit(True)
    assert Author.objects.get().name == "Grace"
    assert Task.objects.count() == 1


def save_and_fail(request: HttpRequest) -> HttpResponse:
    """A view that saves before it fails."""
    Author.objects.create(name="Ada")
    raise Undone


def save_and_answer(request: HttpRequest) -> HttpResponse:
    """A view that saves."""
    Author.objects.create(name="Grace")
    return HttpResponse("saved")


async def save_asynchronously(request: HttpRequest) -> HttpResponse:
    """A view that saves without a transaction, as asynchronous views do."""
    await Author.objects.acreate(name="Joan")
    await signals.order_paid.asend(None, cents=7)
    return HttpResponse("saved")


urlpatterns = [path("fail", save_and_fail), path("answer", save_and_answer), path("async", save_asynchronously)]


@transactional
def test_under_atomic_requests_a_view_that_fails_leaves_no_task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    client = Client(raise_request_exception=False)
    with override_settings(ROOT_URLCONF=__name__):
        assert client.get("/fail").status_code == 500
        assert not Task.objects.exists()
        client.get("/answer")
        assert Task.objects.count() == 1


@transactional
def test_an_async_view_saves_and_sends() -> None:
    with override_settings(ROOT_URLCONF=__name__):
        async_to_sync(AsyncClient().get)("/async")
    assert Author.objects.get().name == "Joan"
    assert list(Task.objects.order_by("id").values_list("signal", flat=True)) == [
        "django.db.models.signals.post_save",
        "tests.news.signals.order_paid",
    ]


@transactional
def test_a_synchronous_send_in_asynchronous_code_is_djangos_error() -> None:
    async def view() -> None:
        signals.order_paid.send(None)

    with pytest.raises(SynchronousOnlyOperation):
        async_to_sync(view)()
    # Nor while a transaction is open in the thread that the loop runs in.
    with pytest.raises(SynchronousOnlyOperation), transaction.atomic():
        signals.order_paid.send(None)
        async_to_sync(view)()
    assert not Task.objects.exists()


@transactional
def test_a_thread_writes_by_its_own_connection() -> None:
    def save() -> None:
        try:
            with transaction.atomic():
                Author.objects.create(name="Ada")
        finally:
            # Django's own close() leaves a database in memory open.
            connections["default"]._close()

    with transaction.atomic():
        signals.order_paid.send(None)
    thread = threading.Thread(target=save)
    thread.start()
    thread.join()
    assert Task.objects.count() == 2


@transactional
def test_an_insert_that_fails_raises_and_undoes_the_save(monkeypatch: pytest.MonkeyPatch) -> None:
    with a_row_that_cannot_be_stored(monkeypatch), transaction.atomic():
        with pytest.raises(DatabaseError):
            Author.objects.create(name="Ada")
        # Caught, and yet:
        with pytest.raises(TransactionManagementError):
            Author.objects.count()
    assert not Author.objects.exists()


@transactional
def test_an_insert_that_fails_under_send_robust_is_logged_and_undoes_the_transaction(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with a_row_that_cannot_be_stored(monkeypatch), transaction.atomic():
        Tag.objects.create(label="sea")
        [(_, error)] = signals.order_paid.send_robust(None)
    assert isinstance(error, DatabaseError)
    assert not Tag.objects.exists()
    [logged] = [record for record in caplog.records if record.name == "signalpost"]
    assert logged.levelname == "ERROR" and logged.exc_info is not None and logged.exc_info[1] is error
    assert "A task of tests.test_outbox.handler was not written to the database 'default'" in logged.getMessage()


@transactional
def test_an_insert_that_fails_in_a_savepoint_undoes_the_savepoint(monkeypatch: pytest.MonkeyPatch) -> None:
    with transaction.atomic():
        Tag.objects.create(label="sea")
        with a_row_that_cannot_be_stored(monkeypatch), transaction.atomic():
            Tag.objects.create(label="wind")
            signals.order_paid.send_robust(None)
        signals.order_paid.send(None)
    assert Tag.objects.get().label == "sea"
    assert Task.objects.count() == 1


@transactional
def test_an_insert_that_fails_without_autocommit_rolls_back(monkeypatch: pytest.MonkeyPatch) -> None:
    transaction.set_autocommit(False)
    try:
        Tag.objects.create(label="sea")
        with a_row_that_cannot_be_stored(monkeypatch):
            signals.order_paid.send_robust(None)
        with pytest.raises(TransactionManagementError):
            Tag.objects.create(label="wind")
        transaction.commit()
        transaction.rollback()
    finally:
        transaction.set_autocommit(True)
    assert not Tag.objects.exists()


@transactional
def test_an_insert_that_fails_in_autocommit_mode_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    with a_row_that_cannot_be_stored(monkeypatch), pytest.raises(DatabaseError):
        Author.objects.create(name="Ada")
    assert Author.objects.exists()
    signals.order_paid.send(None)
    assert Task.objects.count() == 1


@rolled_back
def test_a_database_without_our_tables_is_an_error_that_says_so() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE signalpost_task RENAME TO hidden")
    with pytest.raises(MissingTables) as caught, transaction.atomic():
        Author.objects.create(name="Ada")
    assert str(caught.value) == (
        "The database 'default' has no tables of signalpost. Run `manage.py migrate signalpost --database=default`, or leave "
        "the alias out of SIGNALPOST['STORES']."
    )
    assert isinstance(caught.value, DatabaseError)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE hidden RENAME TO signalpost_task")


@rolled_back
def test_pre_migrate_is_passed_over_while_there_are_no_tables(caplog: pytest.LogCaptureFixture) -> None:
    from django.core.management.sql import emit_pre_migrate_signal
    from django.db.models.signals import pre_migrate

    connect_background(pre_migrate, handler)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE signalpost_task RENAME TO hidden")
    emit_pre_migrate_signal(verbosity=0, interactive=False, db="default")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE hidden RENAME TO signalpost_task")
    assert "tests.test_outbox.handler is not told of pre_migrate" in caplog.text
    emit_pre_migrate_signal(verbosity=0, interactive=False, db="default")
    assert Task.objects.exists()


@rolled_back
def test_a_send_is_one_query(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1) as captured:
        signals.order_paid.send(None, cents=7)
    assert captured.captured_queries[0]["sql"].lstrip().startswith("INSERT INTO signalpost_task")
    with transaction.atomic(), django_assert_num_queries(2):
        signals.order_paid.send(None, cents=7)
        signals.order_paid.send(None, cents=7)


@rolled_back
def test_a_kept_cursor_is_not_seen_by_those_who_watch() -> None:
    with transaction.atomic():
        signals.order_paid.send(None)
        seen: list[str] = []

        def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            seen.append(sql)
            return execute(sql, params, many, context)

        with connection.execute_wrapper(watch):
            signals.order_paid.send(None)
        assert len(seen) == 1 and "%s" in seen[0]
        with CaptureQueriesContext(connection) as captured:
            signals.order_paid.send(None)
        assert len(captured) == 1
        with override_settings(DEBUG=True):
            signals.order_paid.send(None)
        assert connection.queries[-1]["sql"].count("signalpost_task") >= 1
    assert Task.objects.count() == 4


@rolled_back
def test_a_replaced_cursor_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with transaction.atomic():
        signals.order_paid.send(None)
        made = []
        original = connections["default"].cursor
        monkeypatch.setattr(connections["default"], "cursor", lambda: made.append(1) or original())
        signals.order_paid.send(None)
        assert made == [1]


@transactional
def test_a_connection_that_was_closed_gets_another_cursor() -> None:
    with transaction.atomic():
        signals.order_paid.send(None)
    connections["default"].close()
    with transaction.atomic():
        signals.order_paid.send(None)
    assert Task.objects.exists()


@transactional
def test_a_transaction_that_is_broken_already_takes_no_task() -> None:
    with pytest.raises(TransactionManagementError), transaction.atomic():
        transaction.set_rollback(True)
        signals.order_paid.send(None)
    assert not Task.objects.exists()


@rolled_back
def test_both_statements_write_the_same_row() -> None:
    signals.order_paid.send(None, cents=7)
    by_one = Task.objects.get()
    outbox.write(
        "default",
        [outbox.NewTask(signal=by_one.signal, receiver=by_one.receiver, queue=by_one.queue, payload=by_one.payload)],
    )
    by_many = Task.objects.latest("id")
    differ = {"id", "send_id", "run_at", "created_at"}
    columns = [field.name for field in Task._meta.fields if field.name not in differ]
    assert [getattr(by_one, name) for name in columns] == [getattr(by_many, name) for name in columns]
    assert by_one.run_at == by_one.created_at and by_many.run_at == by_many.created_at
    assert 0 <= by_many.created_at - by_one.created_at < 60_000
    assert by_one.sent.timestamp() * 1000 == pytest.approx(by_one.created_at)


@rolled_back
def test_a_task_with_headers_and_one_without_differ_in_nothing_else() -> None:
    connections["default"].__dict__.pop("_signalpost", None)
    with transaction.atomic():
        # On PostgreSQL the first one looks for workers.
        signals.order_paid.send(None, cents=7)
        signals.order_paid.send(None, cents=7)
        token = request_id.set("r-1")
        try:
            signals.order_paid.send(None, cents=7)
        finally:
            request_id.reset(token)
    first, plain, whole = Task.objects.order_by("id")
    assert (first.headers, plain.headers, whole.headers) == ("{}", "{}", '{"request-id": "r-1"}')
    differ = {"id", "send_id", "run_at", "created_at", "headers"}
    columns = [field.name for field in Task._meta.fields if field.name not in differ]
    rows = [[getattr(task, name) for name in columns] for task in (first, plain, whole)]
    assert rows[0] == rows[1] == rows[2]
    assert all(task.run_at == task.created_at for task in (first, plain, whole))


@rolled_back
def test_what_can_be_said_of_a_task_is_written() -> None:
    outbox.write(
        "default",
        [
            outbox.NewTask(
                signal="s", receiver="r", queue="q", payload="{}", send_id=_native.uuid7(), delay=5_000, expires_in=60_000,
                priority=-5, parent=1, depth=2, reason="why", headers='{"a":"b"}', key="k",
            )
        ],
    )  # fmt: skip
    task = Task.objects.get()
    assert task.run_at == task.created_at + 5_000
    assert task.expires_at == task.created_at + 60_000
    assert (task.priority, task.parent, task.depth, task.reason, task.headers, task.key) == (-5, 1, 2, "why", '{"a":"b"}', "k")


@rolled_back
def test_nothing_is_written_of_nothing(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        outbox.write("default", [])


@rolled_back
def test_whoever_listens_is_told_of_each_task() -> None:
    told = []

    def listener(sender: Any, signal: Any, **about: Any) -> None:
        told.append((sender, about))

    task_enqueued.connect(listener)
    try:
        signals.order_paid.send(None)
    finally:
        task_enqueued.disconnect(listener)
    task = Task.objects.get()
    assert told == [
        (
            handler,
            {
                "send_id": task.send_id,
                "signal_name": "tests.news.signals.order_paid",
                "receiver": "tests.test_outbox.handler",
                "queue": "default",
                "using": "default",
            },
        )
    ]


@rolled_back
@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has nobody to notify")
def test_a_worker_that_waits_is_looked_for_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_700_000_000_000
    monkeypatch.setattr(codec, "new_send", lambda *sent: (_native.uuid7(), now, "{}", None))
    monkeypatch.setattr(_native, "now", lambda: now)

    def statement() -> str:
        with CaptureQueriesContext(connection) as captured:
            signals.order_paid.send(None)
        return "looks" if "pg_notify" in captured[0]["sql"] else "does not"

    connections["default"].__dict__.pop("_signalpost", None)
    with transaction.atomic():
        assert [statement(), statement()] == ["looks", "does not"]
        for _ in range(2):
            now += 99
            assert statement() == "does not"
            now += 1
            assert [statement(), statement()] == ["looks", "does not"]
        # The clock was set back.
        now -= 3_600_000
        assert [statement(), statement()] == ["looks", "does not"]


@rolled_back
@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has nobody to notify")
def test_each_queue_is_looked_for() -> None:
    def looks(send: Any) -> bool:
        with CaptureQueriesContext(connection) as captured:
            send()
        return any("pg_notify" in each["sql"] for each in captured)

    def send() -> None:
        signals.order_paid.send(None)

    def send_to_press() -> None:
        signals.article_published.send(None)

    connections["default"].__dict__.pop("_signalpost", None)
    with transaction.atomic():
        assert [looks(send), looks(send_to_press)] == [True, True]


@rolled_back
def test_times_are_the_servers_and_never_go_back() -> None:
    def server() -> int:
        outbox.write("default", [outbox.NewTask(signal="s", receiver="clock", queue="q", payload="{}")])
        return Task.objects.filter(receiver="clock").latest("id").created_at

    before = server()
    with transaction.atomic():
        for _ in range(300):
            signals.order_paid.send(None)
    after = server()
    times = list(Task.objects.exclude(receiver="clock").order_by("id").values_list("created_at", flat=True))
    assert times == sorted(times)
    # A clock that is not looked at may be behind by what both have lost to the millisecond.
    assert before - 2 <= times[0] and times[-1] <= after


@transactional
@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has nobody to notify")
def test_a_worker_that_waits_for_the_queue_is_notified() -> None:
    import psycopg
    from django.db.backends.postgresql.psycopg_any import is_psycopg3

    assert is_psycopg3
    parameters = connections["default"].get_connection_params()
    wanted = {key: parameters[key] for key in ("dbname", "user", "host", "port", "password") if key in parameters}
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO signalpost_worker (id, started_at, lease_until, idle) VALUES ('w', 0, 0, ARRAY['default'])")
    with psycopg.connect(**wanted, autocommit=True) as listening:
        listening.execute("LISTEN signalpost")
        connections["default"].__dict__.pop("_signalpost", None)
        with transaction.atomic():
            signals.order_paid.send(None)
        heard = list(listening.notifies(timeout=10, stop_after=1))
    assert [notification.channel for notification in heard] == ["signalpost"]
