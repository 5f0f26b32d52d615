"""The codec: what cannot be sent is refused by its path, or left out by its name."""

from __future__ import annotations

import dataclasses
import decimal
import enum
import io
import threading
from collections import deque
from typing import Any

import pytest
from django.apps.registry import Apps
from django.core.files.base import ContentFile
from django.db import models
from django.dispatch import Signal
from django.http import HttpRequest, QueryDict
from django.utils.functional import LazyObject, SimpleLazyObject

from signalpost import codec
from signalpost.codec import CannotTravel

from .arguments import Page, sent
from .news.models import Article

pytestmark = pytest.mark.no_database

MEBIBYTE = 1 << 20


@dataclasses.dataclass
class Address:
    """Data, but nobody says how it is made again."""

    street: str


class Forever(LazyObject):  # type: ignore[type-arg]
    """Stands for another of its kind, without end."""

    def _setup(self) -> None:
        self._wrapped = Forever()


def refusal_of(value: object) -> CannotTravel:
    """Why `value` cannot be sent."""
    with pytest.raises(CannotTravel) as raised:
        codec.encode_named(None, {"value": value}, True)
    return raised.value


def local_class() -> type:
    """A class that no name finds."""

    class Local:
        pass

    return Local


def local_enum() -> Any:
    """An enumeration that no name finds."""

    class LocalEnum(enum.Enum):
        A = 1

    return LocalEnum


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (object(), "is an instance of object, which has no form that can be stored"),
        (1j, "complex"),
        (threading.Lock(), "lock"),
        (HttpRequest(), "django.http.request.HttpRequest, which holds sockets and secrets"),
        (io.BytesIO(b"a"), "_io.BytesIO, which is an open file\n  hint: send its path"),
        (
            ContentFile(b"a", name="a"),
            "django.core.files.base.ContentFile, which is an open file\n  hint: send its name",
        ),
        (Article.objects.all(), "hint: send a list of primary keys"),
        (Article.objects, "hint: send the model's class"),
        (QueryDict("a=1&a=2"), "hint: send dict(value.lists())"),
        (len, "builtin_function_or_method"),
        (lambda: 1, "function, which is code"),
        ("".join, "builtin_function_or_method"),
        (Page().__str__, "method-wrapper"),
        ((number for number in [1]), "generator, which can be read only once\n  hint: send a list"),
        (deque([1]), "collections.deque, which has no form that can be stored\n  hint: send a list or a dict"),
        ({1: 2}.keys(), "dict_keys"),
        (Address("a"), "Address, a dataclass\n  hint: send dataclasses.asdict(value)"),
        (local_class(), "local_class.<locals>.Local, which cannot be found by its name"),
        (local_class()(), "local_class.<locals>.Local, which has no form"),
        (local_enum().A, "local_enum.<locals>.LocalEnum, which cannot be found by its name"),
        (local_enum(), "local_enum.<locals>.LocalEnum, which cannot be found by its name"),
        (list[int], "types.GenericAlias"),
        (Signal(), "is a signal without a name\n  hint: assign it"),
        (float("nan"), "is NaN or infinite"),
        (float("-inf"), "is NaN or infinite"),
        ("a\0b", "holds the character NUL"),
        ("a\ud800b", "holds a lone surrogate"),
        (10**4300, "more digits than can be read, 4300"),
        (-(10**4300), "more digits than can be read, 4300"),
        (1 << 10_000_000, "more digits than can be read, 4300"),
        (
            Article(title="new"),
            "is an unsaved news.Article, which has no primary key\n  hint: send it after it was saved",
        ),
        (SimpleLazyObject(object), "is an instance of object"),
    ],
    # The type itself: a lazy object calls itself by another.
    ids=lambda value: value[:40] if type(value) is str and value.isprintable() else type(value).__name__,
)
def test_what_has_no_form_is_refused_by_its_path_with_the_reason(value: object, words: str) -> None:
    refusal = refusal_of(value)

    assert words in refusal.reason
    assert refusal.path == "$.named.value"
    assert str(refusal).startswith("the argument at $.named.value cannot be sent to the background: it ")
    assert isinstance(refusal, TypeError)


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ([1, {"note": object()}], "$.named.value[1].note"),
        ((1, (2, object())), "$.named.value[1][1]"),
        ({object()}, "$.named.value"),
        ({"a": {"b\n": [object()]}}, r"$.named.value.a.b\n[0]"),
        ({3: object()}, "$.named.value[3]"),
        ({(1, 2): [object()]}, "$.named.value[(1, 2)][0]"),
        ({"a": 1, "b": {1: {"c": object()}}}, "$.named.value.b[1].c"),
        ({object(): 1}, "$.named.value.keys()[0]"),
        ({1: 2, float("nan"): 1}, "$.named.value.keys()[1]"),
        ({"a\0": 1}, r"$.named.value.a\0"),
        (SimpleLazyObject(lambda: [object()]), "$.named.value[0]"),
    ],
    ids=lambda value: value if type(value) is str else type(value).__name__,
)
def test_the_path_leads_to_what_is_wrong(value: object, path: str) -> None:
    assert refusal_of(value).path == path


