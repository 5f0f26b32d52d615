"""Django's settings in a race. The environment says whose they are, and for which database."""

from __future__ import annotations

import json
import os

import databases

#: `contestant`, none for what makes the tables; `sqlite` or `postgres`, the file or the name of the database; `ledger`; `redis`.
RACE = json.loads(os.environ["SIGNALPOST_BENCH_RACE"])
CONTESTANT = RACE["contestant"]

_APPS = {"ours": ["signalpost"], "by_celery": [], "by_django_q": ["django_q"]}

ALLOWED_HOSTS = ["testserver"]
# Whose tables there are, and whose modules are in memory.
INSTALLED_APPS = [*(_APPS[CONTESTANT] if CONTESTANT else RACE["apps"]), "paper", "race"]
SECRET_KEY = "of no secret"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

if RACE["sqlite"]:
    # The engine asks for synchronous=FULL on its own connection, whatever is said here. The others need not.
    pragmas = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL"
    _database = databases.sqlite(RACE["sqlite"], {"transaction_mode": "IMMEDIATE", "init_command": pragmas})
else:
    _database = databases.postgres(RACE["postgres"])
# The others would connect anew for each task.
DATABASES = {"default": {**_database, "CONN_MAX_AGE": None}}

# As Celery's documentation, "Optimizing", has it for many short tasks.
CELERY_BROKER_URL = RACE["redis"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 128
CELERY_WORKER_DISABLE_RATE_LIMITS = True

# Django Q2's documentation, "Configuration", says what each is for.
Q_CLUSTER = {
    "name": "race",
    "orm": "default",
    "workers": 2,
    "recycle": 1_000_000,
    "timeout": 60,
    "retry": 600,
    "bulk": 100,
    "queue_limit": 200,
    "poll": 0.01,
    "save_limit": -1,
    "scheduler": False,
    "guard_cycle": 1,
    "log_level": "WARNING",
}
