"""Web processes that share a SQLite file, as `docs/checks.md` wants one to be set up."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.no_database

#: One of the processes that `cargo xtask bench django processes` measures.
PROCESS = Path(__file__).resolve().parents[1] / "bench/two_processes.py"


def test_two_web_processes_save_on_one_sqlite_file_and_it_is_never_locked(tmp_path: Path) -> None:
    file, requests = tmp_path / "news.db", 150
    command = [sys.executable, str(PROCESS), str(file), "IMMEDIATE"]
    # The tables, before there are two.
    subprocess.run([*command, "0"], check=True, stdout=subprocess.DEVNULL)
    processes = [subprocess.Popen([*command, str(requests)], stdout=subprocess.PIPE) for _ in range(2)]
    reports = [json.loads(process.communicate()[0]) for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert [report["locked"] for report in reports] == [0, 0]
    connection = sqlite3.connect(file)
    articles = connection.execute("SELECT count(*) FROM paper_article").fetchone()
    tasks = connection.execute("SELECT count(*) FROM signalpost_task").fetchone()
    connection.close()
    assert articles == tasks == (2 * requests,)
