"""``cargo xtask bench django``: what background receivers cost a Django project, each figure beside its reference.

Each group on each database is a process of its own: settings are made once in a process.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import async_view
import databases
import payloads
import project
import saves
import sends
import two_processes
import worker
from measure import HEAD, Measure

GROUPS = ("payloads", "sends", "saves", "processes", "async", "worker")
#: What is left out unless it is named: it takes long, and needs what others have made.
NAMED = ("worker",)
#: Those that are about SQLite, or about no database.
ONCE = ("payloads", "processes")
#: What the project holds itself to.
WANTED = {
    ("sends", "SQLite"): "≤ 2",
    ("sends", "PostgreSQL"): "≤ 1.4",
    ("saves", "SQLite"): "≤ 1.6",
    ("saves", "PostgreSQL"): "≤ 1.9",
}


def arguments() -> argparse.Namespace:
    """Those of the command line."""
    parser = argparse.ArgumentParser(prog="cargo xtask bench django", description=__doc__)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"some of {', '.join(GROUPS)}; all but the last without it")
    parser.add_argument("--json", action="store_true", help="one line of JSON for each measurement instead of the table")
    parser.add_argument("--quick", action="store_true", help="shorter runs")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    given = parser.parse_args()
    unknown = set(given.groups) - set(GROUPS)
    if unknown:
        parser.error(f"there is no group {', '.join(sorted(unknown))}; there are {', '.join(GROUPS)}")
    return given


def part(group: str, database: str, directory: Path, quick: bool) -> list[Measure]:
    """One group on one database, in this process."""
    if group == "processes":
        return two_processes.measures(directory, quick)
    if group == "worker":
        return worker.run(database, directory, quick)
    on_sqlite = database == "SQLite"
    project.set_up(databases.sqlite(str(directory / "bench.db")) if on_sqlite else databases.postgres("bench_django"))
    wanted = WANTED.get((group, database), "")
    if group == "payloads":
        return payloads.run(quick)
    if group == "sends":
        return sends.run(database, wanted, quick)
    if group == "saves":
        return saves.run(database, wanted, quick)
    return async_view.run(database, quick)


def main() -> None:
    """Runs the parts, and prints what they find as it comes."""
    given = arguments()
    if given.part:
        group, database, directory = json.loads(given.part)
        for measure in part(group, database, Path(directory), given.quick):
            print(measure.as_json())
        return
    on = ["SQLite", *(["PostgreSQL"] if databases.POSTGRES in os.environ else [])]
    if not given.json:
        print(HEAD)
    for group in [group for group in GROUPS if (group in given.groups if given.groups else group not in NAMED)]:
        for database in ["SQLite"] if group in ONCE else on:
            with tempfile.TemporaryDirectory(prefix="signalpost-bench-") as directory:
                command: list[Any] = [sys.executable, str(Path(__file__).parent), "--part"]
                command += [json.dumps([group, database, directory]), *(["--quick"] if given.quick else [])]
                if database == "PostgreSQL":
                    databases.create("bench_django")
                lines = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
            for line in lines:
                measured = json.loads(line)
                del measured["ratio"]
                print(line if given.json else Measure(**measured).as_row(), flush=True)


if __name__ == "__main__":
    main()
