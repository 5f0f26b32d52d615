"""Settings of the newsroom. It is an example: with `DEBUG`, and a secret that everybody knows."""

from __future__ import annotations

import os
from pathlib import Path

import django

from .database import database_at

HERE = Path(__file__).resolve().parent.parent
#: Everything that the newsroom writes: the database of SQLite, pictures, thumbnails, mail and the ledger.
DATA = Path(os.environ.get("NEWSROOM_DATA", "newsroom-django-data")).resolve()
DATA.mkdir(parents=True, exist_ok=True)

# signalpost: the app, where its tables are, and what a save outside a transaction is. That is all.
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "signalpost",
    "news",
]
DATABASES = {"default": database_at(os.environ.get("NEWSROOM_DATABASE", ""), DATA / "newsroom.sqlite3")}
SIGNALPOST = {"STORES": ["default"], "OUTSIDE_TRANSACTION": "raise"}

MIDDLEWARE = [
    "signalpost.middleware.request_id",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]

# Mail is written into files: one for each.
MAIL = DATA / "mail"
DEFAULT_FROM_EMAIL = "The Harrow Quay Courier <courier@harrowquay.example>"
if django.VERSION >= (6, 1):
    MAILERS = {"default": {"BACKEND": "django.core.mail.backends.filebased.EmailBackend", "OPTIONS": {"file_path": str(MAIL)}}}
else:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = str(MAIL)

#: What receivers have done: `news/ledger.py`.
LEDGER = DATA / "ledger.jsonl"
#: Whom to call when something is published: in this example, ourselves. `run.py` says where we are.
WEBHOOK = os.environ.get("NEWSROOM_ADDRESS", "http://127.0.0.1:8000") + "/webhook"

MEDIA_ROOT = DATA / "media"
MEDIA_URL = "/media/"
STATIC_URL = "/static/"
# The other newsroom, the one in Rust, has the same paper.
STATICFILES_DIRS = [HERE.parent / "newsroom/static"]
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

ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
DEBUG = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "courier.urls"
SECRET_KEY = "an example has no secrets"
TIME_ZONE = "UTC"
USE_TZ = True
