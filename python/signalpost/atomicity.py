"""Atomicity: whether a save and its tasks share a transaction, and what is done where they do not."""

from __future__ import annotations

import warnings
from typing import Any
from weakref import ReferenceType

from django.db import connections, router, transaction
from django.db.models.signals import post_save, pre_save
from django.dispatch import dispatcher

from . import conf
from .place import outside_frame

__all__ = [
    "AtomicSignalsMixin",
    "OutsideTransaction",
    "OutsideTransactionError",
    "apply_policy",
    "guard_saves",
    "in_transaction",
]


class OutsideTransaction(RuntimeWarning):
    """A row was saved outside a transaction, so its tasks were not written together with it."""


class OutsideTransactionError(RuntimeError):
    """A save outside a transaction, refused before anything was written (`SIGNALPOST["OUTSIDE_TRANSACTION"] = "raise"`)."""


class AtomicSignalsMixin:
    """For models: saves the row, calls the receivers and writes their tasks in one transaction.

    It stands before `models.Model`: `class Article(AtomicSignalsMixin, models.Model)`. Within a transaction that is open
    already it costs nothing.
    """

    def save_base(
        self,
        raw: bool = False,
        force_insert: Any = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Any = None,
    ) -> None:
        """As `django.db.models.Model.save_base`."""
        model: Any = self.__class__
        using = using or router.db_for_write(model, instance=self)
        # Without a savepoint, as Django itself does where a save takes several statements.
        with transaction.atomic(using=using, savepoint=False):
            super().save_base(  # type: ignore[misc]
                raw=raw,
                force_insert=force_insert,
                force_update=force_update,
                using=using,
                update_fields=update_fields,
            )

    save_base.alters_data = True  # type: ignore[attr-defined]


def in_transaction(connection: Any) -> bool:
    """Whether a transaction of the project's is open on `connection`: an `atomic` block or `set_autocommit(False)`.

    The block that `TestCase` puts around a test is none.
    """
    blocks = connection.atomic_blocks
    if blocks:
        # A test case's blocks are the outermost ones.
        return not blocks[-1]._from_testcase
    return not connection.get_autocommit()


def apply_policy(alias: str, signal_name: str, sender: Any) -> None:
    """Applies the policy to a send of `pre_save` or `post_save` that was made outside a transaction on `alias`.

    Raises `OutsideTransactionError` or warns with `OutsideTransaction`, naming the line that saved.
    """
    policy = conf.current().outside_transaction
    if policy == "allow":
        return
    frame = outside_frame()
    what = (
        f"{getattr(sender, '__name__', sender)} is saved outside a transaction, so a crash in between can leave the row "
        f"without the tasks of {signal_name.rpartition('.')[2]}"
    )
    hint = (
        f"Save it in transaction.atomic(using={alias!r}), derive the model from signalpost.AtomicSignalsMixin, or set "
        "SIGNALPOST['OUTSIDE_TRANSACTION'] to 'allow'."
    )
    if policy == "raise":
        raise OutsideTransactionError(f"{frame.f_code.co_filename}:{frame.f_lineno}: {what}. {hint}")
    warnings.warn_explicit(
        f"{what}. {hint}",
        OutsideTransaction,
        frame.f_code.co_filename,
        frame.f_lineno,
        # Python's own memory of what was said where.
        registry=frame.f_globals.setdefault("__warningregistry__", {}),
    )


@conf.on_change
def guard_saves() -> None:
    """Listens to every `pre_save` while the policy is "raise", and not otherwise."""
    if conf.current().outside_transaction == "raise":
        pre_save.connect(_guard, weak=False, dispatch_uid="signalpost.guard")
    else:
        pre_save.disconnect(_guard, dispatch_uid="signalpost.guard")


def _guard(sender: Any, using: str, update_fields: frozenset[str] | None, **_: Any) -> None:
    if in_transaction(connections[using]):
        return
    # What is connected is read from Django's own list, which knows what was disconnected.
    senders = (dispatcher._make_id(None), dispatcher._make_id(sender))  # type: ignore[attr-defined]
    for (_key, sender_id), receiver, *_rest in post_save.receivers:
        if isinstance(receiver, ReferenceType):
            # The delay of a task is connected with Django's defaults.
            receiver = receiver()
        may_hear = getattr(receiver, "may_hear", None)
        if may_hear is not None and sender_id in senders and may_hear(sender, update_fields):
            apply_policy(using, "django.db.models.signals.post_save", sender)
