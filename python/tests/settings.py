"""Settings of the tests. `SIGNALPOST_TEST_DATABASE` is `sqlite` (the default) or `postgres`.

For PostgreSQL `SIGNALPOST_TEST_POSTGRES` says where a server is, as `postgres://user@host:port/database`.
"""

from __future__ import annotations

import os
from urllib.parse import parse_qs, unquote, urlsplit

DATABASE = os.environ.get("SIGNALPOST_TEST_DATABASE", "sqlite")
#: Behind the names of the databases, where a test starts tests in processes of their own.
SUFFIX = os.environ.get("SIGNALPOST_TEST_SUFFIX", "")


def _postgres(name: str) -> dict[str, object]:
    url = urlsplit(os.environ["SIGNALPOST_TEST_POSTGRES"])
    query = parse_qs(url.query)
    return {
        "ENGINE": "django.db.backends.postgresql",
        # Runs on several pairs of Django and Python share the server.
        "NAME": f"{name}_{os.getpid()}",
        "USER": unquote(url.username or "postgres"),
        "PASSWORD": unquote(url.password or ""),
        # A directory with the server's socket can stand in the query only.
        "HOST": query.get("host", [unquote(url.hostname or "")])[0],
        "PORT": str(url.port or query.get("port", [""])[0]),
    }


def _sqlite(name: str) -> dict[str, object]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": f"file:{name}?mode=memory&cache=shared",
        "OPTIONS": {"transaction_mode": "IMMEDIATE"},
    }


_database = {"sqlite": _sqlite, "postgres": _postgres}[DATABASE]

DATABASES = {
    # The store.
    "default": _database(f"news{SUFFIX}"),
    # A database without one.
    "archive": _database(f"archive{SUFFIX}"),
    # A second name of the first.
    "replica": {**_database(f"news{SUFFIX}"), "TEST": {"MIRROR": "default"}},
}
SIGNALPOST = {"STORES": ["default"]}

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "signalpost",
    "tests.news",
    "tests.myapp",
]
# Django 6.0 and newer. The default one is Django's own default.
TASKS = {
    "default": {"BACKEND": "django.tasks.backends.immediate.ImmediateBackend"},
    "signalpost": {"BACKEND": "signalpost.django_tasks.SignalpostBackend", "QUEUES": ["default", "mail"]},
}
SECRET_KEY = "only for tests"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ROOT_URLCONF = "tests.urls"
MIDDLEWARE: list[str] = []
DATABASE_ROUTERS: list[str] = []
# The tests of the admin bring the middleware that it wants.
SILENCED_SYSTEM_CHECKS = ["admin.E408", "admin.E409", "admin.E410"]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
