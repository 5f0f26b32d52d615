//! A task as the columns of its row.

use std::borrow::Cow;

use crate::clock::millis;
use crate::{NewTask, readable_reason};

/// What stands in one column of a row that is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Column<'a> {
    /// Nothing.
    Null,
    /// A number.
    Integer(i64),
    /// A text.
    Text(Cow<'a, str>),
}

impl From<i64> for Column<'_> {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl<'a> From<&'a str> for Column<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text.into())
    }
}

impl<'a> From<Cow<'a, str>> for Column<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        Self::Text(text)
    }
}

impl From<String> for Column<'_> {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl<'a, T: Into<Self>> From<Option<T>> for Column<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// The columns of a new task in the order of `sqlite/insert_row.sql`, sent at `now`; with its headers as they are stored.
pub(crate) fn columns<'a>(task: &'a NewTask, headers: impl Into<Column<'a>>, now: i64) -> [Column<'a>; 16] {
    [
        task.send_id.to_string().into(),
        (&*task.signal).into(),
        task.sender.as_deref().into(),
        (&*task.receiver).into(),
        (&*task.queue).into(),
        i64::from(task.priority).into(),
        now.saturating_add(millis(task.delay)).max(task.run_at.unwrap_or(now)).into(),
        task.expires_in.map(|expires_in| now.saturating_add(millis(expires_in))).into(),
        task.key.as_deref().into(),
        (&*task.payload).into(),
        i64::from(task.payload_version).into(),
        headers.into(),
        task.parent.map(|parent| parent.0).into(),
        i64::from(task.depth).into(),
        task.reason.as_deref().map(readable_reason).into(),
        now.into(),
    ]
}
