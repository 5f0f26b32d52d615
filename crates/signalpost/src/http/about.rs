//! What is known of a request while it is answered.

use std::time::Instant;

use http::{HeaderName, Method, Request, Uri};
use signalpost_dispatch::Sender;
use tokio::runtime::Handle;

use super::{GotRequestException, REQUEST_ID, RequestFinished, RequestStarted};
use crate::{SendId, Signal, with_headers, with_headers_blocking};

/// The longest id that is taken over, in bytes.
const LONGEST_ID: usize = 100;

#[derive(Debug)]
pub(super) struct About {
    pub(super) request_id: String,
    method: Method,
    uri: Uri,
    began: Instant,
}

impl About {
    pub(super) fn of<B>(request: &Request<B>, id_from: &HeaderName) -> Self {
        let given = request.headers().get(id_from).and_then(|id| id.to_str().ok());
        let is_fine =
            |id: &&str| (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
        Self {
            request_id: given.filter(is_fine).map_or_else(|| SendId::new().to_string(), str::to_owned),
            method: request.method().clone(),
            uri: request.uri().clone(),
            began: Instant::now(),
        }
    }

    pub(super) fn started(&self) -> RequestStarted {
        RequestStarted { request_id: self.request_id.clone(), method: self.method.to_string(), path: self.path() }
    }

    pub(super) fn finished(&self, status: u16) -> RequestFinished {
        RequestFinished {
            request_id: self.request_id.clone(),
            method: self.method.to_string(),
            path: self.path(),
            status,
            took_us: u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX),
        }
    }

    pub(super) fn exception(&self, error: String) -> GotRequestException {
        GotRequestException {
            request_id: self.request_id.clone(),
            method: self.method.to_string(),
            path: self.path(),
            error,
        }
    }

    fn path(&self) -> String {
        self.uri.path().to_owned()
    }

    /// Sends beside the response, which does not wait for it.
    pub(super) fn tell<P: Send + Sync + 'static>(&self, signal: &'static Signal<P>, payload: P) {
        let scope = [(REQUEST_ID, self.request_id.clone())];
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(with_headers(scope, async move {
                drop(signal.asend_robust(Sender::NONE, &payload).await);
            }))),
            // Whoever dropped the body did so outside of every runtime.
            Err(_) => drop(with_headers_blocking(scope, || signal.send_robust(Sender::NONE, &payload))),
        }
    }
}
