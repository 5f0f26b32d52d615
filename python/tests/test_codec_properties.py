"""The codec: whatever has a form arrives as it was."""

from __future__ import annotations

import datetime
import decimal
import json
import uuid
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signalpost import codec
from signalpost.codec import CannotTravel

from .arguments import Colour, Level, Page, Right
from .news.models import Article

pytestmark = pytest.mark.no_database

#: What databases and JSON hold: no NUL, and no half of a character.
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
#: Python reads an offset of less than a second as none.
ZONES = st.none() | st.integers(-86_399, 86_399).map(lambda away: datetime.timezone(datetime.timedelta(seconds=away)))
HASHABLE: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(10**400), 10**400),
    st.floats(allow_nan=False, allow_infinity=False),
    TEXTS,
    st.just("$"),
    st.binary(),
    st.datetimes(timezones=ZONES),
    st.dates(),
    st.times(timezones=ZONES),
    st.timedeltas(),
    st.decimals(allow_nan=False),
    st.uuids(),
    st.sampled_from([*Colour, *Level, *Page.State]),
    st.sets(st.sampled_from([*Right])).map(lambda rights: _all_of(rights)),
    st.sampled_from([Article, Colour, Page, int, type(None)]),
)


def _all_of(rights: set[Right]) -> Right:
    together = Right(0)
    for right in rights:
        together |= right
    return together


VALUES = st.recursive(
    HASHABLE | st.tuples(HASHABLE, HASHABLE),
    lambda value: st.one_of(
        st.lists(value),
        st.lists(value).map(tuple),
        st.dictionaries(TEXTS | st.just("$"), value),
        st.dictionaries(HASHABLE, value),
        st.sets(HASHABLE),
        st.frozensets(HASHABLE),
    ),
    max_leaves=10,
)


def alike(one: Any, other: Any) -> bool:
    """Whether they are equal and made of the same classes. `1`, `1.0` and `True` are equal; so are `0.0` and `-0.0`."""
    if type(one) is not type(other):
        return False
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, dict):
        return alike(list(one.items()), list(other.items()))
    if isinstance(one, (set, frozenset)):
        return bool(one == other) and sorted(map(_shown, one)) == sorted(map(_shown, other))
    if isinstance(one, float):
        return bool(one.hex() == other.hex())
    if isinstance(one, (datetime.datetime, datetime.time)):
        return bool(one == other) and one.utcoffset() == other.utcoffset()
    if isinstance(one, decimal.Decimal):
        return bool(one.as_tuple() == other.as_tuple())
    return bool(one == other)


def _shown(value: Any) -> str:
    return f"{type(value)}{value!r}"


@given(VALUES)
@settings(max_examples=300)
def test_whatever_has_a_form_arrives_as_it_was(value: Any) -> None:
    assert alike(codec.decode(codec.encode(value)), value)


@given(st.dictionaries(TEXTS, VALUES, max_size=5), st.lists(VALUES, max_size=3).map(tuple))
def test_arguments_arrive_as_they_were(named: dict[str, Any], args: tuple[Any, ...]) -> None:
    for strict in (True, False):
        encoded = codec.encode_named(Article, named, strict, args)
        arrived = codec.decode_call(encoded.payload)

        assert encoded.dropped == []
        assert arrived.sender is Article
        assert alike(arrived.args, args)
        assert alike(arrived.named, named)


@given(VALUES)
def test_what_is_written_is_json_that_others_read(value: Any) -> None:
    text = codec.encode(value)

    assert "\0" not in text and "\\u0000" not in text
    json.loads(text, parse_constant=lambda constant: 1 / 0)


@given(VALUES)
def test_the_same_value_is_written_alike_each_time(value: Any) -> None:
    assert codec.encode(value) == codec.encode(value) == codec.encode(codec.decode(codec.encode(value)))


class Odd:
    """It has no form."""


@given(
    st.recursive(
        VALUES | st.just(Odd()) | st.just(float("nan")) | st.text(),
        lambda value: st.lists(value) | st.dictionaries(st.text(), value) | st.dictionaries(HASHABLE, value),
        max_leaves=10,
    )
)
def test_a_value_is_written_whole_or_refused_with_its_place(value: Any) -> None:
    try:
        codec.encode(value)
    except CannotTravel as refusal:
        assert refusal.path.startswith("$")
        encoded = codec.encode_named(None, {"a": 1, "value": value, "b": 2}, False)
        assert codec.decode_named(encoded.payload)[1] == {"a": 1, "b": 2}
        assert [name for name, _ in encoded.dropped] == ["value"]


@given(st.uuids())
def test_a_uuid_is_written_as_python_writes_it(value: uuid.UUID) -> None:
    assert json.loads(codec.encode(value)) == {"$": ["uuid", str(value)]}


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_is_written_as_the_same_number_for_others(value: float) -> None:
    assert json.loads(codec.encode(value)) == value
    assert isinstance(json.loads(codec.encode(value)), float)
