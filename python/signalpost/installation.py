"""Whether signalpost is installed in the project, and what is said where it is not."""

from __future__ import annotations

import warnings

from django.apps import apps
from django.conf import settings

from .place import outside_frame

__all__ = ["NotInstalled", "is_installed", "warn_not_installed"]


class NotInstalled(RuntimeWarning):
    """signalpost is not in INSTALLED_APPS, so there is no store: what was to run in the background runs inside the send."""


def is_installed() -> bool:
    """Whether "signalpost" is in INSTALLED_APPS. False also before Django has read them."""
    return "signalpost" in apps.app_configs or _is_hidden()


def _is_hidden() -> bool:
    """Whether a test case with `available_apps` hides it, which takes away neither its tables nor its receivers."""
    if not any("signalpost" in configs for configs in apps.stored_app_configs):
        return False
    # Unless the setting itself is overridden.
    return any(entry.partition(".")[0] == "signalpost" for entry in settings.INSTALLED_APPS)


def warn_not_installed(what: str) -> None:
    """Says that `what` runs inside the send. Once per line that sends, by Python's rules for warnings."""
    frame = outside_frame()
    warnings.warn_explicit(
        f"{what} runs inside the send, because there is no queue: add 'signalpost' to INSTALLED_APPS and run migrate",
        NotInstalled,
        frame.f_code.co_filename,
        frame.f_lineno,
        registry=frame.f_globals.setdefault("__warningregistry__", {}),
    )
