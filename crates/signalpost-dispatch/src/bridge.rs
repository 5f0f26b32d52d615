//! From a synchronous send to asynchronous receivers.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use crate::BoxError;

/// Runs the asynchronous receivers of a synchronous send to their end.
///
/// A send crosses the bridge at most once, whatever the number of asynchronous receivers: they are one future.
/// An implementation must either poll that future to completion and return `Ok(())`, or not run it at all and
/// return an error that says what the caller should do instead; that error is what the send returns.
pub trait Bridge: Send + Sync {
    /// Blocks the calling thread until `receivers` has completed.
    ///
    /// # Errors
    ///
    /// When the calling thread must not block. Then `receivers` has not been polled.
    fn block_on(&self, receivers: Pin<Box<dyn Future<Output = ()> + Send + '_>>) -> Result<(), BoxError>;
}

/// Parks the calling thread between polls. It needs no runtime and provides none: a receiver that waits for a
/// timer or a socket of some runtime must run inside that runtime.
///
/// ```
/// use signalpost_dispatch::{Bridge, ParkingBridge};
///
/// let mut seen = 0;
/// ParkingBridge.block_on(Box::pin(async { seen = 7 }))?;
/// assert_eq!(seen, 7);
/// # Ok::<(), signalpost_dispatch::BoxError>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct ParkingBridge;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl ParkingBridge {
    /// Runs any future to its end on the calling thread.
    ///
    /// ```
    /// assert_eq!(signalpost_dispatch::ParkingBridge::run(async { 7 }), 7);
    /// ```
    pub fn run<F: Future>(future: F) -> F::Output {
        let mut future = pin!(future);
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut context = Context::from_waker(&waker);
        loop {
            match future.as_mut().poll(&mut context) {
                Poll::Ready(output) => return output,
                Poll::Pending => thread::park(),
            }
        }
    }
}

impl Bridge for ParkingBridge {
    fn block_on(&self, receivers: Pin<Box<dyn Future<Output = ()> + Send + '_>>) -> Result<(), BoxError> {
        ParkingBridge::run(receivers);
        Ok(())
    }
}
