"""A backend for Django's own tasks (`django.tasks`, Django 6.0 and newer): they are rows of signalpost, and its worker runs them.

    TASKS = {"default": {"BACKEND": "signalpost.django_tasks.SignalpostBackend"}}

`docs/django-tasks.md` says what of Django's contract means what here.
"""

from __future__ import annotations

import django

if django.VERSION < (6, 0):
    raise ImportError(f"signalpost.django_tasks is for django.tasks, which Django {django.__version__} does not have: 6.0 does")

from . import run  # noqa: F401, by which rows find it
from .backend import SignalpostBackend
from .declared import SignalpostTask
from .results import GivenUp

__all__ = ["GivenUp", "SignalpostBackend", "SignalpostTask"]
