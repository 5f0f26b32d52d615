"""What a send with one background receiver costs the sender, from the entry of ``Signal.send`` to its return."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import perf_counter, sleep
from typing import Any

from measure import Measure, in_turns

#: How long a sender rests between single sends: longer than anything that is remembered from the last one.
REST = 0.025

Call = Callable[[Any], object]


def run(database: str, wanted: str, quick: bool) -> list[Measure]:
    """In the project that is set up, on its database."""
    from django.db import transaction
    from django.db.models.signals import post_save
    from paper import receivers
    from paper.models import Article, article

    receivers.connect()
    instance = article(1)
    instance.save()
    saved = {
        "sender": Article,
        "instance": instance,
        "created": True,
        "raw": False,
        "using": "default",
        "update_fields": None,
    }

    with transaction.atomic():
        post_save.send(**saved)
        insert, values = plain_insert_of_the_last_task()
        transaction.set_rollback(True)

    def send(cursor: Any) -> None:
        post_save.send(**saved)

    def execute(cursor: Any) -> None:
        cursor.execute(insert, values)

    sends, rounds = (50, 20) if quick else (200, 100)
    found = in_turns(lambda: many(send, sends), lambda: many(execute, sends), rounds)
    name = f"{database}: Signal.send with one background receiver / the bare INSERT"
    in_a_row = Measure(name, found.ours, "µs", found.reference, wanted, found.of_pairs)
    ours, bare = singly(send, execute, 40 if quick else 200)
    one_by_one = Measure(f"{name}, every {REST * 1e3:.0f} ms", ours, "µs", bare)
    receivers.disconnect()
    return [in_a_row, one_by_one]


def plain_insert_of_the_last_task() -> tuple[str, list[Any]]:
    """What writes the same row as plainly as can be: its columns that are not empty, each with a parameter."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM signalpost_task ORDER BY id DESC LIMIT 1")
        names = [column[0] for column in cursor.description]
        row = dict(zip(names, cursor.fetchone(), strict=True))
    # What the table fills in by itself.
    for column in ("id", "attempt", "deaths", "fence"):
        del row[column]
    row = {name: value for name, value in row.items() if value is not None}
    return f"INSERT INTO signalpost_task ({', '.join(row)}) VALUES ({', '.join(['%s'] * len(row))})", list(row.values())


def many(call: Call, times: int) -> float:
    """The median of calls in one transaction, in µs. It is rolled back: the table stays as it is."""
    from django.db import connection, transaction

    taken = []
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM signalpost_task")
        (before,) = cursor.fetchone()
        for _ in range(times):
            taken.append(timed(call, cursor))
        cursor.execute("SELECT count(*) FROM signalpost_task")
        if cursor.fetchone()[0] != before + times:
            raise AssertionError("a row was not there when its send returned")
        transaction.set_rollback(True)
    return median(taken) * 1e6


def singly(ours: Call, bare: Call, times: int) -> tuple[float, float]:
    """The medians of calls that come one at a time, with a rest before each, in µs."""
    from django.db import connection, transaction

    mine, others = [], []
    with transaction.atomic(), connection.cursor() as cursor:
        for _ in range(times):
            sleep(REST)
            mine.append(timed(ours, cursor))
            sleep(REST)
            others.append(timed(bare, cursor))
        transaction.set_rollback(True)
    return median(mine) * 1e6, median(others) * 1e6


def timed(call: Call, cursor: Any) -> float:
    """How long it takes, in seconds."""
    began = perf_counter()
    call(cursor)
    return perf_counter() - began
