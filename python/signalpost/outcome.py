"""Outcomes: what becomes of a task that was run, or that could not be.

The rules and figures are the engine's: `crates/signalpost-worker/src/verdict.rs` and `backoff.rs`.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .outbox import NewTask
    from .stored_task import StoredTask

__all__ = ["Dead", "Failed", "Outcome", "RetryAfter", "Succeeded", "Unknown", "backoff", "settled"]

#: After the first failure a task waits at most this long, in milliseconds.
FIRST_WAIT = 1_000
#: It never waits longer than this.
LONGEST_WAIT = 3_600_000
#: How long a task whose receiver nobody knows waits for somebody who does.
UNKNOWN_GRACE = 3_600_000


@dataclass(frozen=True)
class Succeeded:
    """It has run to success.

    `result` is what the receiver returned, as JSON, where that is to be kept. `then` are the tasks that are to be written
    together with the success: those of a background signal's receivers that failed, and `errors` what these raised.
    """

    result: str | None = None
    then: tuple[NewTask, ...] = ()
    errors: tuple[BaseException | None, ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True)
class Failed:
    """It has failed. Settled, it waits for another attempt, `after` milliseconds from now."""

    reason: str
    after: int | None = None
    error: BaseException | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class RetryAfter:
    """It has failed, and its receiver has said in how many milliseconds it wants to be tried again."""

    reason: str
    after: int
    error: BaseException | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Dead:
    """It is given up: its attempts are used up, or another one would meet the same."""

    reason: str
    error: BaseException | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Unknown:
    """Its receiver is not known here. It waits for a worker that knows it, and the attempt is not counted."""

    reason: str
    after: int | None = None


Outcome = Succeeded | Failed | RetryAfter | Dead | Unknown


def backoff(failures: int, chance: float | None = None) -> int:
    """How many milliseconds a task waits after its `failures`-th failure.

    Between a half and the whole of a second, doubled each time, an hour at most. `chance`, between 0 and 1, says where in
    that range; left out, it is drawn, so that tasks that failed together do not come back together.
    """
    whole = min(FIRST_WAIT << min(max(failures - 1, 0), 31), LONGEST_WAIT)
    chance = random.random() if chance is None else min(max(chance, 0.0), 1.0)
    return int(whole * (0.5 + chance / 2))


def settled(task: StoredTask, max_attempts: int, outcome: Outcome, now: int | None) -> Outcome:
    """What a run's outcome means for its task: whether there is another attempt, and when.

    `now` is the store's time in milliseconds; without it an unknown task stays unsettled.
    """
    if isinstance(outcome, Succeeded):
        return outcome
    if isinstance(outcome, Unknown):
        return outcome if now is None else _of_unknown(task, outcome, now)
    if not isinstance(outcome, (Failed, RetryAfter)):
        return outcome
    if task.failures_with_this_one >= max_attempts:
        reason = f"failure {task.failures_with_this_one} of {max_attempts}: {outcome.reason}"
        return Dead(reason, outcome.error)
    if isinstance(outcome, Failed) and outcome.after is None:
        return Failed(outcome.reason, backoff(task.failures_with_this_one), outcome.error)
    return outcome


def _of_unknown(task: StoredTask, outcome: Unknown, now: int) -> Outcome:
    waited = now - (now if task.unknown_since is None else task.unknown_since)
    if waited >= UNKNOWN_GRACE:
        hour = UNKNOWN_GRACE // 1000
        return Dead(f"{outcome.reason}; no worker that knows it has come within {hour}s")
    # Often enough that a deploy is noticed soon, rarely enough that a forgotten task costs nothing.
    after = min(max(UNKNOWN_GRACE // 20, 50), 30_000, UNKNOWN_GRACE)
    return Unknown(outcome.reason, after)
