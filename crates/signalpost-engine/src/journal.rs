//! From the log of the worker and of the stores to the pool, which passes it on to a child.

use std::fmt::{self, Write};

use serde_json::{Map, Value};
use tokio::sync::mpsc::UnboundedSender;
use tracing::field::{Field, Visit};
use tracing::{Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use crate::event::Event;
use crate::pool::Message;

/// What the worker says of every failed run. The child that has run it has logged that, with the exception; and the pool says
/// what it does itself.
const OF_RUNS: &str = "signalpost_worker::verdict";

/// Collects the events of signalpost's crates.
pub(crate) struct Journal(pub(crate) UnboundedSender<Message>);

impl<S: Subscriber> Layer<S> for Journal {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let about = event.metadata();
        let logger = match about.target() {
            "signalpost::worker" => "signalpost.worker",
            "signalpost::store" => "signalpost.store",
            _ => return,
        };
        let level = match *about.level() {
            Level::ERROR => "error",
            Level::WARN => "warning",
            Level::INFO => "info",
            _ => return,
        };
        if about.module_path() == Some(OF_RUNS) {
            return;
        }
        let mut seen = Seen::default();
        event.record(&mut seen);
        let told = Event { logger, fields: seen.fields, ..Event::new(level, seen.message) };
        let _ = self.0.send(Message::Tell(told));
    }
}

#[derive(Default)]
struct Seen {
    message: String,
    fields: Map<String, Value>,
}

impl Visit for Seen {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            let _ = write!(self.message, "{value:?}");
        } else {
            self.fields.insert(field.name().to_owned(), format!("{value:?}").into());
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name().to_owned(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.fields.insert(field.name().to_owned(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.fields.insert(field.name().to_owned(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.fields.insert(field.name().to_owned(), value.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc::unbounded_channel;
    use tracing_subscriber::layer::SubscriberExt;

    #[test]
    fn the_workers_warnings_are_passed_on_and_others_are_not() {
        let (sender, mut told) = unbounded_channel();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(Journal(sender)), || {
            tracing::warn!(target: "signalpost::worker", untold = 3_u64, error = %"gone", "cannot claim {}", "tasks");
            tracing::warn!(target: "sqlx::query", "slow");
            tracing::debug!(target: "signalpost::worker", "detail");
        });
        let Some(Message::Tell(event)) = told.blocking_recv() else { panic!("nothing was told") };
        assert_eq!(
            (event.level, event.logger, &*event.message),
            ("warning", "signalpost.worker", "cannot claim tasks")
        );
        assert_eq!((&event.fields["untold"], &event.fields["error"]), (&3.into(), &"gone".into()));
        assert!(told.try_recv().is_err());
    }
}
