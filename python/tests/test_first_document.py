"""Every `async_receiver` example of the first source document, with `DEBUG` off. They stand in `myapp.examples`."""

from __future__ import annotations

import gc
import importlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.db.models.signals import post_delete, post_save

from signalpost import async_receiver
from signalpost.models import HistoryEntry, Task
from signalpost.testing import assertTaskEnqueued, assertTasksEnqueued, mute, run_tasks

from .myapp.helpers import calls, generate_summary
from .myapp.models import Article, Subscriber

#: The modules of the examples, and the handler that each declares.
HANDLERS = {
    "notify": "notify_subscribers",
    "unique": "process_article",
    "several_signals": "update_search_index",
    "asynchronous": "process_article_async",
    "races": "process_article",
    "by_hand": "notify_subscribers",
}

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def examples() -> Iterator[Any]:
    """The modules, imported for the length of a test."""
    assert not settings.DEBUG
    modules = {name: importlib.import_module(f"tests.myapp.examples.{name}") for name in HANDLERS}
    for module in modules.values():
        # Those that were imported for an earlier test were disconnected at its end.
        importlib.reload(module)
    # In the original every receiver is gone by now.
    gc.collect()
    calls.clear()
    yield SimpleNamespace(**modules)
    post_save.disconnect(modules["by_hand"].notify_subscribers, sender=Article)


@pytest.fixture
def only(examples: Any) -> Iterator[Any]:
    """`only("notify")`: the other examples are left out until the end of the test."""
    with ExitStack() as stack:

        def leave_out(wanted: str | None = None) -> None:
            for module, handler in HANDLERS.items():
                if module != wanted:
                    stack.enter_context(mute(getattr(getattr(examples, module), handler)))

        yield leave_out


def _article(**fields: Any) -> Article:
    article = Article.objects.create(title="Harbour light", content="burns again", **fields)
    article.subscribers.add(*(Subscriber.objects.create(email=email) for email in ("ada@example.org", "bob@example.org")))
    return article


def test_subscribers_are_notified_in_the_background(only: Any) -> None:
    only("notify")
    article = _article()
    assert calls == []

    run_tasks()

    assert calls == [
        ("send_email", "ada@example.org", "New article: Harbour light"),
        ("send_email", "bob@example.org", "New article: Harbour light"),
        ("update_search_index", article),
        ("generate_thumbnails", article),
        ("ping_external_apis", article),
    ]


def test_the_instance_is_what_it_is_when_the_task_runs(only: Any) -> None:
    only("notify")
    article = _article()
    Article.objects.filter(pk=article.pk).update(title="Harbour light burns again")

    run_tasks()

    assert ("send_email", "ada@example.org", "New article: Harbour light burns again") in calls


def test_by_hand_the_same_is_done(only: Any, examples: Any) -> None:
    only("by_hand")
    article = _article()
    assertTaskEnqueued(examples.by_hand.process_article_task, article.pk)

    run_tasks()

    assert [name for name, *_ in calls] == [
        "send_email", "send_email", "update_search_index", "generate_thumbnails", "ping_external_apis",
    ]  # fmt: skip


def test_a_dispatch_uid_makes_one_task_of_a_module_that_is_imported_twice(only: Any, examples: Any) -> None:
    only("unique")
    source = Path(examples.unique.__file__).read_text()
    again: dict[str, Any] = {"__name__": "tests.myapp.examples.unique_again", "__package__": "tests.myapp.examples"}
    exec(compile(source, "unique_again.py", "exec"), again)
    article = _article()

    run_tasks()

    assert calls == [("generate_thumbnails", article)]


def test_a_handler_of_several_signals_adds_and_removes(only: Any) -> None:
    only("several_signals")
    article = _article()
    run_tasks()
    assert calls == [("add_to_index", article)]

    pk = article.pk
    article.delete()
    run_tasks()
    assert calls[1:] == [("remove_from_index_by_id", pk)]


def test_an_article_that_is_saved_again_is_not_added_again(only: Any) -> None:
    only("several_signals")
    article = _article()
    article.save()

    run_tasks()

    assert calls == [("add_to_index", article)]


def test_an_asynchronous_handler_runs_to_its_end(only: Any) -> None:
    only("asynchronous")
    article = _article()

    run_tasks()

    assert calls == [("notify", article.pk), ("invalidate", f"article_{article.pk}")]


