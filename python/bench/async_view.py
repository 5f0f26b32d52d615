"""What an asynchronous view that saves does to the event loop that it shares."""

from __future__ import annotations

import asyncio
import json
from time import perf_counter

from measure import Measure

#: How often the heart is to beat.
BEAT = 0.001


async def lateness_while_saving(times: int) -> tuple[float, float]:
    """The latest beat, and the slowest single save, in seconds."""
    from django.test import AsyncClient

    beats: list[tuple[float, float]] = []
    over = asyncio.Event()

    async def beat() -> None:
        while not over.is_set():
            due = perf_counter() + BEAT
            await asyncio.sleep(BEAT)
            beats.append((due, perf_counter()))

    client = AsyncClient()
    await client.get("/save-often/", {"times": "1"})
    heart = asyncio.create_task(beat())
    response = await client.get("/save-often/", {"times": str(times)})
    over.set()
    await heart
    saves = json.loads(response.content)
    late = [came - due for due, came in beats if saves["began"] <= due <= saves["ended"]]
    return max(late), max(saves["seconds"])


def run(database: str, quick: bool) -> list[Measure]:
    """In the project that is set up, on its database."""
    from paper import receivers

    times = 200 if quick else 1_000
    receivers.connect()
    latest, slowest = asyncio.run(lateness_while_saving(times))
    receivers.disconnect()
    name = f"{database}: an async view saves {times} times: the latest beat / the slowest save"
    return [Measure(name, latest * 1e3, "ms", slowest * 1e3, "≤ 1")]
