//! The table of requirements.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

const NUMBERS: RangeInclusive<u32> = 1..=68;

/// What may stand where a test is missing, followed by the reason.
const EXCUSES: [&str; 2] = ["later: ", "not here: "];

/// Whose tests stand in the columns behind the requirement.
const FACES: [&str; 2] = ["Rust", "Django"];

/// How tests of the Django package are named: `python::function`.
const PYTHON: &str = "python::";

/// Everything that is wrong with the page. `known` has the tests that exist, as `crate::function` or `python::function`.
pub(crate) fn problems(page: &str, known: &BTreeSet<String>) -> Vec<String> {
    let mut problems = Vec::new();
    let mut seen: BTreeMap<u32, usize> = BTreeMap::new();
    for row in page.lines().filter(|line| line.starts_with('|')) {
        let cells: Vec<&str> = row.trim().trim_matches('|').split('|').map(str::trim).collect();
        if cells[0] == "number" || cells[0].starts_with("--") {
            continue;
        }
        let (Ok(number), [_, requirement, rust, django]) = (cells[0].parse(), &cells[..]) else {
            problems.push(format!("not `| number | requirement | Rust | Django |`: {row}"));
            continue;
        };
        *seen.entry(number).or_default() += 1;
        if requirement.is_empty() {
            problems.push(format!("{number} does not say what is required"));
        }
        for (face, evidence) in FACES.into_iter().zip([rust, django]) {
            let tests = named_tests(evidence);
            for test in &tests {
                if !known.contains(*test) {
                    problems.push(format!("{number} names `{test}`, which is not a test, or is ignored"));
                } else if test.starts_with(PYTHON) != (face == "Django") {
                    problems.push(format!("{number} names `{test}`, which is no test of {face}"));
                }
            }
            if tests.is_empty() && !has_reason(evidence) {
                problems
                    .push(format!("{number} has for {face} neither a test nor a reason (`later: …` or `not here: …`)"));
            }
        }
    }
    problems.extend(NUMBERS.filter(|number| !seen.contains_key(number)).map(|number| format!("{number} is missing")));
    let wrong = |(number, times): &(u32, usize)| *times > 1 || !NUMBERS.contains(number);
    problems.extend(seen.into_iter().filter(wrong).map(|(number, _)| format!("{number} is there twice, or too many")));
    problems
}

/// What stands between backticks.
fn named_tests(evidence: &str) -> Vec<&str> {
    evidence.split('`').skip(1).step_by(2).collect()
}

fn has_reason(evidence: &str) -> bool {
    EXCUSES.into_iter().any(|excuse| evidence.split_once(excuse).is_some_and(|(_, reason)| !reason.trim().is_empty()))
}

mod tests {
    use super::*;

    /// A page with these rows, and the rest of the numbers in order.
    fn problems_of(rows: &[&str]) -> Vec<String> {
        let mut page = "# Page\n\n| number | requirement | Rust | Django |\n|---|---|---|---|\n".to_owned();
        for number in NUMBERS.skip(1) {
            page += &format!("| {number} | something | `a::test` | `python::test` |\n");
        }
        page += &rows.join("\n");
        let known = ["a::test", "a::other", "python::test", "python::other"];
        problems(&page, &known.map(str::to_owned).into())
    }

    #[test]
    fn tests_that_exist_and_reasons_are_accepted() {
        for row in [
            "| 1 | something | `a::test`, `a::other` | `python::test`, `python::other` |",
            "| 1 | something | later: the book | `python::test` |",
            "| 1 | something | `a::test`; later: the book | not here: it is for Rust |",
        ] {
            assert_eq!(problems_of(&[row]), Vec::<String>::new());
        }
    }

    #[test]
    fn a_test_that_does_not_exist_is_named() {
        let found = problems_of(&["| 1 | something | `a::test`, `b::test`; later: the book | `python::test` |"]);
        assert_eq!(found, ["1 names `b::test`, which is not a test, or is ignored"]);
        let found = problems_of(&["| 1 | something | `a::test` | `python::tset` |"]);
        assert_eq!(found, ["1 names `python::tset`, which is not a test, or is ignored"]);
    }

    #[test]
    fn a_test_of_the_other_language_shows_nothing() {
        let found = problems_of(&["| 1 | something | `python::test` | `a::test` |"]);
        assert_eq!(
            found,
            ["1 names `python::test`, which is no test of Rust", "1 names `a::test`, which is no test of Django"]
        );
    }

    #[test]
    fn a_number_must_be_there_once() {
        assert_eq!(problems_of(&[]), ["1 is missing"]);
        let row = "| 1 | something | `a::test` | `python::test` |";
        let surplus = "| 69 | something | `a::test` | `python::test` |";
        assert_eq!(problems_of(&[row, row]), ["1 is there twice, or too many"]);
        assert_eq!(problems_of(&[row, surplus]), ["69 is there twice, or too many"]);
    }

    #[test]
    fn a_row_without_test_or_reason_is_refused() {
        for evidence in ["", "of course", "later: "] {
            let found = problems_of(&[&format!("| 1 | something | {evidence} | `python::test` |")]);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].starts_with("1 has for Rust neither a test nor a reason"), "{found:?}");
            let found = problems_of(&[&format!("| 1 | something | `a::test` | {evidence} |")]);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].starts_with("1 has for Django neither a test nor a reason"), "{found:?}");
        }
    }

    #[test]
    fn a_row_of_another_shape_is_refused() {
        let row = "| 1 | something | `a::test` | `python::test` |";
        for other in ["| 1 | something | `a::test` |", "| one | something | `a::test` | `python::test` |"] {
            let found = problems_of(&[row, other]);
            assert_eq!(found.len(), 1, "{found:?}");
        }
    }
}
