//! Background work on PostgreSQL, beside tokio-postgres on the same schema in the same server, which is a private one with
//! PostgreSQL's default settings.

pub(crate) mod backlog;
pub(crate) mod churn;
mod database;
pub(crate) mod drain;
pub(crate) mod latency;
mod listener;
pub(crate) mod notify;
mod outbox;
mod raw;
pub(crate) mod saves;
pub(crate) mod sends;
mod worker;

pub(crate) use database::start_server;
pub(crate) use worker::work;
