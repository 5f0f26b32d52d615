"""Instances of models that travel by key: where they are written, and how they are read again."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import connections, router
from django.db.models import CharField, IntegerField, Manager, Model, UUIDField

from .gone import Gone

__all__ = ["Unreadable", "load", "model_labelled", "write_alias"]


#: One reference to a row: its model's label, its primary key, its alias, and where in the payload it stands.
Reference = tuple[str, Any, "str | None", str]

#: How many rows one query looks for. Databases have limits: of parameters, and of alternatives, as of composite keys.
_ROWS = 100


class Unreadable(Exception):
    """A reference that no row can be looked for by."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason


def model_labelled(label: str) -> type[Model] | None:
    """The model of this label. Unlike `apps.get_model` this neither imports nor waits for anything."""
    app_label, _, name = label.partition(".")
    return apps.all_models[app_label].get(name.lower()) if app_label in apps.app_configs else None


def write_alias(instance: Model, using: Any) -> str:
    """The alias that an instance is written to by what the routers say, `using` being what was sent under that name."""
    alias = instance._state.db
    # A model signal says where the instance was written, whatever a router would choose.
    if alias is not None and alias == using:
        return alias
    return router.db_for_write(type(instance), instance=instance)


def load(references: Sequence[Reference], using: str | None) -> list[object]:
    """Reads rows again, those of one model and database together.

    A row that is not there is a `Gone`; two references to one row are one object. `using` is where instances are read
    from that name no alias; without it, where the router would write.

    Raises `Unreadable`.
    """
    found: list[object] = []
    wanted: dict[tuple[type[Model], str], list[int]] = {}
    for place, (label, pk, alias, path) in enumerate(references):
        model = model_labelled(label)
        if model is None:
            raise Unreadable(path, f"is an instance of {label!r}, and no installed app has such a model")
        found.append(Gone(model, pk))
        if pk is None:
            # It was never saved.
            continue
        alias = alias or using or router.db_for_write(model)
        if alias not in connections:
            raise Unreadable(path, f"is in the database {alias!r}, which DATABASES does not have")
        wanted.setdefault((model, alias), []).append(place)
    for (model, alias), places in wanted.items():
        for start in range(0, len(places), _ROWS):
            _read(model, alias, [(place, references[place]) for place in places[start : start + _ROWS]], found)
    return found


def _read(model: type[Model], alias: str, wanted: list[tuple[int, Reference]], found: list[object]) -> None:
    """Puts the rows that are there into their places in `found`."""
    if len(wanted) == 1 and (statement := _statement(model, alias)) is not None:
        ((place, (_, pk, _, path)),) = wanted
        key = _checked(model, pk, path)
        if statement.is_for(key):
            found[place] = statement.row_of(key) or found[place]
            return
    rows = model._base_manager.using(alias)
    by_key: dict[Any, Model] = {}
    if len(wanted) > 1:
        keys = [_checked(model, pk, path) for _, (_, pk, _, path) in wanted]
        by_key = {instance.pk: instance for instance in rows.filter(pk__in=keys)}
    for place, (_, pk, _, path) in wanted:
        key = _checked(model, pk, path)
        if key not in by_key:
            # The only one; or the database takes two texts for one key, as some collations do.
            try:
                by_key[key] = rows.get(pk=key)
            except model.DoesNotExist:
                continue
        found[place] = by_key[key]


class _Statement:
    """The statement that finds one row of a model by its key, as Django makes it. Django makes it anew for each row, in three times
    as long as it takes to read it; and the instances of `raw` take twice as long as those that are made here."""

    def __init__(self, model: type[Model], alias: str, sql: str, columns: list[Any]) -> None:
        self._model, self._alias, self._sql, self._columns = model, alias, sql, columns
        self._names = [column.target.attname for column in columns]
        self._field = model._meta.pk
        ranges = connections[alias].ops.integer_field_range
        self._range = ranges(self._field.get_internal_type()) if isinstance(self._field, IntegerField) else None

    def is_for(self, key: Any) -> bool:
        """Whether the database can be asked for this key. Django itself knows that there is no row of a number that is too large."""
        low, high = self._range or (None, None)
        return (low is None or low <= key) and (high is None or key <= high)

    def row_of(self, key: Any) -> Model | None:
        """The instance, if it is there."""
        connection = connections[self._alias]
        parameter = self._field.get_db_prep_value(key, connection, prepared=False)
        with connection.cursor() as cursor:
            cursor.execute(self._sql, [parameter])
            row = cursor.fetchone()
        if row is None:
            return None
        values = list(row)
        for place, column in enumerate(self._columns):
            # Of this thread's connection, so they are not kept.
            for convert in (*connection.ops.get_db_converters(column), *column.get_db_converters(connection)):
                values[place] = convert(values[place], column, connection)
        return self._model.from_db(self._alias, self._names, values)


@lru_cache(maxsize=1_000)
def _statement(model: type[Model], alias: str) -> _Statement | None:
    """None where Django may make another one each time, or where more goes into it than a key."""
    meta, manager = model._meta, model._base_manager
    if type(manager) is not Manager or meta.parents or meta.pk.remote_field is not None or len(meta.pk_fields) != 1:
        return None
    if not isinstance(meta.pk, (IntegerField, CharField, UUIDField)):
        return None
    some_key = meta.pk.to_python(_SOME_KEYS[isinstance(meta.pk, UUIDField)])
    compiler = manager.using(alias).filter(pk=some_key).query.get_compiler(alias)
    sql, parameters = compiler.as_sql()
    expected = meta.pk.get_db_prep_value(some_key, connections[alias], prepared=False)
    columns = [column for column, _, _ in compiler.select]
    return _Statement(model, alias, sql, columns) if list(parameters) == [expected] else None


_SOME_KEYS = ("1", "0192f000-0000-7000-8000-000000000000")


def _checked(model: type[Model], pk: Any, path: str) -> Any:
    """The key as the model's fields have it. Raises `Unreadable` where it cannot be one."""
    fields = model._meta.pk_fields
    parts = pk if isinstance(pk, tuple) else (pk,)
    try:
        if len(parts) != len(fields):
            raise ValueError(f"{len(fields)} parts were expected")
        checked = tuple(field.to_python(part) for field, part in zip(fields, parts, strict=True))
        hash(checked)
    except (TypeError, ValueError, ArithmeticError, ValidationError) as error:
        label = model._meta.label
        raise Unreadable(path, f"is an instance of {label} with a key that cannot be one, {pk!r}: {error}") from error
    return checked if isinstance(pk, tuple) else checked[0]
