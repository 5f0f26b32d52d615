//! Why a receiver could not be registered.

use std::fmt;
use std::panic::Location;

use crate::background::BackgroundReceiver;

/// Why a receiver could not be registered.
#[derive(Clone, PartialEq, Eq)]
pub struct RegistryError(String);

/// As it is displayed: a `main` that returns the error shows this.
impl fmt::Debug for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl RegistryError {
    pub(crate) fn refused(receiver: &BackgroundReceiver, what: &str) -> Self {
        let (name, location) = (receiver.name(), receiver.receiver.location());
        Self(format!("receiver `{name}` at {location} {what}"))
    }

    pub(crate) fn option_of_the_signal(receiver: &str, signal: &str) -> Self {
        Self(format!(
            "receiver {receiver} has a queue or a priority, but `{signal}` is a background signal, whose whole send is one \
             task\n  hint: give the queue to the signal, with AsyncSignal::queue"
        ))
    }

    pub(crate) fn atomic_beside_others(receiver: &str, signal: &str) -> Self {
        Self(format!(
            "receiver {receiver} is declared atomic, but `{signal}` is a background signal, whose receivers share one task \
             that none of them can complete\n  hint: make it a Signal, whose background receivers have a task each"
        ))
    }

    pub(crate) fn uid_in_the_background(receiver: &str, signal: &str) -> Self {
        Self(format!(
            "receiver {receiver} has a dispatch_uid, but `{signal}` is a background signal\n  hint: a background receiver is \
             identified by its `name`: give that instead"
        ))
    }

    pub(crate) fn two_signals_of_one_name(name: &str) -> Self {
        Self(format!(
            "two signals are named `{name}`\n  hint: give one of them another name; the name stands in stored tasks, and says \
             whose receivers run them"
        ))
    }

    pub(crate) fn two_of_one_name(name: &str, first: &Location<'_>, second: &Location<'_>) -> Self {
        Self(format!(
            "two receivers are named `{name}`: at {first} and at {second}\n  hint: give one of them another name, with \
             `name = \"…\"`; the name stands in stored tasks"
        ))
    }

    pub(crate) fn two_of_one_alias(what: &str, one: &BackgroundReceiver, other: &BackgroundReceiver) -> Self {
        let (first, second) = (one.receiver.location(), other.receiver.location());
        Self(format!(
            "{what}: see the receivers at {first} and at {second}\n  hint: take away the alias of one of them; an alias is \
             what nothing else is called"
        ))
    }
}

impl fmt::Display for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for RegistryError {}
