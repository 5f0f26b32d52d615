"""Celery's app, which its worker is told of."""

from __future__ import annotations

from celery import Celery

app = Celery("race")
app.config_from_object("django.conf:settings", namespace="CELERY")
