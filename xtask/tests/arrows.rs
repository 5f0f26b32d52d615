//! What may depend on what, and which SQLite is linked. `ARCHITECTURE.md` has the picture.

use cargo_metadata::semver::Version;
use cargo_metadata::{DependencyKind, MetadataCommand, Package};
use std::collections::BTreeSet;
use std::fs;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The crates of the workspace that each of them may name. What is only for tests is free.
const ARROWS: [(&str, &[&str]); 10] = [
    ("signalpost-dispatch", &[]),
    ("signalpost-store", &[]),
    ("signalpost-worker", &["signalpost-store"]),
    ("signalpost-macros", &[]),
    ("signalpost", &["signalpost-dispatch", "signalpost-macros", "signalpost-store", "signalpost-worker"]),
    ("signalpost-engine", &["signalpost-store", "signalpost-worker"]),
    ("signalpost-python", &["signalpost-store"]),
    ("newsroom", &["signalpost"]),
    ("signalpost-postgres-server", &[]),
    ("xtask", &["signalpost-postgres-server"]),
];

/// Not published, and nothing is built on them. The first two may reach for anything.
const TOOLS: [&str; 3] = ["signalpost-bench", "signalpost-faults", "xtask"];

/// Not published either: only tools and tests stand on it.
const SERVER: &str = "signalpost-postgres-server";

fn packages() -> Vec<Package> {
    let mut command = MetadataCommand::new();
    command.manifest_path(format!("{ROOT}/Cargo.toml")).no_deps();
    command.exec().unwrap().packages
}

fn package(name: &str) -> Package {
    packages().into_iter().find(|package| package.name.as_str() == name).unwrap()
}

/// The names of what it needs, other than for its tests.
fn dependencies(package: &Package) -> BTreeSet<String> {
    let needed = package.dependencies.iter().filter(|dependency| dependency.kind != DependencyKind::Development);
    needed.map(|dependency| dependency.name.clone()).collect()
}

#[test]
fn a_crate_names_only_the_crates_below_it() {
    let ours: BTreeSet<String> = packages().iter().map(|package| package.name.to_string()).collect();
    for (name, allowed) in ARROWS {
        let named = dependencies(&package(name));
        let wrong: Vec<_> = named.intersection(&ours).filter(|other| !allowed.contains(&other.as_str())).collect();
        assert!(wrong.is_empty(), "{name} must not depend on {wrong:?}");
    }
}

#[test]
fn every_crate_has_its_arrows_here() {
    let listed = |package: &&Package| {
        let name = package.name.as_str();
        !TOOLS.contains(&name) && !ARROWS.iter().any(|(listed, _)| *listed == name)
    };
    let unlisted: Vec<_> = packages().iter().filter(listed).map(|package| package.name.to_string()).collect();
    assert!(unlisted.is_empty(), "say in ARROWS what these may depend on: {unlisted:?}");
}

#[test]
fn the_facade_stands_on_all_four_crates_below_it() {
    let (_, allowed) = ARROWS.into_iter().find(|(name, _)| *name == "signalpost").unwrap();
    let named = dependencies(&package("signalpost"));
    assert!(allowed.iter().all(|name| named.contains(*name)), "{named:?}");
}

#[test]
fn dispatch_has_no_runtime_no_serialisation_and_no_input_or_output() {
    let named = dependencies(&package("signalpost-dispatch"));
    assert_eq!(named, ["arc-swap", "futures-util", "tracing"].map(str::to_owned).into());
}

#[test]
fn nothing_depends_on_the_tools_and_they_are_not_published() {
    for package in packages() {
        let named = dependencies(&package);
        let tool = TOOLS.into_iter().find(|tool| named.contains(*tool));
        assert_eq!(tool, None, "a dependency of {}", package.name);
        let is_tool = TOOLS.contains(&package.name.as_str());
        assert!(is_tool || !named.contains(SERVER), "only tools and tests stand on {SERVER}, and not {}", package.name);
        if is_tool || package.name.as_str() == SERVER {
            assert_eq!(package.publish, Some(Vec::new()), "{} must say `publish = false`", package.name);
        }
    }
}

/// Django has a SQLite of its own in the same process, and forks.
#[test]
fn the_native_module_has_no_store_in_it() {
    let package = package("signalpost-python");
    let store = package.dependencies.iter().find(|dependency| dependency.name == "signalpost-store").unwrap();
    assert!(!store.uses_default_features && store.features.is_empty(), "{store:?}");
}

/// Versions before 3.51.3 can lose commits in WAL mode; libsqlite3-sys 0.37 is the first to bundle a newer one.
#[test]
fn one_sqlite_is_linked_and_it_is_new_enough() {
    // The lock file is the graph for every target and feature, and reading it needs no network.
    let lock = fs::read_to_string(format!("{ROOT}/Cargo.lock")).unwrap();
    let versions: Vec<Version> = lock
        .split("[[package]]")
        .filter(|package| package.contains("name = \"libsqlite3-sys\""))
        .map(|package| {
            let version = package.lines().find_map(|line| line.strip_prefix("version = ")).unwrap();
            version.trim_matches('"').parse().unwrap()
        })
        .collect();
    assert_eq!(versions.len(), 1, "{versions:?}");
    assert!(versions[0] >= Version::new(0, 37, 0), "{versions:?}");
}
