//! Many payloads of one background signal, written together.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use signalpost_dispatch::{SendError, Sender};
use signalpost_store::{PayloadLimits, SendId, encode_payload};

use super::{AsyncSignal, Sent, in_order};
use crate::outbox::Outbox;
use crate::rows::Rows;
use crate::{SendOptions, SendWith, install, link};

impl<P: Serialize + DeserializeOwned + Send + Sync + 'static> AsyncSignal<P> {
    /// Writes one task for each payload, with one INSERT: all or none. See [`Signal::send_many`](crate::Signal::send_many).
    ///
    /// # Errors
    ///
    /// As [`AsyncSignal::send`].
    pub fn send_many<'p>(
        &self,
        sender: impl Into<Sender>,
        payloads: impl IntoIterator<Item = &'p P>,
    ) -> Result<Vec<Sent>, SendError> {
        SendWith::plain(self).send_many(sender, payloads)
    }

    /// As [`AsyncSignal::send_many`], from asynchronous code.
    ///
    /// # Errors
    ///
    /// As [`AsyncSignal::send`].
    pub async fn asend_many<'p>(
        &self,
        sender: impl Into<Sender>,
        payloads: impl IntoIterator<Item = &'p P>,
    ) -> Result<Vec<Sent>, SendError> {
        SendWith::plain(self).asend_many(sender, payloads).await
    }

    /// As [`AsyncSignal::send_many`], on a connection of the caller's: see [`Signal::send_in`](crate::Signal::send_in).
    ///
    /// # Errors
    ///
    /// As [`AsyncSignal::send_in`].
    pub async fn send_many_in<'p>(
        &self,
        outbox: impl Outbox,
        sender: impl Into<Sender>,
        payloads: impl IntoIterator<Item = &'p P>,
    ) -> Result<Vec<Sent>, SendError> {
        SendWith::plain(self).send_many_in(outbox, sender, payloads).await
    }

    /// The row of each payload's send.
    fn rows_of_many<'p>(
        &self,
        options: &SendOptions,
        sender: &Sender,
        payloads: impl IntoIterator<Item = &'p P>,
    ) -> Result<Vec<Rows>, SendError> {
        options.check_many()?;
        link::link().map_err(SendError::sending)?;
        let payloads = Vec::from_iter(payloads);
        let encoded = payloads.iter().map(|payload| encode_payload(*payload, PayloadLimits::default()));
        let encoded = encoded.collect::<Result<Vec<_>, _>>().map_err(SendError::sending)?;
        if encoded.is_empty() {
            return Ok(Vec::new());
        }
        let (template, runs) = (self.template(options, sender, Arc::default())?, in_order(self.name(), sender));
        payloads.iter().for_each(|payload| self.captures.record(sender, payload));
        let of_one = |payload: String| {
            let mut task = template.clone();
            task.send_id = SendId::new();
            task.payload = payload.into();
            Rows::of_one(task, runs.clone())
        };
        Ok(encoded.into_iter().map(of_one).collect())
    }
}

impl<P: Serialize + DeserializeOwned + Send + Sync + 'static> SendWith<'_, AsyncSignal<P>> {
    /// As [`AsyncSignal::send_many`].
    ///
    /// # Errors
    ///
    /// As [`AsyncSignal::send_many`]; also when an option cannot be stored, or gives one id to all.
    pub fn send_many<'p>(
        self,
        sender: impl Into<Sender>,
        payloads: impl IntoIterator<Item = &'p P>,
    ) -> Result<Vec<Sent>, SendError> {
        let sends = self.signal.rows_of_many(self.options(), &sender.into(), payloads)?;
        sends.first().map_or(Ok(()), Rows::check_waiting)?;
        if install::current().is_none() {
            return Ok(sends.into_iter().map(|rows| Sent::RanHere(rows.write_robust_waiting())).collect());
        }
        let sent = queued(&sends);
        Rows::together(sends).write_waiting::<()>()?;
        Ok(sent)
    }

    /// As [`AsyncSignal::asend_many`].
    ///
    /// # Errors
    ///
    /// As [`AsyncSignal::send_many`].
    pub async fn asend_many<'p>(
        self,
        sender: impl Into<Sender>,
        payloads: impl IntoIterator<Item = &'p P>,
    ) -> Result<Vec<Sent>, SendError> {
        let sends = self.signal.rows_of_many(self.options(), &sender.into(), payloads)?;
        if install::current().is_none() {
            let mut sent = Vec::with_capacity(sends.len());
            for rows in sends {
                sent.push(Sent::RanHere(rows.write_robust().await));
            }
            return Ok(sent);
        }
        let sent = queued(&sends);
        Rows::together(sends).write::<()>().await?;
        Ok(sent)
    }

    /// As [`AsyncSignal::send_many_in`].
    ///
    /// # Errors
    ///
    /// As [`AsyncSignal::send_many_in`] and [`AsyncSignal::send_many`].
    pub async fn send_many_in<'p>(
        self,
        mut outbox: impl Outbox,
        sender: impl Into<Sender>,
        payloads: impl IntoIterator<Item = &'p P>,
    ) -> Result<Vec<Sent>, SendError> {
        let sends = self.signal.rows_of_many(self.options(), &sender.into(), payloads)?;
        let sent = queued(&sends);
        Rows::together(sends).write_in::<(), _>(&mut outbox).await?;
        Ok(sent)
    }
}

/// What the sends return once they are written.
fn queued(sends: &[Rows]) -> Vec<Sent> {
    sends.iter().filter_map(|rows| rows.send_id).map(Sent::Queued).collect()
}
