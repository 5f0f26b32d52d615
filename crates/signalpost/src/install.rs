//! The store that sends write to: one for the process, another one for a scope.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use signalpost_store::{PublishedReceiver, Store, StoreError};

use crate::{RegistryError, link, registry, running_task};

static INSTALLED: OnceLock<Arc<dyn Store>> = OnceLock::new();

tokio::task_local! {
    static OVERRIDDEN: Arc<dyn Store>;
}

/// What workers have published longer ago than this is not compared.
const COMPARED: Duration = Duration::from_secs(24 * 3600);

/// Why a store could not be installed.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum InstallError {
    /// A store is installed in this process already.
    #[error("a store is installed already\n  hint: install one at the start; tests override it with with_store")]
    Twice,
    /// What was declared with `#[receiver]` cannot be registered.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Workers know receivers that this process does not, and [`install_strictly`] was asked.
    #[error("workers know receivers that this process does not, so its sends would write no task for them: {0}")]
    Missing(String),
}

/// As it is displayed: a `main` that returns the error shows this.
impl fmt::Debug for InstallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What installing a store found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Installed {
    /// Receivers, as `name (signal)`, that workers have published within a day and that this process does not know:
    /// its sends write no task for them.
    pub missing: Vec<String>,
}

/// Installs the store that this process's sends write to.
///
/// Compares the receivers that workers have published with those that are registered here; a difference is logged as a
/// warning by name.
///
/// # Errors
///
/// When a store is installed already, two receivers have one name, or the store cannot be read.
pub async fn install(store: Arc<dyn Store>) -> Result<Installed, InstallError> {
    install_unless(store, |_| false).await
}

/// As [`install`], but a difference is refused.
///
/// # Errors
///
/// As [`install`]; and [`InstallError::Missing`].
pub async fn install_strictly(store: Arc<dyn Store>) -> Result<Installed, InstallError> {
    install_unless(store, |found| !found.missing.is_empty()).await
}

async fn install_unless(
    store: Arc<dyn Store>,
    refused: impl Fn(&Installed) -> bool,
) -> Result<Installed, InstallError> {
    link::link()?;
    let found = compare(&*store).await?;
    if refused(&found) {
        return Err(InstallError::Missing(found.missing.join(", ")));
    }
    INSTALLED.set(store).map_err(|_| InstallError::Twice)?;
    if !found.missing.is_empty() {
        tracing::warn!(
            target: "signalpost", missing = ?found.missing,
            "workers know receivers that this process does not: its sends write no task for them. Is a crate with \
             receivers linked that nothing refers to?"
        );
    }
    Ok(found)
}

async fn compare(store: &dyn Store) -> Result<Installed, StoreError> {
    let published = store.published_receivers(COMPARED).await?;
    let unknown = |receiver: &PublishedReceiver| registry::find(&receiver.signal, &receiver.name).is_none();
    let missing = published.into_iter().filter(unknown);
    Ok(Installed { missing: missing.map(|receiver| format!("{} ({})", receiver.name, receiver.signal)).collect() })
}

/// Runs `future` with `store` in the place of the one that is installed. For tests, and for code that serves several
/// stores. What the future spawns onto the runtime or onto other threads is outside.
pub async fn with_store<F: Future>(store: Arc<dyn Store>, future: F) -> F::Output {
    OVERRIDDEN.scope(store, future).await
}

/// As [`with_store`], for synchronous code.
pub fn with_store_blocking<T>(store: Arc<dyn Store>, run: impl FnOnce() -> T) -> T {
    OVERRIDDEN.sync_scope(store, run)
}

/// The store of this scope: what `with_store` says; inside a receiver, its worker's; else what is installed.
pub(crate) fn current() -> Option<Arc<dyn Store>> {
    OVERRIDDEN
        .try_with(Arc::clone)
        .ok()
        .or_else(|| running_task().and_then(|task| task.store().cloned()))
        .or_else(|| INSTALLED.get().cloned())
}