def test_the_path_begins_with_the_place_of_the_argument() -> None:
    for sender, named, args, path in [
        (object(), {}, (), "$.sender"),
        (None, {"a": [object()]}, (), "$.named.a[0]"),
        (None, {}, (1, [object()]), "$.args[1][0]"),
    ]:
        with pytest.raises(CannotTravel) as raised:
            codec.encode_named(sender, named, True, args)
        assert raised.value.path == path
    with pytest.raises(CannotTravel) as raised:
        codec.encode([object()])
    assert raised.value.path == "$[0]"


def test_an_instance_of_which_the_key_cannot_be_sent_is_refused_at_its_key() -> None:
    assert refusal_of([Article(pk="a\0b")]).path == "$.named.value[0].pk"


def test_a_historical_model_is_refused() -> None:
    historical = Apps()

    class Old(models.Model):
        class Meta:
            apps = historical
            app_label = "news"

    assert "is news.Old as a migration sees it" in refusal_of(Old).reason
    assert "is an instance of news.Old as a migration sees it" in refusal_of([Old(pk=1)]).reason


def test_a_container_that_contains_itself_is_refused_where_it_comes_again() -> None:
    inner: list[Any] = []
    inner.append({"outer": inner})
    mapping: dict[Any, Any] = {}
    mapping[1] = (mapping,)
    words: Any = type("Words", (list,), {})()
    words.append([words])

    for value, path in [
        (inner, "$.named.value[0].outer"),
        (["before", [inner]], "$.named.value[1][0][0].outer"),
        (mapping, "$.named.value[1][0]"),
        (words, "$.named.value[0][0]"),
    ]:
        refusal = refusal_of(value)
        assert (refusal.path, refusal.reason) == (path, "contains itself")


def test_the_same_container_in_two_places_is_no_circle() -> None:
    shared = [1]

    assert sent({"a": shared, "b": [shared, shared]}) == {"a": [1], "b": [[1], [1]]}


def nested(levels: int) -> Any:
    """So many lists within each other."""
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def test_as_deep_as_sixty_four_levels_goes_and_not_deeper() -> None:
    # The payload and its named arguments are two.
    deepest = nested(62)

    assert sent(deepest) == deepest
    refusal = refusal_of(nested(63))
    assert refusal.reason == "is nested deeper than 64 levels"
    assert refusal.path == "$.named.value" + "[0]" * 62


def test_a_depth_that_would_break_the_stack_is_refused() -> None:
    assert refusal_of(nested(100_000)).reason == "is nested deeper than 64 levels"


def test_a_chain_of_lazy_objects_without_end_is_refused() -> None:
    assert refusal_of(Forever()).reason == "is nested deeper than 64 levels"


