"""The Django app."""

from __future__ import annotations

import django
from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _

__all__ = ["SignalpostConfig"]


class SignalpostConfig(AppConfig):
    """`"signalpost"` in INSTALLED_APPS."""

    name = "signalpost"
    label = "signalpost"
    verbose_name = _("Signalpost")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Finds the receivers of installed apps. It may run twice, and makes no query."""
        from django.db.models.signals import post_migrate

        from . import atomicity, checks, conf, immediate, pickling, schema  # noqa: F401

        pickling.register()
        atomicity.guard_saves()
        immediate.follow_setting()
        post_migrate.connect(schema.complete, sender=self, weak=False, dispatch_uid="signalpost.schema")
        if django.VERSION >= (6, 0):
            # A worker has to know its rows wherever they were enqueued.
            from . import django_tasks  # noqa: F401
        autodiscover_modules(*conf.current().autodiscover)
