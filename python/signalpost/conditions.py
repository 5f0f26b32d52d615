"""Conditions: `when`, `fields` and `actions`, asked inside the send and before anything is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import Model
from django.dispatch import Signal

from .options import DeclarationError, Options
from .signal_names import built_in

__all__ = ["Condition", "check", "condition_of"]

#: What `m2m_changed` says it is doing.
M2M_ACTIONS = frozenset({"pre_add", "post_add", "pre_remove", "post_remove", "pre_clear", "post_clear"})

Condition = Callable[[Any, dict[str, Any]], bool]


def check(who: str, signal: Signal, sender: Any, options: Options) -> None:
    """Whether the conditions of `options` can be asked of `signal`.

    Raises `DeclarationError` if Django's `signal` does not have what they ask for, or `sender` not the field.
    """
    django = built_in(signal)
    if options.fields is not None:
        if django is not None and not django.of_saving:
            raise DeclarationError(
                f"{who}: fields= is decided by update_fields, which {django.name} does not have. "
                "Declare the receiver of that signal without it, in a decorator of its own."
            )
        _check_fields(who, sender, options.fields)
    if options.actions is not None and django is not None:
        if django.name != "django.db.models.signals.m2m_changed":
            raise DeclarationError(
                f"{who}: actions= is decided by action, which {django.name} does not have. "
                "Declare the receiver of that signal without it, in a decorator of its own."
            )
        if unknown := options.actions - M2M_ACTIONS:
            raise DeclarationError(
                f"{who}: actions= holds {', '.join(sorted(map(repr, unknown)))}; "
                f"m2m_changed has {', '.join(sorted(M2M_ACTIONS))}"
            )


def condition_of(options: Options) -> Condition | None:
    """The conditions of `options` as one question of the sender and the arguments. None: there are none."""
    asked: list[Condition] = []
    if options.actions is not None:
        asked.append(_of_actions(options.actions))
    if options.fields is not None:
        asked.append(_of_fields(options.fields))
    if options.when is not None:
        asked.append(_of_function(options.when))
    if len(asked) < 2:
        return asked[0] if asked else None
    return lambda sender, named: all(ask(sender, named) for ask in asked)


def _of_actions(actions: frozenset[str]) -> Condition:
    return lambda sender, named: named.get("action") in actions


def _of_fields(fields: frozenset[str]) -> Condition:
    known: tuple[Any, frozenset[str]] = (None, fields)

    def ask(sender: Any, named: dict[str, Any]) -> bool:
        nonlocal known
        changed = named.get("update_fields")
        if changed is None:
            return True
        last, both = known
        if sender is not last and isinstance(sender, type):
            both = _with_both_names(sender, fields)
            known = (sender, both)
        return not both.isdisjoint(changed)

    return ask


def _of_function(function: Callable[..., Any]) -> Condition:
    return lambda sender, named: bool(function(sender=sender, **named))


def _check_fields(who: str, sender: Any, fields: frozenset[str]) -> None:
    if not (isinstance(sender, type) and issubclass(sender, Model)):
        return
    # As `Model.save` does for `update_fields`.
    meta: Any = sender._meta
    known = meta._non_pk_concrete_field_names
    if unknown := fields - known:
        raise DeclarationError(
            f"{who}: fields= names {', '.join(sorted(map(repr, unknown)))}, and {meta.label} can be saved by "
            f"{', '.join(sorted(known))}"
        )


def _with_both_names(sender: Any, fields: frozenset[str]) -> frozenset[str]:
    """A foreign key is saved by its name (`author`) or by its column's (`author_id`)."""
    if not (isinstance(sender, type) and issubclass(sender, Model)):
        return fields
    both = set(fields)
    for name in fields:
        for field in sender._meta.concrete_fields:
            if name in (field.name, field.attname):
                both |= {field.name, field.attname}
    return frozenset(both)
