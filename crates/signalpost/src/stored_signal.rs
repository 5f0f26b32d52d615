//! What stands of a signal in its tasks, and how it is read back.

use serde::de::DeserializeOwned;
use serde_json::Value;
use signalpost_dispatch::BoxError;
use signalpost_store::{PayloadLimits, Task, decode_payload};
use signalpost_worker::Failure;

use crate::failure::from_error;

pub(crate) type Upgrade = fn(u32, Value) -> Result<Value, BoxError>;

/// How a signal's tasks name it, and the shape of their payloads.
#[derive(Debug, Clone, Copy)]
pub struct StoredSignal {
    pub(crate) name: &'static str,
    pub(crate) aliases: &'static [&'static str],
    pub(crate) version: u32,
    pub(crate) upgrade: Option<Upgrade>,
}

impl StoredSignal {
    pub(crate) const fn new(name: &'static str) -> Self {
        Self { name, aliases: &[], version: 1, upgrade: None }
    }

    pub(crate) const fn versioned(mut self, version: u32, upgrade: Upgrade) -> Self {
        assert!(version > 0, "the first version of a payload is 1");
        self.version = version;
        self.upgrade = Some(upgrade);
        self
    }

    /// A name that tasks of both signals may bear.
    pub(crate) fn name_shared_with(&self, other: &Self) -> Option<&'static str> {
        let others = |name: &&str| *name == other.name || other.aliases.contains(name);
        [self.name].into_iter().chain(self.aliases.iter().copied()).find(others)
    }

    /// What is missing here to read a payload of this version, where something is.
    pub(crate) fn lacks(&self, version: u32) -> Option<String> {
        (version > self.version).then(|| {
            format!("payload version {version} of signal `{}`; this process knows {}", self.name, self.version)
        })
    }

    /// The task's payload, in the newest shape.
    pub(crate) fn decode<P: DeserializeOwned>(&self, task: &Task) -> Result<P, Failure> {
        let version = task.payload_version;
        if let Some(lacking) = self.lacks(version) {
            return Err(Failure::new(lacking));
        }
        // What fails below reads the same bytes each time: no retry.
        if version == self.version {
            return decode_payload(&task.payload, PayloadLimits::default())
                .map_err(|error| Failure::permanent(error.to_string()));
        }
        self.upgraded(task).map_err(|reason| {
            let Self { name, version: newest, .. } = self;
            Failure::permanent(format!("payload version {version} of signal `{name}`, made into {newest}: {reason}"))
        })
    }

    fn upgraded<P: DeserializeOwned>(&self, task: &Task) -> Result<P, String> {
        let upgrade = self.upgrade.ok_or("nothing says how")?;
        let old: Value = decode_payload(&task.payload, PayloadLimits::default()).map_err(|error| error.to_string())?;
        let new = upgrade(task.payload_version, old).map_err(|error| from_error(&error).reason)?;
        decode_payload(new.to_string().as_bytes(), PayloadLimits::default()).map_err(|error| error.to_string())
    }
}
