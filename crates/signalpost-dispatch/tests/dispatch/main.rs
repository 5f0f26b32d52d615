//! What the dispatcher promises, one file per theme. `docs/conformance.md` says which test shows which requirement.

mod asynchronous;
mod changes;
mod errors;
mod filter;
mod identity;
mod order;
mod reentrancy;
mod senders;
mod threads;
mod weak;

use signalpost_dispatch::{Event, Sender, SenderType};
use std::sync::{Arc, Mutex};

/// A list that receivers write to, in the order in which they ran.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn add(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    /// A receiver of any signal that writes `line`.
    fn writer<P>(&self, line: &str) -> impl Fn(&Event<'_, P>) + Send + Sync + 'static + use<P> {
        let (log, line) = (self.clone(), line.to_owned());
        move |_| log.add(line.clone())
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Shop;

impl SenderType for Shop {
    const LABEL: &'static str = "shop.Shop";
}

fn nobody() -> Sender {
    Sender::NONE
}

/// An error that a test can recognise again.
#[derive(Debug, PartialEq)]
struct Broken(u32);

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "broken {}", self.0)
    }
}

impl std::error::Error for Broken {}
