"""Whoever of the worker and of those that send is killed, a save and its task are both there or both not, and none is lost."""

from __future__ import annotations

import os
from pathlib import Path
from random import SystemRandom

import pytest

from .evidence import Evidence
from .kills import Kills
from .project import Project

pytestmark = [pytest.mark.engine, pytest.mark.newest_pair]

#: CONTRIBUTING.md says how more of them are made.
SAVES = int(os.environ.get("SIGNALPOST_TEST_SAVES", "300"))
SEED = int(os.environ.get("SEED", SystemRandom().randrange(1 << 32)))


def test_kills_of_the_engine_of_children_and_of_the_process_that_saves_lose_nothing(project: Project, tmp_path: Path) -> None:
    print(f"SEED={SEED}")
    with Kills(project, tmp_path, SEED) as kills:
        kills.run(SAVES, max(8, SAVES // 35))
        evidence = Evidence(kills, project)
        problems = evidence.judge(SAVES)
        print(evidence, flush=True)
        assert not problems, "\n".join([f"SEED={SEED}", *problems])
        # Or nothing was tried.
        assert min(kills.kills[victim] for victim in ("engine", "child", "saver")) > 1
        assert any(run.ended is None for run in evidence.repeated())
