//! What senders were called before.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwapOption;

type Aliases = HashMap<&'static str, &'static str>;

static ALIASES: ArcSwapOption<Aliases> = ArcSwapOption::const_empty();

/// Says that the sender `new` was called `old`: background receivers of the one hear tasks of the other, and their events
/// show `new`. For a label that is renamed while tasks wait. Call it at the start of workers, and of senders if some of
/// their code still says `old`.
///
/// Inline receivers compare labels as they are.
///
/// ```
/// signalpost::alias_sender("shop.Store", "shop.Shop");
/// ```
pub fn alias_sender(old: &'static str, new: &'static str) {
    ALIASES.rcu(|known| {
        let mut aliases = known.as_deref().cloned().unwrap_or_default();
        rename(&mut aliases, old, new);
        Some(Arc::new(aliases))
    });
}

/// Keeps every name one step from what it is called now.
fn rename(aliases: &mut Aliases, old: &'static str, new: &'static str) {
    let new = match aliases.get(new) {
        Some(newer) if *newer != old => newer,
        // Renamed back, or never renamed.
        _ => new,
    };
    aliases.remove(new);
    for renamed in aliases.values_mut().filter(|renamed| **renamed == old) {
        *renamed = new;
    }
    aliases.insert(old, new);
}

/// What the sender called `label` is called now.
pub(crate) fn current(label: &str) -> &str {
    ALIASES.load().as_ref().and_then(|aliases| aliases.get(label).copied()).unwrap_or(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(renamed: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
        let mut aliases = Aliases::new();
        for (old, new) in renamed {
            rename(&mut aliases, old, new);
        }
        let mut aliases = Vec::from_iter(aliases);
        aliases.sort_unstable();
        aliases
    }

    #[test]
    fn a_sender_that_was_renamed_twice_is_called_by_its_newest_name() {
        assert_eq!(after(&[("a", "b"), ("b", "c")]), [("a", "c"), ("b", "c")]);
        assert_eq!(after(&[("b", "c"), ("a", "b")]), [("a", "c"), ("b", "c")]);
    }

    #[test]
    fn a_sender_that_was_renamed_back_is_called_by_its_first_name() {
        assert_eq!(after(&[("a", "b"), ("b", "a")]), [("b", "a")]);
    }
}
