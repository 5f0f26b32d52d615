//! Sending a signal.

use signalpost_dispatch::{Event, Receiver, ReceiverError, SendError, Sender};
use signalpost_store::PayloadLimits;

use super::{Responses, RobustResponses, Signal};
use crate::bridge::TokioBridge;
use crate::outbox::Outbox;
use crate::rows::{Row, Rows, Scope, all_failed};
use crate::{Response, SendOptions, SendWith, event_loop, hooks, link};

impl<P: Sync, R: Send> Signal<P, R> {
    /// Sends to every receiver of `sender`: runs the inline ones on this thread, writes a task for each background one,
    /// and returns when the tasks are durable.
    ///
    /// Blocks the thread; asynchronous code uses [`Signal::asend`]. Within a transaction that holds the store's database,
    /// use [`Signal::send_in`]: this would wait for the lock that the caller itself holds, and end in an error that says
    /// so. An asynchronous inline receiver that needs a runtime needs one around the send.
    ///
    /// # Errors
    ///
    /// The first inline receiver that returns an error ends the send, and no task is written. A panic is not caught.
    /// Payloads beyond the limits and failures of the store are errors too, and so are asynchronous inline receivers on
    /// a current-thread runtime. Where no store is installed the background receivers run here, all of them, and the
    /// first one's failure is the error, as text.
    // Into the caller, where the sender is made: see the send of signalpost_dispatch.
    #[inline(always)]
    pub fn send(&self, sender: impl Into<Sender>, payload: &P) -> Result<Responses<R>, SendError> {
        let sender = sender.into();
        if !self.is_inline() {
            return SendWith::plain(self).send(sender, payload);
        }
        let scope = Scope::default();
        let finish = |responses| if scope.is_unused() { Ok(responses) } else { scope.rows().join_waiting(responses) };
        self.inline.send_event_with(&self.event(&sender, payload, &scope), &TokioBridge, Response::Now, finish)
    }

    /// As [`Signal::send`], but every receiver runs and every task that can be written is: an error or a panic becomes
    /// that receiver's response, and is logged at level ERROR.
    pub fn send_robust(&self, sender: impl Into<Sender>, payload: &P) -> RobustResponses<R> {
        SendWith::plain(self).send_robust(sender, payload)
    }

    /// As [`Signal::send`], from asynchronous code. Synchronous inline receivers run on the polling thread.
    ///
    /// # Errors
    ///
    /// As [`Signal::send`].
    ///
    /// # Cancellation
    ///
    /// When the future is dropped before it has completed, the tasks are written or not, all or none.
    pub async fn asend(&self, sender: impl Into<Sender>, payload: &P) -> Result<Responses<R>, SendError> {
        SendWith::plain(self).asend(sender, payload).await
    }

    /// As [`Signal::send_robust`], from asynchronous code.
    pub async fn asend_robust(&self, sender: impl Into<Sender>, payload: &P) -> RobustResponses<R> {
        SendWith::plain(self).asend_robust(sender, payload).await
    }

    /// Sends, and writes the tasks on a connection of the caller's: they exist if and only if its transaction commits,
    /// with that connection's durability.
    ///
    /// `outbox` is a connection or transaction of sqlx or SeaORM (features `sqlx` and `sea-orm`), or anything else that
    /// can execute a statement: see [`Outbox`]. Inline receivers run now, before the commit. A transaction that reads
    /// before it sends must hold the write lock from its beginning: [`begin_immediate`](crate::begin_immediate).
    ///
    /// ```no_run
    /// # use signalpost::{BoxError, Sender, Signal};
    /// # static ORDER_PAID: Signal<u32> = Signal::new("doc.order_paid");
    /// # #[cfg(feature = "sqlx")]
    /// # async fn pay(pool: sqlx::SqlitePool) -> Result<(), BoxError> {
    /// let mut transaction = signalpost::begin_immediate(&pool).await?;
    /// sqlx::query("UPDATE orders SET paid = 1 WHERE id = 7").execute(&mut *transaction).await?;
    /// ORDER_PAID.send_in(&mut transaction, Sender::NONE, &7).await?;
    /// transaction.commit().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Signal::send`]; also when the connection's database has no tables of signalpost, and when there are background
    /// receivers but no store is installed: run here, they would not wait for the commit.
    pub async fn send_in(
        &self,
        outbox: impl Outbox,
        sender: impl Into<Sender>,
        payload: &P,
    ) -> Result<Responses<R>, SendError> {
        SendWith::plain(self).send_in(outbox, sender, payload).await
    }

