"""Tasks of `django.tasks`, run by the whole worker."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .database import Database
from .project import Project

pytestmark = pytest.mark.engine

ENQUEUE = """
from django.db import transaction
from tests.django_tasks import tasks
with transaction.atomic():
    results = [
        tasks.add.enqueue(1, other=2),
        tasks.add_later.enqueue(3, other=4),
        tasks.tell.enqueue("hello"),
        tasks.tell_later.enqueue("hello again"),
        tasks.fail.enqueue("the printer is off"),
        tasks.fail_later.enqueue("the scanner is off"),
        tasks.elsewhere.using(backend="signalpost").enqueue("from elsewhere"),
    ]
try:
    with transaction.atomic():
        tasks.add.enqueue(0)
        raise LookupError
except LookupError:
    pass
pathlib.Path(FILE).write_text(json.dumps([result.id for result in results]))
"""

ASK = """
from django.tasks import task_backends
results = [task_backends["signalpost"].get_result(each) for each in json.loads(pathlib.Path(FILE).read_text())]
said = [
    [each.status, each.task.name, each.args, each.kwargs, each._return_value, len(each.worker_ids),
     [error.exception_class_path for error in each.errors],
     each.enqueued_at <= each.finished_at, each.started_at is not None, each.started_at == each.last_attempted_at]
    for each in results
]
pathlib.Path(FILE).write_text(json.dumps(said))
"""


def test_the_worker_runs_tasks_of_django_and_another_process_has_their_results(database: Database, tmp_path: Path) -> None:
    project = Project(database, tmp_path / "ledger", "tests.django_tasks.settings")
    file = tmp_path / "results"
    begin = f"import json, pathlib\nFILE = {str(file)!r}\n"
    project.do(begin + ENQUEUE)
    assert project.query("SELECT count(*) FROM signalpost_task") == [(7,)]

    said = project.run_worker("--once", "--processes=2")
    project.do(begin + ASK)

    assert project.query("SELECT count(*) FROM signalpost_task") == [(0,)]
    ok, failed, known = "SUCCESSFUL", "FAILED", [True, True, True]
    assert json.loads(file.read_text()) == [
        [ok, "add", [1], {"other": 2}, 3, 1, [], *known],
        [ok, "add_later", [3], {"other": 4}, 7, 1, [], *known],
        [ok, "tell", ["hello"], {}, [1, True, "RUNNING", "hello"], 1, [], *known],
        [ok, "tell_later", ["hello again"], {}, [1, "RUNNING", "hello again"], 1, [], *known],
        [failed, "fail", ["the printer is off"], {}, None, 1, ["builtins.ValueError"], *known],
        [failed, "fail_later", ["the scanner is off"], {}, None, 1, ["builtins.LookupError"], *known],
        [ok, "elsewhere", ["from elsewhere"], {}, "from elsewhere", 1, [], *known],
    ]
    # Django's own receivers have logged them, with what was raised.
    assert said.count("state=SUCCESSFUL") == 5 and said.count("state=FAILED") == 2
    assert "ERROR django.tasks: Task id=" in said and "ValueError: the printer is off" in said
