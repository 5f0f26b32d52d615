"""What the ledgers and the database say of each other, when everything is over."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import pairwise

from .kills import Kills
from .ledger import Line
from .project import Project

__all__ = ["Evidence"]


@dataclass
class Run:
    """A run of a task."""

    began: Line
    ended: Line | None = None


class Evidence:
    """What has happened, and what of it must not have."""

    def __init__(self, kills: Kills, project: Project) -> None:
        self.kills = kills
        self.saved = kills.saved.read()
        self.articles = [number for (number,) in project.query("SELECT number FROM worker_article ORDER BY number")]
        columns = "id, state, attempt, deaths, finished_at"
        self.history = project.query(f"SELECT {columns} FROM signalpost_history ORDER BY id")
        self.left = project.query("SELECT id, receiver, attempt, deaths, reason FROM signalpost_task")
        #: The runs of each task, in the order in which they began.
        self.runs: dict[int, list[Run]] = defaultdict(list)
        self.problems = list(kills.problems)
        #: Of each process, as its first line says. In the last one it may be an orphan.
        self._engines: dict[int, int] = {}
        for line in kills.runs.read():
            self._engines.setdefault(line.pid, line.parent)
            if line.what == "began":
                self.runs[line.task].append(Run(line))
                continue
            run = next((run for run in self.runs[line.task] if run.began.pid == line.pid and run.ended is None), None)
            if run is None:
                self.problems.append(f"a run has ended that has not begun: {line}")
            else:
                run.ended = line

    def judge(self, saves: int) -> list[str]:
        """What is wrong, after so many saves. Empty: nothing."""
        self._judge_saves(saves)
        self._judge_tasks()
        self._judge_runs()
        return self.problems

    def repeated(self) -> list[Run]:
        """The runs after which the same task has run once more."""
        return [run for runs in self.runs.values() for run in runs[:-1]]

    def killed_at(self, run: Run) -> int | None:
        """When its process, or the engine of it, was killed."""
        times = [self.kills.killed.get(pid) for pid in (run.began.pid, self._engines[run.began.pid])]
        return min((at for at in times if at is not None), default=None)

    def __str__(self) -> str:
        runs = [run for each in self.runs.values() for run in each]
        again = self.repeated()
        late = [at - run.ended.at for run in again if run.ended and (at := self.killed_at(run))]
        of = ", ".join(f"{count} of the {victim}" for victim, count in sorted(self.kills.kills.items()))
        return (
            f"{len(self.articles)} saves, {self.kills.kills.total()} kills: {of}\n"
            f"{len(runs)} runs, {sum(run.ended is None for run in runs)} of them cut off by a kill\n"
            f"{len(again)} runs were made again: {len(again) - len(late)} of them had not ended when their process was killed, "
            f"{len(late)} had, and it was not recorded yet: {max(late, default=0) / 1e6:.1f} ms before the kill at the most\n"
            f"{len(self._unheard())} commits were made of which the saver heard nothing\n"
            f"deaths of a task: {dict(sorted(Counter(deaths for _, _, _, deaths, _ in self.history).items()))}"
        )

    def _unheard(self) -> list[int]:
        return sorted(set(self.articles) - {line.number for line in self.saved if line.what == "saved"})

    def _judge_saves(self, saves: int) -> None:
        if self.articles != list(range(1, saves + 1)):
            self.problems.append(f"what was saved is not 1 to {saves}: {self.articles}")
        if lost := {line.number for line in self.saved if line.number} - set(self.articles):
            self.problems.append(f"committed, and not there: {sorted(lost)}")
        if len(unheard := self._unheard()) > self.kills.kills["saver"]:
            self.problems.append(
                f"each kill of the saver explains one commit of which it heard nothing, and there are {unheard}"
            )

    def _judge_tasks(self) -> None:
        self.problems.extend(f"is still there: {task}" for task in self.left)
        tasks_of: dict[int, set[int]] = defaultdict(set)
        for task, runs in self.runs.items():
            for run in runs:
                tasks_of[run.began.number].add(task)
        for number in self.articles:
            if len(tasks := tasks_of.pop(number, set())) != 1:
                self.problems.append(f"article {number} has the tasks {sorted(tasks)}")
        self.problems.extend(f"a task without an article, {number}: {tasks}" for number, tasks in tasks_of.items())
        if [task for task, *_ in self.history] != sorted(self.runs):
            self.problems.append("the tasks that have ended are not those that have run")
        for task, state, attempt, deaths, _ in self.history:
            # No receiver fails, so each attempt but the last was a death.
            if state != "succeeded" or attempt != deaths + 1:
                self.problems.append(f"task {task} is {state} after {attempt} attempts, {deaths} of them deaths")

    def _judge_runs(self) -> None:
        finished_at = {task: at for task, _, _, _, at in self.history}
        for task, runs in self.runs.items():
            if runs[-1].ended is None:
                self.problems.append(f"task {task} was lost: no run of it has come to its end since {runs[-1]}")
            for run, following in pairwise(runs):
                at = self.killed_at(run)
                if at is None or at > following.began.at:
                    self.problems.append(f"task {task} ran again, and no kill explains it: {run}")
            # The store's clock counts whole milliseconds.
            late = [run for run in runs if run.began.at > (finished_at.get(task, 0) + 1) * 1_000_000]
            self.problems.extend(f"task {task} had ended and ran again: {run}" for run in late)
