//! The tests that the sources of the workspace hold.

use cargo_metadata::MetadataCommand;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::ROOT;

/// All of them, as `crate::function`.
pub(crate) fn tests_of_the_workspace() -> BTreeSet<String> {
    let mut command = MetadataCommand::new();
    command.manifest_path(format!("{ROOT}/Cargo.toml")).no_deps();
    let mut found = BTreeSet::new();
    for package in command.exec().unwrap().packages {
        let root = package.manifest_path.parent().unwrap();
        for directory in ["src", "tests"] {
            let tests = tests_below(root.join(directory).as_std_path());
            found.extend(tests.into_iter().map(|test| format!("{}::{test}", package.name)));
        }
    }
    found
}

fn tests_below(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    // A crate need not have the directory.
    for entry in fs::read_dir(directory).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(tests_below(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.extend(tests_in(&text));
            found.extend(listed_for_stores(&text));
            found.extend(listed_for_several(&text));
        }
    }
    found
}

/// What `cargo xtask test` runs although it is ignored.
const NEEDS_POSTGRES: &str = "#[ignore = \"needs PostgreSQL: cargo xtask test runs it\"]";

/// Functions with a test attribute before them, those in `proptest!` among them. One that is ignored shows nothing,
/// unless it only waits for PostgreSQL.
fn tests_in(text: &str) -> Vec<String> {
    let (mut is_test, mut is_ignored, mut found) = (false, false, Vec::new());
    for line in text.lines().map(str::trim) {
        is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        is_ignored |= line.starts_with("#[ignore") && line != NEEDS_POSTGRES;
        if let Some(name) = function(line) {
            if is_test && !is_ignored {
                found.push(name.to_owned());
            }
            (is_test, is_ignored) = (false, false);
        }
    }
    found
}

fn function(line: &str) -> Option<&str> {
    let line = line.strip_prefix("async ").unwrap_or(line);
    let (name, _) = line.strip_prefix("fn ")?.split_once('(')?;
    Some(name)
}

/// The list inside `store_tests!`: `theme { test test … } …`.
fn listed_for_stores(text: &str) -> Vec<String> {
    let (mut depth, mut found) = (1, Vec::new());
    let begin = "$crate::store_tests! { @all ($(#[$attribute])*) $fixture:";
    for word in text.split_once(begin).map_or("", |(_, list)| list).split_whitespace() {
        match word {
            "{" => depth += 1,
            "}" => depth -= 1,
            test if depth == 2 => found.push(test.to_owned()),
            _theme => {}
        }
        if depth == 0 {
            break;
        }
    }
    found
}

/// The lists inside macros that make several tests of each function: one for each client, or for each database.
fn listed_for_several(text: &str) -> Vec<String> {
    let lists = ["\non_every_client! {", "\non_every_pool! {", "\non_each_database! {"];
    let names = lists.into_iter().flat_map(|list| listed(text, list)).map(str::to_owned);
    // `test: What it is about,`
    let rows = listed(text, "\nrows! {").filter_map(|word| word.strip_suffix(':')).map(str::to_owned);
    names.chain(rows).collect()
}

fn listed<'a>(text: &'a str, list: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(list).skip(1).flat_map(|rest| rest.split('}').next().unwrap_or_default().split_whitespace())
}

mod tests {
    use super::*;

    #[test]
    fn functions_with_a_test_attribute_are_found() {
        let text = "
            fn helper() {}
            #[test]
            fn plain() {}
            #[tokio::test(flavor = \"multi_thread\")]
            #[allow(dead_code)]
            async fn asynchronous() {}
            proptest! {
                #[test]
                fn property(value in any::<u8>()) {}
            }
            // #[test]
            fn not_any_more() {}
            #[test]
            #[ignore = \"too slow\"]
            fn ignored() {}
            fn helper_after_it() {}
            #[test]
            #[ignore = \"needs PostgreSQL: cargo xtask test runs it\"]
            fn with_postgresql() {}";
        assert_eq!(tests_in(text), ["plain", "asynchronous", "property", "with_postgresql"]);
    }

    #[test]
    fn the_list_of_the_stores_suite_is_found() {
        let text = "
            ($(#[$attribute:meta])* $fixture:ty) => {
                $crate::store_tests! { @all ($(#[$attribute])*) $fixture:
                    sending { a_first a_second }
                    claiming {
                        a_third
                    }
                }
            };
            ($other:ty) => { { more } }";
        assert_eq!(listed_for_stores(text), ["a_first", "a_second", "a_third"]);
        assert!(listed_for_stores("signalpost_store::store_tests!(Sqlite);").is_empty());
    }

    #[test]
    fn the_lists_for_clients_and_databases_are_found() {
        let text = "
macro_rules! on_every_client {
    ($($test:ident)*) => { on_every_pool! { $($test)* } };
}

on_every_client! {
    a_commit
    a_rollback
}

on_every_pool! { a_completion }
async fn a_commit() {}
rows! {
    insert: Insert,
    update: Update,
}";
        assert_eq!(listed_for_several(text), ["a_commit", "a_rollback", "a_completion", "insert", "update"]);
    }
}
