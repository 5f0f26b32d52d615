"""`manage.py signalpost_prune`: the history of tasks is cut back by age and queue."""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connections

from signalpost import conf, pruning, stores
from signalpost.clock import store_now

#: What an age may be counted in.
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
#: Beyond this an age is a mistake.
LONGEST = timedelta(days=36_500)
#: The most tasks that are forgotten in one transaction: others wait for the write lock as long as it takes.
MOST_AT_ONCE = 10_000


class Command(BaseCommand):
    """Forgets ended tasks that are older than asked for. Tasks that wait or run are not touched."""

    help = (
        "Forgets ended tasks by their age. Workers do this by themselves, by their own ages; this is for other ages, for "
        "single queues, and for stores that no worker serves."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declares the options."""
        parser.add_argument(
            "--older-than", type=_age, default=pruning.KEEP_ENDED, metavar="AGE",
            help="Forget what has succeeded, was cancelled, has expired or was merged, and ended so long ago: 90s, 30m, 12h, 7d, 2w, "
            "or never. Default: 1d.",
        )  # fmt: skip
        parser.add_argument(
            "--dead-older-than", type=_age, default=pruning.KEEP_DEAD, metavar="AGE",
            help="Forget tasks that died so long ago, which can then no longer be tried again. Default: 30d.",
        )  # fmt: skip
        parser.add_argument(
            "--queue", action="append", type=_queue, metavar="NAME", help="Of this queue only. May be repeated."
        )
        parser.add_argument(
            "--exclude-queue", action="append", type=_queue, metavar="NAME", help="Not of this queue. May be repeated."
        )
        parser.add_argument(
            "--batch-size", type=_batch_size, default=1_000, metavar="N",
            help=f"Forget at most so many in one transaction, 1 to {MOST_AT_ONCE:,}. Default: 1,000.",
        )  # fmt: skip
        parser.add_argument(
            "--database", action="append", metavar="ALIAS",
            help="The alias of a store. May be repeated. Default: all of SIGNALPOST['STORES'].",
        )  # fmt: skip
        parser.add_argument("--dry-run", action="store_true", help="Only say what would be forgotten.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Prunes one store after the other.

        Raises `CommandError` for what cannot be meant, before anything is forgotten.
        """
        ages = {state: options["older_than"] for state in pruning.STATES} | {"dead": options["dead_older_than"]}
        ages = {state: age for state, age in ages.items() if age is not None}
        if not ages:
            raise CommandError("--older-than never and --dead-older-than never leave nothing to forget")
        only, without = options["queue"], options["exclude_queue"] or []
        if both := sorted({*(only or [])} & {*without}):
            raise CommandError(f"--queue and --exclude-queue both name {_listed(both)}")
        aliases = _aliases(options["database"])
        queues_of = {alias: _known_queues(alias) for alias in aliases}
        self._warn_of_unknown({*(only or []), *without}, {queue for queues in queues_of.values() for queue in queues})
        for alias in aliases:
            queues = [queue for queue in queues_of[alias] if (only is None or queue in only) and queue not in without]
            total = 0
            try:
                for some in self._prune(alias, queues, ages, options):
                    total += some
            except DatabaseError as error:
                before = "" if options["dry_run"] else f" when {total:,} were forgotten"
                raise CommandError(
                    f"The history in the database {alias!r} could not be pruned any further{before}: {error}"
                ) from error
            if options["verbosity"] > 0:
                self.stdout.write(f"{alias}: {total:,} {_verb(options)}")

    def _prune(self, alias: str, queues: list[str], ages: dict[str, timedelta], options: dict[str, Any]) -> Iterator[int]:
        now = store_now(alias)
        for queue in queues:
            for state, age in ages.items():
                share = pruning.Share(queue, state, before=now - age // timedelta(milliseconds=1))
                found = 0
                for some in self._steps(alias, share, options):
                    found += some
                    yield some
                    if options["verbosity"] > 1 and not options["dry_run"]:
                        self.stdout.write(f"{alias}: {found:,} {share.state} on the queue {share.queue!r} so far")
                if found and options["verbosity"] > 0:
                    self.stdout.write(f"{alias}: {found:,} {state} on the queue {queue!r} {_verb(options)}")

    def _steps(self, alias: str, share: pruning.Share, options: dict[str, Any]) -> Iterable[int]:
        if options["dry_run"]:
            return [pruning.count(alias, share)]
        return pruning.prune(alias, share, options["batch_size"])

    def _warn_of_unknown(self, named: set[str], known: set[str]) -> None:
        """A queue without a history is nothing to fail for: it may have been pruned. But it may be misspelt."""
        for queue in sorted(named - known):
            near = difflib.get_close_matches(queue, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            self.stderr.write(self.style.WARNING(f"no store has a history of the queue {queue!r}{hint}"))


def _verb(options: dict[str, Any]) -> str:
    return "would be forgotten" if options["dry_run"] else "forgotten"


def _aliases(given: list[str] | None) -> list[str]:
    """The aliases to prune, each database once."""
    try:
        known = conf.current().stores
        for alias in given or known:
            if alias not in connections.settings:
                raise CommandError(f"--database {alias}: DATABASES has {_listed(connections.settings)}")
            if not stores.is_store(alias):
                raise CommandError(f"--database {alias}: it holds no tasks. SIGNALPOST['STORES'] lists {_listed(known)}")
    except ImproperlyConfigured as error:
        raise CommandError(str(error)) from error
    found: list[str] = []
    for alias in given or known:
        if not any(stores.is_same_database(alias, other) for other in found):
            found.append(alias)
    return found


def _known_queues(alias: str) -> list[str]:
    try:
        return pruning.queues_of(alias)
    except DatabaseError as error:
        raise CommandError(
            f"The history in the database {alias!r} cannot be read: {error}\n"
            f"hint: `manage.py migrate signalpost --database={alias}` makes the tables"
        ) from error


def _age(text: str) -> timedelta | None:
    if text == "never":
        return None
    found = re.fullmatch(r"([0-9]+)([smhdw])", text)
    if found is None:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no age: give a whole number and a unit, as in 90s, 30m, 12h, 7d or 2w, or never"
        )
    # Python refuses to read a number of very many digits, and timedelta a very large one.
    digits = found[1].lstrip("0")
    if len(digits) > 12 or (age := timedelta(**{UNITS[found[2]]: int(digits or 0)})) > LONGEST:
        raise argparse.ArgumentTypeError(f"{text!r} is longer than a hundred years")
    return age


def _queue(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("the name of a queue is missing")
    return text


def _batch_size(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", text) or not 1 <= int(text) <= MOST_AT_ONCE:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 to {MOST_AT_ONCE:,}")
    return int(text)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))
