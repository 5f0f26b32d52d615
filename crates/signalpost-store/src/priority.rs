//! Priorities of tasks.

use crate::StoreError;

/// Whether tasks of `whose` (a signal, a receiver) may have this priority: -100 to 100.
///
/// ```
/// use signalpost_store::check_priority;
///
/// assert!(check_priority("receiver `mail`", -100).is_ok());
/// let error = check_priority("receiver `mail`", 101).unwrap_err();
/// assert_eq!(error.to_string(), "receiver `mail` has priority 101; it must lie between -100 and 100");
/// ```
///
/// # Errors
///
/// [`StoreError::is_invalid_task`], with what is wrong.
pub fn check_priority(whose: &str, priority: i16) -> Result<(), StoreError> {
    if (-100..=100).contains(&priority) {
        return Ok(());
    }
    Err(StoreError::invalid_task(format!("{whose} has priority {priority}; it must lie between -100 and 100")))
}
