#!/usr/bin/env python3
"""Sets the newsroom up, and starts it: the pages, and a worker for everything that follows from an article.

    python run.py                                     # http://127.0.0.1:8000, until Ctrl-C
    python run.py --exit-when-idle                    # publishes the samples, does all work, judges itself, and ends
    python run.py --database postgres://user@host/db  # instead of a file of SQLite's

Everything that it writes lies in `newsroom-django-data`. If signalpost cannot be imported, a virtual environment is made there
first, in which it is: from this repository (that needs Rust), or from a wheel that is there already (`--wheel`).
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import venv
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parent.parent / "python"
MANAGE = [sys.executable, str(HERE / "manage.py")]
#: Where processes say what they have to say: standard output is for the report.
STDERR = 2
#: What has to be there, by the names under which it is imported.
NEEDED = ("django", "PIL", "signalpost")


def main() -> int:
    """Returns 0, or 1 if anything was lost. Exits with a message if a process fails."""
    arguments = parse()
    data = arguments.data.resolve()
    ensure_packages(data, arguments.wheel)
    port = arguments.port or (free_port() if arguments.exit_when_idle else 8000)
    address = f"http://127.0.0.1:{port}"
    set_up(data, arguments.database, address)
    # A kill ends as Ctrl-C does: with what was started here.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    log = data / "pages.log"
    with log.open("ab") as file, started("runserver", "--noreload", f"127.0.0.1:{port}", says_to=file.fileno()) as pages:
        wait_for(address, pages, log)
        say(f"The Harrow Quay Courier is at {address}")
        publish_samples()
        if arguments.exit_when_idle:
            work_until_idle()
            return judge()
        introduce(address, data)
        with started("signalpost_worker") as worker, contextlib.suppress(KeyboardInterrupt):
            if worker.wait() != 0:
                sys.exit(f"error: the worker has ended with {worker.returncode}")
    return 0


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--exit-when-idle", action="store_true", help="publish the samples, do all work, print one line "
                        "of JSON, and exit: 0, or 1 if anything was lost")  # fmt: skip
    parser.add_argument("--database", default="", help="the path of a SQLite file, or a URL of PostgreSQL's")
    parser.add_argument("--data", type=Path, default=Path("newsroom-django-data"), help="where everything is written")
    parser.add_argument("--port", type=int, help="of the pages, on 127.0.0.1; 8000, or with --exit-when-idle a free one")
    parser.add_argument("--wheel", type=Path, help="a wheel of signalpost, to be installed instead of building one")
    return parser.parse_args()


# What is installed.


def ensure_packages(data: Path, wheel: Path | None) -> None:
    """Starts this program again in a virtual environment that has what is needed, unless it is here.

    Exits with a message if that cannot be made.
    """
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if not missing:
        return
    home = data / "venv"
    if Path(sys.prefix) == home:
        sys.exit(f"error: {', '.join(missing)} cannot be imported\nhint: remove {home}, and start again")
    # Written last: what was interrupted is made anew, and so is what has changed since.
    made_of = home / "made-of.txt"
    newest = made_of_what(wheel)
    if not made_of.exists() or made_of.read_text() != newest:
        if wheel is None and shutil.which("cargo") is None:
            sys.exit("error: signalpost is not installed, and to build it needs Rust\nhint: https://rustup.rs, or --wheel")
        say(f"Making a virtual environment in {home}: once; to build signalpost takes some minutes")
        venv.create(home, clear=True, with_pip=True)
        source = f"{(wheel or PACKAGE).resolve()}[postgres]"
        install = [str(home / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        install += [source, "--requirement", str(HERE / "requirements.txt")]
        if subprocess.run(install, stdout=STDERR).returncode != 0:
            sys.exit("error: that could not be installed; pip says why")
        made_of.write_text(newest)
    python = str(home / "bin/python")
    os.execv(python, [python, str(HERE / "run.py"), *sys.argv[1:]])


def made_of_what(wheel: Path | None) -> str:
    """What tells one state of signalpost, and of what is needed beside it, from another."""
    sources = [HERE / "requirements.txt"]
    if wheel is not None:
        sources.append(wheel)
    else:
        sources += [file for kind in ("py", "toml") for file in PACKAGE.rglob(f"*.{kind}")]
        sources += [file for kind in ("rs", "sql", "toml") for file in (PACKAGE.parent / "crates").rglob(f"*.{kind}")]
    return str(max(file.stat().st_mtime_ns for file in sources))


# What is set up.


def set_up(data: Path, database: str, address: str) -> None:
    """Tells Django, here and in the processes that are started, where everything is, and makes the tables."""
    os.environ["NEWSROOM_DATA"] = str(data)
    os.environ["NEWSROOM_DATABASE"] = database if "://" in database or not database else str(Path(database).resolve())
    os.environ["NEWSROOM_ADDRESS"] = address
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "courier.settings")
    sys.path.insert(0, str(HERE))
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    forget_connections()


def publish_samples() -> None:
    """In this process, which saves and goes on: the work is the worker's."""
    from django.core.management import call_command

    call_command("publish_samples")
    forget_connections()


def forget_connections() -> None:
    """Lets go of the database while others use it."""
    from django.db import connections

    connections.close_all()


# What is started.


@contextlib.contextmanager
def started(*command: str, says_to: int = STDERR) -> Iterator[subprocess.Popen[bytes]]:
    """A command of Django's in a process of its own, which is told to stop at the end."""
    # Not in our group: Ctrl-C is for us, and we see to it that others end in order.
    process = subprocess.Popen([*MANAGE, *command], stdout=says_to, stderr=says_to, cwd=HERE, start_new_session=True)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def work_until_idle() -> None:
    """Runs a worker until no task is left: it waits for those that are to be tried again. Exits with a message if it fails."""
    with started("signalpost_worker", "--exit-when-idle") as worker:
        if worker.wait() != 0:
            sys.exit(f"error: the worker has ended with {worker.returncode}")


def wait_for(address: str, pages: subprocess.Popen[bytes], log: Path) -> None:
    """Until the pages answer. Exits with a message if they never will."""
    while pages.poll() is None:
        try:
            urllib.request.urlopen(f"{address}/status", timeout=10).close()
            return
        except urllib.error.HTTPError as error:
            sys.exit(f"error: the pages answer with {error}, and {log} says why")
        except OSError:
            time.sleep(0.1)
    sys.exit(f"error: the pages at {address} have ended, and {log} says why\nhint: --port chooses another port")


def free_port() -> int:
    """A port that nobody has at the moment."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


# What is said.


def judge() -> int:
    """Prints the report, and returns what to exit with."""
    from news.report import Report

    report = Report.now()
    print(json.dumps(asdict(report)))
    return 1 if report.lost else 0


def introduce(address: str, data: Path) -> None:
    """Says what there is to see."""
    say(f"  publish an article   {address}/publish")
    say(f"  watch the tasks      {address}/admin/signalpost/   (editor, courier)")
    say(f"  read the mail        {data / 'mail'}")
    say("  The webhook refuses its first call for each article on purpose: a warning and a retry follow.")


def say(text: str) -> None:
    """To standard error: standard output is for the report."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
    sys.exit(130)
