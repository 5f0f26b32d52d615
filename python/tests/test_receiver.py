"""Declaring, connecting and disconnecting background receivers."""

from __future__ import annotations

import gc
import importlib
import inspect
import sys
import types
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.apps.registry import Apps
from django.core.checks.model_checks import _check_lazy_references
from django.db import models
from django.db.backends.signals import connection_created
from django.db.models.signals import (
    class_prepared,
    m2m_changed,
    post_delete,
    post_init,
    post_migrate,
    post_save,
    pre_delete,
    pre_init,
    pre_save,
)
from django.dispatch import Signal, receiver
from django.test import override_settings
from django.test.utils import isolate_apps

import signalpost
from signalpost import ConnectedLate, DeclarationError, async_receiver, connect_background, registry, task_enqueued
from signalpost.models import Task

from .news import signals
from .news.models import Article, Author, Tag

pytestmark = pytest.mark.django_db


def handler(sender: Any, **kwargs: Any) -> str:
    """Answers when it is called."""
    return "called"


def receivers_of_tasks() -> list[str]:
    return list(Task.objects.order_by("id").values_list("receiver", flat=True))


def test_the_decorator_returns_the_function_and_calling_it_runs_it() -> None:
    decorated = async_receiver(post_save, sender=Author)(handler)
    assert decorated is handler
    assert handler(None) == "called"
    assert not Task.objects.exists()


def test_the_decorator_takes_what_djangos_takes() -> None:
    ours = inspect.signature(async_receiver).parameters
    for name in ("sender", "weak", "dispatch_uid"):
        assert ours[name].kind is inspect.Parameter.KEYWORD_ONLY
    assert next(iter(ours)) == next(iter(inspect.signature(receiver).parameters)) == "signal"


def test_a_save_writes_one_row_with_what_was_sent() -> None:
    connect_background(post_save, handler, sender=Author, queue="mail", priority=7)
    author = Author.objects.create(name="Ada")
    task = Task.objects.get()
    assert (task.signal, task.sender, task.receiver) == (
        "django.db.models.signals.post_save",
        "news.Author",
        "tests.test_receiver.handler",
    )
    assert (task.queue, task.priority, task.attempt, task.depth, task.parent) == ("mail", 7, 0, 0, None)
    assert task.payload == (
        '{"sender":{"$":["model","news.Author"]},"named":{"instance":{"$":["instance","news.Author",'
        + str(author.pk)
        + ',"default"]},"created":true,"update_fields":null,"raw":false,"using":"default"}}'
    )
    assert task.send_id[14] == "7"


def test_each_receiver_has_a_row_and_a_send_id_of_its_own() -> None:
    connect_background(post_save, handler, sender=Author)
    connect_background(post_save, handler, sender=Author, name="another", dispatch_uid="another")
    Author.objects.create(name="Ada")
    assert receivers_of_tasks() == ["tests.test_receiver.handler", "another"]
    assert len(set(Task.objects.values_list("send_id", flat=True))) == 2


def test_a_background_receiver_answers_none() -> None:
    connect_background(signals.order_paid, handler)
    [(called, response)] = signals.order_paid.send(None)
    assert response is None
    assert called.__wrapped__ is handler


@pytest.mark.parametrize("container", [list, tuple])
def test_one_function_listens_to_several_signals(container: Any) -> None:
    async_receiver(container([post_save, post_delete]), sender=Author)(handler)
    author = Author.objects.create(name="Ada")
    author.delete()
    assert list(Task.objects.order_by("id").values_list("signal", flat=True)) == [
        "django.db.models.signals.post_save",
        "django.db.models.signals.post_delete",
    ]


