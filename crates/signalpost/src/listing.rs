//! What is told of signals and their receivers.

use signalpost_dispatch::{DispatchUid, Receiver, ReceiverInfo, Sender};

use crate::background::BackgroundReceiver;

/// A signal and what is connected to it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SignalInfo {
    /// The signal's name.
    pub name: &'static str,
    /// Its receivers: inline ones in order of connection, then background ones.
    pub receivers: Vec<ConnectedReceiver>,
}

/// A receiver and how it is connected.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ConnectedReceiver {
    /// Its id, for [`Signal::disconnect_receiver`](crate::Signal::disconnect_receiver); its name, and where in the source
    /// it was connected.
    pub receiver: Receiver,
    /// The `dispatch_uid` it was connected with; of background receivers always `None`, which have their names.
    pub dispatch_uid: Option<DispatchUid>,
    /// The sender that it is limited to; [`Sender::NONE`] for any.
    pub sender: Sender,
    /// Whether it runs in the send or in a worker.
    pub kind: ReceiverKind,
}

/// Where a receiver runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReceiverKind {
    /// In the send.
    Inline {
        /// It is asynchronous.
        is_async: bool,
        /// It vanishes with its object.
        is_weak: bool,
    },
    /// In a worker.
    Background {
        /// The queue of its tasks.
        queue: &'static str,
        /// It runs on a thread for blocking code.
        is_blocking: bool,
    },
}

impl From<&ReceiverInfo> for ConnectedReceiver {
    fn from(info: &ReceiverInfo) -> Self {
        Self {
            receiver: info.receiver,
            dispatch_uid: info.dispatch_uid.clone(),
            sender: info.sender.clone(),
            kind: ReceiverKind::Inline { is_async: info.is_async, is_weak: info.is_weak },
        }
    }
}

impl From<&BackgroundReceiver> for ConnectedReceiver {
    fn from(receiver: &BackgroundReceiver) -> Self {
        Self {
            receiver: receiver.receiver,
            dispatch_uid: None,
            sender: receiver.sender.clone(),
            kind: ReceiverKind::Background { queue: receiver.queue, is_blocking: receiver.declared.is_blocking },
        }
    }
}
