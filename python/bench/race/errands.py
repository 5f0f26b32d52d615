"""What is done on the senders' side of a race, in a process that the contestant's Django is set up in.

python -m race.errands tables ARTICLES
python -m race.errands fill count|index TASKS
python -m race.errands save FIRST TIMES
"""

from __future__ import annotations

import json
import random
import sys
from importlib import import_module
from time import monotonic_ns, sleep

import django

#: Tasks that are written in one transaction.
CHUNK = 10_000
#: Rests between saves, in seconds. Of different lengths, because some contestants look for tasks at regular times.
RESTS = (0.05, 0.15)


def tables(articles: int) -> None:
    """Makes the tables, and as many articles in them."""
    from django.core.management import call_command
    from django.db import connection
    from paper.models import Article, article

    call_command("migrate", run_syncdb=True, verbosity=0, skip_checks=True)
    Article.objects.bulk_create([article(number) for number in range(1, articles + 1)], batch_size=1_000)
    first, last = Article.objects.earliest("pk").pk, Article.objects.latest("pk").pk
    if (first, last) != (1, articles):
        raise AssertionError(f"the articles are numbered from {first} to {last}")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def fill(task: str, tasks: int) -> None:
    """Sends as many tasks; those of `index` by the signal of a save, without the save."""
    from django.conf import settings
    from django.db import transaction
    from django.db.models.signals import post_save
    from paper.models import Article

    count = import_module(f"race.{settings.CONTESTANT}").send

    def index(number: int) -> None:
        instance = Article(pk=number)
        instance._state.adding, instance._state.db = False, "default"
        post_save.send(Article, instance=instance, created=False, raw=False, using="default", update_fields=None)

    send = {"count": count, "index": index}[task]
    for first in range(1, tasks + 1, CHUNK):
        with transaction.atomic():
            for number in range(first, min(first + CHUNK, tasks + 1)):
                send(number)


def save(first: int, times: int) -> list[int]:
    """Saves so many articles, with rests in between. When each COMMIT had returned, in nanoseconds of `CLOCK_MONOTONIC`."""
    from django.db import transaction
    from paper.models import Article

    articles = Article.objects.in_bulk(range(first, first + times))
    committed: list[int] = []
    rests = random.Random(first)
    for number in range(first, first + times):
        sleep(rests.uniform(*RESTS))
        with transaction.atomic():
            # The first callback of the commit: before that of a contestant who hands over then.
            transaction.on_commit(lambda: committed.append(monotonic_ns()))
            articles[number].save()
    return committed


if __name__ == "__main__":
    django.setup()
    errand, *rest = sys.argv[1:]
    if errand == "tables":
        tables(int(rest[0]))
    elif errand == "fill":
        fill(rest[0], int(rest[1]))
    else:
        print(json.dumps(save(*map(int, rest))))
