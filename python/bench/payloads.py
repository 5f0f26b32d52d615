"""What it costs to write the arguments of a send as a payload, and to read them; no database is asked."""

from __future__ import annotations

import datetime
import decimal
import json
import uuid
from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Any

from measure import Measure, in_turns

#: Calls in each round.
CALLS = 2_000


def run(quick: bool) -> list[Measure]:
    """In the project that is set up."""
    from paper.models import Article, article

    from signalpost import codec

    instance = article(1)
    instance.pk, instance._state.db = 12_345, "default"
    saved = {"instance": instance, "created": True, "update_fields": None, "raw": False, "using": "default"}
    some = {**saved, "update_fields": frozenset({"title", "status"})}
    typed = {
        "order": uuid.UUID(int=7),
        "total": decimal.Decimal("12.50"),
        "at": datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc),
        "lines": [{"article": number, "price": decimal.Decimal("1.25"), "tags": ("a", "b")} for number in range(20)],
    }
    plain = {"numbers": list(range(200)), "texts": {f"key {number}": "text " * 5 for number in range(100)}}

    def writing(name: str, named: dict[str, Any]) -> Measure:
        ours = partial(codec.encode_named, Article, named, False)
        text = ours().payload
        # Of what was made plain beforehand: the classes are found, the key is read, the tags are there.
        return measured(f"write {name} / json.dumps of the same", ours, partial(json.dumps, json.loads(text)), quick)

    def reading(name: str, named: dict[str, Any]) -> Measure:
        text = codec.encode_named(Article, named, True).payload
        return measured(
            f"read {name} / json.loads of the same", partial(codec.decode_named, text), partial(json.loads, text), quick
        )

    without = {name: value for name, value in some.items() if name != "instance"}
    return [
        writing("what post_save sends", saved),
        writing("the same with update_fields", some),
        writing("20 order lines with typed values", typed),
        writing("200 numbers and 100 texts", plain),
        reading("what post_save sends, less the instance", without),
        reading("20 order lines with typed values", typed),
        reading("200 numbers and 100 texts", plain),
    ]


def measured(name: str, ours: Callable[[], object], reference: Callable[[], object], quick: bool) -> Measure:
    """The medians of both, in µs."""
    found = in_turns(partial(each, ours), partial(each, reference), 5 if quick else 25)
    return Measure(name, found.ours, "µs", found.reference, of_pairs=found.of_pairs)


def each(call: Callable[[], object]) -> float:
    """How long one call takes, in µs."""
    began = perf_counter()
    for _ in range(CALLS):
        call()
    return (perf_counter() - began) / CALLS * 1e6
