//! Asynchronous receivers under a synchronous send, where tokio may be around.

use std::future::Future;
use std::pin::Pin;

use signalpost_dispatch::{BoxError, Bridge, ParkingBridge};
use tokio::runtime::{Handle, RuntimeFlavor};

/// Uses the runtime that is there. A current-thread runtime has nobody else to drive what the receivers wait for, so
/// blocking its thread could wait for ever: that is refused.
pub(crate) struct TokioBridge;

impl TokioBridge {
    /// Whether this thread may wait for asynchronous receivers.
    pub(crate) fn check() -> Result<(), BoxError> {
        match Handle::try_current() {
            Ok(handle) if handle.runtime_flavor() == RuntimeFlavor::CurrentThread => {
                Err("asynchronous receivers cannot run under a synchronous send on a current-thread runtime\n  \
                     hint: use asend, or a multi-thread runtime"
                    .into())
            }
            _ => Ok(()),
        }
    }

    /// Runs any future to its end, with the runtime that is there.
    pub(crate) fn run<T: Send>(future: impl Future<Output = T> + Send) -> Result<T, BoxError> {
        let mut output = None;
        TokioBridge.block_on(Box::pin(async { output = Some(future.await) }))?;
        output.ok_or_else(|| "a bridge returned before the future had ended".into())
    }
}

impl Bridge for TokioBridge {
    fn block_on(&self, receivers: Pin<Box<dyn Future<Output = ()> + Send + '_>>) -> Result<(), BoxError> {
        TokioBridge::check()?;
        match Handle::try_current() {
            Ok(handle) => tokio::task::block_in_place(|| handle.block_on(receivers)),
            Err(_) => ParkingBridge.block_on(receivers)?,
        }
        Ok(())
    }
}
