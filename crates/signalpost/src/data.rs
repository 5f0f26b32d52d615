//! What receivers need besides the event.

use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::sync::{Arc, PoisonError, RwLock};

use signalpost_worker::Failure;

use crate::run::RunContext;
use crate::{BeginImmediate, RunningTask};

/// Something that a background receiver takes as an argument besides its event.
///
/// The worker checks when it starts that everything its receivers need is there. Not for implementing outside this
/// crate.
#[diagnostic::on_unimplemented(
    message = "a background receiver cannot take `{Self}`",
    note = "besides the event it takes `Data<T>`, where the worker was given a `T` with `.data(…)`, and `RunningTask`"
)]
pub trait FromRun: Sized {
    /// What the worker must have been given, if anything.
    fn needs() -> Option<Needs>;

    /// Takes it from the run.
    ///
    /// # Errors
    ///
    /// When it is not there.
    #[doc(hidden)]
    fn from_run(run: &RunContext) -> Result<Self, Failure>;
}

/// A type that must have been given to the worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    id: TypeId,
    name: &'static str,
}

impl Needs {
    /// The type `T`.
    pub fn of<T: Any>() -> Self {
        Self { id: TypeId::of::<T>(), name: type_name::<T>() }
    }

    /// Its name, for messages.
    pub fn name(&self) -> &'static str {
        self.name
    }
}

/// A value that the worker was given with [`Worker::data`](crate::Worker::data): a connection pool, a mailer, settings.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use signalpost::{BoxError, Data, Event, Signal, receiver};
///
/// #[derive(Serialize, Deserialize)]
/// struct Paid {
///     cents: u32,
/// }
///
/// static PAID: Signal<Paid> = Signal::new("shop.paid");
///
/// struct Mailer;
///
/// #[receiver(PAID, background)]
/// async fn thank(event: Event<'_, Paid>, mailer: Data<Mailer>) -> Result<(), BoxError> {
///     # let _ = (event, mailer);
///     Ok(())
/// }
/// # fn main() {}
/// ```
pub struct Data<T>(Arc<T>);

impl<T> Deref for Data<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> Clone for Data<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: fmt::Debug> fmt::Debug for Data<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: Send + Sync + 'static> FromRun for Data<T> {
    fn needs() -> Option<Needs> {
        Some(Needs::of::<T>())
    }

    fn from_run(run: &RunContext) -> Result<Self, Failure> {
        run.data.get::<T>().map(Data).ok_or_else(|| {
            let remedy = if run.is_in_worker() {
                "give it to the worker with .data(…)"
            } else {
                "no store is installed, so this runs inside the send: install one, or give it with signalpost::provide(…)"
            };
            Failure::new(format!("there is no `{}`: {remedy}", type_name::<T>()))
        })
    }
}

impl FromRun for RunningTask {
    fn needs() -> Option<Needs> {
        None
    }

    fn from_run(run: &RunContext) -> Result<Self, Failure> {
        Ok(run.running.clone())
    }
}

impl<T: BeginImmediate + Send + Sync> BeginImmediate for Data<T> {
    type Transaction = T::Transaction;
    type Error = T::Error;

    fn begin_immediate(&self) -> impl Future<Output = Result<T::Transaction, T::Error>> + Send {
        T::begin_immediate(self)
    }
}

type Values = HashMap<TypeId, Arc<dyn Any + Send + Sync>>;

/// Values by their type.
#[derive(Clone, Default)]
pub(crate) struct DataMap(Values);

static PROVIDED: RwLock<Option<Values>> = RwLock::new(None);

/// Gives a value to the receivers of this process that take a `T` which no worker was given: those that run inside the
/// send because no store is installed, and those of a worker without one. A later value of the same type replaces it.
pub fn provide<T: Send + Sync + 'static>(value: T) {
    let mut provided = PROVIDED.write().unwrap_or_else(PoisonError::into_inner);
    provided.get_or_insert_default().insert(TypeId::of::<T>(), Arc::new(value));
}

impl DataMap {
    pub(crate) fn insert<T: Send + Sync + 'static>(&mut self, value: T) {
        self.0.insert(TypeId::of::<T>(), Arc::new(value));
    }

    pub(crate) fn has(&self, needs: Needs) -> bool {
        self.find(needs.id).is_some()
    }

    fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.find(TypeId::of::<T>())?.downcast().ok()
    }

    fn find(&self, id: TypeId) -> Option<Arc<dyn Any + Send + Sync>> {
        self.0
            .get(&id)
            .cloned()
            .or_else(|| PROVIDED.read().unwrap_or_else(PoisonError::into_inner).as_ref()?.get(&id).cloned())
    }
}
