//! The engine of the Django worker, the executable `signalpost`: it claims tasks and has child processes run them.
//!
//! It never runs Python. The children are started by exec, with one socket each; what goes through it, and who is charged
//! for what, is specified in `docs/django-worker.md` of the repository.
//!
//! Where to start reading: [`frame`], what goes through a socket; `pool`, which hands runs to children and watches over
//! them; `executor`, by which the [worker](signalpost_worker) knows the pool; `engine`, which puts them together.

mod child;
mod encryption;
mod engine;
mod event;
mod executor;
pub mod frame;
mod journal;
mod leash;
mod message;
mod options;
mod page;
mod parameters;
mod pool;
mod probe;
mod process;
mod registrations;
mod settings;
mod signals;
mod task_body;
mod voice;

pub use engine::work;
pub use leash::{Leash, hold};
pub use options::{EngineCommand, EngineOptions};
