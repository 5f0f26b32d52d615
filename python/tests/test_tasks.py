"""Tasks: called directly, and as receivers."""

from __future__ import annotations

import asyncio
import copy
import gc
import inspect
import json
import pickle
import weakref
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.signals import got_request_exception
from django.db import transaction
from django.db.models.signals import post_init, post_save
from django.dispatch import Signal
from django.test import override_settings

from signalpost import CannotTravel, DeclarationError, NotInstalled, OutsideTransactionError, async_receiver, task
from signalpost.models import HistoryEntry
from signalpost.models import Task as Row
from signalpost.testing import assertTaskEnqueued, run_tasks

from .news.models import Article, Author, Document

order_paid = Signal()
done: list[Any] = []


@pytest.fixture(autouse=True)
def _forget() -> Any:
    yield
    done.clear()
    gc.collect()


@task
def at_the_top(*args: Any, **kwargs: Any) -> int:
    """Of a module."""
    done.append((args, kwargs))
    return 7


def test_a_task_that_is_called_runs_here() -> None:
    assert at_the_top(1, two=2) == 7
    assert done == [((1,), {"two": 2})]


def test_a_task_looks_like_its_function() -> None:
    assert (at_the_top.__name__, at_the_top.__module__, at_the_top.__doc__) == ("at_the_top", __name__, "Of a module.")
    assert at_the_top.receiver.name == f"{__name__}.at_the_top"
    assert repr(at_the_top) == f"<task '{__name__}.at_the_top'>"
    assert at_the_top.delay.__qualname__ == "at_the_top.delay"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_task_is_pickled_by_its_name(protocol: int) -> None:
    assert pickle.loads(pickle.dumps(at_the_top, protocol)) is at_the_top
    assert copy.deepcopy(at_the_top) is at_the_top


@pytest.mark.django_db
def test_delay_writes_a_task_that_calls_the_function() -> None:
    send_id = at_the_top.delay(1, (2, 3), four={5})

    row = Row.objects.get()
    assert (row.send_id, row.signal, row.sender, row.receiver) == (send_id, "signalpost.task", None, f"{__name__}.at_the_top")
    assert (row.queue, row.priority, row.parent, row.depth) == ("default", 0, None, 0)
    assert done == []

    run_tasks()
    assert done == [((1, (2, 3)), {"four": {5}})]


@pytest.mark.django_db
def test_adelay_is_the_same_from_asynchronous_code() -> None:
    send_id = async_to_sync(at_the_top.adelay)(1, two=2)

    assert assertTaskEnqueued(at_the_top, 1, two=2).task.send_id == send_id


@pytest.mark.django_db
def test_a_task_has_options() -> None:
    @task(queue="mail", max_attempts=3, timeout=5, priority=-7, name="mail.send", keep_result=True)
    def send() -> dict[str, int]:
        return {"sent": 1}

    send.delay()
    row = Row.objects.get()
    assert (row.receiver, row.queue, row.priority) == ("mail.send", "mail", -7)
    assert (send.receiver.max_attempts, send.receiver.timeout) == (3, 5.0)

    (ran,) = run_tasks()
    assert ran.result == {"sent": 1}
    assert HistoryEntry.objects.get().result == '{"sent":1}'


@pytest.mark.django_db
def test_no_result_is_kept_unless_that_is_asked_for() -> None:
    @task
    def send() -> dict[str, int]:
        return {"sent": 1}

    send.delay()
    run_tasks()

    assert HistoryEntry.objects.get().result is None


@pytest.mark.parametrize("option", ["when", "fields", "actions"])
def test_what_only_signals_have_is_no_option_of_a_task(option: str) -> None:
    with pytest.raises(TypeError, match=f"a task has no option {option}. Connect the function with async_receiver"):
        task(**{option: None})(lambda: None)


def test_an_option_that_does_not_exist_is_named() -> None:
    with pytest.raises(TypeError, match="there is no option color"):
        task(color="red")(lambda: None)


def test_what_cannot_be_called_is_no_task() -> None:
    with pytest.raises(TypeError, match="a task is made of a function"):
        task(7)  # type: ignore[call-overload]


