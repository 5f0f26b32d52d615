//! Connecting receivers to a signal, and disconnecting them.

use std::any::type_name;
use std::panic::Location;
use std::sync::{Arc, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;
use signalpost_dispatch::{
    AsyncMethod, AsyncReceiver, ConnectOptions, Connection, Event, Receiver, ReceiverId, ReceiverOutput,
};
use signalpost_store::{DEFAULT_QUEUE, encode_payload};
use signalpost_worker::Run;

use super::Signal;
use crate::background::{
    BackgroundOptions, BackgroundReceiver, Declared, Defaults, StartRun, start_async, start_blocking,
};
use crate::link::link_first;
use crate::registry;
use crate::run::RunContext;
use crate::{RegistryError, SignalInfo};

impl<P: 'static, R: 'static> Signal<P, R> {
    /// Connects a synchronous inline receiver to sends by anybody.
    #[track_caller]
    pub fn connect<F, O>(&self, receiver: F) -> Connection<'_, P, R>
    where
        F: Fn(&Event<'_, P>) -> O + Send + Sync + 'static,
        O: ReceiverOutput<R>,
    {
        self.inline.connect(receiver)
    }

    /// Connects a synchronous inline receiver.
    #[track_caller]
    pub fn connect_with<F, O>(&self, options: ConnectOptions, receiver: F) -> Connection<'_, P, R>
    where
        F: Fn(&Event<'_, P>) -> O + Send + Sync + 'static,
        O: ReceiverOutput<R>,
    {
        self.inline.connect_with(options, receiver)
    }

    /// Connects an asynchronous inline receiver to sends by anybody.
    #[track_caller]
    pub fn connect_async<F>(&self, receiver: F) -> Connection<'_, P, R>
    where
        F: for<'a> AsyncReceiver<'a, P, R> + Send + Sync + 'static,
    {
        self.inline.connect_async(receiver)
    }

    /// Connects an asynchronous inline receiver.
    #[track_caller]
    pub fn connect_async_with<F>(&self, options: ConnectOptions, receiver: F) -> Connection<'_, P, R>
    where
        F: for<'a> AsyncReceiver<'a, P, R> + Send + Sync + 'static,
    {
        self.inline.connect_async_with(options, receiver)
    }

    /// Connects a method of `object` as an inline receiver, for as long as the object lives.
    #[track_caller]
    pub fn connect_weak<T, F, O>(&self, options: ConnectOptions, object: &Arc<T>, method: F) -> Connection<'_, P, R>
    where
        T: Send + Sync + 'static,
        F: Fn(&T, &Event<'_, P>) -> O + Send + Sync + 'static,
        O: ReceiverOutput<R>,
    {
        self.inline.connect_weak(options, object, method)
    }

    /// Connects an asynchronous method of `object` as an inline receiver, for as long as the object lives.
    #[track_caller]
    pub fn connect_weak_async<T, F>(&self, options: ConnectOptions, object: &Arc<T>, method: F) -> Connection<'_, P, R>
    where
        T: Send + Sync + 'static,
        F: for<'a> AsyncMethod<'a, T, P, R> + Send + Sync + 'static,
        P: Sync,
    {
        self.inline.connect_weak_async(options, object, method)
    }

    #[doc(hidden)]
    #[track_caller]
    pub fn __connect<F, O>(&'static self, options: ConnectOptions, receiver: F) -> Result<(), RegistryError>
    where
        F: Fn(&Event<'_, P>) -> O + Send + Sync + 'static,
        O: ReceiverOutput<R>,
    {
        self.list()?;
        self.connect_with(options, receiver);
        Ok(())
    }

    #[doc(hidden)]
    #[track_caller]
    pub fn __connect_async<F>(&'static self, options: ConnectOptions, receiver: F) -> Result<(), RegistryError>
    where
        F: for<'a> AsyncReceiver<'a, P, R> + Send + Sync + 'static,
    {
        self.list()?;
        self.connect_async_with(options, receiver);
        Ok(())
    }

    fn list(&'static self) -> Result<(), RegistryError> {
        let address = std::ptr::from_ref(self).addr();
        registry::list(self.name(), address, || SignalInfo { name: self.name(), receivers: self.connected() })
    }
}

impl<P: Serialize + DeserializeOwned + Send + Sync + 'static, R: 'static> Signal<P, R> {
    /// Connects an asynchronous background receiver. It takes the event and nothing else:
    /// [`running_task`](crate::running_task) tells of its run; `Data` and `keep_result` are for `#[receiver]`.
    ///
    /// Workers look receivers up by name: connect it in the worker's process and in the sender's.
    ///
    /// # Errors
    ///
    /// When another receiver has the name; when the name or the queue is empty, longer than 200 bytes or has control
    /// characters; when the priority is beyond ±100 or `max_attempts` is 0; when the sender is an object. The same name
    /// from the same line of source again changes nothing.
    #[track_caller]
    pub fn connect_background<F>(&self, options: BackgroundOptions, receiver: F) -> Result<Receiver, RegistryError>
    where
        F: for<'a> AsyncReceiver<'a, P, ()> + Send + Sync + 'static,
    {
        let declared = Declared { is_blocking: false, needs: Vec::new() };
        self.register(options, type_name::<F>(), declared, start_async::<P, F>(self.stored, receiver))
    }

    /// Connects a background receiver of blocking code, which runs on a thread of its own.
    ///
    /// # Errors
    ///
    /// As [`Signal::connect_background`].
    #[track_caller]
    pub fn connect_background_blocking<F, O>(
        &self,
        options: BackgroundOptions,
        receiver: F,
    ) -> Result<Receiver, RegistryError>
    where
        F: Fn(&Event<'_, P>) -> O + Send + Sync + 'static,
        O: ReceiverOutput<()>,
    {
        let declared = Declared { is_blocking: true, needs: Vec::new() };
        self.register(options, type_name::<F>(), declared, start_blocking::<P, F, O>(self.stored, receiver))
    }

    #[doc(hidden)]
    #[track_caller]
    pub fn __connect_background(
        &'static self,
        options: BackgroundOptions,
        declared: Declared,
        start: impl Fn(RunContext) -> Run + Send + Sync + 'static,
    ) -> Result<(), RegistryError> {
        self.list()?;
        self.register(options, "", declared, Arc::new(start)).map(drop)
    }

    #[track_caller]
    fn register(
        &self,
        options: BackgroundOptions,
        name: &'static str,
        declared: Declared,
        start: StartRun,
    ) -> Result<Receiver, RegistryError> {
        let default = Defaults { name, queue: DEFAULT_QUEUE, location: Location::caller() };
        let receiver = Arc::new(BackgroundReceiver::new(self.stored, options, default, declared, start));
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        if !registry::register(receiver.clone())? {
            let known = registry::find(self.name(), receiver.name());
            return Ok(known.map_or(receiver.receiver, |known| known.receiver));
        }
        self.encode.get_or_init(|| encode_payload::<P>);
        let mut receivers = self.background.load_full().map_or_else(Vec::new, |receivers| receivers.to_vec());
        receivers.push(receiver.clone());
        self.background.store(Some(Arc::new(receivers)));
        Ok(receiver.receiver)
    }
}

impl<P, R> Signal<P, R> {
    /// Removes the connection of an inline receiver; false when there is none with this id.
    pub fn disconnect_receiver(&self, id: ReceiverId) -> bool {
        link_first();
        self.inline.disconnect_receiver(id)
    }

    /// Removes the inline receiver that was connected for any sender and without a uid.
    pub fn disconnect<F: 'static>(&self, receiver: F) -> bool {
        link_first();
        self.inline.disconnect(receiver)
    }

    /// Removes the inline receiver that was connected with these options. With a `dispatch_uid` the uid decides.
    pub fn disconnect_with<F: 'static>(&self, options: ConnectOptions, receiver: F) -> bool {
        link_first();
        self.inline.disconnect_with(options, receiver)
    }

    /// Removes the inline receiver that was connected with the `dispatch_uid` and the sender of `options`.
    pub fn disconnect_uid(&self, options: ConnectOptions) -> bool {
        link_first();
        self.inline.disconnect_uid(options)
    }

    /// Removes the method of `object` that was connected with these options.
    pub fn disconnect_weak<T, F: 'static>(&self, options: ConnectOptions, object: &Arc<T>, method: F) -> bool {
        self.inline.disconnect_weak(options, object, method)
    }

    /// Removes the background receiver called `name`: later sends write no task for it, and tasks that wait for it meet
    /// an unknown receiver in this process's workers. False when there is none.
    pub fn disconnect_background(&self, name: &str) -> bool {
        link_first();
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut left = self.background.load_full().map_or_else(Vec::new, |receivers| receivers.to_vec());
        left.retain(|receiver| receiver.name() != name);
        self.background.store(Some(Arc::new(left)));
        registry::unregister(self.name(), name)
    }
}
