//! Sends that are written with the send that called them.

use std::sync::{Mutex, OnceLock, PoisonError};

use super::{Row, Rows};

/// Where inline receivers leave the rows of sends that are to be written with the send that they are called by. It
/// is the context of their event. The list is made by the first of them: most sends have none.
#[derive(Default)]
pub(crate) struct Scope(OnceLock<Mutex<Vec<Row>>>);

impl Scope {
    pub(crate) fn add(&self, mut rows: Rows) {
        let mut left = self.0.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
        left.extend(rows.all());
    }

    /// Whether no receiver has left anything.
    #[inline]
    pub(crate) fn is_unused(&self) -> bool {
        self.0.get().is_none()
    }

    /// What was left, without rows of the send's own.
    #[cold]
    pub(crate) fn rows(&self) -> Rows {
        Rows::default().with(self)
    }

    pub(super) fn take(&self) -> Vec<Row> {
        let Some(left) = self.0.get() else { return Vec::new() };
        std::mem::take(&mut left.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
