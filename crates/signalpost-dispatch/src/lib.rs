//! Signals inside one process: a [`Signal`] calls the receivers that are connected to it.
//!
//! ```
//! use signalpost_dispatch::{Event, Sender, Signal};
//! use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
//!
//! struct OrderPaid {
//!     cents: u32,
//! }
//!
//! static ORDER_PAID: Signal<OrderPaid> = Signal::new("shop.order_paid");
//! static TAKINGS: AtomicU32 = AtomicU32::new(0);
//!
//! fn count_takings(event: &Event<OrderPaid>) {
//!     TAKINGS.fetch_add(event.payload.cents, Relaxed);
//! }
//!
//! ORDER_PAID.connect(count_takings);
//! ORDER_PAID.send(Sender::NONE, &OrderPaid { cents: 1250 })?;
//! assert_eq!(TAKINGS.load(Relaxed), 1250);
//! # Ok::<(), signalpost_dispatch::SendError>(())
//! ```
//!
//! The semantics are those of Django's dispatcher: receivers run in the order in which they were connected,
//! the synchronous ones first, the asynchronous ones then, together; [`Signal::send`] stops at the first
//! error, [`Signal::send_robust`] collects errors; a receiver can be limited to one [`Sender`], named by a
//! `dispatch_uid`, or held weakly.
//!
//! # What differs from Django, and why
//!
//! - **Receivers are held strongly** unless they are connected with [`Signal::connect_weak`]. A Rust function
//!   lives as long as the program; only an object can go away, and then its `Arc` says so.
//! - **Identity.** A function, or a closure that captures nothing, is itself: connected twice, it is called
//!   once. A closure with captures has no identity: use a `dispatch_uid`, or keep the [`Connection`].
//! - **A `dispatch_uid` is never "falsy"**: `0` and `""` are as good as any other.
//! - **Synchronous receivers under [`Signal::asend`] run on the calling thread**, in order, before the
//!   asynchronous ones. There is no pool to move them to: this crate has no runtime.
//! - **A failing asynchronous receiver cancels its siblings** (drops their futures), as in Django 6.1.
//!
//! Sending takes no lock that a receiver could meet again: receivers may send, connect and disconnect at will. A
//! receiver that is disconnected while a send is under way is still called by that send; what it owns is dropped when it
//! is disconnected, or when the last such send has ended.

mod bridge;
mod connection;
mod error;
mod event;
mod receiver;
mod registry;
mod sender;
mod sending;
mod signal;
mod snapshot;

pub use bridge::{Bridge, ParkingBridge};
pub use connection::{ConnectOptions, Connection, DispatchUid, ScopedConnection};
pub use error::{BoxError, ReceiverError, SendError};
pub use event::{Event, Watch};
pub use receiver::{AsyncMethod, AsyncReceiver, Receiver, ReceiverId, ReceiverInfo, ReceiverOutput};
pub use sender::{Sender, SenderType};
pub use signal::{RobustResponses, Signal};
