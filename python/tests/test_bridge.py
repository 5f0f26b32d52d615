"""Tasks of Celery and of django.tasks as receivers."""

from __future__ import annotations

import datetime
import decimal
import enum
import gc
import json
import uuid
from typing import Any

import celery
import django
import pytest
from django.contrib.auth.models import User
from django.core.signals import request_started
from django.db import transaction
from django.db.models.signals import m2m_changed, post_save
from django.dispatch import Signal
from django.test import override_settings
from django.utils.translation import gettext_lazy

from signalpost import CannotTravel, bridge
from signalpost.models import Task as Row

from .news.models import Article, Author, Document, Line, Tag

order_paid = Signal()

# A broker in memory: what is sent is serialized as for a real one.
app = celery.Celery("news", broker="memory://", set_as_current=False)


@app.task(name="news.reindex", ignore_result=True)
def reindex(sender: Any, instance: Any, **kwargs: Any) -> None: ...


@app.task(name="news.anything", ignore_result=True)
def anything(**kwargs: Any) -> None: ...


@pytest.fixture(autouse=True)
def _empty() -> Any:
    """Nothing waits in the broker, before and after."""
    yield _messages(app)
    _messages(app)


def _messages(of: celery.Celery) -> list[dict[str, Any]]:
    """The keyword arguments of the messages in the broker."""
    found = []
    with of.connection_for_read() as connection:
        queue = of.amqp.queues["celery"](connection.default_channel)
        queue.declare()
        while (message := queue.get(no_ack=True)) is not None:
            found.append(json.loads(message.body)[1])
    return found


@pytest.fixture
def connected() -> Any:
    """`connect(signal, receiver, sender)`, undone at the end."""
    connections = []

    def connect(signal: Signal, receiver: Any, sender: Any = None) -> None:
        signal.connect(receiver, sender=sender)
        connections.append((signal, receiver, sender))

    yield connect
    for signal, receiver, sender in connections:
        signal.disconnect(receiver, sender=sender)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("debug", [True, False])
def test_a_celery_task_gets_what_it_needs_after_the_commit(connected: Any, debug: bool) -> None:
    with override_settings(DEBUG=debug):
        connected(post_save, bridge(reindex), Article)
    gc.collect()

    with transaction.atomic():
        article = Article.objects.create(title="Harbour light")
        assert _messages(app) == []
    (kwargs,) = _messages(app)

    assert kwargs == {
        "sender": "news.Article", "instance": article.pk, "created": True, "raw": False, "using": "default",
        "update_fields": None,
    }  # fmt: skip
    assert not Row.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_rolled_back_save_sends_nothing(connected: Any) -> None:
    connected(post_save, bridge(reindex), Article)

    with pytest.raises(LookupError), transaction.atomic():
        Article.objects.create(title="Harbour light")
        raise LookupError

    assert _messages(app) == []


@pytest.mark.django_db(transaction=True)
def test_it_is_disconnected_by_the_task(connected: Any) -> None:
    post_save.connect(bridge(reindex), sender=Article)

    assert bridge(reindex) is bridge(reindex)
    assert post_save.disconnect(bridge(reindex), sender=Article)
    Article.objects.create(title="Not heard of")

    assert _messages(app) == []


@pytest.mark.django_db(databases=["default", "archive"], transaction=True)
def test_the_commit_of_the_database_that_was_written_to_is_awaited(connected: Any) -> None:
    connected(post_save, bridge(reindex), Author)
    connected(order_paid, bridge(reindex))

    with transaction.atomic(using="archive"):
        with transaction.atomic():
            author = Author.objects.using("archive").create(name="Ada")
            order_paid.send(None, instance=author)
        assert _messages(app) == []

    assert len(_messages(app)) == 2


@pytest.mark.django_db(transaction=True)
def test_arguments_of_ones_own_are_given_instead(connected: Any) -> None:
    connected(post_save, bridge(anything, lambda sender, instance, **kwargs: {"article": instance.pk}), Article)
    article = Article.objects.create(title="Harbour light")

    assert _messages(app) == [{"article": article.pk}]


class Size(enum.Enum):
    """A size."""

    LARGE = "L"


