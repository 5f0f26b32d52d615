"""The codec: what is sent arrives, as itself or by a typed tag."""

from __future__ import annotations

import datetime
import decimal
import gc
import json
import math
import uuid
import weakref
from collections import OrderedDict, defaultdict
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db.models.signals import post_save
from django.utils.functional import SimpleLazyObject, lazystr
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy, override

from signalpost import codec

from .arguments import Colour, Euro, LateDay, Level, Page, Point, Right, Words, named_signal, sent, written

UTC = datetime.timezone.utc
MOMENT = datetime.datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        False,
        0,
        -1,
        2**63 - 1,
        -(2**63),
        2**63,
        -(2**63) - 1,
        2**64,
        -(10**4299),
        10**4300 - 1,
        0.0,
        1.0,
        -1.5,
        1e300,
        5e-324,
        "",
        "text",
        'quotes " and \\ and \n and \x1f and \x7f',
        "ä€😀\u2028",
        [],
        [1, [2, [3]]],
        {},
        {"a": {"b": None}},
        {"z": 1, "a": 2},
        (),
        (1,),
        ((), [()], {"a": ()}),
        set(),
        {1, "a", None},
        frozenset(),
        frozenset({frozenset({1}), (2, 3)}),
        b"",
        bytes(range(256)),
        MOMENT,
        datetime.datetime(2026, 1, 2),
        datetime.datetime.max,
        datetime.datetime(2026, 10, 25, 2, 30, fold=1),
        datetime.time(2, 30, fold=1),
        datetime.datetime(2026, 1, 2, tzinfo=datetime.timezone(datetime.timedelta(seconds=-12_345))),
        datetime.date(1, 1, 1),
        datetime.time(23, 59, 59, 999_999),
        datetime.time(1, tzinfo=datetime.timezone(datetime.timedelta(hours=2))),
        datetime.timedelta(),
        datetime.timedelta(days=-1, microseconds=1),
        datetime.timedelta.max,
        datetime.timedelta.min,
        decimal.Decimal("1.10"),
        decimal.Decimal("-0"),
        decimal.Decimal("1E+1000"),
        decimal.Decimal("Infinity"),
        uuid.UUID(int=0),
        uuid.UUID("12345678-1234-5678-1234-567812345678"),
        Colour.GREEN,
        Level.HIGH,
        Page.State.DRAFT,
        Right.READ,
        Right.READ | Right.RUN,
        Right(0),
        Colour,
        Page,
        Page.State,
        dict,
        type(None),
        named_signal,
        post_save,
        {1: "a", "1": "b", (2, 3): {None: MOMENT}},
        {"$": 1},
        {"$": ["datetime", "2026-01-02T03:04:05+00:00"]},
        {"a": {"$": {"$": {}}}},
        {Colour.RED: [Colour.RED]},
        {Page.State.LIVE: 1},
    ],
    ids=repr,
)
def test_a_value_arrives_as_it_was(value: object) -> None:
    arrived = sent(value)

    assert arrived == value
    assert type(arrived) is type(value)
    assert repr(arrived) == repr(value) or isinstance(value, (set, frozenset))


def test_a_value_is_written_alike_alone_and_as_an_argument() -> None:
    value = {"when": MOMENT, "who": (1, {2})}

    assert json.loads(codec.encode(value)) == written(value)
    assert codec.decode(codec.encode(value)) == value


def test_an_alias_of_a_member_arrives_as_the_member() -> None:
    assert sent(Colour.ROUGE) is Colour.RED


def test_the_sign_of_zero_arrives() -> None:
    assert math.copysign(1, sent(-0.0)) == -1


def test_the_order_of_keys_is_kept() -> None:
    assert list(sent({"z": 1, "a": 2, "m": 3})) == ["z", "a", "m"]
    assert list(sent({3: 1, 1: 2, 2: 3})) == [3, 1, 2]


def test_a_moment_arrives_as_the_same_moment_with_its_offset() -> None:
    summer = datetime.datetime(2026, 7, 1, 12, tzinfo=ZoneInfo("Europe/Berlin"))
    # Twice two o'clock: this is the second one.
    second = datetime.datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1)

    assert sent(summer) == summer
    assert sent(summer).utcoffset() == datetime.timedelta(hours=2)
    assert sent(second).utcoffset() == datetime.timedelta(hours=1)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (mark_safe("<b>"), "<b>"),
        (LateDay(2026, 1, 2, tzinfo=UTC), datetime.datetime(2026, 1, 2, tzinfo=UTC)),
        (Euro(5), decimal.Decimal(5)),
        (type("Count", (int,), {"__repr__": lambda self: "many"})(7), 7),
        (type("Count", (int,), {})(2**70), 2**70),
        (type("Share", (float,), {})(0.5), 0.5),
        (type("Id", (uuid.UUID,), {})(int=5), uuid.UUID(int=5)),
        (type("Span", (datetime.timedelta,), {})(3), datetime.timedelta(3)),
        (type("Bits", (bytes,), {})(b"ab"), b"ab"),
        (type("Bag", (set,), {})([1]), {1}),
        (bytearray(b"ab"), b"ab"),
        (memoryview(b"abcd")[::2], b"ac"),
        (Point(1, 2), (1, 2)),
        (Words(["a", "b"]), ["a", "b"]),
        (defaultdict(list, a=[1]), {"a": [1]}),
        ({mark_safe("key"): 1}, {"key": 1}),
        (lazystr("later"), "later"),
        (SimpleLazyObject(lambda: [MOMENT]), [MOMENT]),
    ],
    ids=repr,
)
def test_an_instance_of_a_subclass_arrives_as_one_of_the_class_it_is_made_of(value: Any, expected: object) -> None:
    arrived = sent(value)

    assert arrived == expected
    assert type(arrived) is type(expected)


