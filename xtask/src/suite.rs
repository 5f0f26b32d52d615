//! Everything that has to pass.

use signalpost_postgres_server::{Pgbouncer, Server, ServerError, install_namespaces};

use crate::cargo;
use crate::python;
use crate::step::{Need, Outcome, Servers, Step};
use crate::summary::summary;

const FORMAT: Step = Step {
    needs: Some((Need::Subcommand("fmt"), "rustfmt is not installed; rustup component add rustfmt")),
    ..Step::new("format", &["fmt --all --check"])
};

const LINTS: Step = Step {
    needs: Some((Need::Subcommand("clippy"), "clippy is not installed; rustup component add clippy")),
    ..Step::new("lints", &["clippy --workspace --all-targets --all-features -- -D warnings"])
};

/// Tests that need PostgreSQL are ignored where there is none, and no others are. Those that need something else as well are
/// in modules that are named after it.
const NEXTEST: Step = Step {
    with_postgres: Some(" --run-ignored all"),
    before_skips: " --",
    ..Step::new("tests", &["nextest run --workspace --all-features --no-fail-fast"])
};
const TESTS: Step = Step {
    with_postgres: Some(" -- --include-ignored"),
    ..Step::new("tests", &["test --workspace --all-features --lib --bins --tests --examples --no-fail-fast"])
};

const DOC_TESTS: Step = Step {
    with_postgres: Some(""),
    ..Step::new("doc tests", &["test --doc --workspace --all-features --no-fail-fast"])
};

const DOCUMENTATION: Step = Step {
    variables: &[("RUSTDOCFLAGS", "-D warnings")],
    ..Step::new("documentation", &["doc --workspace --all-features --no-deps"])
};

const DENY: Step = Step {
    needs: Some((Need::Subcommand("deny"), "cargo-deny is not installed; cargo install cargo-deny")),
    ..Step::new("deny", &["deny check licenses sources bans"])
};

/// A disk that is really full, where one can be made.
const FULL_DISK: Step = Step {
    needs: Some((Need::Root, "it mounts a small file system, which takes root")),
    ..Step::new("full disk", &["run --quiet -p signalpost-faults -- full-disk"])
};

/// The other steps turn every feature on, which hides what a feature needs and does not ask for.
const FEATURES: Step = Step::new(
    "features",
    &[
        "check -p signalpost-store --no-default-features",
        "check -p signalpost-store --no-default-features --features postgres",
        "check -p signalpost --no-default-features",
        "check -p signalpost --no-default-features --features sqlite",
        "check -p signalpost --no-default-features --features postgres",
        "check -p signalpost --no-default-features --features sqlx",
        "check -p signalpost --no-default-features --features sea-orm",
        "check -p signalpost --no-default-features --features sqlite,sqlx",
        "check -p signalpost --no-default-features --features postgres,sqlx",
        "check -p signalpost --no-default-features --features sqlite,sea-orm",
        "check -p signalpost --no-default-features --features postgres,sea-orm",
        "check -p signalpost --no-default-features --features postgres,tls",
        "check -p signalpost --no-default-features --features tower",
        "check -p signalpost --no-default-features --features testing",
    ],
);

const FOR_TESTS: &str = "for the tests that need it";

/// Runs every step, whatever became of those before it; true when none has failed.
pub(crate) fn run() -> bool {
    let server = Server::start();
    let url = server.as_ref().ok().map(|server| server.url("postgres"));
    let (pgbouncer, namespaces) = (Pgbouncer::install(), install_namespaces());
    let started = server.as_ref().map(|server| format!("{} on port {}", server.version(), server.port()));
    let mut outcomes = vec![
        ("PostgreSQL".to_owned(), announced("PostgreSQL", started)),
        ("pgbouncer".to_owned(), announced("pgbouncer", pgbouncer.as_ref().map(|()| FOR_TESTS.to_owned()))),
        ("namespaces".to_owned(), announced("network namespaces", namespaces.as_ref().map(|()| FOR_TESTS.to_owned()))),
    ];
    let missing = [("pgbouncer", pgbouncer.is_err()), ("namespaces", namespaces.is_err())];
    let skipped: Vec<_> = missing.iter().filter(|(_, is_missing)| *is_missing).map(|(module, _)| *module).collect();
    let servers = Servers { postgres: url.as_deref(), skipped: &skipped };
    let tests = if cargo::has("nextest") { NEXTEST } else { TESTS };
    let steps = [FORMAT, LINTS, tests, FULL_DISK, DOC_TESTS, DOCUMENTATION, DENY, FEATURES];
    outcomes.extend(steps.iter().map(|step| (step.name.to_owned(), step.run(servers))));
    outcomes.extend(python::run(url.as_deref()));
    drop(server);
    println!("\n{}", summary(&outcomes));
    outcomes.iter().all(|(_, outcome)| *outcome != Outcome::Failed)
}

/// Runs what the suite runs of Python, on SQLite alone if that is asked for; true when nothing has failed.
pub(crate) fn run_python(sqlite: bool) -> bool {
    let server = if sqlite { None } else { Server::start().inspect_err(|error| println!("{error}")).ok() };
    let outcomes = python::run(server.as_ref().map(|server| server.url("postgres")).as_deref());
    println!("\n{}", summary(&outcomes));
    outcomes.iter().all(|(_, outcome)| *outcome != Outcome::Failed)
}

/// One that is missing is no failure. One that does not start is.
fn announced(name: &str, there: Result<String, &ServerError>) -> Outcome {
    match there {
        Ok(what) => {
            println!("\n== {name}: {what}");
            Outcome::Passed
        }
        Err(error) if error.is_missing() => {
            println!("\n== {name}: skipped, {error}");
            let why = error.message().lines().next().into_iter().chain(error.hint());
            Outcome::Skipped(why.collect::<Vec<_>>().join("; "))
        }
        Err(error) => {
            println!("\n== {name}: failed: {error}");
            Outcome::Failed
        }
    }
}
