"""Two web processes that save on one SQLite file, each request in a transaction that reads before it writes.

    python two_processes.py FILE MODE REQUESTS

is one of the processes; ``run`` starts both.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

from databases import GOOD, sqlite
from measure import Measure


def run(directory: Path, mode: str, requests: int) -> tuple[int, list[dict[str, Any]]]:
    """The rows that were written, of articles and of tasks together, and what each process reports."""
    import sqlite3

    file = directory / f"{mode.lower()}.db"
    command = [sys.executable, __file__, str(file), mode]
    # The tables, before there are two.
    subprocess.run([*command, "0"], check=True, stdout=subprocess.DEVNULL)
    processes = [subprocess.Popen([*command, str(requests // 2)], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [process.communicate()[0] for process in processes]
    if any(process.returncode for process in processes):
        raise RuntimeError("a process failed")
    connection = sqlite3.connect(file)
    articles = connection.execute("SELECT count(*) FROM paper_article").fetchone()[0]
    tasks = connection.execute("SELECT count(*) FROM signalpost_task").fetchone()[0]
    connection.close()
    if articles != tasks:
        raise AssertionError(f"{articles} articles and {tasks} tasks")
    return articles, [json.loads(output) for output in outputs]


def measures(directory: Path, quick: bool) -> list[Measure]:
    """With the mode that we ask for, and with Django's default."""
    requests = 1_000 if quick else 10_000
    found = []
    for mode, wanted in (("IMMEDIATE", "0"), ("DEFERRED", "")):
        rows, reports = run(directory, mode, requests)
        locked = sum(report["locked"] for report in reports)
        if rows + locked != requests:
            raise AssertionError(f"{rows} saved and {locked} refused, of {requests}")
        name = f"SQLite: two processes, {requests:,} requests, {mode}"
        found.append(Measure(f"{name}: database is locked", locked, "times", wanted=wanted))
        found.append(Measure(f"{name}: the slowest request", max(report["slowest"] for report in reports) * 1e3, "ms"))
        found.append(Measure(f"{name}: requests", rows / max(report["seconds"] for report in reports), "per s"))
    return found


def serve(file: str, mode: str, requests: int) -> dict[str, Any]:
    """One of the processes."""
    import project

    database = sqlite(file, GOOD | {"transaction_mode": mode}) | {"ATOMIC_REQUESTS": True}
    project.set_up(database, SIGNALPOST={"AUTODISCOVER": [], "OUTSIDE_TRANSACTION": "raise"})
    from django.db import OperationalError
    from django.test import Client
    from paper import receivers

    receivers.connect()
    client = Client()
    locked, slowest, start = 0, 0.0, perf_counter()
    for _ in range(requests):
        began = perf_counter()
        try:
            client.post("/publish/")
        except OperationalError as error:
            if "database is locked" not in str(error):
                raise
            locked += 1
        slowest = max(slowest, perf_counter() - began)
    return {"locked": locked, "slowest": slowest, "seconds": perf_counter() - start}


if __name__ == "__main__":
    print(json.dumps(serve(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
