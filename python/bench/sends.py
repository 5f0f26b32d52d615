"""What a send with one background receiver costs the sender, from the entry of ``Signal.send`` to its return."""

from __future__ import annotations

from statistics import median
from time import perf_counter
from typing import Any

from measure import Measure, in_turns

COLUMNS = (
    "send_id, signal, sender, receiver, queue, priority, run_at, expires_at, key, payload, payload_version, headers, parent, "
    "depth, reason, created_at"
)


def run(database: str, wanted: str, quick: bool) -> list[Measure]:
    """In the project that is set up, on its database."""
    from django.db import connection, transaction
    from django.db.models.signals import post_save
    from paper import receivers
    from paper.models import Article, article

    sends = 50 if quick else 200
    receivers.connect()
    instance = article(1)
    instance.save()
    saved = {"sender": Article, "instance": instance, "created": True, "raw": False, "using": "default", "update_fields": None}

    with transaction.atomic():
        post_save.send(**saved)
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {COLUMNS} FROM signalpost_task ORDER BY id DESC LIMIT 1")
            row: tuple[Any, ...] = cursor.fetchone()
        transaction.set_rollback(True)

    insert = f"INSERT INTO signalpost_task ({COLUMNS}) VALUES ({', '.join(['%s'] * len(row))})"

    def of_each(call: Any) -> float:
        """The median of calls in one transaction, which is then rolled back: the table stays as it is."""
        times = []
        with transaction.atomic(), connection.cursor() as cursor:
            for _ in range(sends):
                began = perf_counter()
                call(cursor)
                times.append(perf_counter() - began)
            cursor.execute("SELECT count(*) FROM signalpost_task")
            if cursor.fetchone()[0] < sends:
                raise AssertionError("a row was not there when the send returned")
            transaction.set_rollback(True)
        return median(times) * 1e6

    ours, bare = in_turns(
        lambda: of_each(lambda cursor: post_save.send(**saved)),
        lambda: of_each(lambda cursor: cursor.execute(insert, row)),
        rounds=20 if quick else 100,
    )
    receivers.disconnect()
    return [Measure(f"{database}: Signal.send with one background receiver / the bare INSERT", ours, "µs", bare, wanted)]
