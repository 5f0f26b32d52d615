//! Where in a value something is, as people write it: `$.named.lines[3]`.

use std::fmt::Write;

/// One step from a value into what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// A name, or a key that is a text.
    Key(String),
    Index(usize),
    /// A key of another type, as Python writes it.
    Item(String),
}

/// The steps from the root.
pub(crate) fn render<'a>(steps: impl IntoIterator<Item = &'a Step>) -> String {
    let mut text = "$".to_owned();
    for step in steps {
        // Writing into a text cannot fail.
        let _ = match step {
            Step::Key(key) => write!(text, ".{}", key.escape_debug()),
            Step::Index(index) => write!(text, "[{index}]"),
            Step::Item(key) => write!(text, "[{key}]"),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_as_python_would_reach_there() {
        let steps = [Step::Key("named".into()), Step::Item("(1, 2)".into()), Step::Index(3), Step::Key("a\nb".into())];
        assert_eq!(render(&steps), r"$.named[(1, 2)][3].a\nb");
    }
}