def test_a_dictionary_with_an_order_of_its_own_arrives_in_it() -> None:
    ordered = OrderedDict(a=1, b=2, c=3)
    ordered.move_to_end("a")

    assert list(sent(ordered)) == ["b", "c", "a"]


def test_a_text_that_is_marked_as_safe_arrives_as_one_that_is_not() -> None:
    assert not isinstance(sent(mark_safe("<b>")), SafeString)


def test_a_lazy_text_is_that_of_the_language_of_the_send() -> None:
    text = gettext_lazy("Monday")
    with override("de"):
        payload = codec.encode({"text": text})

    with override("fr"):
        assert codec.decode(payload) == {"text": "Montag"}


def test_equal_sets_are_written_alike() -> None:
    tags = [f"tag {number}" for number in range(50)]

    assert codec.encode(set(tags)) == codec.encode(set(tags[::-1]))
    assert written({"b", "a", (1, 2)}) == {"$": ["set", "a", "b", {"$": ["tuple", 1, 2]}]}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (MOMENT, {"$": ["datetime", "2026-01-02T03:04:05.000678+00:00"]}),
        (datetime.timedelta(days=1, seconds=2, microseconds=3), {"$": ["timedelta", 1, 2, 3]}),
        (decimal.Decimal("1.50"), {"$": ["decimal", "1.50"]}),
        (b"\xff\x00", {"$": ["bytes", "/wA="]}),
        (2**64, {"$": ["int", "18446744073709551616"]}),
        (Level.LOW, {"$": ["enum", "tests.arguments", "Level", "LOW"]}),
        (Page.State.LIVE, {"$": ["enum", "tests.arguments", "Page.State", "LIVE"]}),
        (Right.READ | Right.RUN, {"$": ["enum", "tests.arguments", "Right", 5]}),
        (Page, {"$": ["class", "tests.arguments", "Page"]}),
        (named_signal, {"$": ["signal", "tests.arguments.named_signal"]}),
        (lazystr("later"), {"$": ["lazy", "later"]}),
        ({"a": 1, 2: 3}, {"$": ["dict", [["a", 1], [2, 3]]]}),
        ({"$": 1}, {"$": ["dict", [["$", 1]]]}),
    ],
    ids=repr,
)
def test_the_form_of_each_tag_is_settled(value: object, expected: object) -> None:
    assert written(value) == expected


def test_a_payload_has_the_sender_and_the_named_arguments_and_others_only_where_there_are_some() -> None:
    assert codec.encode_named(Page, {"a": 1}, True).payload == (
        '{"sender":{"$":["class","tests.arguments","Page"]},"named":{"a":1}}'
    )
    assert codec.encode_named(None, {}, True, (1, (2,))).payload == ('{"sender":null,"args":[1,{"$":["tuple",2]}],"named":{}}')


def test_sender_and_arguments_arrive_in_their_places() -> None:
    payload = codec.encode_named(Page, {"a": {1}, "$": 2}, True, ((1,), "b")).payload

    assert codec.decode_call(payload) == codec.Decoded(Page, ((1,), "b"), {"a": {1}, "$": 2})
    assert codec.decode_named(payload) == (Page, {"a": {1}, "$": 2})


def test_the_arguments_of_django_s_signals_arrive() -> None:
    named = {"created": False, "raw": False, "using": "default", "update_fields": None, "pk_set": {3, 1, 2}}
    for update_fields in (None, frozenset(), frozenset({"title", "status"})):
        named["update_fields"] = update_fields
        encoded = codec.encode_named(Page, named, False)

        assert encoded.dropped == []
        assert codec.decode_named(encoded.payload) == (Page, named)


def test_what_was_changed_on_the_way_is_no_matter() -> None:
    grown: dict[str, Any] = {}

    def grow() -> str:
        grown.update({f"key {number}": number for number in range(100)})
        return "grown"

    grown["text"] = SimpleLazyObject(grow)
    grown["more"] = 1

    assert sent(grown) == {"text": "grown", "more": 1}


def test_an_error_of_the_sender_s_own_code_is_raised_as_it_is() -> None:
    class Broken(Exception):
        pass

    def break_it() -> str:
        raise Broken

    for strict in (True, False):
        with pytest.raises(Broken):
            codec.encode_named(None, {"value": SimpleLazyObject(break_it)}, strict)


def test_classes_that_are_made_again_and_again_are_not_kept_for_ever() -> None:
    first = type("Text", (str,), {})
    gone = weakref.ref(first)
    codec.encode(first("a"))
    del first
    for _ in range(5000):
        codec.encode(type("Text", (str,), {})("a"))
        if gone() is None:
            break
        gc.collect(0)
    gc.collect()

    assert gone() is None