def test_two_tasks_of_one_name_are_an_error() -> None:
    task(name="bill")(lambda: 1)

    with pytest.raises(DeclarationError, match="two background receivers are called 'bill'"):
        task(name="bill")(lambda **kwargs: 2)


@pytest.mark.django_db
def test_an_argument_that_cannot_travel_is_refused_with_its_path() -> None:
    with pytest.raises(CannotTravel, match=r"\$\.args\[1\]"):
        at_the_top.delay(1, object())
    with pytest.raises(CannotTravel, match=r"\$\.named\.file"):
        at_the_top.delay(file=lambda: None)

    assert not Row.objects.exists()


@pytest.mark.django_db
def test_instances_travel_by_their_keys() -> None:
    author, document = Author.objects.create(name="Ada"), Document.objects.create(name="one")
    at_the_top.delay(author, documents=[document])
    Author.objects.update(name="Grace")

    run_tasks()

    ((args, kwargs),) = done
    assert (args, kwargs, args[0].name) == ((author,), {"documents": [document]}, "Grace")


@pytest.mark.django_db(transaction=True)
def test_a_rolled_back_call_leaves_no_task() -> None:
    with pytest.raises(LookupError), transaction.atomic():
        at_the_top.delay(1)
        assert Row.objects.count() == 1
        raise LookupError

    assert not Row.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_call_outside_of_a_transaction_is_there_at_once() -> None:
    at_the_top.delay(1)

    assert Row.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("debug", [True, False])
def test_delay_is_connected_to_a_signal_with_djangos_defaults(debug: bool) -> None:
    with override_settings(DEBUG=debug):
        post_save.connect(at_the_top.delay, sender=Article)
        gc.collect()
        article = Article.objects.create(title="Harbour light")
        assert post_save.disconnect(at_the_top.delay, sender=Article)
        Article.objects.create(title="Not heard of")

    row = Row.objects.get()
    assert (row.signal, row.sender) == ("django.db.models.signals.post_save", "news.Article")
    run_tasks()
    ((args, kwargs),) = done
    assert args == ()
    assert kwargs == {
        "signal": post_save, "sender": Article, "instance": article, "created": True, "raw": False, "using": "default",
        "update_fields": None,
    }  # fmt: skip


@pytest.mark.django_db
def test_a_body_gets_sender_and_instance_as_any_receiver() -> None:
    got: list[Any] = []

    @task
    def async_post_save(sender: Any, instance: Any, **kwargs: Any) -> None:
        got.append((sender, instance.title))

    post_save.connect(async_post_save.delay, sender=Article)
    Article.objects.create(title="Harbour light")
    post_save.disconnect(async_post_save.delay, sender=Article)
    run_tasks()

    assert got == [(Article, "Harbour light")]


@pytest.mark.django_db
def test_adelay_is_connected_as_an_asynchronous_receiver() -> None:
    order_paid.connect(at_the_top.adelay)
    assert inspect.iscoroutinefunction(at_the_top.adelay)

    async_to_sync(order_paid.asend)(None, cents=7)
    order_paid.send(None, cents=8)
    order_paid.disconnect(at_the_top.adelay)

    run_tasks()
    assert [kwargs["cents"] for _, kwargs in done] == [7, 8]


@pytest.mark.django_db
def test_connected_twice_it_is_called_once() -> None:
    for _ in range(2):
        order_paid.connect(at_the_top.delay)
    assert order_paid.send(None) == [(at_the_top.delay, None)]
    order_paid.disconnect(at_the_top.delay)

    assert Row.objects.count() == 1


def test_a_receiver_is_weakly_referenceable() -> None:
    assert weakref.ref(at_the_top)() is at_the_top
    assert weakref.ref(at_the_top.delay)() is at_the_top.delay


@pytest.mark.django_db
def test_a_plain_receiver_and_a_task_run_once_each() -> None:
    plain: list[int] = []

    def listens(cents: int, **kwargs: Any) -> None:
        plain.append(cents)

    order_paid.connect(listens)
    order_paid.connect(at_the_top.delay)
    order_paid.send(None, cents=7)
    order_paid.disconnect(at_the_top.delay)
    run_tasks()

    assert plain == [7]
    assert len(done) == 1


