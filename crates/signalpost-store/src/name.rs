//! Names: of signals, senders, receivers and queues.

use crate::StoreError;

/// The queue of tasks of which nobody says another.
pub const DEFAULT_QUEUE: &str = "default";

/// The longest name, in bytes.
const MAX_NAME: usize = 200;

/// Whether `name` can stand in a row as the name of a `what` (a signal, sender, receiver or queue): 1 to 200 bytes,
/// no control characters.
///
/// ```
/// use signalpost_store::check_name;
///
/// assert!(check_name("queue", "mail").is_ok());
/// assert_eq!(check_name("queue", "").unwrap_err().to_string(), "the name of the queue is empty");
/// ```
///
/// # Errors
///
/// [`StoreError::is_invalid_task`], with what is wrong.
pub fn check_name(what: &str, name: &str) -> Result<(), StoreError> {
    let problem = if name.is_empty() {
        "is empty".to_owned()
    } else if name.len() > MAX_NAME {
        format!("has {} bytes; {MAX_NAME} are allowed", name.len())
    } else if name.chars().any(char::is_control) {
        format!("holds a control character: {name:?}")
    } else {
        return Ok(());
    };
    Err(StoreError::invalid_task(format!("the name of the {what} {problem}")))
}
