"""How many tasks a second one child runs, without an engine or a database: what Python's side of the frames costs.

    python child.py [TASKS] [--threads N] [--receiver NAME] [--in-hand N]

A receiver that does nothing, of a signal that is sent with three scalars. As many tasks are in the child's hand as an engine
would have there.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

# At the end: what is measured is the package that is installed.
sys.path.append(str(Path(__file__).resolve().parents[1]))

from tests.worker.engine import Engine, new_task

#: How many tasks come in a frame at most.
IN_FRAME = 64
NAMED = {"cents": 1250, "currency": "EUR", "is_gift": False}


def arguments() -> argparse.Namespace:
    """Those of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="?", type=int, default=100_000)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--receiver", default="count", help="`count`, or `count later`, which is asynchronous")
    parser.add_argument("--rounds", type=int, default=3)
    # What the engine gives a child of four threads and a hundred places.
    parser.add_argument("--in-hand", type=int, default=104, help="tasks that the child has at once")
    return parser.parse_args()


def drain(engine: Engine, receiver: str, first: int, tasks: int, most: int) -> float:
    """Hands them over and takes the results; how long that takes."""
    signal = "tests.worker.signals.order_paid"
    like = json.dumps(new_task(0, receiver, signal, named=NAMED, queue="counting"))
    head, tail = like.split('"run": 0')
    texts = [f'{head}"run": {run}{tail}' for run in range(first, first + tasks)]
    texts.reverse()
    in_hand = done = 0
    began = perf_counter()
    while done < tasks:
        while texts and in_hand < most:
            given = [texts.pop() for _ in range(min(len(texts), most - in_hand, IN_FRAME))]
            body = ('T{"tasks": [' + ", ".join(given) + "]}").encode()
            engine.raw([len(body).to_bytes(4, "little") + body])
            in_hand += len(given)
        kind, said = engine.receive()
        results: list[dict[str, Any]] = said["results"]
        if kind != "r" or any(result.get("ok") is None for result in results):
            raise RuntimeError(f"{kind} {said}")
        in_hand -= len(results)
        done += len(results)
    return perf_counter() - began


def main() -> None:
    """Measures, and prints tasks a second and what they cost the child's processor."""
    given = arguments()
    with Engine(threads=given.threads) as engine:
        engine.ready()
        for number in range(given.rounds):
            before = cpu_of(engine.process.pid)
            took = drain(engine, given.receiver, number * given.tasks + 1, given.tasks, given.in_hand)
            cpu = cpu_of(engine.process.pid) - before
            print(
                f"{given.tasks / took:>10,.0f} tasks/s   {cpu / given.tasks * 1e6:6.1f} µs of the child's processor each",
                flush=True,
            )


def cpu_of(process: int) -> float:
    """Seconds of processor that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
