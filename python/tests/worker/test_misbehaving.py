"""Receivers that harm what is around them: the whole worker copes, and has nothing of them when they are gone."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from .at_work import AtWork
from .patience import until
from .processes import memory_of
from .project import Project

pytestmark = pytest.mark.engine

GIGABYTE = 1 << 30
#: Twice as much as two children have that are fresh, and a quarter of what leaks.
LOOSE = 256 << 20


def results_of(project: Project, receiver: str) -> list[Any]:
    """What its tasks have returned. All have succeeded, in their first attempt."""
    rows = project.query(f"SELECT state, attempt, result FROM signalpost_history WHERE receiver = '{receiver}' ORDER BY id")
    assert {(state, attempt) for state, attempt, _ in rows} == {("succeeded", 1)}
    return [json.loads(result) for _, _, result in rows]


def is_alive(pid: int) -> bool:
    """Whether it has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.newest_pair
def test_a_child_that_leaks_a_gigabyte_is_replaced_and_the_next_tasks_run(project: Project, tmp_path: Path) -> None:
    with AtWork(project, tmp_path, "--processes=1", "--max-memory-per-child=300") as worker:
        project.do(f"misbehaving.leak.delay({GIGABYTE})")
        project.settle()
        # It has ended as its receiver says.
        (leaks,) = results_of(project, "leak")
        until("the end of the child that leaks", lambda: not is_alive(leaks))
        project.do("for _ in range(20): misbehaving.process.delay()")
        project.settle()
        processes = results_of(project, "process")
        assert len(processes) == 20 and set(processes) == set(worker.children()) and leaks not in processes
        assert worker.memory() < GIGABYTE
        assert "is replaced: it uses 1" in worker.said() and "has died" not in worker.said()


@pytest.mark.newest_pair
def test_a_gigabyte_on_standard_output_harms_nobody(project: Project, tmp_path: Path) -> None:
    with AtWork(project, tmp_path, "--processes=1") as worker:
        project.do(f"misbehaving.flood.delay({GIGABYTE})\nfor _ in range(20): misbehaving.process.delay()")
        project.settle()
        assert results_of(project, "flood") == [GIGABYTE]
        assert set(results_of(project, "process")) == set(worker.children())
        until("all that was written", lambda: worker.written == GIGABYTE)
        assert memory_of(worker.process.pid) < LOOSE


@pytest.mark.parametrize("lives_on", [False, True])
def test_a_copy_that_nobody_waits_for_harms_nobody_and_ends_with_its_child(
    project: Project, tmp_path: Path, lives_on: bool
) -> None:
    with AtWork(project, tmp_path, "--processes=1") as worker:
        project.do(f"misbehaving.fork_off.delay({lives_on})\nfor _ in range(20): misbehaving.process.delay()")
        project.settle()
        (copy,) = results_of(project, "fork off")
        # The same child works on.
        assert set(results_of(project, "process")) == set(worker.children())
        if lives_on:
            assert is_alive(copy) and os.getpgid(copy) in worker.children()
        worker.renew()
        until("the end of the copy", lambda: not is_alive(copy))


@pytest.mark.newest_pair
def test_what_was_held_for_receivers_that_misbehave_is_let_go_of(project: Project, tmp_path: Path) -> None:
    few = "for number in range(200): receivers.add.delay(number, 1)"
    with AtWork(project, tmp_path, "--processes=2", "--max-memory-per-child=300") as worker:
        project.do(few)
        project.settle()
        worker.renew()
        until("the end of everything else", lambda: worker.held().processes == 3)
        base, memory, memory_of_engine = worker.held(), worker.memory(), memory_of(worker.process.pid)
        project.do(
            f"{few}\n"
            "for each in 'leave', 'close', 'hang', 'fork', 'noise': getattr(misbehaving, each).delay()\n"
            "for lives_on in True, False: misbehaving.fork_off.delay(lives_on)\n"
            f"for each in 'leak', 'flood': getattr(misbehaving, each).delay({GIGABYTE})\n"
            f"{few}"
        )
        project.settle()
        ended = project.query("SELECT state, receiver, count(*) FROM signalpost_history GROUP BY state, receiver")
        assert sorted(receiver for state, receiver, _ in ended if state == "dead") == ["close", "hang", "leave"]
        assert ("succeeded", "add", 600) in ended and len(ended) == 9
        worker.renew()
        until("what was held before", lambda: worker.held() == base)
        assert worker.memory() < memory + LOOSE
        assert memory_of(worker.process.pid) < memory_of_engine + LOOSE / 4
