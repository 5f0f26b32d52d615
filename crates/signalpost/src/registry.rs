//! All that is registered in this process: background receivers by name, and signals for listing.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use signalpost_store::{PublishedReceiver, check_name, check_priority};

use crate::background::BackgroundReceiver;
use crate::{RegistryError, SignalInfo};

/// What the signals about tasks begin with.
const ABOUT_TASKS: &str = "signalpost.task_";

/// The receiver that stands in the row of a background signal's whole send.
pub(crate) const ALL: &str = "*";

type Tell = Arc<dyn Fn() -> SignalInfo + Send + Sync>;

#[derive(Default)]
struct Registry {
    // By name; one function may listen to several signals.
    by_name: HashMap<&'static str, Vec<Arc<BackgroundReceiver>>>,
    // By signal, in order of registration.
    by_signal: HashMap<&'static str, Vec<Arc<BackgroundReceiver>>>,
    // What signals were called before, and what they are called now.
    signal_aliases: HashMap<&'static str, &'static str>,
    // With the address of each.
    listed: BTreeMap<&'static str, (usize, Tell)>,
}

static REGISTRY: LazyLock<RwLock<Registry>> = LazyLock::new(RwLock::default);

impl Registry {
    /// The receivers of a signal, by its name or by what it was called before.
    fn of_signal(&self, signal: &str) -> &[Arc<BackgroundReceiver>] {
        self.by_signal.get(self.current_name(signal)).map_or(&[], Vec::as_slice)
    }

    fn current_name<'a>(&self, signal: &'a str) -> &'a str {
        self.signal_aliases.get(signal).copied().unwrap_or(signal)
    }

    /// Whether tasks could not tell the receiver, or its signal, from another one.
    fn check_aliases(&self, receiver: &BackgroundReceiver) -> Result<(), RegistryError> {
        for other in self.by_signal.values().filter_map(|receivers| receivers.first()) {
            if other.signal.name != receiver.signal.name
                && let Some(shared) = receiver.signal.name_shared_with(&other.signal)
            {
                let (one, another) = (other.signal.name, receiver.signal.name);
                let what = format!("signals `{one}` and `{another}` are both called `{shared}`");
                return Err(RegistryError::two_of_one_alias(&what, other, receiver));
            }
        }
        for other in self.of_signal(receiver.signal.name) {
            if let Some(shared) = receiver.names().find(|name| other.names().any(|other| other == *name)) {
                let (one, another, signal) = (other.name(), receiver.name(), receiver.signal.name);
                let what = format!("receivers `{one}` and `{another}` of signal `{signal}` are both called `{shared}`");
                return Err(RegistryError::two_of_one_alias(&what, other, receiver));
            }
        }
        Ok(())
    }
}

/// Registers a background receiver. The same one again is no error and changes nothing: `false`.
pub(crate) fn register(receiver: Arc<BackgroundReceiver>) -> Result<bool, RegistryError> {
    check(&receiver)?;
    let mut registry = REGISTRY.write().unwrap_or_else(PoisonError::into_inner);
    let of_name = registry.by_name.get(receiver.name()).map_or(&[][..], Vec::as_slice);
    if let Some(other) = of_name.first() {
        let (first, second) = (other.receiver.location(), receiver.receiver.location());
        if first != second {
            return Err(RegistryError::two_of_one_name(receiver.name(), first, second));
        }
        if of_name.iter().any(|other| other.signal.name == receiver.signal.name) {
            return Ok(false);
        }
    }
    registry.check_aliases(&receiver)?;
    registry.by_name.entry(receiver.name()).or_default().push(receiver.clone());
    // Another signal may have been called so before, which has no receivers any more.
    registry.signal_aliases.remove(receiver.signal.name);
    registry.signal_aliases.extend(receiver.signal.aliases.iter().map(|alias| (*alias, receiver.signal.name)));
    registry.by_signal.entry(receiver.signal.name).or_default().push(receiver);
    Ok(true)
}