def test_decorators_with_different_conditions_can_be_stacked() -> None:
    @async_receiver(post_delete, sender=Article, queue="index")
    @async_receiver(post_save, sender=Article, fields={"status"}, max_attempts=3)
    def reindex(sender: Any, **kwargs: Any) -> None: ...

    article = Article.objects.create(title="Light")
    article.save(update_fields=["title"])
    article.delete()
    assert list(Task.objects.order_by("id").values_list("signal", "queue")) == [
        ("django.db.models.signals.post_save", "default"),
        ("django.db.models.signals.post_delete", "index"),
    ]
    known = registry.get(f"{__name__}.test_decorators_with_different_conditions_can_be_stacked.<locals>.reindex")
    assert known is not None and known.max_attempts == 3


def test_a_receiver_hears_its_sender_only() -> None:
    connect_background(post_save, handler, sender=Author)
    Tag.objects.create(label="sea")
    assert not Task.objects.exists()


def test_inline_and_background_receivers_live_side_by_side() -> None:
    seen = []

    def inline(sender: Any, instance: Any, **kwargs: Any) -> None:
        seen.append(instance)

    post_save.connect(inline, sender=Author)
    connect_background(post_save, handler, sender=Author)
    author = Author.objects.create(name="Ada")
    assert seen == [author]
    assert receivers_of_tasks() == ["tests.test_receiver.handler"]


def test_connected_twice_it_is_called_once() -> None:
    connect_background(post_save, handler, sender=Author)
    connect_background(post_save, handler, sender=Author)
    Author.objects.create(name="Ada")
    assert len(receivers_of_tasks()) == 1


def test_it_is_disconnected_by_its_function() -> None:
    connect_background(post_save, handler, sender=Author)
    # A lazy signal of models answers nothing for a model given by name, and this for a class.
    assert post_save.disconnect(handler, sender=Author) is True
    assert post_save.disconnect(handler, sender=Author) is False
    Author.objects.create(name="Ada")
    assert not Task.objects.exists()
    # Those that wait still run.
    assert registry.get("tests.test_receiver.handler") is not None


def test_an_inline_connection_of_the_same_function_is_the_same_connection() -> None:
    connect_background(signals.order_paid, handler)
    signals.order_paid.connect(handler)
    assert signals.order_paid.send(None)[0][1] is None
    assert len(receivers_of_tasks()) == 1


def test_a_dispatch_uid_lets_the_first_registration_win() -> None:
    connect_background(post_save, handler, sender=Author, dispatch_uid="only one")

    def another(sender: Any, **kwargs: Any) -> None: ...

    connect_background(post_save, another, sender=Author, dispatch_uid="only one")
    Author.objects.create(name="Ada")
    assert receivers_of_tasks() == ["tests.test_receiver.handler"]
    assert post_save.disconnect(sender=Author, dispatch_uid="only one") is True


