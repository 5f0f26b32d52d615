//! The id of a send, and when it was made.

use std::time::{SystemTime, UNIX_EPOCH};

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use uuid::{Builder, Uuid};

/// A new UUIDv7 as text.
///
/// Its randomness is the system's and nobody else's: a generator in this process would go on alike in two processes after a
/// fork, and give both the same ids.
#[pyfunction]
pub(crate) fn uuid7() -> PyResult<String> {
    Ok(new_send()?.0)
}

/// The time by this machine's clock, in milliseconds since 1970. Python's own may stand still in a test.
#[pyfunction]
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// The id of a new send, as `uuid7` makes it, and the milliseconds since 1970 that stand in it.
pub(crate) fn new_send() -> PyResult<(String, u64)> {
    let millis = now();
    let mut random = [0; 10];
    getrandom::fill(&mut random).map_err(|error| PyOSError::new_err(format!("no random bytes: {error}")))?;
    let id = Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
    Ok((id.hyphenated().encode_lower(&mut Uuid::encode_buffer()).to_owned(), millis))
}
