"""Settings of the project that children of the tests run. Where it has a database, the environment says which."""

from __future__ import annotations

import json
import os
from pathlib import Path

if "SIGNALPOST_TEST_GATE" in os.environ:
    # A pipe: whoever starts waits here until the test lets it go on.
    Path(os.environ["SIGNALPOST_TEST_GATE"]).read_text()

_NONE = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
DATABASES = json.loads(os.environ.get("SIGNALPOST_TEST_DATABASES", "null")) or _NONE
INSTALLED_APPS = ["signalpost", "tests.worker"]
SECRET_KEY = "only for tests"
USE_TZ = True
# Articles are saved in `atomic()` everywhere.
SILENCED_SYSTEM_CHECKS = ["signalpost.W003"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SIGNALPOST = json.loads(os.environ.get("SIGNALPOST_TEST_SETTINGS", "{}"))
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(levelname)s %(name)s: %(message)s"}},
    "handlers": {"lines": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["lines"], "level": "INFO"},
}
