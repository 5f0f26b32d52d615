"""Ours and its peers, in turns: how fast each one's worker works off a full queue, how soon it begins, what memory it takes.

The queue is full before the worker starts, and the clock runs from the first task that begins to the last: so no start counts.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median, quantiles
from time import monotonic, sleep
from typing import Any

import databases
import process_tree
import redis_server
from contestants import CELERY, DJANGO_Q, OURS, PEERS, Contestant
from ledger import Ledger
from measure import Measure

HERE = Path(__file__).parent
#: The databases on PostgreSQL: the one with the tables, and its copy for each worker.
TABLES, COPY = "bench_race_tables", "bench_race"
#: Without a task for so long, a worker is taken to have lost what is missing. In seconds.
PATIENCE = 60.0
#: A worker that has nothing more to do is given so long to come to rest.
REST = 1.0

#: What the project holds itself to.
WANTED = {("count", CELERY): "≥ 17", ("count", DJANGO_Q): "≥ 8", ("index", CELERY): "≥ 3", ("index", DJANGO_Q): "≥ 3"}
WANTED_LATENCY = "ours < 3"


@dataclasses.dataclass(frozen=True)
class Size:
    """How long a race is."""

    rounds: int
    #: Tasks of each kind, of ours and of the others: their rate is what is compared.
    ours: dict[str, int]
    others: dict[str, int]
    #: Single saves in each round.
    saves: int

    def tasks(self, contestant: Contestant, task: str) -> int:
        return (self.ours if contestant is OURS else self.others)[task]


FULL = Size(5, {"count": 100_000, "index": 50_000}, {"count": 10_000, "index": 5_000}, 200)
QUICK = Size(1, {"count": 20_000, "index": 10_000}, {"count": 2_000, "index": 1_000}, 25)


@dataclasses.dataclass
class Found:
    """What was measured of one contestant."""

    #: Tasks a second, for each kind of task and each round.
    rates: dict[str, list[float]]
    #: Milliseconds, of all rounds.
    latencies: list[float]
    #: MiB.
    memory: list[float]


class Field:
    """Where the race is run: the databases, and who can take part."""

    def __init__(self, directory: Path, on_sqlite: bool, size: Size, redis: str | None) -> None:
        self.directory, self.on_sqlite, self.size, self._redis = directory, on_sqlite, size, redis
        self.ledger = directory / "ledger"
        tables = directory / "tables.db"
        if not on_sqlite:
            databases.create(TABLES)
        apps = [each.app for each in (OURS, *PEERS) if each.app and not each.why_not()]
        articles = size.saves + 1 + max(*size.ours.values(), *size.others.values())
        environment = self._environment(None, tables, TABLES, apps)
        self._errand(environment, "tables", articles)
        self._tables = tables

    def place(self, contestant: Contestant) -> dict[str, str]:
        """A database as new; the environment of all processes of the contestant."""
        copy = self.directory / "race.db"
        for end in ("", "-wal", "-shm"):
            copy.with_name(copy.name + end).unlink(missing_ok=True)
        if self.on_sqlite:
            shutil.copyfile(self._tables, copy)
        else:
            databases.create(COPY, TABLES)
        if contestant.needs_redis and self._redis:
            redis_server.empty(self._redis)
        return self._environment(contestant, copy, COPY, [])

    def run(self, contestant: Contestant, task: str, found: Found) -> None:
        """One round: fills the queue, has a worker empty it; and, of `index`, all that is measured of a worker at rest."""
        tasks = self.size.tasks(contestant, task)
        # The first save is not counted: the sender has yet to connect to what it hands over to.
        saves = self.size.saves + 1 if task == "index" else 0
        environment = self.place(contestant)
        ledger = Ledger.create(self.ledger, tasks + saves)
        self._errand(environment, "fill", task, tasks)
        with started(contestant, environment, self.directory / "worker.log") as worker:
            await_all(ledger, 1, tasks, worker)
            found.rates[task].append(rate(ledger.times(1, tasks)))
            if saves:
                sleep(REST)
                found.memory.append(process_tree.memory(worker.pid) / (1 << 20))
                committed = json.loads(self._errand(environment, "save", tasks + 1, saves))
                await_all(ledger, tasks + 1, saves, worker)
                began = ledger.times(tasks + 1, saves)
                times = zip(committed, began, strict=True)
                found.latencies += [(late - soon) / 1e6 for soon, late in times][1:]
        # At the end: what ran once more while the worker stopped would be seen.
        ledger.check(contestant.name)

    def _environment(self, contestant: Contestant | None, file: Path, database: str, apps: list[str]) -> dict[str, str]:
        race: dict[str, Any] = {"contestant": contestant.module if contestant else None, "apps": apps}
        race |= {"sqlite": str(file) if self.on_sqlite else None, "postgres": database}
        race |= {"ledger": str(self.ledger), "redis": self._redis}
        given = {"PYTHONPATH": str(HERE), "DJANGO_SETTINGS_MODULE": "race.settings", "SIGNALPOST_BENCH_RACE": json.dumps(race)}
        return os.environ | given

    def _errand(self, environment: dict[str, str], *arguments: Any) -> str:
        command = [sys.executable, "-m", "race.errands", *map(str, arguments)]
        return subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout


def rate(times: list[int]) -> float:
    """Tasks a second, from the first one to the last."""
    return (len(times) - 1) / (max(times) - min(times)) * 1e9


@contextmanager
def started(contestant: Contestant, environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Its worker, which is stopped at the end as its own documentation has it: by SIGTERM."""
    with log.open("wb") as output:
        worker = subprocess.Popen(contestant.command, env=environment, stdout=output, stderr=output)
    try:
        yield worker
    except BaseException as error:
        error.add_note(f"{contestant.name} has said:\n{log.read_text(errors='replace')[-4_000:]}")
        raise
    finally:
        worker.terminate()
        try:
            worker.wait(30)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()


