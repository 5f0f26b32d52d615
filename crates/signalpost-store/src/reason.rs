//! Reasons: why a task failed, for a person to read.

/// A reason that can be stored and shown: without control characters other than line breaks and tabs, and of
/// bounded length. For stores: recording a failure must not fail.
///
/// ```
/// assert_eq!(signalpost_store::readable_reason("a \0 and\na line"), "a \u{fffd} and\na line");
/// ```
pub fn readable_reason(reason: &str) -> String {
    const MAX_REASON: usize = 8 << 10;
    let mut text = String::with_capacity(reason.len().min(MAX_REASON));
    for character in reason.chars() {
        if text.len() + character.len_utf8() > MAX_REASON {
            text.push_str(" … (cut)");
            break;
        }
        let shown = !character.is_control() || matches!(character, '\n' | '\t');
        text.push(if shown { character } else { char::REPLACEMENT_CHARACTER });
    }
    text
}
