//! Background work on SQLite, beside rusqlite on the same schema with the same durability.

pub(crate) mod backlog;
mod database;
pub(crate) mod drain;
pub(crate) mod latency;
mod limits;
pub(crate) mod neighbour;
mod outbox;
mod raw;
pub(crate) mod sends;
mod worker;

pub(crate) use worker::work;
