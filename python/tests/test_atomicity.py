"""Saves outside a transaction: what is said of them, and how to do without."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import transaction
from django.db.models import Model
from django.db.models.signals import post_delete, post_save, pre_save
from django.test import TestCase, override_settings

from signalpost import OutsideTransaction, OutsideTransactionError, connect_background
from signalpost.atomicity import AtomicSignalsMixin
from signalpost.models import Task

from .news import signals
from .news.models import Article, Author, Correction, Draft, Tag

transactional = pytest.mark.django_db(transaction=True)
raises = override_settings(SIGNALPOST={"OUTSIDE_TRANSACTION": "raise"})


def handler(sender: Any, **kwargs: Any) -> None:
    """Never runs here."""


@pytest.fixture(autouse=True)
def _strictly() -> Iterator[None]:
    """What is not expected is an error, and each test hears every warning anew."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", OutsideTransaction)
        yield


def line_of(marker: str) -> int:
    """Where `marker` stands in the test that asks."""
    frame = inspect.currentframe()
    assert frame is not None and frame.f_back is not None
    lines, first = inspect.getsourcelines(frame.f_back.f_code)
    [offset] = [number for number, line in enumerate(lines) if f"# {marker}" in line and "line_of" not in line]
    return first + offset


@transactional
def test_a_save_outside_a_transaction_warns_with_the_line_that_saved() -> None:
    connect_background(post_save, handler, sender=Author)
    with pytest.warns(OutsideTransaction) as caught:
        Author.objects.create(name="Ada")  # here
    [warning] = caught
    assert (warning.filename, warning.lineno) == (__file__, line_of("here"))
    assert str(warning.message) == (
        "Author is saved outside a transaction, so a crash in between can leave the row without the tasks of post_save. "
        "Save it in transaction.atomic(using='default'), derive the model from signalpost.AtomicSignalsMixin, or set "
        "SIGNALPOST['OUTSIDE_TRANSACTION'] to 'allow'."
    )
    assert Task.objects.count() == 1


@transactional
def test_each_line_is_warned_of_once() -> None:
    connect_background(post_save, handler, sender=Author)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default", OutsideTransaction)
        for _ in range(3):
            Author.objects.create(name="Ada")
        Author.objects.create(name="Grace")
    assert len(caught) == 2


@transactional
def test_pre_save_is_subject_to_the_policy_too() -> None:
    connect_background(pre_save, handler, sender=Author)
    with pytest.warns(OutsideTransaction, match="the tasks of pre_save"):
        Author.objects.create(name="Ada")


@transactional
def test_an_asynchronous_save_is_warned_of() -> None:
    connect_background(post_save, handler, sender=Author)

    async def save() -> None:
        await Author.objects.acreate(name="Ada")

    with pytest.warns(OutsideTransaction) as caught:
        async_to_sync(save)()
    assert caught[0].filename == __file__


@transactional
def test_in_a_transaction_nothing_is_said() -> None:
    connect_background(post_save, handler, sender=Author)
    connect_background(pre_save, handler, sender=Author)
    with transaction.atomic():
        Author.objects.create(name="Ada")
    with transaction.atomic(), transaction.atomic(savepoint=False):
        Author.objects.create(name="Ada")


@transactional
def test_without_autocommit_there_is_a_transaction() -> None:
    connect_background(post_save, handler, sender=Author)
    transaction.set_autocommit(False)
    try:
        Author.objects.create(name="Ada")
        transaction.commit()
    finally:
        transaction.set_autocommit(True)


@transactional
def test_nothing_is_said_where_nobody_listens_in_the_background() -> None:
    post_save.connect(handler, sender=Author)
    try:
        Author.objects.create(name="Ada")
    finally:
        post_save.disconnect(handler, sender=Author)


@transactional
def test_deletes_are_in_a_transaction_of_djangos() -> None:
    connect_background(post_delete, handler, sender=Author)
    Author.objects.create(name="Ada").delete()
    assert Task.objects.count() == 1


@transactional
def test_a_signal_of_ones_own_is_about_no_row() -> None:
    connect_background(signals.order_paid, handler)
    signals.order_paid.send(None)
    assert Task.objects.count() == 1


