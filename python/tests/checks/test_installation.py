from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.db.models.signals import post_save
from django.test import override_settings

from signalpost import async_receiver
from signalpost.checks.django_tasks import check_backend

Found = Callable[..., list[Any]]
WITHOUT_US = [app for app in settings.INSTALLED_APPS if app != "signalpost"]


@pytest.fixture
def connected(isolated: None) -> None:
    @async_receiver(post_save, name="news.mail")
    def mail(sender: Any, **kwargs: Any) -> None: ...


def test_e001_background_receivers_without_the_app_are_an_error(found: Found, connected: None) -> None:
    with override_settings(INSTALLED_APPS=WITHOUT_US):
        (error,) = found("E001")
    assert "news.mail" in error.msg
    assert "INSTALLED_APPS" in error.hint


def test_e001_is_silent_where_the_app_is_installed_or_nothing_needs_it(found: Found, connected: None) -> None:
    assert found("E001") == []


def test_e001_is_silent_without_background_receivers(found: Found, isolated: None) -> None:
    with override_settings(INSTALLED_APPS=WITHOUT_US):
        assert found("E001") == []


def test_e009_a_backend_of_django_tasks_without_the_app_is_an_error() -> None:
    with override_settings(INSTALLED_APPS=WITHOUT_US):
        (error,) = check_backend(SimpleNamespace(alias="mails"))
    assert (error.id, "TASKS['mails']" in error.msg, "INSTALLED_APPS" in error.hint) == ("signalpost.E009", True, True)


def test_e009_is_silent_where_the_app_is_installed() -> None:
    assert check_backend(SimpleNamespace(alias="mails")) == []