@pytest.mark.django_db
def test_a_receiver_that_calls_the_task_with_what_it_needs_goes_on_working() -> None:
    def handle_order_paid(sender: Any, order: Any, **kwargs: Any) -> None:
        at_the_top.delay(order.pk)

    order_paid.connect(handle_order_paid)
    author = Author.objects.create(name="an order")
    pk = author.pk
    order_paid.send(None, order=author)
    author.delete()
    run_tasks()

    assert done == [((pk,), {})]


@pytest.mark.django_db
def test_what_of_djangos_own_signals_cannot_travel_is_dropped_and_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    got_request_exception.connect(at_the_top.delay)
    for _ in range(2):
        got_request_exception.send(Author, request=object())
    got_request_exception.disconnect(at_the_top.delay)

    assert caplog.text.count("does not get 'request'") == 1
    assert Row.objects.count() == 2


def test_a_signal_that_cannot_be_heard_in_the_background_is_refused() -> None:
    post_init.connect(at_the_top.delay, sender=Author)
    try:
        with pytest.raises(DeclarationError, match="post_init cannot be heard in the background"):
            Author(name="Ada")
    finally:
        post_init.disconnect(at_the_top.delay, sender=Author)


def test_a_body_that_takes_no_further_keywords_is_refused_as_a_receiver() -> None:
    @task
    def narrow(sender: Any) -> None: ...

    order_paid.connect(narrow.delay)
    with pytest.raises(DeclarationError, match="must accept keyword arguments"):
        order_paid.send(None)
    order_paid.disconnect(narrow.delay)
    with override_settings(DEBUG=True), pytest.raises(ValueError, match="must accept keyword arguments"):
        order_paid.connect(narrow.delay)


@pytest.mark.django_db
def test_a_task_can_be_a_background_receiver_too() -> None:
    async_receiver(order_paid)(at_the_top)
    order_paid.send(None, cents=7)
    run_tasks()

    assert done[0][1]["cents"] == 7
    assert order_paid.disconnect(at_the_top)


@pytest.mark.django_db
def test_an_asynchronous_task_is_an_inline_receiver_that_is_awaited() -> None:
    ran: list[int] = []

    @task
    async def bill(cents: int, **kwargs: Any) -> None:
        await asyncio.sleep(0)
        ran.append(cents)

    order_paid.connect(bill)
    order_paid.send(None, cents=7)
    order_paid.disconnect(bill)

    assert ran == [7]


def test_where_signalpost_is_not_installed_the_task_runs_at_once_and_a_warning_says_so() -> None:
    ran: list[int] = []

    @task
    async def bill(cents: int) -> None:
        ran.append(cents)

    with override_settings(INSTALLED_APPS=["django.contrib.contenttypes", "tests.news"]):
        with pytest.warns(NotInstalled, match="runs inside the send"):
            at_the_top.delay(1)
        with pytest.warns(NotInstalled):
            bill.delay(7)

    assert done == [((1,), {})]
    assert ran == [7]


@pytest.mark.django_db
def test_a_task_is_one_row_whatever_it_is_called_with() -> None:
    at_the_top.delay(sender="north", signal="not one")

    assert json.loads(Row.objects.get().payload) == {"sender": None, "named": {"sender": "north", "signal": "not one"}}


@pytest.mark.django_db(transaction=True)
@override_settings(SIGNALPOST={"OUTSIDE_TRANSACTION": "raise"})
def test_a_save_that_a_task_hears_of_is_refused_outside_a_transaction_before_anything_is_written() -> None:
    post_save.connect(at_the_top.delay, sender=Article)
    try:
        with pytest.raises(OutsideTransactionError):
            Article.objects.create(title="Harbour light")
        with transaction.atomic():
            Article.objects.create(title="Harbour light")
    finally:
        post_save.disconnect(at_the_top.delay, sender=Article)

    assert (Article.objects.count(), Row.objects.count()) == (1, 1)
