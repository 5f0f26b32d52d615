"""Each way in which Django can be told of a PostgreSQL database, and the whole worker on it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from signalpost import engine

from .certificates import Authority
from .conftest import Holding
from .database import Database
from .executable import ENGINE
from .project import Project
from .server import PASSWORD, Server

pytestmark = [pytest.mark.engine, pytest.mark.postgres, pytest.mark.newest_pair]

#: The engine's sessions.
SESSIONS = (
    "FROM pg_stat_activity LEFT JOIN pg_stat_ssl USING (pid) "
    "WHERE datname = current_database() AND application_name = 'signalpost'"
)


@pytest.fixture
def authority(server: Server) -> Authority:
    """Whose certificates the server trusts, and who has signed its own."""
    return server.authority


class Way:
    """A way to the server: settings, and what stands in files and in the environment."""

    def __init__(self, server: Server, database: Database, directory: Path) -> None:
        self._server = server
        self._database = database
        self._directory = directory
        self.environment = {"HOME": str(directory)}

    def file(self, name: str, text: str) -> str:
        """A file that only its owner reads."""
        file = self._directory / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        file.chmod(0o600)
        return str(file)

    def password_file(self, password: str = PASSWORD) -> str:
        """For everybody everywhere."""
        return self.file("passwords", f"*:*:*:*:{password}\n")

    def project(self, **settings: Any) -> Project:
        """The project, which goes this way."""
        reached = self._server.reached(self._database, settings, **self.environment)
        return Project(reached, self._directory / "ledger")


@pytest.fixture
def way(server: Server, own_database: Database, tmp_path: Path) -> Way:
    """To a database of the server."""
    return Way(server, own_database, tmp_path)


def work(project: Project, holding: Holding, seen: str) -> list[tuple[Any, ...]]:
    """Has a worker run two tasks, one of which writes to the database, and returns what is `seen` meanwhile."""
    project.do(f"receivers.write.delay('written'); receivers.hold.delay({holding.directory!r})")
    worker = project.worker("--exit-when-idle", "--processes=1")
    try:
        holding.began()
        found = project.query(seen)
        holding.go()
        said = worker.communicate(timeout=120)[1]
    except BaseException:
        worker.kill()
        print(worker.communicate()[1])
        raise
    assert worker.returncode == 0, said
    return found


def assert_done(project: Project, notes: str = "worker_note", history: str = "signalpost_history") -> None:
    """Both tasks have run."""
    assert project.query(f"SELECT text FROM {notes}") == [("written",)]
    assert project.query(f"SELECT receiver, state, attempt FROM {history} ORDER BY receiver") == [
        ("hold", "succeeded", 1),
        ("write", "succeeded", 1),
    ]


@pytest.mark.parametrize("mode", ["prefer", "require"])
def test_a_unix_socket_is_the_way(way: Way, server: Server, holding: Holding, mode: str) -> None:
    # As libpq has it, a socket is not encrypted whatever the mode says.
    project = way.project(HOST=str(server.directory), USER="plain", OPTIONS={"sslmode": mode})
    assert work(project, holding, f"SELECT DISTINCT client_addr IS NULL {SESSIONS}") == [(True,)]
    assert_done(project)


def test_a_service_file_says_the_rest(way: Way, server: Server, own_database: Database, holding: Holding) -> None:
    service = {"host": "127.0.0.1", "port": server.port, "dbname": own_database.settings["NAME"], "user": "plain"}
    lines = "".join(f"{name}={value}\n" for name, value in service.items())
    way.environment["PGSERVICEFILE"] = way.file("services", f"[news]\n{lines}")
    options = {"service": "news", "passfile": way.password_file()}
    project = way.project(NAME="", HOST="", PORT="", USER="", PASSWORD="", OPTIONS=options)
    assert work(project, holding, f"SELECT DISTINCT usename {SESSIONS}") == [("plain",)]
    assert_done(project)


#: Whether the engine's sessions are encrypted, and the name in the certificate that they have shown.
ENCRYPTION = f"SELECT DISTINCT ssl, client_dn {SESSIONS}"


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_an_encrypted_connection_stays_one(way: Way, authority: Authority, holding: Holding, mode: str) -> None:
    options = {"sslmode": mode, **({} if mode == "require" else {"sslrootcert": str(authority.certificate)})}
    project = way.project(HOST="localhost", USER="encrypted", OPTIONS=options)
    assert work(project, holding, ENCRYPTION) == [(True, None)]
    assert_done(project)


def test_a_client_certificate_lets_the_engine_in(way: Way, authority: Authority, holding: Holding) -> None:
    certificate, key = authority.sign("certified")
    options = {"sslmode": "require", "sslcert": str(certificate), "sslkey": str(key)}
    project = way.project(HOST="localhost", USER="certified", PASSWORD="", OPTIONS=options)
    assert work(project, holding, ENCRYPTION) == [(True, "/CN=certified")]
    assert_done(project)


def test_certificates_that_libpq_finds_by_itself_are_found(way: Way, authority: Authority, holding: Holding) -> None:
    certificate, key = authority.sign("certified")
    for name, file in ("postgresql.crt", certificate), ("postgresql.key", key), ("root.crt", authority.certificate):
        way.file(f".postgresql/{name}", file.read_text())
    project = way.project(HOST="localhost", USER="certified", PASSWORD="", OPTIONS={"sslmode": "verify-full"})
    assert work(project, holding, ENCRYPTION) == [(True, "/CN=certified")]
    assert_done(project)


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_the_engine_itself_refuses_a_certificate_of_nobody_it_trusts(
    server: Server, own_database: Database, tmp_path: Path, mode: str
) -> None:
    stranger = Authority(tmp_path / "stranger", "somebody else")
    said = alone(server, own_database, host="localhost", sslmode=mode, sslrootcert=str(stranger.certificate))
    assert "UnknownIssuer" in said and "sslrootcert" in said


def test_the_engine_itself_refuses_a_certificate_for_another_host(
    server: Server, own_database: Database, authority: Authority
) -> None:
    root = str(authority.certificate)
    said = alone(server, own_database, host="127.0.0.1", sslmode="verify-full", sslrootcert=root)
    assert "not valid for" in said


def alone(server: Server, own_database: Database, **parameters: str) -> str:
    """What an engine says that cannot open its store by these parameters. No driver of Python's has tried before."""
    known = {"dbname": own_database.settings["NAME"], "user": "encrypted", "password": PASSWORD, "port": str(server.port)}
    store = {"alias": "default", "vendor": "postgresql", "parameters": {**known, **parameters}}
    descriptor = engine.file_of_settings({"version": 1, "stores": [store]})
    command = [str(ENGINE), "worker", "--settings-fd", str(descriptor), "--", "/bin/false"]
    ended = subprocess.run(command, pass_fds=[descriptor], stderr=subprocess.PIPE, text=True, timeout=60)
    assert ended.returncode == 1, ended.stderr
    return ended.stderr


