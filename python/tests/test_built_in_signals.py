"""Every signal of Django's in the background: what its arguments become and what is dropped, as `docs/django-semantics.md` says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import django
import pytest
from django.apps import apps
from django.contrib.auth import authenticate, login, logout
from django.contrib.auth.models import User
from django.contrib.sessions.backends.signed_cookies import SessionStore
from django.core.handlers.wsgi import WSGIHandler
from django.core.management.sql import emit_post_migrate_signal, emit_pre_migrate_signal
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.http import HttpRequest, HttpResponse
from django.template import Context, Template
from django.test import Client, RequestFactory, override_settings
from django.test.signals import template_rendered
from django.urls import path
from django.utils.autoreload import StatReloader, autoreload_started, file_changed
from django.utils.module_loading import import_string

from signalpost import connect_background
from signalpost.models import Task
from signalpost.signal_names import _BUILT_IN

from .news.models import Article, Author, Tag

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore::signalpost.atomicity.OutsideTransaction")]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "django-semantics.md"


def handler(sender: Any, **kwargs: Any) -> None:
    """Never runs here."""


def heard(name: str) -> Any:
    """Connects to Django's signal of this name."""
    signal = import_string(name)
    connect_background(signal, handler)
    return signal


def dropped(log: pytest.LogCaptureFixture) -> set[str]:
    """The names of the arguments that were said to be dropped."""
    said = [record.getMessage() for record in log.records if record.name == "signalpost"]
    return {found for line in said for found in re.findall(r"does not get '(\w+)'", line)}


def sent(name: str) -> tuple[str | None, Any, dict[str, Any]]:
    """The sender's label, the sender and the arguments in the last task of this signal."""
    task = Task.objects.filter(signal=name).latest("id")
    payload = json.loads(task.payload)
    return task.sender, payload["sender"], payload["named"]


def a_page(request: HttpRequest) -> HttpResponse:
    """Answers."""
    return HttpResponse("a page")


def a_failure(request: HttpRequest) -> HttpResponse:
    """Does not."""
    raise ZeroDivisionError


urlpatterns = [path("page", a_page), path("failure", a_failure)]


def test_the_table_has_every_signal_of_djangos() -> None:
    root = Path(django.__file__).parent
    made = set()
    for file in root.rglob("*.py"):
        for name in re.findall(r"^(\w+) = (?:Model)?Signal\(", file.read_text(), re.MULTILINE):
            module = ".".join(file.relative_to(root.parent).with_suffix("").parts)
            made.add(f"{module}.{name}")
    known = {name for name in _BUILT_IN if django.VERSION >= (6, 0) or not name.startswith("django.tasks.")}
    assert made == known


def test_the_page_has_every_signal_of_the_table() -> None:
    table = PAGE.read_text().partition("## Django's own signals")[2].partition("###")[0]
    for name in _BUILT_IN:
        assert f"`{name.rpartition('.')[2]}`" in table, name


def test_saves(caplog: pytest.LogCaptureFixture) -> None:
    heard("django.db.models.signals.pre_save")
    heard("django.db.models.signals.post_save")
    author = Author.objects.create(name="Ada")
    label, sender, named = sent("django.db.models.signals.pre_save")
    assert (label, sender) == ("news.Author", {"$": ["model", "news.Author"]})
    # A new row has no key yet, and no database.
    assert named["instance"]["$"][:3] == ["instance", "news.Author", None]
    assert named.keys() == {"instance", "raw", "using", "update_fields"}
    author.save(update_fields=["name"])
    _, _, named = sent("django.db.models.signals.post_save")
    assert named == {
        "instance": {"$": ["instance", "news.Author", author.pk, "default"]},
        "created": False,
        "raw": False,
        "using": "default",
        "update_fields": {"$": ["frozenset", "name"]},
    }
    assert dropped(caplog) == set()


def test_deletes(caplog: pytest.LogCaptureFixture) -> None:
    heard("django.db.models.signals.pre_delete")
    heard("django.db.models.signals.post_delete")
    author = Author.objects.create(name="Ada")
    pk = author.pk
    author.delete()
    for name in ("pre_delete", "post_delete"):
        _, _, named = sent(f"django.db.models.signals.{name}")
        gone = {"$": ["instance", "news.Author", pk, "default"]}
        assert named == {"instance": gone, "using": "default", "origin": gone}
    assert dropped(caplog) == set()
    Author.objects.create(name="Grace")
    Author.objects.filter(name="Grace").delete()
    _, _, named = sent("django.db.models.signals.post_delete")
    assert named.keys() == {"instance", "using"}
    assert dropped(caplog) == {"origin"}


def test_relations(caplog: pytest.LogCaptureFixture) -> None:
    heard("django.db.models.signals.m2m_changed")
    article, tag = Article.objects.create(title="Light"), Tag.objects.create(label="sea")
    article.tags.add(tag)
    label, sender, named = sent("django.db.models.signals.m2m_changed")
    assert (label, sender) == ("news.Article_tags", {"$": ["model", "news.Article_tags"]})
    raw = {"raw": False} if django.VERSION >= (6, 1) else {}
    assert named == {
        "action": "post_add",
        "instance": {"$": ["instance", "news.Article", article.pk, "default"]},
        "reverse": False,
        "model": {"$": ["model", "news.Tag"]},
        "pk_set": {"$": ["set", tag.pk]},
        "using": "default",
        **raw,
    }
    article.tags.clear()
    assert sent("django.db.models.signals.m2m_changed")[2]["pk_set"] is None
    assert dropped(caplog) == set()


