//! Sends of which something is said.

use serde::Serialize;
use serde::de::DeserializeOwned;
use signalpost_dispatch::{Event, SendError, Sender};

use crate::outbox::Outbox;
use crate::{AsyncSignal, Responses, RobustResponses, SendOptions, Sent, Signal};

/// A signal, and what is said of the send that comes next: see [`Signal::with`] and [`AsyncSignal::with`].
#[derive(Debug)]
#[must_use = "nothing is sent before one of its methods is called"]
pub struct SendWith<'a, S> {
    pub(crate) signal: &'a S,
    pub(crate) options: SendOptions,
}

impl<P: Sync, R: Send> SendWith<'_, Signal<P, R>> {
    /// As [`Signal::send`].
    ///
    /// # Errors
    ///
    /// As [`Signal::send`]; also when an option cannot be stored.
    pub fn send(self, sender: impl Into<Sender>, payload: &P) -> Result<Responses<R>, SendError> {
        self.signal.send_as(&self.options, &sender.into(), payload)
    }

    /// As [`Signal::send_robust`].
    pub fn send_robust(self, sender: impl Into<Sender>, payload: &P) -> RobustResponses<R> {
        self.signal.send_robust_as(&self.options, &sender.into(), payload)
    }

    /// As [`Signal::asend`].
    ///
    /// # Errors
    ///
    /// As [`SendWith::send`].
    pub async fn asend(self, sender: impl Into<Sender>, payload: &P) -> Result<Responses<R>, SendError> {
        self.signal.asend_as(&self.options, &sender.into(), payload).await
    }

    /// As [`Signal::asend_robust`].
    pub async fn asend_robust(self, sender: impl Into<Sender>, payload: &P) -> RobustResponses<R> {
        self.signal.asend_robust_as(&self.options, &sender.into(), payload).await
    }

    /// As [`Signal::send_in`].
    ///
    /// # Errors
    ///
    /// As [`Signal::send_in`]; also when an option cannot be stored.
    pub async fn send_in(
        self,
        outbox: impl Outbox,
        sender: impl Into<Sender>,
        payload: &P,
    ) -> Result<Responses<R>, SendError> {
        self.signal.send_in_as(&self.options, outbox, &sender.into(), payload).await
    }

    /// As [`Signal::send_within`].
    ///
    /// # Errors
    ///
    /// As [`SendWith::send`].
    pub fn send_within<Q>(
        self,
        event: &Event<'_, Q>,
        sender: impl Into<Sender>,
        payload: &P,
    ) -> Result<Responses<R>, SendError> {
        self.signal.send_within_as(&self.options, event, &sender.into(), payload)
    }

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
        self.signal.send_many_as(&self.options, &sender.into(), &Vec::from_iter(payloads))
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
        self.signal.asend_many_as(&self.options, &sender.into(), &Vec::from_iter(payloads)).await
    }

    /// As [`Signal::send_many_in`].
    ///
    /// # Errors
    ///
    /// As [`Signal::send_many_in`] and [`SendWith::send_many`].
    pub async fn send_many_in<'p>(
        self,
        outbox: impl Outbox,
        sender: impl Into<Sender>,
        payloads: impl IntoIterator<Item = &'p P>,
    ) -> Result<Vec<Responses<R>>, SendError>
    where
        P: 'p,
    {
        self.signal.send_many_in_as(&self.options, outbox, &sender.into(), &Vec::from_iter(payloads)).await
    }
}

impl<P: Serialize + DeserializeOwned + Send + Sync + 'static> SendWith<'_, AsyncSignal<P>> {
    /// As [`AsyncSignal::send`].
    ///
    /// # Errors
    ///
    /// As [`AsyncSignal::send`]; also when an option cannot be stored.
    pub fn send(self, sender: impl Into<Sender>, payload: &P) -> Result<Sent, SendError> {
        self.signal.send_as(&self.options, &sender.into(), payload)
    }

    /// As [`AsyncSignal::asend`].
    ///
    /// # Errors
    ///
    /// As [`AsyncSignal::asend`]; also when an option cannot be stored.
    pub async fn asend(self, sender: impl Into<Sender>, payload: &P) -> Result<Sent, SendError> {
        self.signal.asend_as(&self.options, &sender.into(), payload).await
    }

    /// As [`AsyncSignal::send_in`].
    ///
    /// # Errors
    ///
    /// As [`AsyncSignal::send_in`]; also when an option cannot be stored.
    pub async fn send_in(self, outbox: impl Outbox, sender: impl Into<Sender>, payload: &P) -> Result<Sent, SendError> {
        self.signal.send_in_as(&self.options, outbox, &sender.into(), payload).await
    }

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
        self.signal.send_many_as(&self.options, &sender.into(), payloads)
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
        self.signal.asend_many_as(&self.options, &sender.into(), payloads).await
    }

    /// As [`AsyncSignal::send_many_in`].
    ///
    /// # Errors
    ///
    /// As [`AsyncSignal::send_many_in`] and [`AsyncSignal::send_many`].
    pub async fn send_many_in<'p>(
        self,
        outbox: impl Outbox,
        sender: impl Into<Sender>,
        payloads: impl IntoIterator<Item = &'p P>,
    ) -> Result<Vec<Sent>, SendError> {
        self.signal.send_many_in_as(&self.options, outbox, &sender.into(), payloads).await
    }
}