@pytest.fixture
def handlers_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[types.ModuleType]:
    """A module of receivers that can be imported under two names."""
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "__init__.py").touch()
    (tmp_path / "inner" / "sp_handlers.py").write_text(
        "from django.db.models.signals import post_save\n"
        "from signalpost import async_receiver\n"
        "@async_receiver(post_save, sender='news.Author', dispatch_uid='handlers.welcome')\n"
        "def welcome(sender, **kwargs): ...\n"
        "@async_receiver(post_save, sender='news.Tag')\n"
        "def index(sender, **kwargs): ...\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path / "inner"))
    yield importlib.import_module("sp_handlers")
    for name in ("sp_handlers", "inner.sp_handlers", "inner"):
        sys.modules.pop(name, None)


def test_a_module_imported_under_two_names_makes_one_row_per_send(handlers_module: types.ModuleType) -> None:
    other = importlib.import_module("inner.sp_handlers")
    assert other.welcome is not handlers_module.welcome
    Author.objects.create(name="Ada")
    assert receivers_of_tasks() == ["sp_handlers.welcome"]


def test_a_module_that_is_loaded_again_makes_one_row_per_send(handlers_module: types.ModuleType) -> None:
    importlib.reload(handlers_module)
    Tag.objects.create(label="sea")
    Author.objects.create(name="Ada")
    assert receivers_of_tasks() == ["sp_handlers.index", "sp_handlers.welcome"]
    assert post_save.disconnect(handlers_module.index, sender=Tag) is True
    known = registry.get("sp_handlers.index")
    assert known is not None and known.function is handlers_module.index


def test_it_is_strongly_held() -> None:
    """The trap of requirement 15: with DEBUG off nothing else keeps a function that is declared inside another."""

    def declare() -> None:
        @async_receiver(post_save, sender=Author, weak=True)
        def local(sender: Any, **kwargs: Any) -> None: ...

    with override_settings(DEBUG=False):
        declare()
    gc.collect()
    Author.objects.create(name="Ada")
    assert len(receivers_of_tasks()) == 1


def test_a_sender_can_be_named_before_it_exists() -> None:
    with isolate_apps("tests.news"):
        connect_background(post_save, handler, sender="news.Later", apps=models.options.Options.default_apps)

        class Later(models.Model):
            class Meta:
                app_label = "news"

        assert post_save.has_listeners(Later)
        assert post_save.disconnect(handler, sender=Later) is True


def test_a_lazy_sender_is_resolved() -> None:
    connect_background(post_save, handler, sender="news.Author")
    Author.objects.create(name="Ada")
    assert receivers_of_tasks() == ["tests.test_receiver.handler"]
    assert post_save.disconnect(handler, sender="news.Author") is None
    Author.objects.create(name="Grace")
    assert len(receivers_of_tasks()) == 1


def test_a_malformed_lazy_sender_is_djangos_error() -> None:
    with pytest.raises(ValueError, match="must be of the form 'app_label.ModelName'"):
        connect_background(post_save, handler, sender="Author")


def test_a_lazy_sender_that_never_comes_is_djangos_e001() -> None:
    apps = Apps()
    connect_background(post_save, handler, sender="nowhere.Model", apps=apps)
    [error] = _check_lazy_references(apps)
    assert error.id == "signals.E001"
    assert error.msg == (
        "The function 'handler' was connected to the 'post_save' signal with a lazy reference to the sender "
        "'nowhere.model', but app 'nowhere' isn't installed."
    )
    assert error.obj == __name__


async def asynchronous(sender: Any, **kwargs: Any) -> None:
    """Runs later like any other."""


class Desk:
    """Has receivers of all kinds."""

    def listen(self, sender: Any, **kwargs: Any) -> None: ...

    def __call__(self, sender: Any, **kwargs: Any) -> None: ...


def test_an_asynchronous_function_is_enqueued_by_a_synchronous_send() -> None:
    connect_background(post_save, asynchronous, sender=Author)
    Author.objects.create(name="Ada")
    assert receivers_of_tasks() == ["tests.test_receiver.asynchronous"]
    known = registry.get("tests.test_receiver.asynchronous")
    assert known is not None and known.is_async


def test_a_bound_method_is_a_receiver_and_is_disconnected_by_itself() -> None:
    desk = Desk()
    connect_background(post_save, desk.listen, sender=Author)
    Author.objects.create(name="Ada")
    assert receivers_of_tasks() == ["tests.test_receiver.Desk.listen"]
    assert post_save.disconnect(desk.listen, sender=Author) is True


def test_the_methods_of_two_objects_need_names() -> None:
    connect_background(post_save, Desk().listen, sender=Author)
    with pytest.raises(DeclarationError, match="two background receivers are called 'tests.test_receiver.Desk.listen'"):
        connect_background(post_save, Desk().listen, sender=Author)


@pytest.mark.parametrize("make", [Desk, lambda: partial(handler, extra=1)], ids=["object", "partial"])
def test_a_callable_without_a_name_needs_one(make: Any) -> None:
    function = make()
    with pytest.raises(DeclarationError, match=r"test_receiver.py:\d+: .* has no name of its own"):
        connect_background(post_save, function, sender=Author)
    connect_background(post_save, function, sender=Author, name="desk")
    Author.objects.create(name="Ada")
    assert receivers_of_tasks() == ["desk"]
    assert post_save.disconnect(function, sender=Author) is True


def test_a_mock_is_a_receiver() -> None:
    function = mock.Mock()
    connect_background(post_save, function, sender=Author, name="mocked")
    Author.objects.create(name="Ada")
    assert receivers_of_tasks() == ["mocked"]
    function.assert_not_called()


def test_two_closures_of_one_function_need_names() -> None:
    def made(desk: str) -> Any:
        def listen(sender: Any, **kwargs: Any) -> str:
            return desk

        return listen

    connect_background(post_save, made("sport"), sender=Author)
    with pytest.raises(DeclarationError, match="Give one of them a name= of its own"):
        connect_background(post_save, made("politics"), sender=Author)


def test_two_receivers_of_one_name_are_an_error_that_names_both_places() -> None:
    connect_background(post_save, handler, sender=Author, name="taken")

    def another(sender: Any, **kwargs: Any) -> None: ...

    here = rf"{__file__}:\d+"
    with pytest.raises(DeclarationError, match=rf"called 'taken': the one at {here} and the one at {here}\. Give one"):
        connect_background(post_save, another, sender=Tag, name="taken")
    with pytest.raises(DeclarationError, match="called 'taken'"):
        connect_background(post_save, another, sender=Tag, aliases=["taken"])


def test_one_function_cannot_say_two_things_of_its_run() -> None:
    connect_background(post_save, handler, sender=Author, max_attempts=3)
    with pytest.raises(DeclarationError, match="declared twice, with max_attempts=3 and max_attempts=5"):
        connect_background(post_save, handler, sender=Tag, max_attempts=5)


def test_an_alias_finds_the_receiver() -> None:
    connected = connect_background(post_save, handler, sender=Author, aliases=["news.old_handler"])
    assert registry.get("news.old_handler") is connected
    assert registry.get("news.never") is None


@pytest.mark.parametrize(
    ("signal", "hint"),
    [
        (pre_init, "pre_save in the background"),
        (post_init, "post_save in the background"),
        (class_prepared, "while models are being imported"),
        (connection_created, "the connection that would have to store the task"),
    ],
)
def test_a_signal_that_cannot_wait_is_refused_with_the_reason(signal: Signal, hint: str) -> None:
    with pytest.raises(DeclarationError, match=rf"test_receiver.py:\d+: handler: django\..* {hint}"):
        connect_background(signal, handler)
    assert not any(getattr(entry[1], "background", None) for entry in signal.receivers)


def test_the_signals_about_tasks_are_refused() -> None:
    with pytest.raises(DeclarationError, match="the task about a task would be a task"):
        connect_background(task_enqueued, handler)


def test_a_signal_without_a_name_is_refused() -> None:
    with pytest.raises(DeclarationError, match="has no name, and tasks name their signal"):
        connect_background(Signal(), handler)


@pytest.mark.parametrize("sender", [Task, "signalpost.Task"])
def test_our_own_models_cannot_be_senders(sender: Any) -> None:
    with pytest.raises(DeclarationError, match=r"signalpost\.Task cannot be a sender in the background"):
        connect_background(post_save, handler, sender=sender)


def test_whoever_hears_everybody_does_not_hear_our_own_models() -> None:
    connect_background(post_save, handler)
    connect_background(post_delete, handler)
    Author.objects.create(name="Ada")
    Task.objects.get().delete()
    assert not Task.objects.exists()


def test_a_function_without_keywords_is_refused_whatever_debug_says() -> None:
    def narrow(sender: Any) -> None: ...

    with override_settings(DEBUG=False), pytest.raises(DeclarationError, match="must accept keyword arguments"):
        connect_background(post_save, narrow)
    with pytest.raises(TypeError, match="must be callable"):
        connect_background(post_save, "handler")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="is not a signal"):
        connect_background("post_save", handler)  # type: ignore[arg-type]


