//! What follows from a publication or a withdrawal, in the background. Each receiver may run twice: a process that dies after the work
//! and before the report leaves a task that runs again. So each does what it does under a name that the second run
//! finds again.

pub mod index;
pub mod mail;
pub mod thumbnail;
pub mod webhook;
pub mod withdrawal;

/// The names of those that follow from a publication, as they stand in the ledger.
pub const ALL: [&str; 4] = [index::NAME, mail::NAME, thumbnail::NAME, webhook::NAME];
