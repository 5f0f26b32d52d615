"""Figures, each beside its reference."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from statistics import median
from time import perf_counter


@dataclasses.dataclass(frozen=True)
class Measure:
    """One line of the table. The ratio is what counts: times depend on the machine."""

    name: str
    ours: float
    unit: str
    reference: float | None = None
    wanted: str = ""

    @property
    def ratio(self) -> float | None:
        return None if self.reference is None else self.ours / self.reference

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


def in_turns(ours: Callable[[], float], reference: Callable[[], float], rounds: int) -> tuple[float, float]:
    """The medians of two measurements that take turns, each beginning as often as the other. A first round is not counted."""
    ours(), reference()
    mine, others = [], []
    for number in range(rounds):
        if number % 2:
            others.append(reference())
            mine.append(ours())
        else:
            mine.append(ours())
            others.append(reference())
    return median(mine), median(others)