def await_all(ledger: Ledger, first: int, tasks: int, worker: subprocess.Popen[bytes]) -> None:
    """Returns when all of them have run. Raises `RuntimeError` when the worker has ended, or does nothing any more."""
    missing, since = tasks, monotonic()
    while left := ledger.missing(first, tasks):
        if left < missing:
            missing, since = left, monotonic()
        if worker.poll() is not None:
            raise RuntimeError(f"the worker has ended with {worker.returncode}, and {left} of {tasks} tasks have not run")
        if monotonic() - since > PATIENCE:
            raise RuntimeError(f"{left} of {tasks} tasks have not run, and none has for {PATIENCE:.0f} s")
        sleep(0.02)


def run(database: str, directory: Path, quick: bool) -> list[Measure]:
    """The race on one database."""
    reasons = {peer: peer.why_not() for peer in PEERS}
    runners = [OURS, *(peer for peer, reason in reasons.items() if reason is None)]
    size = QUICK if quick else FULL
    found = {runner: Found({"count": [], "index": []}, [], []) for runner in runners}
    with ExitStack() as stack:
        redis = None
        if any(runner.needs_redis for runner in runners):
            files = directory / "redis"
            files.mkdir()
            redis = stack.enter_context(redis_server.running(files))
        on_sqlite = database == "SQLite"
        if not on_sqlite:
            stack.callback(databases.drop, TABLES)
            stack.callback(databases.drop, COPY)
        field = Field(directory, on_sqlite, size, redis)
        for _ in range(size.rounds):
            for task in ("count", "index"):
                for runner in runners:
                    field.run(runner, task, found[runner])
    ours = found[OURS]
    measures = []

    def compare(what: str, unit: str, figure: Callable[[Found], float], wanted: Callable[[Contestant], str]) -> None:
        for peer, reason in reasons.items():
            named = f"{database}: {what} / {peer.name}"
            theirs = None if reason else figure(found[peer])
            note = wanted(peer) + (f" ({reason})" if reason else "")
            measures.append(Measure(named, figure(ours), unit, theirs, note.strip()))

    compare("drain of no-op tasks", "per s", lambda of: median(of.rates["count"]), lambda peer: WANTED["count", peer])
    compare("drain, instance re-read", "per s", lambda of: median(of.rates["index"]), lambda peer: WANTED["index", peer])
    compare("COMMIT to the first line, median", "ms", lambda of: median(of.latencies), lambda peer: WANTED_LATENCY)
    compare("COMMIT to the first line, p99", "ms", lambda of: quantiles(of.latencies, n=100)[98], lambda peer: "")
    compare("memory of the worker after a drain", "MiB", lambda of: median(of.memory), lambda peer: "")
    return measures
