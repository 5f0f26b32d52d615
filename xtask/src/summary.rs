//! The last line.

use crate::step::Outcome;

/// What ran, what failed, what was skipped and why.
pub(crate) fn summary<N: AsRef<str>>(outcomes: &[(N, Outcome)]) -> String {
    let (mut passed, mut failed, mut skipped) = (Vec::new(), Vec::new(), Vec::new());
    for (name, outcome) in outcomes {
        let name = name.as_ref();
        match outcome {
            Outcome::Passed => passed.push(name.to_owned()),
            Outcome::Failed => failed.push(name.to_owned()),
            Outcome::Skipped(why) => skipped.push(format!("{name}: {why}")),
        }
    }
    let (passed, failed) = (counted("passed", &passed, ", "), counted("failed", &failed, ", "));
    format!("cargo xtask test: {passed}, {failed}, {}", counted("skipped", &skipped, "; also "))
}

fn counted(what: &str, steps: &[String], separator: &str) -> String {
    if steps.is_empty() { format!("0 {what}") } else { format!("{} {what} ({})", steps.len(), steps.join(separator)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_says_what_ran_what_failed_and_why_the_rest_did_not_run() {
        let outcomes = [
            ("format", Outcome::Passed),
            ("lints", Outcome::Failed),
            ("tests", Outcome::Passed),
            ("deny", Outcome::Skipped("cargo-deny is not installed; cargo install cargo-deny".to_owned())),
        ];
        assert_eq!(
            summary(&outcomes),
            "cargo xtask test: 2 passed (format, tests), 1 failed (lints), \
             1 skipped (deny: cargo-deny is not installed; cargo install cargo-deny)"
        );
    }

    #[test]
    fn nothing_skipped_needs_no_reason() {
        let all_passed = [("format", Outcome::Passed)];
        assert_eq!(summary(&all_passed), "cargo xtask test: 1 passed (format), 0 failed, 0 skipped");
    }
}
