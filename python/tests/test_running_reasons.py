"""What is recorded of an exception."""

from __future__ import annotations

import pytest

from signalpost.reason import MAX_REASON, readable, reason_of


def _raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as raised:
        return raised


def test_a_reason_has_the_type_the_message_and_the_line() -> None:
    reason = reason_of(_raised(LookupError("no such order")))

    assert reason.startswith("LookupError: no such order\n")
    assert "test_running_reasons.py" in reason
    assert "raise error" in reason


def test_an_exception_of_a_library_is_named_with_its_module() -> None:
    class OutOfPaper(Exception):
        pass

    assert reason_of(OutOfPaper()).startswith(f"{__name__}.")


def test_what_cannot_be_stored_is_replaced() -> None:
    reason = reason_of(_raised(ValueError("a \0 b \x1b[31m c \ud800 d\ttab\nline")))

    assert "a \N{REPLACEMENT CHARACTER} b \N{REPLACEMENT CHARACTER}[31m c \N{REPLACEMENT CHARACTER} d\ttab\nline" in reason
    reason.encode()


@pytest.mark.parametrize("character", ["x", "ü", "\N{ROCKET}", "\0"])
def test_fifty_megabytes_of_message_are_a_bounded_reason(character: str) -> None:
    reason = reason_of(_raised(ValueError(character * 50_000_000)))

    assert len(reason.encode()) <= MAX_REASON + 20
    assert " … (cut)" in reason
    assert "test_running_reasons.py" in reason


def test_a_text_that_cannot_be_had_is_said_so() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    assert "(its text cannot be had: RuntimeError)" in reason_of(_raised(Mute()))


def test_a_text_that_is_no_text_is_said_so() -> None:
    class Wrong(Exception):
        def __str__(self) -> str:
            return 7  # type: ignore[return-value]

    assert "(its text cannot be had: TypeError)" in reason_of(_raised(Wrong()))


def test_what_an_exception_came_from_is_told() -> None:
    try:
        try:
            raise ConnectionError("the mail server is down")
        except ConnectionError as error:
            raise RuntimeError("not mailed") from error
    except RuntimeError as error:
        reason = reason_of(error)

    assert reason.startswith("RuntimeError: not mailed\n")
    assert "from ConnectionError: the mail server is down" in reason


def test_exceptions_that_came_from_each_other_end() -> None:
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one

    assert reason_of(one) == "ValueError: one\n\nfrom ValueError: other"


def test_of_a_deep_recursion_the_innermost_calls_are_kept() -> None:
    def deeper(left: int) -> None:
        if left == 0:
            raise ValueError("deep enough")
        deeper(left - 1)

    try:
        deeper(200)
    except ValueError as error:
        reason = reason_of(error)

    assert "outer calls" in reason
    assert 'raise ValueError("deep enough")' in reason
    assert len(reason) <= MAX_REASON


def test_the_parts_of_a_group_are_told() -> None:
    group = type("Group", (Exception,), {"exceptions": (ValueError("one"), KeyError("two"))})("both failed")

    reason = reason_of(group)

    assert "both failed\n- ValueError: one\n- KeyError: 'two'" in reason


def test_a_short_text_is_readable_as_it_is() -> None:
    assert readable("as it is") == "as it is"