@pytest.mark.parametrize("schema", ["background", "Größe 1"])
def test_the_tables_stand_in_another_schema(way: Way, server: Server, holding: Holding, schema: str) -> None:
    with server.database() as empty:
        empty.run(f'CREATE SCHEMA "{schema}"')
        escaped = schema.replace(" ", "\\ ")
        options = {"options": f'-c search_path="{escaped}"'}
        reached = server.reached(empty, {"OPTIONS": options}, **way.environment)
        reached.migrate()
        project = Project(reached, Path(holding.directory) / "ledger")
        assert work(project, holding, "SELECT to_regclass('signalpost_task')") == [(None,)]
        assert_done(project, f'"{schema}".worker_note', f'"{schema}".signalpost_history')


@pytest.mark.parametrize("where", ["passfile", "backend"])
def test_a_password_that_is_changed_meanwhile_is_asked_for_again(
    way: Way, server: Server, own_database: Database, holding: Holding, where: str
) -> None:
    role = f"rotated_{where}"
    own_database.run(f"CREATE ROLE {role} LOGIN PASSWORD 'before'")

    def options(password: str) -> dict[str, Any]:
        if where == "passfile":
            return {"OPTIONS": {"passfile": way.password_file(password)}}
        return {"OPTIONS": {"token_file": way.file("token", password)}, "ENGINE": "tests.worker.backend_of_tokens"}

    project = way.project(HOST="127.0.0.1", USER=role, PASSWORD="", **options("before"))
    project.do(f"receivers.hold.delay({holding.directory!r})")
    worker = project.worker("--exit-when-idle", "--processes=1")
    try:
        holding.began()
        options("after")
        own_database.run(f"ALTER ROLE {role} PASSWORD 'after'")
        own_database.query(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'")
        project.do("receivers.write.delay('written')")
        # It ends when the engine has recorded this one, and run the other.
        holding.go()
        said = worker.communicate(timeout=120)[1]
    finally:
        worker.kill()
    assert worker.returncode == 0, said
    assert_done(project)


@pytest.mark.parametrize(
    ("settings", "named", "what_to_do"),
    [
        ({"OPTIONS": {"sslmode": "require", "channel_binding": "require"}}, "`channel_binding`", "SIGNALPOST['DIRECT']"),
        ({"OPTIONS": {"load_balance_hosts": "random"}}, "`load_balance_hosts`", "SIGNALPOST['DIRECT']"),
        ({"OPTIONS": {"sslpassword": "hush"}}, "`sslpassword`", "a key without a passphrase"),
        ({"HOST": "127.0.0.1,localhost"}, "several servers by 'host'", "SIGNALPOST['DIRECT']"),
        ({"OPTIONS": {"assume_role": "encrypted"}}, "DATABASES['default']['OPTIONS']['assume_role']", "-c role="),
    ],
)
def test_what_the_engine_cannot_honour_is_refused_by_name_and_nothing_is_started(
    way: Way, settings: dict[str, Any], named: str, what_to_do: str
) -> None:
    project = way.project(**{"HOST": "127.0.0.1", "USER": "plain", **settings})
    worker = project.worker("--exit-when-idle", "--processes=1")
    try:
        said = worker.communicate(timeout=120)[1]
    finally:
        worker.kill()
    assert worker.returncode == 2, said
    # One line: a child would have said something, too, or the engine of it.
    (line,) = said.splitlines()
    assert named in line and what_to_do in line and "hush" not in line
    assert project.query("SELECT count(*) FROM signalpost_worker") == [(0,)]