@pytest.mark.django_db(transaction=True)
def test_what_json_has_no_form_for_becomes_plain(connected: Any) -> None:
    connected(order_paid, bridge(anything))
    document, line = Document.objects.create(name="one"), Line.objects.create(page=1, number=2)
    order_paid.send(
        "till 3",
        order=document,
        line=line,
        model=Article,
        size=Size.LARGE,
        at=datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc),
        day=datetime.date(2026, 1, 2),
        took=datetime.timedelta(hours=1),
        cents=decimal.Decimal("12.50"),
        id=uuid.UUID(int=7),
        label=gettext_lazy("paid"),
        parts={3, 1, 2},
        pairs=[(1, "a"), {"b": [document]}],
        ratio=0.5,
    )
    (kwargs,) = _messages(app)

    assert kwargs == {
        "sender": "till 3", "order": str(document.pk), "line": [1, 2], "model": "news.Article", "size": "L",
        "at": "2026-01-02T03:04:05+00:00", "day": "2026-01-02", "took": "P0DT01H00M00S", "cents": "12.50",
        "id": str(uuid.UUID(int=7)), "label": "paid", "parts": [1, 2, 3], "pairs": [[1, "a"], {"b": [str(document.pk)]}],
        "ratio": 0.5,
    }  # fmt: skip


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("value", "path"),
    [
        (object(), r"\$\.named\.x it|at \$\.named\.x "),
        ([1, {"a": b"bytes"}], r"\$\.named\.x\[1\]\.a"),
        (float("nan"), r"\$\.named\.x"),
        ({1: 2}, r"\$\.named\.x"),
    ],
)
def test_what_it_cannot_carry_is_refused_with_the_path(connected: Any, value: Any, path: str) -> None:
    connected(order_paid, bridge(reindex))

    with pytest.raises(CannotTravel, match=path):
        order_paid.send(None, x=value)

    assert _messages(app) == []


@pytest.mark.django_db(transaction=True)
def test_what_is_nested_without_end_is_refused(connected: Any) -> None:
    connected(order_paid, bridge(reindex))
    endless: list[Any] = []
    endless.append(endless)

    with pytest.raises(CannotTravel, match="nested deeper than 64 levels"):
        order_paid.send(None, x=endless)


@pytest.mark.django_db(transaction=True)
def test_of_djangos_own_signals_it_is_dropped_and_said_once(connected: Any, caplog: pytest.LogCaptureFixture) -> None:
    connected(request_started, bridge(anything))

    for _ in range(2):
        request_started.send(Author, environ={"wsgi.input": object()})

    assert _messages(app) == [{"sender": "news.Author"}] * 2
    assert caplog.text.count("does not get 'environ' of django.core.signals.request_started") == 1


@pytest.mark.django_db(transaction=True)
def test_m2m_changed_travels(connected: Any) -> None:
    connected(m2m_changed, bridge(reindex), Article.tags.through)
    article, tag = Article.objects.create(title="one"), Tag.objects.create(label="sea")
    article.tags.add(tag)

    before, after = _messages(app)
    assert (before["action"], after["action"]) == ("pre_add", "post_add")
    assert (after["sender"], after["model"], after["pk_set"]) == ("news.Article_tags", "news.Tag", [tag.pk])


@pytest.mark.django_db(transaction=True)
def test_signalposts_own_models_are_not_heard(connected: Any) -> None:
    connected(post_save, bridge(reindex))
    Row.objects.create(
        send_id="x", signal="x", receiver="x", queue="x", priority=0, run_at=1, payload="{}", payload_version=1, headers="{}",
        depth=0, created_at=1,
    )  # fmt: skip

    assert _messages(app) == []


def test_what_is_no_task_is_refused() -> None:
    with pytest.raises(TypeError, match="is no task: it has neither delay"):
        bridge(len)
    with pytest.raises(TypeError, match="arguments= must be a function"):
        bridge(reindex, {"article": 7})  # type: ignore[arg-type]


def test_a_bridge_has_the_names_that_django_logs() -> None:
    made = bridge(reindex)

    assert (made.__name__, made.__module__) == ("reindex", __name__)
    assert "reindex" in made.__qualname__


if django.VERSION >= (6, 0):
    from django.tasks import task as django_task
    from django.tasks import task_backends

    @django_task
    def greet(sender: str, user: int, **kwargs: Any) -> None: ...

    @pytest.mark.django_db(transaction=True)
    @override_settings(TASKS={"default": {"BACKEND": "django.tasks.backends.dummy.DummyBackend"}})
    def test_a_task_of_django_gets_what_it_needs_after_the_commit(connected: Any) -> None:
        connected(order_paid, bridge(greet))
        gc.collect()
        user = User.objects.create(username="ada")

        with transaction.atomic():
            order_paid.send(User, user=user)
            assert task_backends["default"].results == []
        (result,) = task_backends["default"].results

        assert (result.task, result.args, result.kwargs) == (greet, [], {"sender": "auth.User", "user": user.pk})
