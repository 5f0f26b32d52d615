//! Real servers. None of this waits for a time to pass: what a connection or a pipe does at its end is the event.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use signalpost_postgres_server::{Server, ServerOptions, TEST_POSTGRES};
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Row};

async fn answer(url: &str) -> Result<i32, sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    sqlx::query("SELECT 42").fetch_one(&mut connection).await?.try_get(0)
}

/// A connection that is closed when the server ends. It has been answered: one that the server sees only while it stops
/// would keep it for a minute, until it has named its user.
fn connected(port: u16) -> io::Result<TcpStream> {
    /// Asks for TLS, which the server does not have.
    const REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
    let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    connection.write_all(&REQUEST)?;
    let mut answer = [0];
    connection.read_exact(&mut answer)?;
    assert_eq!(answer, *b"N");
    Ok(connection)
}

/// Whether it is closed in good order or reset.
fn wait_until_closed(mut connection: TcpStream) {
    let _ = connection.read(&mut [0]);
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
async fn it_accepts_its_password_and_refuses_another() {
    let server = Server::start().unwrap();
    for url in [server.url("postgres"), server.socket_url("postgres")] {
        assert_eq!(answer(&url).await.unwrap(), 42, "{url}");
        let refused = answer(&url.replace(server.password(), "guessed")).await.unwrap_err();
        let code = refused.as_database_error().and_then(|error| error.code()).map(|code| code.into_owned());
        assert_eq!(code.as_deref(), Some("28P01"), "{url}: {refused}");
    }
}

#[test]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
fn it_is_as_postgresql_is_by_default_but_for_what_is_set() {
    let server = ServerOptions::new().setting("work_mem", "5MB").setting("application_name", r"it's \ here").start();
    let server = server.unwrap();
    for (setting, expected) in [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("max_connections", "300"),
        ("server_encoding", "UTF8"),
        ("work_mem", "5MB"),
    ] {
        assert_eq!(server.run_sql("postgres", &format!("SHOW {setting}")).unwrap(), expected, "{setting}");
    }
    let name = "SELECT reset_val FROM pg_settings WHERE name = 'work_mem' UNION ALL \
                SELECT setting FROM pg_file_settings WHERE name = 'application_name'";
    assert_eq!(server.run_sql("postgres", name).unwrap(), "5120\nit's \\ here");
    assert_eq!(server.run_sql("postgres", "SHOW server_version").unwrap().split(' ').next(), Some(server.version()));
}

#[test]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
fn a_setting_that_postgresql_does_not_know_fails_the_start_and_is_named() {
    let error = ServerOptions::new().setting("no_such_setting", "1").start().unwrap_err();
    assert!(error.message().contains("no_such_setting"), "{error}");
    assert!(!error.is_missing());
}

#[test]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
fn databases_are_made_by_any_name_and_once() {
    let server = Server::start().unwrap();
    for name in ["shop", "Größe \"1\"/?"] {
        server.create_database(name).unwrap();
        assert_eq!(server.run_sql(name, "SELECT current_database()").unwrap(), name);
    }
    let again = server.create_database("shop").unwrap_err();
    assert!(again.message().contains("already exists"), "{again}");
}

#[test]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
fn it_stops_crashes_and_starts_again_with_its_data_on_its_port() {
    let server = Server::start().unwrap();
    let port = server.port();
    server.run_sql("postgres", "CREATE TABLE kept AS SELECT 1 AS number").unwrap();
    for stop in [Server::stop, Server::crash, |_: &Server| Ok(())] {
        let connection = connected(port).unwrap();
        stop(&server).unwrap();
        server.restart().unwrap();
        wait_until_closed(connection);
        server.run_sql("postgres", "UPDATE kept SET number = number + 1").unwrap();
    }
    assert_eq!(server.port(), port);
    assert_eq!(server.run_sql("postgres", "SELECT number FROM kept").unwrap(), "4");
    assert!(server.log().contains("database system was not properly shut down"), "{}", server.log());
    server.stop().unwrap();
    assert!(connected(port).is_err());
    assert!(server.stop().unwrap_err().message().contains("PID file"), "it does not run");
}

#[test]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
fn a_dropped_server_has_stopped_and_left_nothing() {
    let (first, second) = (Server::start().unwrap(), Server::start().unwrap());
    let (port, directory) = (first.port(), first.directory().to_owned());
    let connection = connected(port).unwrap();
    drop(first);
    wait_until_closed(connection);
    assert!(connected(port).is_err());
    assert!(!directory.exists());
    assert_eq!(second.run_sql("postgres", "SELECT 1").unwrap(), "1", "the other one is not touched");
}

/// What `cargo xtask postgres` runs is killed, or interrupted from the terminal.
#[test]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
fn a_server_ends_with_the_process_that_holds_it() {
    for signal in [Signal::KILL, Signal::INT] {
        let program = Command::new(env!("CARGO_BIN_EXE_signalpost-postgres-server"))
            .process_group(0)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut program = program.unwrap();
        let mut said = BufReader::new(program.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut said_with = |start: &str| {
            let line = said.find_map(|line| line.trim_start().strip_prefix(start).map(str::to_owned));
            line.unwrap_or_else(|| panic!("it did not say `{start}`"))
        };
        let url = said_with(&format!("export {TEST_POSTGRES}="));
        let port: u16 = url.rsplit_once(':').unwrap().1.split('/').next().unwrap().parse().unwrap();
        let log = said_with("It logs to ");
        let directory = Path::new(log.split(". ").next().unwrap()).parent().unwrap().to_owned();
        assert!(fs::exists(directory.join("data")).unwrap());
        let connection = connected(port).unwrap();

        kill_process_group(Pid::from_child(&program), signal).unwrap();
        assert!(!program.wait().unwrap().success());

        wait_until_closed(connection);
        // The keeper has it until it has done everything.
        let mut errors = String::new();
        program.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        assert_eq!(errors, "");
        assert!(connected(port).is_err());
        assert!(!directory.exists(), "after {signal:?}");
    }
}