fn check(receiver: &BackgroundReceiver) -> Result<(), RegistryError> {
    let refused = |what: String| Err(RegistryError::refused(receiver, &what));
    if receiver.signal.name.starts_with(ABOUT_TASKS) {
        return refused(format!(
            "cannot listen to `{}` in the background: each of its tasks would send that signal again\n  hint: connect \
             it inline, and let it do little",
            receiver.signal.name
        ));
    }
    if receiver.sender.is_object() {
        return refused(
            "is limited to one object, which no other process could recognise\n  hint: limit it to a label".to_owned(),
        );
    }
    let aliases = receiver.aliases.iter().chain(receiver.signal.aliases).map(|alias| ("alias", *alias));
    for (what, text) in [("receiver", receiver.name()), ("queue", receiver.queue)].into_iter().chain(aliases) {
        if let Err(problem) = check_name(what, text) {
            return refused(format!("cannot be: {problem}"));
        }
    }
    if receiver.names().any(|name| name == ALL) {
        return refused("needs another name: `*` stands for all receivers of a background signal".to_owned());
    }
    if let Err(problem) = check_priority("it", receiver.priority) {
        return refused(format!("cannot be: {problem}"));
    }
    if receiver.is_atomic && receiver.declared.is_blocking {
        return refused(
            "cannot be atomic, because it is blocking code: the transaction is awaited\n  hint: make it an `async fn`"
                .to_owned(),
        );
    }
    if receiver.policy.max_attempts == 0 {
        return refused("has max_attempts = 0 and would never run: give at least 1".to_owned());
    }
    if receiver.policy.concurrency == Some(0) {
        return refused("has concurrency = 0 and would never run: give at least 1".to_owned());
    }
    if let Some(problem) = receiver.policy.rate.and_then(|rate| rate.problem()) {
        return refused(format!("has {problem}"));
    }
    Ok(())
}

pub(crate) fn unregister(signal: &str, name: &str) -> bool {
    let mut registry = REGISTRY.write().unwrap_or_else(PoisonError::into_inner);
    let remove = |from: Option<&mut Vec<Arc<BackgroundReceiver>>>| {
        from.is_some_and(|receivers| {
            let before = receivers.len();
            receivers.retain(|receiver| receiver.signal.name != signal || receiver.name() != name);
            receivers.len() < before
        })
    };
    let by_name = remove(registry.by_name.get_mut(name));
    remove(registry.by_signal.get_mut(signal)) && by_name
}

/// The receiver that a task means, by the names in it or by what they are called now.
pub(crate) fn find(signal: &str, name: &str) -> Option<Arc<BackgroundReceiver>> {
    let registry = REGISTRY.read().unwrap_or_else(PoisonError::into_inner);
    registry.of_signal(signal).iter().find(|receiver| receiver.names().any(|known| known == name)).cloned()
}

/// What the signal called `signal` in a task is called now.
pub(crate) fn current_name(signal: &str) -> &str {
    REGISTRY.read().unwrap_or_else(PoisonError::into_inner).current_name(signal)
}

/// Whether a name is registered at all, for a message.
pub(crate) fn signals_of(name: &str) -> Vec<&'static str> {
    let registry = REGISTRY.read().unwrap_or_else(PoisonError::into_inner);
    registry.by_name.get(name).into_iter().flatten().map(|receiver| receiver.signal.name).collect()
}

pub(crate) fn of_signal(signal: &str) -> Vec<Arc<BackgroundReceiver>> {
    let registry = REGISTRY.read().unwrap_or_else(PoisonError::into_inner);
    registry.of_signal(signal).to_vec()
}

pub(crate) fn all() -> Vec<Arc<BackgroundReceiver>> {
    let registry = REGISTRY.read().unwrap_or_else(PoisonError::into_inner);
    registry.by_name.values().flatten().cloned().collect()
}

pub(crate) fn published() -> Vec<PublishedReceiver> {
    let mut receivers: Vec<_> = all()
        .iter()
        .map(|receiver| PublishedReceiver {
            name: receiver.name().to_owned(),
            signal: receiver.signal.name.to_owned(),
            queue: receiver.queue.to_owned(),
        })
        .collect();
    receivers.sort();
    receivers
}

/// Remembers a signal, which stands at `address`, for [`signals`].
pub(crate) fn list(
    name: &'static str,
    address: usize,
    info: impl Fn() -> SignalInfo + Send + Sync + 'static,
) -> Result<(), RegistryError> {
    let mut registry = REGISTRY.write().unwrap_or_else(PoisonError::into_inner);
    match registry.listed.get(name) {
        Some((other, _)) if *other != address => Err(RegistryError::two_signals_of_one_name(name)),
        Some(_) => Ok(()),
        None => {
            registry.listed.insert(name, (address, Arc::new(info)));
            Ok(())
        }
    }
}

/// Every signal to which `#[receiver]` connects something in this program, with all of its receivers.
///
/// # Errors
///
/// When what was declared cannot be registered: two receivers of one name, say.
pub fn signals() -> Result<Vec<SignalInfo>, RegistryError> {
    crate::link::link()?;
    // Copied: what they tell is read from this registry.
    let listed: Vec<_> = REGISTRY.read().unwrap_or_else(PoisonError::into_inner).listed.values().cloned().collect();
    Ok(listed.iter().map(|(_, info)| info()).collect())
}
