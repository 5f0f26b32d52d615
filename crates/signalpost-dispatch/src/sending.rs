//! How a send calls its receivers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use futures_util::FutureExt;
use futures_util::future::{join_all, try_join_all};

use crate::receiver::Turn;
use crate::snapshot::Plan;
use crate::{BoxError, Bridge, Event, Receiver, ReceiverError, RobustResponses, SendError, Watch};

/// Calls the synchronous ones, then over the bridge the asynchronous ones, up to the first error.
#[inline]
pub(crate) fn send_to<P: Sync, R: Send, T: Send>(
    plan: &Plan<P, R>,
    event: &Event<'_, P>,
    bridge: &dyn Bridge,
    respond: impl Fn(R) -> T + Copy + Send + Sync,
    finish: impl FnOnce(Vec<(Receiver, T)>) -> Result<Vec<(Receiver, T)>, SendError>,
) -> Result<Vec<(Receiver, T)>, SendError> {
    if plan.asynchronous.is_empty() {
        return send_sync(plan, event, respond, finish);
    }
    send_over(plan, event, bridge, respond, finish)
}

// Apart, so that what most sends do is short.
#[inline(never)]
fn send_over<P: Sync, R: Send, T: Send>(
    plan: &Plan<P, R>,
    event: &Event<'_, P>,
    bridge: &dyn Bridge,
    respond: impl Fn(R) -> T + Copy + Send + Sync,
    finish: impl FnOnce(Vec<(Receiver, T)>) -> Result<Vec<(Receiver, T)>, SendError>,
) -> Result<Vec<(Receiver, T)>, SendError> {
    let mut responses = send_sync(plan, event, respond, Ok)?;
    let mut outcome = Ok(());
    let receivers = async { outcome = send_async(plan, event, &mut responses, respond).await };
    bridge.block_on(Box::pin(receivers)).map_err(SendError::sending)?;
    outcome?;
    finish(responses)
}

/// Calls one after the other, up to the first error.
#[inline(always)]
pub(crate) fn send_sync<P, R, T>(
    plan: &Plan<P, R>,
    event: &Event<'_, P>,
    respond: impl Fn(R) -> T,
    finish: impl FnOnce(Vec<(Receiver, T)>) -> Result<Vec<(Receiver, T)>, SendError>,
) -> Result<Vec<(Receiver, T)>, SendError> {
    if let Some(watch) = event.watch {
        return send_watched(plan, event, watch, respond, finish);
    }
    let mut responses = Vec::with_capacity(plan.len());
    for placed in &plan.sync {
        match (placed.call)(event) {
            Turn::Responded(response) => add(&mut responses, (placed.receiver, respond(response))),
            Turn::Raised(error) => return Err(SendError::raised(placed.receiver, error)),
            Turn::Gone => {}
        }
    }
    finish(responses)
}

/// As [`send_sync`], with a look at the clock around each.
#[inline(never)]
fn send_watched<P, R, T>(
    plan: &Plan<P, R>,
    event: &Event<'_, P>,
    watch: Watch,
    respond: impl Fn(R) -> T,
    finish: impl FnOnce(Vec<(Receiver, T)>) -> Result<Vec<(Receiver, T)>, SendError>,
) -> Result<Vec<(Receiver, T)>, SendError> {
    let mut responses = Vec::with_capacity(plan.len());
    for placed in &plan.sync {
        let began = Instant::now();
        let turn = (placed.call)(event);
        watch(event.signal, placed.receiver, began.elapsed());
        match turn {
            Turn::Responded(response) => responses.push((placed.receiver, respond(response))),
            Turn::Raised(error) => return Err(SendError::raised(placed.receiver, error)),
            Turn::Gone => {}
        }
    }
    finish(responses)
}

/// Adds to a list that has room. A list that may have to grow is kept in memory; one that does not is in registers
/// until it is where the send returns it. To move from memory what has just been written there is a stall that costs
/// half of a send to one receiver.
#[inline(always)]
fn add<T>(list: &mut Vec<T>, item: T) {
    debug_assert!(list.len() < list.capacity());
    if list.len() < list.capacity() {
        list.push(item);
    }
}

/// Calls one after the other, whatever becomes of them.
pub(crate) fn send_sync_robust<P, R>(plan: &Plan<P, R>, event: &Event<'_, P>) -> RobustResponses<R> {
    let mut responses = Vec::with_capacity(plan.len());
    for placed in &plan.sync {
        let began = event.watch.map(|_| Instant::now());
        // A receiver's state after its panic is the receiver's affair, as it is after an error.
        let caught = catch_unwind(AssertUnwindSafe(|| (placed.call)(event)));
        if let (Some(watch), Some(began)) = (event.watch, began) {
            watch(event.signal, placed.receiver, began.elapsed());
        }
        if let Some(response) = robust_response(event.signal, placed.receiver, caught) {
            add(&mut responses, (placed.receiver, response));
        }
    }
    responses
}

/// Calls all together, up to the first error.
pub(crate) async fn send_async<P: Sync, R: Send, T: Send>(
    plan: &Plan<P, R>,
    event: &Event<'_, P>,
    responses: &mut Vec<(Receiver, T)>,
    respond: impl Fn(R) -> T + Copy + Send + Sync,
) -> Result<(), SendError> {
    let running = plan.asynchronous.iter().map(async |placed| match (placed.call)(event).await {
        Turn::Responded(response) => Ok(Some((placed.receiver, respond(response)))),
        Turn::Raised(error) => Err(SendError::raised(placed.receiver, error)),
        Turn::Gone => Ok(None),
    });
    responses.extend(try_join_all(running).await?.into_iter().flatten());
    Ok(())
}

/// Calls all together, whatever becomes of them.
pub(crate) async fn send_async_robust<P: Sync, R: Send>(
    plan: &Plan<P, R>,
    event: &Event<'_, P>,
    responses: &mut RobustResponses<R>,
) {
    let running = plan.asynchronous.iter().map(async |placed| {
        let caught = AssertUnwindSafe(async { (placed.call)(event).await }).catch_unwind().await;
        Some((placed.receiver, robust_response(event.signal, placed.receiver, caught)?))
    });
    responses.extend(join_all(running).await.into_iter().flatten());
}

/// What the bridge has refused is the failure of each.
pub(crate) fn refuse<P, R>(
    plan: &Plan<P, R>,
    event: &Event<'_, P>,
    refused: &BoxError,
    responses: &mut RobustResponses<R>,
) {
    let refused = refused.to_string();
    for placed in &plan.asynchronous {
        let error = ReceiverError::raised(refused.as_str());
        report(event.signal, placed.receiver, &error);
        responses.push((placed.receiver, Err(error)));
    }
}

#[inline]
fn robust_response<R>(
    signal: &str,
    receiver: Receiver,
    caught: std::thread::Result<Turn<R>>,
) -> Option<Result<R, ReceiverError>> {
    let error = match caught {
        Ok(Turn::Responded(response)) => return Some(Ok(response)),
        Ok(Turn::Gone) => return None,
        Ok(Turn::Raised(error)) => ReceiverError::raised(error),
        Err(panic) => ReceiverError::panicked(panic),
    };
    report(signal, receiver, &error);
    Some(Err(error))
}

fn report(signal: &str, receiver: Receiver, error: &ReceiverError) {
    tracing::error!(target: "signalpost::dispatch", signal, receiver = %receiver, %error, "receiver failed");
}