def test_what_an_asynchronous_handler_returns_can_be_kept(only: Any) -> None:
    only()

    @async_receiver(post_save, sender=Article, name="kept", keep_result=True)
    async def summarize(sender: Any, instance: Any, **kwargs: Any) -> str:
        return await generate_summary(instance.content)

    _article()

    (ran,) = run_tasks()

    assert ran.result == "burns"
    assert HistoryEntry.objects.get().result == '"burns"'


def test_where_the_row_is_gone_the_handler_has_its_key(only: Any, caplog: pytest.LogCaptureFixture) -> None:
    only("races")
    article = _article()
    pk = article.pk
    article.delete()

    run_tasks()

    assert calls == [("cleanup_article_artifacts", pk)]
    assert f"Article {pk} was deleted before processing" in caplog.text


def test_where_it_is_there_the_handler_has_the_instance(only: Any) -> None:
    only("races")
    article = _article()

    run_tasks()

    assert calls == [("generate_thumbnail", article)]


def test_all_of_them_run_on_one_save_each_in_a_task_of_its_own() -> None:
    _article()

    assertTasksEnqueued("process_article", 2)
    assert len(run_tasks()) == len(HANDLERS)


@pytest.fixture
def seen(only: Any) -> list[dict[str, Any]]:
    """The keywords of a handler of saves and deletions."""
    only()
    seen: list[dict[str, Any]] = []

    @async_receiver([post_save, post_delete], sender=Article, name="seen")
    def see(**kwargs: Any) -> None:
        seen.append(kwargs)

    return seen


def test_a_handler_gets_what_a_plain_receiver_gets(seen: list[dict[str, Any]]) -> None:
    plain: list[dict[str, Any]] = []

    def listens(**kwargs: Any) -> None:
        plain.append(kwargs)

    post_save.connect(listens, sender=Article)
    article = _article()
    post_save.disconnect(listens, sender=Article)
    run_tasks()

    assert seen == plain
    assert seen[0]["instance"] == article
    assert "_instance_pk" not in seen[0]


def test_update_fields_is_a_frozenset_or_nothing(seen: list[dict[str, Any]]) -> None:
    article = _article()
    article.save(update_fields=["title", "content"])
    run_tasks()

    assert [kwargs["update_fields"] for kwargs in seen] == [None, frozenset({"title", "content"})]
    assert type(seen[1]["update_fields"]) is frozenset


def test_deletions_have_the_key_and_no_instance(seen: list[dict[str, Any]]) -> None:
    article = _article()
    run_tasks()
    pk = article.pk
    article.delete()
    run_tasks()

    assert (seen[1]["signal"], seen[1]["sender"], seen[1]["instance"], seen[1]["_instance_pk"]) == (
        post_delete, Article, None, pk,
    )  # fmt: skip


def test_the_decorated_function_can_be_called_as_it_is(examples: Any) -> None:
    article = _article()
    examples.notify.notify_subscribers(Article, article)

    assert calls[-1] == ("ping_external_apis", article)


def test_a_send_only_writes_a_row(only: Any) -> None:
    only("notify")
    _article()

    assert Task.objects.count() == 1
    assert calls == []


def test_a_fresh_interpreter_finds_them_by_their_names(tmp_path: Path, examples: Any) -> None:
    """One process saves, another, that has done nothing but `django.setup()`, runs the tasks."""
    home = Path(__file__).parents[1]
    (tmp_path / "elsewhere.py").write_text(
        "from tests.settings import *\n"
        "SIGNALPOST = {'AUTODISCOVER': ['examples']}\n"
        f"DATABASES = {{'default': {{'ENGINE': 'django.db.backends.sqlite3', 'NAME': {str(tmp_path / 'db.sqlite3')!r}}}}}\n"
    )

    def python(code: str) -> str:
        environment = {"PYTHONPATH": f"{home}:{tmp_path}", "DJANGO_SETTINGS_MODULE": "elsewhere", "PATH": ""}
        code = f"import django; django.setup()\n{code}"
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    python(
        "from django.core.management import call_command\n"
        "call_command('migrate', verbosity=0, run_syncdb=True)\n"
        "from tests.myapp.models import Article\n"
        "Article.objects.create(title='Harbour light', content='burns again')"
    )
    ran = python(
        "import sys; assert 'tests.test_first_document' not in sys.modules\n"
        "from signalpost.testing import run_tasks\n"
        "for ran in run_tasks(): print(ran.receiver, ran.succeeded)\n"
    )

    handlers = {**HANDLERS, "by_hand": "process_article_task"}
    background = [getattr(getattr(examples, module), handler) for module, handler in handlers.items()]
    assert sorted(ran.splitlines()) == sorted(f"{each.__module__}.{each.__qualname__} True" for each in background)
