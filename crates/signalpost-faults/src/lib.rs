//! Real workers, real `kill -9`, and a ledger outside the store: the [`Site`] of a fault test.
//!
//! ```no_run
//! use signalpost_faults::kills::{self, Kills};
//!
//! # fn main() -> Result<(), signalpost::BoxError> {
//! let program = std::env::current_exe()?;
//! let findings = kills::run(&program, &Kills { kills: 5, tasks: 500, seed: 7 })?;
//! println!("{findings}");
//! assert!(findings.problems.is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! The program itself is the worker that is killed: `signalpost-faults worker --database … --ledger …`.

pub mod atomic;
pub mod freeze;
pub mod full_disk;
pub mod kills;
mod ledger;
pub mod neighbour;
mod site;
pub mod worker;

pub use ledger::{Entry, Ledger};
pub use site::{Member, Site};
