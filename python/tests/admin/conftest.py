"""People with permissions, who look at pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client, override_settings

#: Where the lists are.
TASKS = "/admin/signalpost/task/"
HISTORY = "/admin/signalpost/historyentry/"


@pytest.fixture(autouse=True)
def site() -> Iterator[None]:
    """A project with an admin."""
    with override_settings(
        ROOT_URLCONF="tests.admin.urls",
        STATIC_URL="/static/",
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
        ],
    ):
        yield


@pytest.fixture
def person(db: None) -> Callable[..., Client]:
    """`person("view_task")`: somebody of the staff with these permissions of signalpost's models, logged in."""

    def person(*permissions: str, **columns: Any) -> Client:
        user = User.objects.create_user("ada", password="secret", **{"is_staff": True, **columns})
        for codename in permissions:
            user.user_permissions.add(Permission.objects.get(codename=codename, content_type__app_label="signalpost"))
        client = Client()
        client.force_login(user)
        return client

    return person


def act(client: Client, page: str, action: str, *ids: int, **data: Any) -> Any:
    """Ticks rows and chooses an action; follows to the page that is shown then."""
    return client.post(page, {"action": action, "_selected_action": ids, **data}, follow=True)


def messages_of(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def ids_of(response: Any) -> list[int]:
    """The tasks that a list shows, from top to bottom."""
    return [row.pk for row in response.context["cl"].result_list]
