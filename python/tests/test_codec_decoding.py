"""The codec: a payload is data, and one that says nothing ends in an error with its place."""

from __future__ import annotations

import enum
import json
import sys
import types
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalpost import codec
from signalpost.codec import CannotDecode

from .arguments import Colour

pytestmark = pytest.mark.no_database


def problem_with(text: str) -> CannotDecode:
    """Why `text` cannot be decoded."""
    with pytest.raises(CannotDecode) as raised:
        codec.decode(text)
    return raised.value


def tagged(*parts: Any) -> str:
    """A tag as JSON."""
    return json.dumps({"$": list(parts)})


@pytest.mark.parametrize(
    ("text", "path", "words"),
    [
        ("", "$", "EOF while parsing"),
        ("[1, 2", "$", "EOF while parsing"),
        ("[1, 2] 3", "$", "trailing characters"),
        ("{1: 2}", "$.?", "key must be a string"),
        ("nul", "$", "EOF while parsing"),
        ("NaN", "$", "expected"),
        ("1e999", "$", "number out of range"),
        ('"\\ud800"', "$", "end of hex escape"),
        ('{"a": [1, x]}', "$.a[1]", "expected value"),
        ("[[x]]", "$[0][0]", "expected value"),
    ],
)
def test_a_text_that_is_no_json_is_refused_at_its_place(text: str, path: str, words: str) -> None:
    problem = problem_with(text)

    assert words in problem.reason
    assert problem.path == path
    assert str(problem).startswith(f"the payload cannot be decoded: what is at {path} cannot be read: ")
    assert isinstance(problem, ValueError)


def test_a_text_with_a_lone_surrogate_is_refused() -> None:
    assert problem_with('"\ud800"').reason == "holds a lone surrogate"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"$": 1}', "has the key `$`, and is no tag"),
        ('{"$": ["set"], "a": 1}', "has the key `$`, and is no tag"),
        ('{"$": []}', "is a tag without a name"),
        ('{"$": [1]}', "is a tag without a name"),
        (tagged("stamp", 1), "is a tag 'stamp' of 1 arguments, which this version does not know"),
        (tagged("datetime", 1), "is a tag 'datetime' of 1 arguments"),
        (tagged("datetime"), "is a tag 'datetime' of 0 arguments"),
        (tagged("datetime", "yesterday"), "is no datetime that can be made"),
        (tagged("datetime", "2026-01-02", 2), "is no datetime that can be made"),
        (tagged("time", "12:00", "a"), "is a time with a fold that is none"),
        (tagged("date", "2026-13-01"), "is no date that can be made"),
        (tagged("time", "25:00"), "is no time that can be made"),
        (tagged("timedelta", 10**10, 0, 0), "is no timedelta that can be made"),
        (tagged("timedelta", 1, "a", 0), "is no timedelta that can be made"),
        (tagged("decimal", "much"), "is no decimal that can be made"),
        (tagged("uuid", "12"), "is no uuid that can be made"),
        (tagged("bytes", "not base64!"), "is no base64"),
        (tagged("int", "0x10"), "is no integer that can be read"),
        (tagged("int", ""), "is no integer that can be read"),
        (tagged("int", "-"), "is no integer that can be read"),
        (tagged("int", "9" * 4301), "is no integer that can be read"),
        (tagged("set", []), "is no set that can be made: unhashable"),
        (tagged("frozenset", {}), "is no frozenset that can be made: unhashable"),
        (tagged("dict", [[1]]), "is a dictionary of what are no pairs"),
        (tagged("dict", [1]), "is a dictionary of what are no pairs"),
        (tagged("dict", [[[], 1]]), "is no dict that can be made: unhashable"),
        (
            tagged("class", "tests.arguments", "Nothing"),
            "is the class tests.arguments.Nothing, which is not loaded here",
        ),
        (tagged("class", "tests.arguments", "sent"), "which is not loaded here"),
        (tagged("class", "tests.arguments", ""), "which is not loaded here"),
        (tagged("class", "", ""), "which is not loaded here"),
        (tagged("enum", "tests.arguments", "Colour", "BLUE"), "which tests.arguments.Colour does not have as a member"),
        (tagged("enum", "tests.arguments", "Colour", 1), "does not have as a member"),
        (tagged("enum", "tests.arguments", "Page", "State"), "does not have as a member"),
        (tagged("enum", "tests.arguments", "Right", 64), "is no member of tests.arguments.Right"),
        (tagged("signal", "tests.arguments.no_signal"), "no signal is called"),
        (tagged("model", "news.Nothing"), "is the model 'news.Nothing', and no installed app has it"),
        (tagged("model", "nowhere.Article"), "no installed app has it"),
        (tagged("model", "news"), "no installed app has it"),
        (tagged("gone", "news.Article", 1), "is a tag 'gone' of 2 arguments"),
    ],
)
def test_a_tag_that_says_nothing_here_is_refused_at_its_place(text: str, words: str) -> None:
    problem = problem_with(f'{{"a": [0, {text}]}}')

    assert words in problem.reason
    assert problem.path == "$.a[1]"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (tagged("tuple", 1, {"$": 0}), "$[1]"),
        (tagged("dict", [["a", {"b": {"$": 0}}]]), "$.a.b"),
        (tagged("dict", [[7, {"$": 0}]]), "$[7]"),
        (tagged("dict", [[{"$": 0}, 7]]), "$.keys()[0]"),
    ],
)
def test_the_path_leads_through_tags(text: str, path: str) -> None:
    assert problem_with(text).path == path