    /// Sends from inside an inline receiver, as part of the send that called it: the tasks are written with that send's
    /// own, on the same connection and in the same transaction, or not at all if that send fails.
    ///
    /// In a background receiver there is no send to be part of: this is [`Signal::send`] then.
    ///
    /// # Errors
    ///
    /// As [`Signal::send`].
    pub fn send_within<Q>(
        &self,
        event: &Event<'_, Q>,
        sender: impl Into<Sender>,
        payload: &P,
    ) -> Result<Responses<R>, SendError> {
        SendWith::plain(self).send_within(event, sender, payload)
    }

    /// Sends something that only matters if somebody listens, inline.
    pub(crate) fn tell(&self, payload: impl FnOnce() -> P) {
        if self.is_heard() {
            drop(self.send_robust(Sender::NONE, &payload()));
        }
    }

    /// Whether somebody would hear a send by nobody in particular.
    pub(crate) fn is_heard(&self) -> bool {
        self.has_listeners(&Sender::NONE) || !self.captures.is_empty()
    }

    pub(super) fn event<'a>(&self, sender: &'a Sender, payload: &'a P, scope: &'a Scope) -> Event<'a, P> {
        self.captures.record(sender, payload);
        let event = Event::new(self.name(), sender, payload).with_context(scope);
        hooks::filter().map_or(event, |filter| event.with_filter(filter))
    }

    /// The event of a send on a thread of a runtime, which its synchronous receivers hold up.
    pub(super) fn async_event<'a>(&self, sender: &'a Sender, payload: &'a P, scope: &'a Scope) -> Event<'a, P> {
        let event = self.event(sender, payload, scope);
        event_loop::watch().map_or(event, |watch| event.with_watch(watch))
    }

    fn rows(&self, options: &SendOptions, sender: &Sender, payload: &P) -> Result<Rows, SendError> {
        link::link().map_err(SendError::sending)?;
        let receivers = self.background(sender);
        let mut rows = Rows::default();
        if let (false, Some(encode)) = (receivers.is_empty(), self.encode.get()) {
            let payload = encode(payload, PayloadLimits::default()).map_err(SendError::sending)?;
            let template = Rows::template(&self.stored, sender, payload.into(), options)?;
            rows.send_id = Some(template.send_id);
            rows.own = receivers.into_iter().map(|receiver| Row::new(&template, options, receiver)).collect();
        }
        Ok(rows)
    }

    /// The rows; where they cannot be, none and the responses that say why.
    fn rows_robust(&self, options: &SendOptions, sender: &Sender, payload: &P) -> (Rows, RobustResponses<R>) {
        self.rows(options, sender, payload).map(|rows| (rows, Vec::new())).unwrap_or_else(|error| {
            tracing::error!(target: "signalpost", signal = self.name(), %error, "tasks cannot be written");
            let receivers = self.background(sender).into_iter().map(|receiver| receiver.receiver);
            (Rows::default(), all_failed(receivers, &error))
        })
    }
}

