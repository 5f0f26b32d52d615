//! `signalpost._native`: what the Python package has made in Rust.
//!
//! A `Codec` writes the arguments of a send as JSON, and makes them again of it. What it knows nothing of
//! (models, enums, lazy texts) it asks of Python, once for each class. Beside it stand the statements of the outbox and new
//! ids of sends, and the tasks of a worker's frames are read here. The module opens no database and starts no thread, so a process may import it and fork.

mod codec;
mod decode;
mod encode;
mod frames;
mod kind;
mod node;
mod path;
mod refusal;
mod send_id;
mod statements;

use pyo3::prelude::*;

/// Arguments of sends as JSON, and the statements that store them.
#[pymodule(name = "_native")]
mod native {
    #[pymodule_export]
    use crate::codec::Codec;
    #[pymodule_export]
    use crate::frames::tasks;
    #[pymodule_export]
    use crate::send_id::{now, uuid7};
    #[pymodule_export]
    use crate::statements::{Statements, statements};
}