class InATestCase(TestCase):
    """The block around a test is none of the project's."""

    def test_the_block_around_a_test_does_not_count(self) -> None:
        connect_background(post_save, handler, sender=Author)
        with self.assertWarns(OutsideTransaction):
            Author.objects.create(name="Ada")

    def test_a_block_in_a_test_counts(self) -> None:
        connect_background(post_save, handler, sender=Author)
        with transaction.atomic():
            Author.objects.create(name="Ada")

    def test_a_model_with_the_mixin_has_a_block(self) -> None:
        connect_background(post_save, handler, sender=Correction)
        Correction.objects.create(text="It was Tuesday.")


@transactional
@raises
def test_a_save_is_refused_before_anything_is_written() -> None:
    connect_background(post_save, handler, sender=Author)
    with pytest.raises(OutsideTransactionError, match=rf"{__file__}:{line_of('refused')}: Author is saved outside"):
        Author.objects.create(name="Ada")  # refused
    assert not Author.objects.exists()
    with transaction.atomic():
        Author.objects.create(name="Ada")
    assert Task.objects.count() == 1


@transactional
@raises
def test_a_save_that_nobody_hears_is_not_refused() -> None:
    connect_background(post_save, handler, sender=Author)
    Tag.objects.create(label="sea")
    post_save.disconnect(handler, sender=Author)
    Author.objects.create(name="Ada")


@transactional
@raises
def test_whoever_hears_everybody_has_every_save_refused_but_our_own() -> None:
    connect_background(post_save, handler)
    with pytest.raises(OutsideTransactionError):
        Tag.objects.create(label="sea")
    Task.objects.create(
        send_id="s", signal="s", receiver="r", queue="q", priority=0, run_at=0, payload="{}", payload_version=1, headers="{}",
        depth=0, created_at=0,
    )  # fmt: skip


@transactional
@raises
def test_fields_are_asked_before_a_save_is_refused() -> None:
    connect_background(post_save, handler, sender=Article, fields={"status"})
    with transaction.atomic():
        article = Article.objects.create(title="Light")
    article.save(update_fields=["title"])
    with pytest.raises(OutsideTransactionError):
        article.save(update_fields=["status"])
    with pytest.raises(OutsideTransactionError):
        article.save()


@transactional
@raises
def test_a_proxy_is_refused_by_what_listens_to_it() -> None:
    connect_background(post_save, handler, sender=Draft)
    with pytest.raises(OutsideTransactionError, match="Draft is saved"):
        Draft.objects.create(title="Light")
    Article.objects.create(title="Light")


@transactional
def test_the_policy_goes_with_the_setting() -> None:
    connect_background(post_save, handler, sender=Author)
    with raises, pytest.raises(OutsideTransactionError):
        Author.objects.create(name="Ada")
    with override_settings(SIGNALPOST={"OUTSIDE_TRANSACTION": "allow"}):
        Author.objects.create(name="Ada")
    with pytest.warns(OutsideTransaction):
        Author.objects.create(name="Grace")
    assert not any("signalpost.guard" in map(str, key) for key, *_ in pre_save.receivers)


@transactional
def test_the_mixin_saves_the_row_and_its_tasks_together() -> None:
    connect_background(post_save, handler, sender=Correction)
    Correction.objects.create(text="It was Tuesday.")
    assert Task.objects.count() == 1


@transactional
def test_the_mixin_undoes_the_save_when_the_task_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    connect_background(post_save, handler, sender=Correction)
    monkeypatch.setattr("signalpost.current.context_for_send", lambda name: ("{}", None, "not a number"))
    with pytest.raises(Exception, match="not a number|cannot store TEXT"):
        Correction.objects.create(text="It was Tuesday.")
    assert not Correction.objects.exists()


@transactional
def test_the_mixin_undoes_the_save_when_an_inline_receiver_fails() -> None:
    def fail(sender: Any, **kwargs: Any) -> None:
        raise ZeroDivisionError

    post_save.connect(fail, sender=Correction)
    try:
        with pytest.raises(ZeroDivisionError):
            Correction.objects.create(text="It was Tuesday.")
    finally:
        post_save.disconnect(fail, sender=Correction)
    assert not Correction.objects.exists()


def test_the_mixin_saves_as_django_does() -> None:
    def named(function: Any) -> list[tuple[str, Any]]:
        return [(each.name, each.default) for each in inspect.signature(function).parameters.values()]

    assert named(AtomicSignalsMixin.save_base) == named(Model.save_base)
    assert AtomicSignalsMixin.save_base.alters_data is True  # type: ignore[attr-defined]
