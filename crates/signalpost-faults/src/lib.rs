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
//! The program itself is the worker that is killed: `signalpost-faults worker --database … --ledger …`. The scenarios on
//! PostgreSQL have a server of their own, and senders as processes too: a [`Fleet`](fleet::Fleet).

pub mod atomic;
pub mod crew;
pub mod cut_off;
pub mod disturbance;
pub mod disturbed;
pub mod fleet;
pub mod freeze;
pub mod full_disk;
mod judge;
mod killer;
pub mod kills;
mod ledger;
mod log;
pub mod machines;
pub mod neighbour;
pub mod network;
mod patience;
mod process;
mod recovery;
pub mod saver;
pub mod saves;
pub mod sender;
mod site;
pub mod soak;
mod stock;
mod store;
mod vitals;
pub mod worker;

pub use judge::{Ended, Evidence};
pub use ledger::{Entry, Ledger, Sent};
pub use log::LogRate;
pub use process::Process;
pub use recovery::Recovery;
pub use site::{Member, Site};
