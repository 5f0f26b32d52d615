"""The databases of Django's own suites: two, as they need, each with tasks of its own."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import unquote, urlsplit


def database(name: str) -> dict[str, Any]:
    """One in memory, or one of this process in the server that is given."""
    if os.environ["SIGNALPOST_TEST_DATABASE"] == "sqlite":
        return {"ENGINE": "django.db.backends.sqlite3"}
    url = urlsplit(os.environ["SIGNALPOST_TEST_POSTGRES"])
    return {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": url.hostname,
        "PORT": url.port,
        "USER": unquote(url.username or ""),
        "PASSWORD": unquote(url.password or ""),
        "NAME": "postgres",
        "TEST": {"NAME": f"suites_{name}_{os.getpid()}"},
    }


DATABASES = {"default": database("default"), "other": database("other")}

SIGNALPOST = {"STORES": ["default", "other"], "OUTSIDE_TRANSACTION": "allow"}

SECRET_KEY = "of no secret"

# As in Django's own settings for these suites.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
USE_TZ = False

TEST_RUNNER = "suite_runner.SuiteRunner"
