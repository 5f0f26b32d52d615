"""What ran, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..codec import decode
from ..outcome import Dead, Failed, Outcome, RetryAfter, Succeeded, Unknown
from ..stored_task import StoredTask
from .naming import is_named

__all__ = ["Endless", "Ran", "ReceiversFailed", "Runs"]


@dataclass(frozen=True, repr=False)
class Ran:
    """One run of a task. It is shown as a line."""

    task: StoredTask
    #: One of `signalpost.outcome`.
    outcome: Outcome

    @property
    def receiver(self) -> str:
        """The receiver's name; `*` for a background signal's whole send."""
        return self.task.receiver

    @property
    def signal(self) -> str:
        """The signal's name."""
        return self.task.signal

    @property
    def succeeded(self) -> bool:
        """The receiver has run to success; of a background signal's, all of them."""
        return isinstance(self.outcome, Succeeded) and not self.outcome.then

    @property
    def failed(self) -> bool:
        """It has not: the task waits for another attempt, or is dead, or a receiver follows as a task of its own."""
        return not self.succeeded

    @property
    def reason(self) -> str | None:
        """Why it failed."""
        if isinstance(self.outcome, Succeeded):
            reasons = [f"{follow.receiver}: {follow.reason}" for follow in self.outcome.then]
            return "\n".join(reasons) or None
        return self.outcome.reason

    @property
    def result(self) -> Any:
        """What the receiver returned, where it keeps its result."""
        kept = self.outcome.result if isinstance(self.outcome, Succeeded) else None
        return None if kept is None else decode(kept, self.task.using)

    @property
    def error(self) -> BaseException | None:
        """What was raised: the first, where several receivers failed."""
        if isinstance(self.outcome, Succeeded):
            return next(iter(self.outcome.errors), None)
        return None if isinstance(self.outcome, Unknown) else self.outcome.error

    def __repr__(self) -> str:
        task = self.task
        return f"#{task.id} {task.signal} → {task.receiver}, attempt {task.attempt}: {self._fate()}"

    def _fate(self) -> str:
        match self.outcome:
            case Succeeded(then=[]):
                return "succeeded"
            case Succeeded():
                return f"of its receivers {len(self.outcome.then)} failed: {self.reason}"
            case Dead():
                return f"dead: {self.reason}"
            case Failed() | RetryAfter():
                return f"failed, again in {(self.outcome.after or 0) / 1000:g} s: {self.reason}"
            case Unknown():
                return f"did not run: {self.reason}"


class Runs(list[Ran]):
    """What ran, in order."""

    @property
    def succeeded(self) -> Runs:
        """Those that succeeded."""
        return Runs(ran for ran in self if ran.succeeded)

    @property
    def failed(self) -> Runs:
        """Those that did not."""
        return Runs(ran for ran in self if ran.failed)

    def of(self, receiver: Any) -> Runs:
        """The runs of a receiver: a function, a task, a background signal, or a name or the last parts of it."""
        return Runs(ran for ran in self if is_named(receiver, ran.receiver, ran.signal))

    def __repr__(self) -> str:
        return _lines(f"{len(self)} runs" if self else "nothing ran", self)


class ReceiversFailed(AssertionError):
    """Receivers failed in a test that did not expect it. `runs` is everything that ran, `failed` the part that failed."""

    def __init__(self, runs: Runs) -> None:
        self.runs = runs
        self.failed = runs.failed
        counted = f"{len(self.failed)} of {len(runs)} runs failed" if len(runs) > 1 else "the run failed"
        super().__init__(_lines(counted, self.failed) + "\n(raises=False returns them instead)")


class Endless(AssertionError):
    """So many tasks ran, one from the other, that it is taken for a loop."""

    def __init__(self, runs: Runs, chain: str) -> None:
        self.runs = runs
        super().__init__(
            f"{len(runs)} tasks ran and more are due: do receivers send what they hear of? The next one: {chain}. "
            "Give max= to stop earlier, or a larger one if that is meant."
        )


def _lines(head: str, runs: Iterable[Ran]) -> str:
    return "\n  ".join([head, *(repr(ran).replace("\n", "\n    ") for ran in runs)])