@pytest.mark.parametrize(
    ("wrap", "levels"),
    [
        (lambda value: (value,), 2),
        (lambda value: {1: value}, 4),
        (lambda value: frozenset([value]), 2),
        (lambda value: {"a": value}, 1),
        (lambda value: SimpleLazyObject(lambda: [value]), 1),
    ],
    ids=["tuple", "dict", "frozenset", "object", "lazy"],
)
def test_what_can_be_written_can_be_read_at_every_depth(wrap: Any, levels: int) -> None:
    deep: Any = 1
    for _ in range(62 // levels):
        deep = wrap(deep)
        sent(deep)

    assert refusal_of(wrap(deep)).reason == "is nested deeper than 64 levels"


def test_a_payload_of_a_mebibyte_goes_and_not_a_byte_more() -> None:
    frame = len(codec.encode_named(None, {"value": ""}, True).payload)
    largest = "a" * (MEBIBYTE - frame)

    assert len(codec.encode_named(None, {"value": largest}, True).payload) == MEBIBYTE
    assert sent(largest) == largest
    with pytest.raises(CannotTravel) as raised:
        codec.encode_named(None, {"value": largest + "a"}, True)
    assert "makes more than 1048576 bytes of JSON\n  hint: store the data, and send its key" in raised.value.reason


@pytest.mark.parametrize(
    "value",
    [
        "ä" * MEBIBYTE,
        b"a" * MEBIBYTE,
        list(range(MEBIBYTE)),
        {"a": [1] * MEBIBYTE},
        {f"{n}": n for n in range(MEBIBYTE // 8)},
    ],
    ids=["text", "bytes", "list", "object", "keys"],
)
@pytest.mark.parametrize("strict", [True, False])
def test_what_is_too_large_is_refused_and_never_left_out(value: object, strict: bool) -> None:
    with pytest.raises(CannotTravel) as raised:
        codec.encode_named(None, {"small": 1, "value": value}, strict)

    assert raised.value.path.startswith("$.named.value")
    assert "makes more than" in raised.value.reason


def test_what_grows_without_end_is_refused_when_it_is_too_large() -> None:
    doubled: Any = []
    for _ in range(60):
        doubled = [doubled, doubled]

    assert "makes more than" in refusal_of(doubled).reason


def test_arguments_that_cannot_be_sent_are_left_out_by_name_where_that_is_allowed() -> None:
    named = {"a": 1, "request": HttpRequest(), "b": [1, {"x": object()}], "c": (2,)}

    encoded = codec.encode_named(Page, named, False)

    assert codec.decode_named(encoded.payload) == (Page, {"a": 1, "c": (2,)})
    assert [name for name, _ in encoded.dropped] == ["request", "b"]
    reasons = dict(encoded.dropped)
    assert reasons["request"].startswith("$.named.request is an instance of django.http.request.HttpRequest")
    assert reasons["b"].startswith("$.named.b[1].x is an instance of object")


def test_all_arguments_can_be_left_out() -> None:
    encoded = codec.encode_named(object(), {"a": object(), "b": nested(100), "c": float("nan")}, False)

    assert codec.decode_named(encoded.payload) == (None, {})
    assert [name for name, _ in encoded.dropped] == ["sender", "a", "b", "c"]


def test_positional_arguments_are_never_left_out() -> None:
    with pytest.raises(CannotTravel):
        codec.encode_named(None, {}, False, (object(),))


def test_a_decimal_that_is_no_number_arrives_as_a_text_can_hold_it() -> None:
    assert sent(decimal.Decimal("NaN")).is_nan()


def test_a_class_that_was_refused_can_be_found_later() -> None:
    late = type("Late", (), {"__module__": __name__})
    with pytest.raises(CannotTravel):
        codec.encode(late)

    globals()["Late"] = late
    try:
        assert codec.decode(codec.encode(late)) is late
    finally:
        del globals()["Late"]