@pytest.mark.parametrize(
    ("payload", "path"),
    [
        ("[]", "$"),
        ("{}", "$.named"),
        ('{"named": []}', "$.named"),
        ('{"named": {"$": ["dict", [[1, 2]]]}}', "$.named"),
        ('{"named": {}, "args": {}}', "$.args"),
    ],
)
def test_a_payload_that_is_no_call_is_refused(payload: str, path: str) -> None:
    with pytest.raises(CannotDecode) as raised:
        codec.decode_named(payload)
    assert raised.value.path == path


def test_what_is_too_large_is_not_read() -> None:
    assert "makes more than 1048576 bytes" in problem_with(json.dumps("a" * (1 << 20))).reason


@pytest.mark.parametrize("depth", [65, 127, 128, 129, 1000, 100_000])
@pytest.mark.parametrize(
    ("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('{"$":["tuple",', "]}"), ('{"$":["dict",[[1,', "]]]}")]
)
def test_no_depth_breaks_the_stack(depth: int, opening: str, closing: str) -> None:
    for text in (opening * depth + "1" + closing * depth, opening * depth):
        reason = problem_with(text).reason
        assert any(words in reason for words in ("deeper than 64", "recursion limit", "EOF", "makes more than"))


def test_as_deep_as_sixty_four_levels_is_read() -> None:
    codec.decode("[" * 64 + "]" * 64)
    assert problem_with("[" * 65 + "]" * 65).reason == "is nested deeper than 64 levels"


def test_a_name_in_a_payload_imports_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "trap_for_names.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)

    for text in (
        tagged("class", "trap_for_names", "Trap"),
        tagged("enum", "trap_for_names", "Trap", "A"),
        tagged("signal", "trap_for_names.trap"),
        tagged("model", "trap_for_names.Trap"),
    ):
        problem_with(text)
    assert "trap_for_names" not in sys.modules


def test_a_name_in_a_payload_runs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    touched: list[str] = []
    module = types.ModuleType("touchy")
    module.__getattr__ = touched.append  # type: ignore[method-assign]

    class Meta(type):
        def __getattr__(cls, name: str) -> Any:
            touched.append(name)

    class Touchy(metaclass=Meta):
        @property
        def trap(self) -> None:
            touched.append("trap")

    module.Touchy = Touchy  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "touchy", module)

    for name in ("Nothing", "Touchy.nothing", "Touchy.trap", "Touchy.trap.fget"):
        problem_with(tagged("class", "touchy", name))
    assert codec.decode(tagged("class", "touchy", "Touchy")) is Touchy
    assert touched == []


def test_a_member_is_found_by_its_name_and_nothing_is_called_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(cls: type, value: object) -> object:
        raise AssertionError("called")

    monkeypatch.setattr(Colour, "_missing_", classmethod(missing))
    problem_with(tagged("enum", "tests.arguments", "Colour", "BLUE"))
    assert codec.decode(tagged("enum", "tests.arguments", "Colour", "RED")) is Colour.RED
    assert issubclass(Colour, enum.Enum)


def test_an_error_of_what_was_read_is_the_cause() -> None:
    assert isinstance(problem_with(tagged("datetime", "x")).__cause__, ValueError)


_TAGS = st.sampled_from(
    ["datetime", "date", "time", "timedelta", "decimal", "uuid", "bytes", "set", "frozenset", "tuple", "enum", "class"]
    + ["model", "lazy", "gone", "dict", "signal", "int", "stamp"]
)
_NODES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda node: (
        st.lists(node, max_size=4)
        | st.dictionaries(st.text(max_size=3) | st.just("$"), node, max_size=3)
        | st.builds(lambda tag, rest: {"$": [tag, *rest]}, _TAGS, st.lists(node, max_size=3))
    ),
    max_leaves=12,
)


@given(_NODES)
def test_whatever_json_says_it_is_decoded_or_refused(node: object) -> None:
    try:
        codec.decode(json.dumps(node))
    except CannotDecode as problem:
        assert problem.path.startswith("$")


@given(st.text())
def test_whatever_a_text_says_it_is_decoded_or_refused(text: str) -> None:
    try:
        codec.decode_named(text)
    except CannotDecode as problem:
        assert problem.path.startswith("$")
