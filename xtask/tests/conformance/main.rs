//! Holds `docs/conformance.md` to the tests that it names.

mod python;
mod sources;
mod table;

use std::fs;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

#[test]
fn every_requirement_names_tests_that_exist_or_says_why_not() {
    let page = fs::read_to_string(format!("{ROOT}/docs/conformance.md")).unwrap();
    let mut known = sources::tests_of_the_workspace();
    known.extend(python::tests().into_iter().map(|test| format!("python::{test}")));
    let problems = table::problems(&page, &known);
    assert!(problems.is_empty(), "docs/conformance.md:\n{}", problems.join("\n"));
}

/// What is skipped shows nothing, and nobody sees that it does not run.
#[test]
fn no_test_of_the_django_package_is_skipped() {
    let skipped = python::skipped();
    assert!(skipped.is_empty(), "{skipped:#?}");
}
