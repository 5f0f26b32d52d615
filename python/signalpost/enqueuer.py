"""Enqueuers: what Django calls in place of a background receiver. Their body is one INSERT."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from asgiref.sync import async_to_sync
from django.apps import apps as django_apps
from django.db import connections
from django.dispatch import Signal

from . import atomicity, codec, conditions, conf, current, installation, outbox, senders, stores
from .options import Options
from .signal_names import built_in, name_of

if TYPE_CHECKING:
    from .receiver import BackgroundReceiver

__all__ = ["enqueuer_of"]

logger = logging.getLogger("signalpost")


def enqueuer_of(receiver: BackgroundReceiver, signal: Signal, options: Options) -> Callable[..., Any]:
    """What is connected to `signal`: a function whose body is one INSERT.

    A function, and not an object, because Django's checks and other people's tools describe receivers by their names.
    Everything that is the same for each send is worked out here.
    """
    function, name, using, priority = receiver.function, receiver.name, options.using, options.priority
    signal_name: str = name_of(signal)  # type: ignore[assignment]
    django = built_in(signal)
    strict = django is None
    of_saving = django is not None and django.of_saving
    before_migrations = signal_name == "django.db.models.signals.pre_migrate"
    condition = conditions.condition_of(options)
    fields = conditions.condition_of(Options(fields=options.fields))
    known_sender: tuple[Any, str | None] = (_NOBODY, None)
    dropped_before: set[str] = set()

    def enqueue(signal: Signal, sender: Any, **named: Any) -> Any:
        nonlocal known_sender
        known, label = known_sender
        if sender is not known:
            if senders.is_excluded(sender):
                return None
            label = senders.label_of(sender)
            if isinstance(sender, type):
                # An object must not be kept alive by this.
                known_sender = (sender, label)
        if condition is not None and not condition(sender, named):
            return None
        if "signalpost" not in django_apps.app_configs and not installation.is_installed():
            return _run_here(receiver, signal, sender, named)
        sent_using = named.get("using")
        destination = stores.choose(using, sent_using)
        connection = connections[destination.alias]
        if of_saving:
            saved_by = connection if sent_using == destination.alias or sent_using is None else connections[sent_using]
            blocks: Any = saved_by.atomic_blocks
            if (not blocks or blocks[-1]._from_testcase) and not atomicity.in_transaction(saved_by):
                atomicity.apply_policy(saved_by.alias, signal_name, sender)
        elif before_migrations and not _has_tables(connection, name):
            return None
        headers, parent, depth = current.context_for_send(signal_name)
        send_id, sent_at, payload, dropped = codec.new_send(sender, named, strict)
        if dropped:
            _say_dropped(name, signal_name, dropped, dropped_before)
        outbox.put(
            connection,
            destination.after,
            (
                send_id,
                signal_name,
                label,
                name,
                options.queue or conf.current().queue,
                priority,
                payload,
                headers,
                parent,
                depth,
                sent_at,
            ),
            function,
        )
        return None

    def may_hear(sender: Any, update_fields: Any) -> bool:
        if senders.is_excluded(sender):
            return False
        return fields is None or fields(sender, {"update_fields": update_fields})

    for attribute in ("__module__", "__name__", "__qualname__", "__doc__"):
        if hasattr(function, attribute):
            setattr(enqueue, attribute, getattr(function, attribute))
    enqueue.__wrapped__ = function  # type: ignore[attr-defined]
    #: How others know it from an inline receiver.
    enqueue.background = receiver  # type: ignore[attr-defined]
    enqueue.options = options  # type: ignore[attr-defined]
    enqueue.may_hear = may_hear  # type: ignore[attr-defined]
    return enqueue


#: A sender that nothing is.
_NOBODY = object()


def _run_here(receiver: BackgroundReceiver, signal: Signal, sender: Any, named: dict[str, Any]) -> Any:
    installation.warn_not_installed(receiver.name)
    function = async_to_sync(receiver.function) if receiver.is_async else receiver.function
    return function(signal=signal, sender=sender, **named)


def _has_tables(connection: Any, name: str) -> bool:
    if "signalpost_task" in connection.introspection.table_names():
        return True
    logger.warning("%s is not told of pre_migrate: %r has no tables of signalpost yet", name, connection.alias)
    return False


def _say_dropped(name: str, signal_name: str, dropped: list[tuple[str, str]], said: set[str]) -> None:
    for argument, reason in dropped:
        if argument not in said:
            said.add(argument)
            logger.warning("%s does not get %r of %s: what is at %s", name, argument, signal_name, reason)
