//! The signals whose receivers led to a send, so that a loop can be shown.

/// The header that holds their names, the oldest first, each on a line: no name holds a line break.
pub(crate) const HEADER: &str = "signalpost-chain";

/// How many names a message shows.
const SHOWN: usize = 10;

/// The header of what is sent in a task of `signal` that has `before` as its own.
pub(crate) fn after(before: Option<&str>, signal: &str) -> String {
    let Some(before) = before else { return signal.to_owned() };
    // One less than is shown: the signal that is sent comes after them.
    let older = SHOWN - 2;
    let start = before.rmatch_indices('\n').nth(older - 1).map_or(0, |(at, _)| at + 1);
    format!("{}\n{signal}", &before[start..])
}

/// The way to a send of `signal` that lies `depth` sends after the first: `a → b → a`.
pub(crate) fn shown(before: &str, signal: &str, depth: u32) -> String {
    let before: Vec<&str> = before.lines().collect();
    let cut = if before.len() < depth as usize { "… → " } else { "" };
    format!("{cut}{} → {signal}", before.join(" → "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_names_are_shown_and_that_older_ones_are_not() {
        let mut before = after(None, "s0");
        for depth in 1..30 {
            let sent = format!("s{depth}");
            let first = (depth + 1_u32).saturating_sub(10);
            let names: Vec<String> = (first..=depth).map(|number| format!("s{number}")).collect();
            let cut = if first > 0 { "… → " } else { "" };
            assert_eq!(shown(&before, &sent, depth), format!("{cut}{}", names.join(" → ")));
            before = after(Some(&before), &sent);
        }
    }

    #[test]
    fn a_chain_that_was_not_carried_is_shown_as_cut() {
        assert_eq!(shown(&after(None, "a"), "b", 7), "… → a → b");
        assert_eq!(shown(&after(None, "a"), "b", 1), "a → b");
    }
}
