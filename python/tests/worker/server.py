"""A PostgreSQL server of the tests' own, for what the common one does not have: TLS, and rules of who may come how."""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .certificates import Authority
from .database import Database

__all__ = ["Server"]

#: It does to a server what it is told, and ends it when this process has ended in any way: `signalpost-postgres-server` has it.
KEEPER = Path(__file__).resolve().parents[3] / "crates/signalpost-postgres-server/src/keeper.sh"
#: Below those that systems give to outgoing connections.
PORTS = range(10_240, 32_768)
#: Who may come how. `encrypted` and `certified` are roles.
RULES = """
local   all all                    scram-sha-256
hostssl all certified 127.0.0.1/32 cert
hostssl all encrypted 127.0.0.1/32 scram-sha-256
host    all encrypted,certified 127.0.0.1/32 reject
host    all all       127.0.0.1/32 scram-sha-256
"""
PASSWORD = "open sesame"


class Server:
    """One that runs. A context manager."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="signalpost-postgres-"))
        # Not in there: the keeper, another user, could not remove them.
        self._certificates = tempfile.TemporaryDirectory(prefix="signalpost-certificates-")
        Path(self._certificates.name).chmod(0o755)
        self.authority = Authority(Path(self._certificates.name) / "trusted")
        self.port = 0
        (self.directory / "password").write_text(PASSWORD)
        (self.directory / "password").chmod(0o644)
        # PostgreSQL refuses to run as root.
        user = "postgres" if os.geteuid() == 0 else None
        if user is not None:
            shutil.chown(self.directory, user, user)
        others = {} if user is None else {"user": user, "group": user, "extra_groups": []}
        self._keeper = subprocess.Popen(
            ["/bin/sh", "-c", KEEPER.read_text(), "signalpost-postgres", str(_programs()), str(self.directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=self.directory,
            env={"PATH": os.environ["PATH"]},
            start_new_session=True,
            **others,  # type: ignore[arg-type]
        )
        self._numbers = iter(range(1, 1_000))
        try:
            self._start(user)
        except BaseException:
            self._end()
            raise

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _start(self, user: str | None) -> None:
        self._order("init")
        certificate, key = self.authority.sign("server", host="localhost")
        if user is not None:
            shutil.chown(key, user, user)
        data = self.directory / "data"
        (data / "pg_hba.conf").write_text(RULES)
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self.directory,
            "fsync": "off",
            "ssl": "on",
            "ssl_ca_file": self.authority.certificate,
            "ssl_cert_file": certificate,
            "ssl_key_file": key,
        }
        with open(data / "postgresql.conf", "a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
        while not self.port:
            port = random.choice(PORTS)
            with open(data / "postgresql.conf", "a") as file:
                file.write(f"port = {port}\n")
            if _is_free(port):
                try:
                    self._order("start")
                    self.port = port
                except AssertionError:
                    # Somebody else was quicker.
                    if _is_free(port):
                        raise
        for role in ("plain", "encrypted", "certified"):
            self.run(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'")

    def _order(self, order: str) -> None:
        assert self._keeper.stdin is not None and self._keeper.stdout is not None
        self._keeper.stdin.write(f"{order}\n")
        self._keeper.stdin.flush()
        said = [self.directory / "output", self.directory / "log"]
        if self._keeper.stdout.readline() != "0\n":
            raise AssertionError("\n".join(file.read_text() for file in said if file.exists()))

    def stop(self) -> None:
        """Ends it, until it is started again."""
        self._order("stop")

    def start(self) -> None:
        """Starts it again."""
        self._order("start")

    def _end(self) -> None:
        # It stops the server and removes the directory.
        self._keeper.communicate(timeout=60)
        self._certificates.cleanup()

    def run(self, sql: str, database: str = "postgres") -> None:
        """Runs a statement as the one who may do everything."""
        Database(self.settings(database)).run(sql)

    def settings(self, database: str, **others: Any) -> dict[str, Any]:
        """Those of `DATABASES`, by the socket and as the one who may do everything, unless others are given."""
        common = {"ENGINE": "django.db.backends.postgresql", "NAME": database, "USER": "signalpost"}
        return {**common, "PASSWORD": PASSWORD, "HOST": str(self.directory), "PORT": str(self.port), **others}

    @contextmanager
    def database(self, like: Database | None = None) -> Iterator[Database]:
        """A new one, as a copy of another where one is given, in which all roles may do everything. It is gone at the end."""
        name = f"connections_{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name}" + ("" if like is None else f" TEMPLATE {like.settings['NAME']}"))
        try:
            yield Database(self.settings(name))
        finally:
            self.run(f"DROP DATABASE {name} WITH (FORCE)")

    def reached(self, database: Database, settings: dict[str, Any], **environment: str) -> Database:
        """The same database for its processes in another way, and with this in their environment. The tests' own goes on."""
        reached = Database(database.settings)
        by = {"default": {**database.settings, **settings}}
        reached.environment = {"SIGNALPOST_TEST_DATABASES": json.dumps(by), **environment}
        return reached


def _programs() -> Path:
    """Where PostgreSQL's programs are: the first in the PATH, which may be links, else the newest of Debian's."""
    linked = shutil.which("pg_ctl")
    if linked is not None:
        return Path(linked).resolve().parent
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda each: float(each.parent.name))
    assert found, "PostgreSQL is neither in the PATH nor in /usr/lib/postgresql"
    return found[-1]


def _is_free(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) != 0
