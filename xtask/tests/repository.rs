//! What a user looks for in a repository, and the versions that are stated.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

#[test]
fn the_repository_has_the_files_that_a_user_looks_for() {
    for (file, says) in [
        ("README.md", "cargo run -p newsroom"),
        ("README.md", "cargo xtask test"),
        ("CONTRIBUTING.md", "cargo xtask test"),
        ("CHANGELOG.md", "0.1.0"),
        ("SECURITY.md", "report"),
        ("LICENSE-MIT", "MIT License"),
        ("LICENSE-APACHE", "Apache License"),
        (".ci/run", "exec cargo xtask test"),
    ] {
        assert!(read(file).contains(says), "{file} does not say `{says}`");
    }
}

#[test]
fn the_program_in_the_readme_is_run_as_a_doc_test() {
    let readme = read("README.md");
    assert!(readme.contains("```rust,standalone_crate\n") && readme.contains("assert_eq!"));
    assert!(!readme.contains("no_run") && !readme.contains("```rust,ignore"));
    assert!(read("crates/signalpost/src/lib.rs").contains(r#"#[doc = include_str!("../../../README.md")]"#));
}

/// The readme states the least version of Rust; Cargo refuses an older one.
#[test]
fn the_version_of_rust_in_the_readme_is_the_one_that_cargo_demands() {
    let manifest = read("Cargo.toml");
    let stated = manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap().trim_matches('"');
    assert!(read("README.md").contains(&format!("Rust {stated}")), "the readme does not say Rust {stated}");
}
