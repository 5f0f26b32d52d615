//! Sends inside one process.
//!
//! The reference is what somebody would write who needs no signals: a loop over boxed closures. It calls what the
//! compiler cannot know and collects the same list as the send does, of the same length and type, and does nothing else:
//! no senders, no errors, no order to keep while others connect and disconnect.

mod asynchronous;
mod plain;
mod senders;
mod special;
mod sync;
mod threads;

use crate::measure::Measure;
use crate::rounds::Rounds;

pub(crate) fn run(quick: bool) -> Vec<Measure> {
    let rounds = Rounds::new(quick);
    let groups = [sync::run, senders::run, special::run, asynchronous::run, threads::run];
    groups.iter().flat_map(|group| group(&rounds)).collect()
}

/// `1 receiver`, `10 weak receivers`.
fn counted(number: u64, kind: &str) -> String {
    format!("{number} {kind}receiver{}", if number == 1 { "" } else { "s" })
}
