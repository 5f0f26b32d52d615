"""Figures, each beside its reference."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import NamedTuple


@dataclasses.dataclass(frozen=True)
class Measure:
    """One line of the table. The ratio is what counts: times depend on the machine."""

    name: str
    ours: float
    unit: str
    reference: float | None = None
    wanted: str = ""
    #: The median of the ratios of rounds that were next to each other, where they took turns: a machine that is slow for a while
    #: is so to both.
    of_pairs: float | None = None

    @property
    def ratio(self) -> float | None:
        if self.of_pairs is not None or self.reference is None:
            return self.of_pairs
        return self.ours / self.reference

    def as_json(self) -> str:
        """As a line."""
        return json.dumps(dataclasses.asdict(self) | {"ratio": self.ratio})

    def as_row(self) -> str:
        """As a row of the table."""
        reference = "" if self.reference is None else f"{self.reference:.2f}"
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        return f"{self.name:<66} {self.ours:>12.2f} {reference:>12} {ratio:>7}  {self.unit:<8} {self.wanted}"


HEAD = f"{'measurement':<66} {'ours':>12} {'reference':>12} {'ratio':>7}  {'unit':<8} wanted"


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    began = perf_counter()
    work()
    return perf_counter() - began


class Turns(NamedTuple):
    """What two measurements that took turns have found: medians."""

    ours: float
    reference: float
    of_pairs: float


def in_turns(ours: Callable[[], float], reference: Callable[[], float], rounds: int) -> Turns:
    """Measures both so many times, each beginning as often as the other. A first round is not counted."""
    ours(), reference()
    mine, others = [], []
    for number in range(rounds):
        if number % 2:
            others.append(reference())
            mine.append(ours())
        else:
            mine.append(ours())
            others.append(reference())
    of_pairs = median(one / other for one, other in zip(mine, others, strict=True))
    return Turns(median(mine), median(others), of_pairs)
