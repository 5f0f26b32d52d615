//! Many payloads of one signal, written together.

use std::sync::Arc;

use signalpost_dispatch::{SendError, Sender};
use signalpost_store::{PayloadLimits, SendId};

use super::{Responses, Signal};
use crate::bridge::TokioBridge;
use crate::outbox::Outbox;
use crate::rows::{Row, Rows, Scope};
use crate::{Response, SendOptions, SendWith, link};

impl<P: Sync, R: Send> Signal<P, R> {
    /// Sends each payload, and writes the tasks of all of them with one INSERT: all or none. Returns the responses to
    /// each payload, in order.
    ///
    /// Each payload is a send of its own, with an id of its own. All are encoded before anybody runs; then the inline
    /// receivers run for one payload after the other; then the tasks are written. They are all held in memory at once:
    /// send some thousands at a time. An empty list does nothing.
    ///
    /// ```
    /// use signalpost::{Event, Sender, Signal};
    ///
    /// static IMPORTED: Signal<String> = Signal::new("doc.imported");
    ///
    /// IMPORTED.connect(|event: &Event<String>| println!("{}", event.payload));
    /// let lines = ["one".to_owned(), "two".to_owned()];
    /// assert_eq!(IMPORTED.send_many(Sender::NONE, &lines)?.len(), 2);
    /// # Ok::<(), signalpost::SendError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Signal::send`]. The first inline receiver that returns an error ends it: no task is written, not even for the
    /// payloads before.
    pub fn send_many<'p>(
        &self,
        sender: impl Into<Sender>,
        payloads: impl IntoIterator<Item = &'p P>,
    ) -> Result<Vec<Responses<R>>, SendError>
    where
        P: 'p,
    {
        SendWith::plain(self).send_many(sender, payloads)
    }

    /// As [`Signal::send_many`], from asynchronous code.
    ///
    /// # Errors
    ///
    /// As [`Signal::send_many`].
    pub async fn asend_many<'p>(
        &self,
        sender: impl Into<Sender>,
        payloads: impl IntoIterator<Item = &'p P>,
    ) -> Result<Vec<Responses<R>>, SendError>
    where
        P: 'p,
    {
        SendWith::plain(self).asend_many(sender, payloads).await
    }

    /// As [`Signal::send_many`], on a connection of the caller's: see [`Signal::send_in`].
    ///
    /// # Errors
    ///
    /// As [`Signal::send_many`] and [`Signal::send_in`].
    pub async fn send_many_in<'p>(
        &self,
        outbox: impl Outbox,
        sender: impl Into<Sender>,
        payloads: impl IntoIterator<Item = &'p P>,
    ) -> Result<Vec<Responses<R>>, SendError>
    where
        P: 'p,
    {
        SendWith::plain(self).send_many_in(outbox, sender, payloads).await
    }

    async fn asend_inline(
        &self,
        sender: &Sender,
        payloads: &[&P],
        sends: &mut [Rows],
    ) -> Result<Vec<Responses<R>>, SendError> {
        let mut responses = Vec::with_capacity(sends.len());
        for (payload, rows) in payloads.iter().zip(sends) {
            let scope = Scope::default();
            let event = self.event(sender, payload, &scope);
            let mut inline = self.inline.asend_event_with(&event, Response::Now).await?;
            inline.extend(rows.responses());
            responses.push(inline);
            *rows = std::mem::take(rows).with(&scope);
        }
        Ok(responses)
    }

    /// The rows of each payload's send.
    fn rows_of_many(&self, options: &SendOptions, sender: &Sender, payloads: &[&P]) -> Result<Vec<Rows>, SendError> {
        options.check_many()?;
        link::link().map_err(SendError::sending)?;
        let receivers = self.background(sender);
        let (false, Some(encode)) = (receivers.is_empty() || payloads.is_empty(), self.encode.get()) else {
            return Ok(payloads.iter().map(|_| Rows::default()).collect());
        };
        let encoded = payloads.iter().map(|payload| encode(payload, PayloadLimits::default()));
        let encoded = encoded.collect::<Result<Vec<_>, _>>().map_err(SendError::sending)?;
        let mut template = Rows::template(&self.stored, sender, Arc::default(), options)?;
        let of_one = |payload: String| {
            template.send_id = SendId::new();
            template.payload = payload.into();
            let own = receivers.iter().map(|receiver| Row::new(&template, options, receiver.clone())).collect();
            Rows::of_send(template.send_id, own)
        };
        Ok(encoded.into_iter().map(of_one).collect())
    }
}

impl<P: Sync, R: Send> SendWith<'_, Signal<P, R>> {
    /// As [`Signal::send_many`].
    ///
    /// # Errors
    ///
    /// As [`Signal::send_many`]; also when an option cannot be stored, or gives one id to all.
    pub fn send_many<'p>(
        self,
        sender: impl Into<Sender>,
        payloads: impl IntoIterator<Item = &'p P>,
    ) -> Result<Vec<Responses<R>>, SendError>
    where
        P: 'p,
    {
        let (signal, options) = (self.signal, self.options());
        let (sender, payloads) = (sender.into(), Vec::from_iter(payloads));
        let mut sends = signal.rows_of_many(options, &sender, &payloads)?;
        // They have the same receivers.
        sends.first().map_or(Ok(()), Rows::check_waiting)?;
        let mut responses = Vec::with_capacity(sends.len());
        for (payload, rows) in payloads.into_iter().zip(&mut sends) {
            let scope = Scope::default();
            let event = signal.event(&sender, payload, &scope);
            let mut inline = signal.inline.send_event_with(&event, &TokioBridge, Response::Now, Ok)?;
            inline.extend(rows.responses());
            responses.push(inline);
            *rows = std::mem::take(rows).with(&scope);
        }
        Rows::together(sends).write_waiting::<R>()?;
        Ok(responses)
    }

    /// As [`Signal::asend_many`].
    ///
    /// # Errors
    ///
    /// As [`SendWith::send_many`].
    pub async fn asend_many<'p>(
        self,
        sender: impl Into<Sender>,
        payloads: impl IntoIterator<Item = &'p P>,
    ) -> Result<Vec<Responses<R>>, SendError>
    where
        P: 'p,
    {
        let (signal, options) = (self.signal, self.options());
        let (sender, payloads) = (sender.into(), Vec::from_iter(payloads));
        let mut sends = signal.rows_of_many(options, &sender, &payloads)?;
        let responses = signal.asend_inline(&sender, &payloads, &mut sends).await?;
        Rows::together(sends).write::<R>().await?;
        Ok(responses)
    }

    /// As [`Signal::send_many_in`].
    ///
    /// # Errors
    ///
    /// As [`Signal::send_many_in`] and [`SendWith::send_many`].
    pub async fn send_many_in<'p>(
        self,
        mut outbox: impl Outbox,
        sender: impl Into<Sender>,
        payloads: impl IntoIterator<Item = &'p P>,
    ) -> Result<Vec<Responses<R>>, SendError>
    where
        P: 'p,
    {
        let (signal, options) = (self.signal, self.options());
        let (sender, payloads) = (sender.into(), Vec::from_iter(payloads));
        let mut sends = signal.rows_of_many(options, &sender, &payloads)?;
        sends.first().map_or(Ok(()), Rows::check_store)?;
        let responses = signal.asend_inline(&sender, &payloads, &mut sends).await?;
        Rows::together(sends).write_in::<R, _>(&mut outbox).await?;
        Ok(responses)
    }
}