impl<P: Sync, R: Send> SendWith<'_, Signal<P, R>> {
    /// As [`Signal::send`].
    ///
    /// # Errors
    ///
    /// As [`Signal::send`]; also when an option cannot be stored.
    // Apart, so that a signal of inline receivers does not pay for rows that it never has.
    #[inline(never)]
    pub fn send(self, sender: impl Into<Sender>, payload: &P) -> Result<Responses<R>, SendError> {
        let (signal, options) = (self.signal, self.options());
        let sender = sender.into();
        let (rows, scope) = (signal.rows(options, &sender, payload)?, Scope::default());
        rows.check_waiting()?;
        let finish = |responses| rows.with(&scope).join_waiting(responses);
        signal.inline.send_event_with(&signal.event(&sender, payload, &scope), &TokioBridge, Response::Now, finish)
    }

    /// As [`Signal::send_robust`].
    pub fn send_robust(self, sender: impl Into<Sender>, payload: &P) -> RobustResponses<R> {
        let (signal, options) = (self.signal, self.options());
        let sender = sender.into();
        let ((rows, failed), scope) = (signal.rows_robust(options, &sender, payload), Scope::default());
        let inline = signal.inline.send_event_robust(&signal.event(&sender, payload, &scope), &TokioBridge);
        join_robust(inline, rows.with(&scope).write_robust_waiting(), failed)
    }

    /// As [`Signal::asend`].
    ///
    /// # Errors
    ///
    /// As [`SendWith::send`].
    pub async fn asend(self, sender: impl Into<Sender>, payload: &P) -> Result<Responses<R>, SendError> {
        let (signal, options) = (self.signal, self.options());
        let sender = sender.into();
        let (rows, scope) = (signal.rows(options, &sender, payload)?, Scope::default());
        let event = signal.async_event(&sender, payload, &scope);
        let mut responses = signal.inline.asend_event_with(&event, Response::Now).await?;
        let rows = rows.with(&scope);
        if !rows.is_empty() {
            responses.extend(rows.write().await?);
        }
        Ok(responses)
    }

    /// As [`Signal::asend_robust`].
    pub async fn asend_robust(self, sender: impl Into<Sender>, payload: &P) -> RobustResponses<R> {
        let (signal, options) = (self.signal, self.options());
        let sender = sender.into();
        let ((rows, failed), scope) = (signal.rows_robust(options, &sender, payload), Scope::default());
        let inline = signal.inline.asend_event_robust(&signal.async_event(&sender, payload, &scope)).await;
        join_robust(inline, rows.with(&scope).write_robust().await, failed)
    }

    /// As [`Signal::send_in`].
    ///
    /// # Errors
    ///
    /// As [`Signal::send_in`]; also when an option cannot be stored.
    pub async fn send_in(
        self,
        mut outbox: impl Outbox,
        sender: impl Into<Sender>,
        payload: &P,
    ) -> Result<Responses<R>, SendError> {
        let (signal, options) = (self.signal, self.options());
        let sender = sender.into();
        let (rows, scope) = (signal.rows(options, &sender, payload)?, Scope::default());
        rows.check_store()?;
        let event = signal.async_event(&sender, payload, &scope);
        let mut responses = signal.inline.asend_event_with(&event, Response::Now).await?;
        responses.extend(rows.with(&scope).write_in(&mut outbox).await?);
        Ok(responses)
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
        let Some(outer) = event.context::<Scope>() else { return self.send(sender, payload) };
        let (signal, options) = (self.signal, self.options());
        let sender = sender.into();
        let (rows, scope) = (signal.rows(options, &sender, payload)?, Scope::default());
        let finish = |mut responses: Responses<R>| {
            responses.extend(rows.responses());
            outer.add(rows.with(&scope));
            Ok(responses)
        };
        signal.inline.send_event_with(&signal.event(&sender, payload, &scope), &TokioBridge, Response::Now, finish)
    }
}

fn join_robust<R>(
    inline: signalpost_dispatch::RobustResponses<R>,
    written: RobustResponses<R>,
    failed: RobustResponses<R>,
) -> RobustResponses<R> {
    let now = |(receiver, response): (Receiver, Result<R, ReceiverError>)| (receiver, response.map(Response::Now));
    let mut responses: RobustResponses<R> = inline.into_iter().map(now).collect();
    responses.extend(written);
    responses.extend(failed);
    responses
}
