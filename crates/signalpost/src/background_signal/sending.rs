//! Sending a background signal.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use signalpost_dispatch::{Event, SendError, Sender};
use signalpost_store::{NewTask, PayloadLimits, SendId, encode_payload};

use super::{AsyncSignal, Sent, in_order};
use crate::outbox::Outbox;
use crate::rows::{Rows, Scope};
use crate::{SendOptions, SendWith, install, link};

impl<P: Serialize + DeserializeOwned + Send + Sync + 'static> AsyncSignal<P> {
    /// Writes one task, and returns when it is durable. No receiver runs, unless no store is installed.
    ///
    /// # Errors
    ///
    /// When the payload is beyond the limits, or the store fails. Never a receiver's error.
    pub fn send(&self, sender: impl Into<Sender>, payload: &P) -> Result<Sent, SendError> {
        SendWith::plain(self).send(sender, payload)
    }

    /// As [`AsyncSignal::send`], from asynchronous code.
    ///
    /// # Errors
    ///
    /// As [`AsyncSignal::send`].
    pub async fn asend(&self, sender: impl Into<Sender>, payload: &P) -> Result<Sent, SendError> {
        SendWith::plain(self).asend(sender, payload).await
    }

    /// As [`AsyncSignal::send`], on a connection of the caller's: see [`Signal::send_in`](crate::Signal::send_in).
    ///
    /// # Errors
    ///
    /// As [`AsyncSignal::send`]; also when the connection's database has no tables of signalpost, and when no store is
    /// installed.
    pub async fn send_in(
        &self,
        outbox: impl Outbox,
        sender: impl Into<Sender>,
        payload: &P,
    ) -> Result<Sent, SendError> {
        SendWith::plain(self).send_in(outbox, sender, payload).await
    }

    /// As [`AsyncSignal::send`], from inside an inline receiver and as part of the send that called it: see
    /// [`Signal::send_within`](crate::Signal::send_within).
    ///
    /// Where no store is installed the receivers run when that send would write its tasks. What this returns names them
    /// as if they had succeeded; one that fails is that send's error.
    ///
    /// # Errors
    ///
    /// As [`AsyncSignal::send`].
    pub fn send_within<Q>(
        &self,
        event: &Event<'_, Q>,
        sender: impl Into<Sender>,
        payload: &P,
    ) -> Result<Sent, SendError> {
        SendWith::plain(self).send_within(event, sender, payload)
    }

    fn rows(&self, options: &SendOptions, sender: &Sender, payload: &P) -> Result<(SendId, Rows), SendError> {
        link::link().map_err(SendError::sending)?;
        let json = encode_payload(payload, PayloadLimits::default()).map_err(SendError::sending)?;
        let task = self.template(options, sender, json.into())?;
        self.captures.record(sender, payload);
        Ok((task.send_id, Rows::of_one(task, in_order(self.name(), sender))))
    }

    pub(super) fn template(
        &self,
        options: &SendOptions,
        sender: &Sender,
        payload: Arc<str>,
    ) -> Result<NewTask, SendError> {
        let mut task = Rows::template(&self.stored, sender, payload, options)?;
        task.queue = self.queue.to_owned();
        Ok(task)
    }
}

impl<P: Serialize + DeserializeOwned + Send + Sync + 'static> SendWith<'_, AsyncSignal<P>> {
    /// As [`AsyncSignal::send`].
    ///
    /// # Errors
    ///
    /// As [`AsyncSignal::send`]; also when an option cannot be stored.
    pub fn send(self, sender: impl Into<Sender>, payload: &P) -> Result<Sent, SendError> {
        let (send_id, rows) = self.signal.rows(self.options(), &sender.into(), payload)?;
        rows.check_waiting()?;
        if install::current().is_none() {
            return Ok(Sent::RanHere(rows.write_robust_waiting()));
        }
        rows.write_waiting::<()>().map(|_| Sent::Queued(send_id))
    }

    /// As [`AsyncSignal::asend`].
    ///
    /// # Errors
    ///
    /// As [`AsyncSignal::asend`]; also when an option cannot be stored.
    pub async fn asend(self, sender: impl Into<Sender>, payload: &P) -> Result<Sent, SendError> {
        let (send_id, rows) = self.signal.rows(self.options(), &sender.into(), payload)?;
        if install::current().is_none() {
            return Ok(Sent::RanHere(rows.write_robust().await));
        }
        rows.write::<()>().await.map(|_| Sent::Queued(send_id))
    }

    /// As [`AsyncSignal::send_in`].
    ///
    /// # Errors
    ///
    /// As [`AsyncSignal::send_in`]; also when an option cannot be stored.
    pub async fn send_in(
        self,
        mut outbox: impl Outbox,
        sender: impl Into<Sender>,
        payload: &P,
    ) -> Result<Sent, SendError> {
        let (send_id, rows) = self.signal.rows(self.options(), &sender.into(), payload)?;
        rows.write_in::<(), _>(&mut outbox).await.map(|_| Sent::Queued(send_id))
    }

    /// As [`AsyncSignal::send_within`].
    ///
    /// # Errors
    ///
    /// As [`AsyncSignal::send_within`]; also when an option cannot be stored.
    pub fn send_within<Q>(
        self,
        event: &Event<'_, Q>,
        sender: impl Into<Sender>,
        payload: &P,
    ) -> Result<Sent, SendError> {
        let Some(outer) = event.context::<Scope>() else { return self.send(sender, payload) };
        let (send_id, rows) = self.signal.rows(self.options(), &sender.into(), payload)?;
        let sent = match install::current() {
            Some(_) => Sent::Queued(send_id),
            None => Sent::RanHere(rows.responses().into_iter().map(|(receiver, ran)| (receiver, Ok(ran))).collect()),
        };
        outer.add(rows);
        Ok(sent)
    }
}