def test_it_can_be_connected_under_debug() -> None:
    with override_settings(DEBUG=True):
        connect_background(post_save, handler, sender=Author)
    Author.objects.create(name="Ada")
    assert len(receivers_of_tasks()) == 1


def test_connecting_late_warns_with_the_line() -> None:
    with pytest.warns(ConnectedLate, match="tests.test_receiver.handler is connected after Django has started") as caught:
        connect_background(post_save, handler, sender=Author)
    assert caught[0].filename == __file__
    with warnings.catch_warnings(), mock.patch("django.apps.apps.ready", False):
        warnings.simplefilter("error")
        connect_background(post_save, handler, sender=Tag)


def test_receivers_of_installed_apps_are_found() -> None:
    known = registry.get("tests.news.receivers.print_edition")
    assert known is not None
    assert known.signals == [signals.edition_closed]
    signals.edition_closed.send(None)
    assert list(Task.objects.values_list("queue", flat=True)) == ["print"]


def test_apps_can_be_made_ready_twice() -> None:
    from django.apps import apps

    before = len(signals.edition_closed.receivers)
    apps.get_app_config("signalpost").ready()
    assert len(signals.edition_closed.receivers) == before


def test_model_signals_of_all_kinds_write_rows() -> None:
    for signal in (pre_save, post_save, pre_delete, post_delete):
        connect_background(signal, handler, sender=Article)
    connect_background(m2m_changed, handler, sender=Article.tags.through)
    article = Article.objects.create(title="Light")
    article.tags.add(Tag.objects.create(label="sea"))
    article.delete()
    assert [name.rpartition(".")[2] for name in Task.objects.order_by("id").values_list("signal", flat=True)] == [
        "pre_save",
        "post_save",
        "m2m_changed",
        "m2m_changed",
        "pre_delete",
        "post_delete",
    ]
    assert Task.objects.filter(sender="news.Article_tags").count() == 2


