"""A Django project around one database, as in production."""

from __future__ import annotations

import logging
import warnings
from typing import Any


def set_up(database: dict[str, Any], **settings: Any) -> None:
    """Sets Django up and makes the tables, unless they are there; once in a process."""
    import django
    from django.conf import settings as django_settings
    from django.core.management import call_command

    import signalpost

    django_settings.configure(
        DEBUG=False,
        ALLOWED_HOSTS=["testserver"],
        DATABASES={"default": database},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        INSTALLED_APPS=["signalpost", "paper"],
        LOGGING_CONFIG=None,
        ROOT_URLCONF="paper.views",
        SECRET_KEY="of no secret",
        USE_TZ=True,
        **{"SIGNALPOST": {"AUTODISCOVER": [], "OUTSIDE_TRANSACTION": "allow"}, **settings},
    )
    django.setup()
    # Receivers are connected and disconnected between the rounds.
    warnings.simplefilter("ignore", signalpost.ConnectedLate)
    # What is refused is counted.
    logging.getLogger("django.request").setLevel(logging.CRITICAL)
    call_command("migrate", run_syncdb=True, verbosity=0, skip_checks=True)
