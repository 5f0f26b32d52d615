"""What waits."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models.signals import post_save
from django.dispatch import Signal

from signalpost import AsyncSignal, async_receiver, connect_background, registry, task
from signalpost.testing import (
    SignalpostAssertions,
    assertEnqueues,
    assertNoTaskEnqueued,
    assertTaskEnqueued,
    assertTasksEnqueued,
    enqueued,
    immediate,
    run_tasks,
)

from .news.models import Article, Author

order_paid = Signal()
stock_changed = AsyncSignal(queue="stock")

pytestmark = pytest.mark.django_db


@pytest.fixture
def index() -> Any:
    """A background receiver of articles."""

    @async_receiver(post_save, sender=Article, queue="search", priority=3)
    def index(**kwargs: Any) -> None: ...

    return index


def test_a_task_is_found_by_its_function_its_name_and_the_end_of_its_name(index: Any) -> None:
    article = Article.objects.create(title="Harbour light")

    by_function = assertTaskEnqueued(index)
    assert (by_function.queue, by_function.priority) == ("search", 3)
    assert by_function.arguments.named["instance"] == article
    name = f"{__name__}.index.<locals>.index"
    for known in (name, "index", registry.get(name)):
        assert assertTaskEnqueued(known).task == by_function.task


def test_a_task_that_was_called_is_found_by_its_arguments() -> None:
    bill = task(name="bill")(lambda *args, **kwargs: None)
    bill.delay(1, 2, three=3)

    assert assertTaskEnqueued(bill, 1, 2, three=3).arguments.args == (1, 2)
    assert assertTaskEnqueued(bill.delay, three=3)
    with pytest.raises(AssertionError, match="1 task of 'bill' was to wait with args=.1,., and no task of that kind does"):
        assertTaskEnqueued(bill, 1)
    with pytest.raises(AssertionError):
        assertTaskEnqueued(bill, three=4)


def test_a_background_signal_is_found_by_itself() -> None:
    stock_changed.send(Article, left=3)

    assert assertTaskEnqueued(stock_changed, left=3, sender=Article).queue == "stock"


def test_what_it_is_asked_for_is_compared(index: Any) -> None:
    article = Article.objects.create(title="Harbour light")

    right = {
        "queue": "search", "priority": 3, "sender": Article, "signal": post_save, "using": "default", "created": True,
        "instance": article,
    }  # fmt: skip
    wrong = {"queue": "mail", "priority": 4, "sender": Author, "signal": order_paid, "created": False, "instance": None}
    assertTaskEnqueued(index, **right)
    assertTaskEnqueued(index, sender="news.Article", signal="django.db.models.signals.post_save", named={"created": True})
    for name, value in wrong.items():
        with pytest.raises(AssertionError):
            assertTaskEnqueued(index, **{name: value})


def test_how_many_wait_is_compared(index: Any) -> None:
    assertTasksEnqueued(index, 0)
    for title in ("one", "two"):
        Article.objects.create(title=title)

    first, second = assertTasksEnqueued(index, 2)
    assert first.task.pk < second.task.pk
    with pytest.raises(AssertionError, match="1 task of .* was to wait, and 2 tasks of that kind do; what waits: 2 tasks"):
        assertTaskEnqueued(index)
    with pytest.raises(AssertionError, match="3 tasks of .* were to wait, and 2 tasks of that kind do"):
        assertTasksEnqueued(index, 3)


def test_the_message_lists_what_waits() -> None:
    connect_background(order_paid, lambda **kwargs: None, name="bill")
    order_paid.send(None, cents=7)

    with pytest.raises(AssertionError) as raised:
        assertTaskEnqueued("ship")

    waits = enqueued()[0].task.pk
    assert str(raised.value) == (
        "1 task of 'ship' was to wait, and no task of that kind does; what waits: 1 task\n"
        f'  #{waits} {__name__}.order_paid → bill, queue \'default\': {{"sender":null,"named":{{"cents":7}}}}'
    )


def test_in_immediate_mode_the_message_says_why_nothing_waits() -> None:
    bill = task(name="bill")(lambda: None)

    with immediate(), pytest.raises(AssertionError, match="hint: immediate mode is on"):
        bill.delay()
        assertTaskEnqueued(bill)


def test_that_nothing_waits_can_be_said() -> None:
    bill = task(name="bill")(lambda: None)
    assertNoTaskEnqueued()
    assertNoTaskEnqueued(bill)
    task(name="ship")(lambda: None).delay()

    assertNoTaskEnqueued(bill)
    with pytest.raises(AssertionError, match="No task was to wait; what waits: 1 task"):
        assertNoTaskEnqueued()
    with pytest.raises(AssertionError, match="no task of 'ship' was to wait, and 1 task of that kind does"):
        assertNoTaskEnqueued("ship")


def test_in_a_block_only_what_is_sent_there_counts(index: Any) -> None:
    Article.objects.create(title="before")

    with assertEnqueues(index, created=True) as tasks:
        article = Article.objects.create(title="within")
    assert tasks[0].arguments.named["instance"] == article
    with assertEnqueues(index, count=0):
        pass
    with pytest.raises(AssertionError, match="1 task of .* was to wait, and no task of that kind does; what waits: no task"):
        with assertEnqueues(index):
            pass
    run_tasks()
    with assertEnqueues(index, count=2):
        for title in ("one", "two"):
            Article.objects.create(title=title)


def test_an_error_in_the_block_is_the_one_that_is_shown(index: Any) -> None:
    with pytest.raises(LookupError), assertEnqueues(index):
        raise LookupError


def test_a_task_under_a_former_name_is_found() -> None:
    bill = task(name="bill")(lambda: None)
    bill.delay()
    registry.unregister(bill.receiver)

    renamed = task(name="invoice", aliases=["bill"])(lambda: None)

    assert assertTaskEnqueued(renamed)


def test_test_cases_have_them_as_methods(index: Any) -> None:
    case = SignalpostAssertions()

    with case.assertEnqueues(index), case.assertSignalSent(post_save, sender=Article):
        Article.objects.create(title="Harbour light")
    with case.assertSignalNotSent(order_paid):
        pass
    case.assertTaskEnqueued(index)
    case.assertTasksEnqueued(index, 1)
    run_tasks()
    case.assertNoTaskEnqueued()
