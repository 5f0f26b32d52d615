//! Holds `docs/conformance.md` to the tests that it names.

mod sources;
mod table;

use std::fs;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

#[test]
fn every_requirement_names_tests_that_exist_or_says_why_not() {
    let page = fs::read_to_string(format!("{ROOT}/docs/conformance.md")).unwrap();
    let problems = table::problems(&page, &sources::tests_of_the_workspace());
    assert!(problems.is_empty(), "docs/conformance.md:\n{}", problems.join("\n"));
}
