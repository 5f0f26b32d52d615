//! Which programs may work on which tables: one rule for every database.

use std::fmt;

use crate::StoreError;

/// The schema that this program knows.
const KNOWN: i64 = 1;

/// Reads the row of `signalpost_schema`.
pub(crate) const READ: &str = "SELECT version, works_with FROM signalpost_schema ORDER BY version DESC LIMIT 1";

/// What the tables say of themselves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SchemaVersion {
    pub(crate) version: i64,
    /// The oldest schema whose programs may work on these tables.
    pub(crate) works_with: i64,
}

impl SchemaVersion {
    /// Tables of a newer program are worked on, as long as they say that this one may.
    pub(crate) fn check(self, place: impl fmt::Display) -> Result<(), StoreError> {
        if self.version > KNOWN && self.works_with > KNOWN {
            return Err(StoreError::newer_schema(place, self.version, KNOWN));
        }
        Ok(())
    }
}