@pytest.mark.parametrize("name", ["pre_migrate", "post_migrate"])
def test_migrations(name: str, caplog: pytest.LogCaptureFixture) -> None:
    heard(f"django.db.models.signals.{name}")
    emit = {"pre_migrate": emit_pre_migrate_signal, "post_migrate": emit_post_migrate_signal}[name]
    emit(verbosity=0, interactive=False, db="default", stdout=None, apps=apps, plan=[])
    labels = set(Task.objects.values_list("sender", flat=True))
    # The test's own app has no configuration of its own.
    assert labels >= {"django.apps.config.AppConfig", "signalpost.apps.SignalpostConfig"}
    _, sender, named = sent(f"django.db.models.signals.{name}")
    assert sender is None
    assert named == {"verbosity": 0, "interactive": False, "using": "default", "stdout": None, "plan": []}
    assert dropped(caplog) == {"sender", "app_config", "apps"}


@override_settings(ROOT_URLCONF=__name__)
def test_requests(caplog: pytest.LogCaptureFixture) -> None:
    for name in ("request_started", "request_finished", "got_request_exception"):
        heard(f"django.core.signals.{name}")
    Client().get("/page")
    with pytest.raises(ZeroDivisionError):
        Client().get("/failure")
    assert sent("django.core.signals.request_started")[::2] == ("django.test.client.ClientHandler", {})
    assert sent("django.core.signals.request_finished")[2] == {}
    assert sent("django.core.signals.got_request_exception") == (None, None, {})
    assert dropped(caplog) == {"environ", "request"}


def test_a_request_of_a_server_has_its_handlers_class() -> None:
    heard("django.core.signals.request_started")
    heard("django.core.signals.request_finished")
    # As Django's own test client does: it would close the connection with the test's transaction.
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    try:
        with override_settings(ROOT_URLCONF=__name__):
            response = WSGIHandler()(RequestFactory().get("/page").environ, lambda *_: None)
            response.close()
    finally:
        for signal in (request_started, request_finished):
            signal.connect(close_old_connections)
    assert sent("django.core.signals.request_started")[0] == "django.core.handlers.wsgi.WSGIHandler"
    assert sent("django.core.signals.request_finished")[0] == "django.core.handlers.wsgi.WSGIHandler"


def test_logins(caplog: pytest.LogCaptureFixture) -> None:
    for name in ("user_logged_in", "user_logged_out", "user_login_failed"):
        heard(f"django.contrib.auth.signals.{name}")
    user = User.objects.create_user("ada", password="secret")
    request = RequestFactory().get("/")
    request.session, request.user = SessionStore(), user
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    as_sent = {"user": {"$": ["instance", "auth.User", user.pk, "default"]}}
    assert sent("django.contrib.auth.signals.user_logged_in")[::2] == ("auth.User", as_sent)
    logout(request)
    assert sent("django.contrib.auth.signals.user_logged_out")[::2] == ("auth.User", as_sent)
    del request.user
    logout(request)
    assert sent("django.contrib.auth.signals.user_logged_out")[::2] == ("builtins.NoneType", {"user": None})
    assert dropped(caplog) == {"request"}
    assert authenticate(username="ada", password="guessed") is None
    assert sent("django.contrib.auth.signals.user_login_failed") == (
        "django.contrib.auth",
        "django.contrib.auth",
        {"credentials": {"username": "ada", "password": "********************"}, "request": None},
    )


def test_settings_and_templates(caplog: pytest.LogCaptureFixture) -> None:
    signal = heard("django.test.signals.setting_changed")
    with override_settings(SHOP="open"):
        pass
    label, _, named = sent("django.core.signals.setting_changed")
    assert label is not None and label.startswith("django.conf.")
    assert named == {"setting": "SHOP", "value": None, "enter": False}
    signal.disconnect(handler)
    heard("django.test.signals.template_rendered")
    with override_settings(TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}]):
        template = Template("a page")
        template_rendered.send(sender=template, template=template, context=Context())
    assert sent("django.test.signals.template_rendered") == ("django.template.base.Template", None, {})
    assert dropped(caplog) == {"sender", "template", "context"}


def test_the_reloader(caplog: pytest.LogCaptureFixture) -> None:
    heard("django.utils.autoreload.autoreload_started")
    heard("django.utils.autoreload.file_changed")
    autoreload_started.send(sender=StatReloader())
    answers = file_changed.send(sender=StatReloader(), file_path=Path("settings.py"))
    # True would stop the reload.
    assert answers and not any(answer for _, answer in answers)
    assert sent("django.utils.autoreload.file_changed") == ("django.utils.autoreload.StatReloader", None, {})
    assert dropped(caplog) == {"sender", "file_path"}


@pytest.mark.skipif(django.VERSION < (6, 0), reason="django.tasks came with Django 6.0")
def test_djangos_tasks(caplog: pytest.LogCaptureFixture) -> None:
    from django.tasks import task_backends

    backend = type(task_backends["default"])
    for name in ("task_enqueued", "task_started", "task_finished"):
        signal = heard(f"django.tasks.signals.{name}")
        # Django's own receivers log what is in it.
        receivers, signal.receivers = (
            signal.receivers,
            [each for each in signal.receivers if getattr(each[1], "background", None)],
        )
        signal.sender_receivers_cache.clear()
        try:
            signal.send(backend, task_result=object())
        finally:
            signal.receivers = receivers
        label, _, named = sent(f"django.tasks.signals.{name}")
        assert (label, named) == (f"{backend.__module__}.{backend.__qualname__}", {})
    assert dropped(caplog) == {"task_result"}
