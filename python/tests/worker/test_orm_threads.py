"""The threads of asynchronous receivers."""

from __future__ import annotations

import asyncio
import threading

import pytest
from asgiref.sync import sync_to_async

from signalpost.child import orm_threads
from signalpost.child.orm_threads import COUNT, OrmThreads, ThreadOfRun

pytestmark = pytest.mark.no_database


@pytest.fixture(params=[True, False], ids=["asgiref since 3.13", "asgiref before"])
def _either_asgiref(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param and not orm_threads._TAKES_EXECUTOR:
        # There is one way only, which the other parameter tests.
        request.param = False
    monkeypatch.setattr(orm_threads, "_TAKES_EXECUTOR", request.param)


async def _thread() -> str:
    return await sync_to_async(lambda: threading.current_thread().name, thread_sensitive=True)()


@pytest.mark.usefixtures("_either_asgiref")
def test_a_run_has_one_thread_and_all_runs_have_a_few() -> None:
    threads = OrmThreads()
    all_are_here = asyncio.Event()
    here = 0

    async def run() -> set[str]:
        nonlocal here
        async with ThreadOfRun(threads):
            first = await _thread()
            here += 1
            if here == 50:
                all_are_here.set()
            await all_are_here.wait()
            return {first, await _thread(), await asyncio.create_task(_thread())}

    async def all_of_them() -> list[set[str]]:
        return await asyncio.gather(*(run() for _ in range(50)))

    used = asyncio.run(all_of_them())
    assert all(len(each) == 1 for each in used)
    assert len(set().union(*used)) == COUNT
    threads.end()


@pytest.mark.usefixtures("_either_asgiref")
def test_one_run_after_the_other_needs_one_thread() -> None:
    threads = OrmThreads()

    async def one_after_the_other() -> set[str]:
        used = set()
        for _ in range(5):
            async with ThreadOfRun(threads):
                used.add(await _thread())
        return used

    assert len(asyncio.run(one_after_the_other())) == 1
    threads.end()


@pytest.mark.usefixtures("_either_asgiref")
def test_what_is_raised_in_the_thread_is_raised_in_the_run() -> None:
    threads = OrmThreads()

    def fail() -> None:
        raise SystemExit(3)

    async def run() -> None:
        async with ThreadOfRun(threads):
            with pytest.raises(SystemExit):
                await sync_to_async(fail, thread_sensitive=True)()
            assert await _thread()

    asyncio.run(run())
    threads.end()


@pytest.mark.usefixtures("_either_asgiref")
@pytest.mark.parametrize("is_cancelled", [False, True])
def test_a_run_ends_after_what_it_has_had_done_in_its_thread(is_cancelled: bool) -> None:
    """Whether it was stopped, or has even cancelled itself."""
    threads = OrmThreads()
    go = threading.Event()
    ended: list[str] = []

    async def run() -> None:
        loop, has_begun = asyncio.get_running_loop(), asyncio.Event()

        def call() -> None:
            loop.call_soon_threadsafe(has_begun.set)
            go.wait()
            ended.append("the call")
            raise ValueError("nobody hears of this")

        async with ThreadOfRun(threads):
            calling = asyncio.ensure_future(sync_to_async(call, thread_sensitive=True)())
            await has_begun.wait()
            calling.cancel()
            with pytest.raises(asyncio.CancelledError):
                await calling
            if is_cancelled:
                asyncio.current_task().cancel()  # type: ignore[union-attr]
            loop.call_soon(go.set)
        ended.append("the run")

    asyncio.run(run())
    assert ended == ["the call", "the run"]
    assert [thread.lent for thread in threads._threads] == [0]
    threads.end()
