//! Receivers that were declared with `#[receiver]`, collected by the linker.

use std::sync::OnceLock;

use crate::RegistryError;

/// One `#[receiver]`.
pub struct Registration {
    /// What it said of its `order`; 0 if nothing.
    pub order: i32,
    /// Where it stands.
    pub module: &'static str,
    /// Where it stands in the file.
    pub line: u32,
    /// Connects it.
    pub connect: fn() -> Result<(), RegistryError>,
}

inventory::collect!(Registration);

static LINKED: OnceLock<Result<(), RegistryError>> = OnceLock::new();

/// Connects everything that was declared, once: by `order`, then module path, then line, because the linker's order
/// means nothing.
///
/// Every send comes by here: what it costs after the first time is one load.
pub(crate) fn link() -> Result<(), RegistryError> {
    LINKED.get_or_init(connect_declared).clone()
}

/// True when everything that was declared is connected.
#[inline]
pub(crate) fn is_linked() -> bool {
    matches!(LINKED.get(), Some(Ok(())))
}

fn connect_declared() -> Result<(), RegistryError> {
    let mut declared: Vec<&Registration> = inventory::iter::<Registration>.into_iter().collect();
    declared.sort_by_key(|registration| (registration.order, registration.module, registration.line));
    declared.into_iter().try_for_each(|registration| (registration.connect)())
}

/// Connects what was declared. A failure is reported by whoever sends or installs.
pub(crate) fn link_first() {
    let _ = link();
}
