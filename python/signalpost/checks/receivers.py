"""Checks of what is connected."""

from __future__ import annotations

from typing import Any

from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error, Warning
from django.core.exceptions import ImproperlyConfigured
from django.urls import get_resolver
from django.utils.inspect import func_accepts_kwargs

from .. import registry
from ..options import Options
from ..place import place_of
from ..senders import OWN
from .connections import connections

__all__ = ["check_fields", "check_keywords", "check_late", "check_names", "check_own_senders"]


def check_names(**kwargs: Any) -> list[CheckMessage]:
    """A worker finds a function by its name, so the name must lead to one function in every process."""
    return [
        Error(
            f"{receiver.name} at {receiver.place} is made while another function runs, or is a lambda: a worker may not have "
            "made it when a task names it.",
            hint="Move the function to the top level of its module, or give it a name= and connect it at the start of every "
            "process.",
            obj=receiver,
            id="signalpost.E005",
        )
        for receiver in registry.receivers()
        if receiver.options.name is None and ("<locals>" in receiver.name or "<lambda>" in receiver.name)
    ]


def check_fields(**kwargs: Any) -> list[CheckMessage]:
    """`fields=` names fields of the model. Where the sender was a class, the declaration has seen to it."""
    found: list[CheckMessage] = []
    for connection in connections():
        options, model = getattr(connection.receiver, "options", None), connection.model
        if model is None or not isinstance(options, Options) or options.fields is None:
            continue
        # As `Model.save` does for `update_fields`.
        meta: Any = model._meta
        known = meta._non_pk_concrete_field_names
        unknown = options.fields - known
        if unknown:
            found.append(
                Error(
                    f"{_shown(connection.receiver)} waits for {', '.join(sorted(map(repr, unknown)))}, and {meta.label} "
                    "has no such field.",
                    hint=f"fields= may hold {', '.join(sorted(known))}.",
                    id="signalpost.E006",
                )
            )
    return found


def check_own_senders(**kwargs: Any) -> list[CheckMessage]:
    """Tasks are not made of tasks. `async_receiver` refuses it; `signal.connect(task.delay, sender=Task)` is seen here."""
    return [
        Error(
            f"{_shown(connection.receiver)} is connected to {connection.name} of {connection.model._meta.label}, and never hears "
            "it: the task about a task would be a task.",
            hint="Connect an inline receiver, or use the signals task_enqueued, task_started and task_finished.",
            id="signalpost.E007",
        )
        for connection in connections()
        if connection.model is not None
        and connection.model._meta.app_label == OWN
        and hasattr(connection.receiver, "background")
    ]


def check_late(**kwargs: Any) -> list[CheckMessage]:
    """Receivers are connected while Django starts, so that every process has the same."""
    # Views and what they import are read when the first request comes, and so never by a worker.
    try:
        _ = get_resolver().url_patterns if getattr(django_settings, "ROOT_URLCONF", None) else None
    except (ImproperlyConfigured, ImportError):
        pass  # Django's own check of URLs says so.
    return [
        Warning(
            f"{receiver.name} at {receiver.place} was connected after Django had started. A process that does not import that "
            "module writes no tasks for it, and a worker cannot run them.",
            hint="Move it to a module `receivers`, `signals` or `tasks` of an installed app, or import its module there.",
            obj=receiver,
            id="signalpost.W006",
        )
        for receiver in registry.receivers()
        if receiver.is_late
    ]


def check_keywords(**kwargs: Any) -> list[CheckMessage]:
    """Inline receivers accept further keywords. Django looks at it in `connect`, but only with `DEBUG`."""
    found: dict[Any, CheckMessage] = {}
    for connection in connections():
        if connection.receiver not in found and not _accepts_keywords(connection.receiver):
            found[connection.receiver] = Warning(
                f"{_shown(connection.receiver)} listens to {connection.name} and does not accept **kwargs. It breaks when a sender "
                "sends more.",
                hint="Add **kwargs to its parameters. Django refuses it where DEBUG is true.",
                id="signalpost.W007",
            )
    return list(found.values())


def _accepts_keywords(receiver: Any) -> bool:
    try:
        return func_accepts_kwargs(receiver)
    except (TypeError, ValueError):
        # Written in C, perhaps.
        return True


def _shown(receiver: Any) -> str:
    name = getattr(receiver, "__qualname__", None) or repr(receiver)
    return f"{getattr(receiver, '__module__', '')}.{name} at {place_of(receiver)}"
