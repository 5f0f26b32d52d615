"""What becomes of a task: the engine's rules and figures."""

from __future__ import annotations

import pytest

from signalpost.outcome import Dead, Failed, RetryAfter, Succeeded, Unknown, backoff, settled

from .stored import NOW, called


@pytest.mark.parametrize(
    ("failures", "shortest", "longest"),
    [(1, 500, 1_000), (2, 1_000, 2_000), (3, 2_000, 4_000), (12, 1_024_000, 2_048_000), (13, 1_800_000, 3_600_000)],
)
def test_the_wait_is_doubled_with_each_failure_up_to_an_hour(failures: int, shortest: int, longest: int) -> None:
    assert backoff(failures, 0.0) == shortest
    assert backoff(failures, 1.0) == longest
    assert shortest <= backoff(failures) <= longest


def test_the_wait_after_very_many_failures_is_an_hour() -> None:
    assert backoff(10_000, 1.0) == 3_600_000


def test_a_failure_with_attempts_left_waits() -> None:
    outcome = settled(called("mail", attempt=2), 3, Failed("down"), NOW)

    assert isinstance(outcome, Failed)
    assert 1_000 <= (outcome.after or 0) <= 2_000


def test_the_last_failure_is_death_and_says_which_it_was() -> None:
    assert settled(called("mail", attempt=3), 3, Failed("down"), NOW) == Dead("failure 3 of 3: down")
    assert settled(called("mail", attempt=3), 3, RetryAfter("busy", 10), NOW) == Dead("failure 3 of 3: busy")


def test_deaths_of_workers_are_not_failures() -> None:
    outcome = settled(called("mail", attempt=4, deaths=2), 3, Failed("down"), NOW)

    assert isinstance(outcome, Failed)


def test_a_receiver_that_says_when_to_retry_is_retried_then() -> None:
    assert settled(called("mail"), 3, RetryAfter("busy", 90_000), NOW) == RetryAfter("busy", 90_000)


def test_success_and_death_stay_what_they_are() -> None:
    assert settled(called("mail", attempt=9), 3, Succeeded("7"), NOW) == Succeeded("7")
    assert settled(called("mail"), 3, Dead("never"), NOW) == Dead("never")


def test_an_unknown_receiver_is_waited_for_an_hour_and_then_dead() -> None:
    first = settled(called("mail"), 3, Unknown("who is that"), NOW)
    later = settled(called("mail", unknown_since=NOW - 3_599_999), 3, Unknown("who is that"), NOW)
    at_last = settled(called("mail", unknown_since=NOW - 3_600_000), 3, Unknown("who is that"), NOW)

    assert first == later == Unknown("who is that", 30_000)
    assert at_last == Dead("who is that; no worker that knows it has come within 3600s")