def test_migrations_can_be_heard() -> None:
    from django.core.management.sql import emit_post_migrate_signal

    connect_background(post_migrate, handler)
    emit_post_migrate_signal(verbosity=0, interactive=False, db="default")
    assert set(Task.objects.values_list("sender", flat=True)) >= {"signalpost.apps.SignalpostConfig"}


def test_what_django_sends_and_cannot_travel_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    connect_background(post_delete, handler, sender=Author)
    for _ in range(2):
        Author.objects.create(name="Ada")
        Author.objects.filter(name="Ada").delete()
    assert Task.objects.count() == 2
    assert '"origin"' not in Task.objects.first().payload  # type: ignore[union-attr]
    [said] = [record.getMessage() for record in caplog.records if record.name == "signalpost"]
    assert said.startswith(
        "tests.test_receiver.handler does not get 'origin' of django.db.models.signals.post_delete: what is at $.named.origin is "
    )


def test_what_one_sends_oneself_and_cannot_travel_is_an_error_with_the_path() -> None:
    connect_background(signals.order_paid, handler)
    with pytest.raises(signalpost.CannotTravel, match=r"\$\.named\.lines\[1\]"):
        signals.order_paid.send(None, lines=[1, object()])
    [(_, error)] = signals.order_paid.send_robust(None, lines=[1, object()])
    assert isinstance(error, signalpost.CannotTravel)
    assert not Task.objects.exists()


def test_a_historical_model_is_not_heard() -> None:
    from django.db import connection
    from django.db.migrations.loader import MigrationLoader

    connect_background(post_save, handler)
    state = MigrationLoader(connection).project_state(("auth", "0012_alter_user_first_name_max_length"))
    state.apps.get_model("auth", "Group").objects.create(name="editors")
    assert not Task.objects.exists()
