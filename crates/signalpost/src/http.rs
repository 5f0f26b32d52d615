//! Signals around every request that a tower service answers.
//!
//! ```
//! use axum::{Router, routing::get};
//! use signalpost::http::{REQUEST_FINISHED, RequestFinished, RequestSignals};
//! use signalpost::{Event, receiver};
//!
//! #[receiver(REQUEST_FINISHED)]
//! fn count(event: &Event<RequestFinished>) {
//!     println!("{} {} {}", event.payload.method, event.payload.path, event.payload.status);
//! }
//!
//! let app: Router = Router::new().route("/", get(|| async { "hello" })).layer(RequestSignals::new());
//! ```
//!
//! What is sent while a request is answered carries its id, as the header [`REQUEST_ID`] of the tasks: so a task leads to the
//! request that sent it, through any number of receivers in between.
//!
//! The sends are robust: a receiver that fails is logged, and the response goes its way. Asynchronous and background receivers
//! of [`REQUEST_STARTED`] are waited for before the request is handled; those of the other two run beside the response.

mod about;
mod body;
mod service;

pub use body::ResponseBody;
use http::HeaderName;
use serde::{Deserialize, Serialize};
pub use service::{RequestSignalsService, ResponseFuture};

use crate::Signal;

/// A request has come in, and nobody has seen it yet.
pub static REQUEST_STARTED: Signal<RequestStarted> = Signal::new("http.request_started");

/// A response has gone out: its body has been read to the end, or nobody reads it any more.
pub static REQUEST_FINISHED: Signal<RequestFinished> = Signal::new("http.request_finished");

/// A request could not be answered as it should: its handler has panicked, the service has failed, or the response has the
/// status 500. A handler that answers 500 for an error of its own says which with [`RequestError`].
pub static GOT_REQUEST_EXCEPTION: Signal<GotRequestException> = Signal::new("http.got_request_exception");

/// The name under which a request's id stands in the headers of what it sends.
pub const REQUEST_ID: &str = "request-id";

/// The beginning of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestStarted {
    /// The request's id.
    pub request_id: String,
    /// The method: `GET`.
    pub method: String,
    /// The path that was asked for, without the query, which may hold what should not be kept.
    pub path: String,
}

/// The end of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestFinished {
    /// The request's id.
    pub request_id: String,
    /// The method.
    pub method: String,
    /// The path.
    pub path: String,
    /// The HTTP status of the response.
    pub status: u16,
    /// From the request to the end of its response, in microseconds.
    pub took_us: u64,
}

/// A failure while a request was handled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GotRequestException {
    /// The request's id.
    pub request_id: String,
    /// The method.
    pub method: String,
    /// The path.
    pub path: String,
    /// What went wrong.
    pub error: String,
}

/// What went wrong, as an extension of a response with the status 500: it is what [`GOT_REQUEST_EXCEPTION`] tells.
///
/// ```
/// use axum::{Extension, http::StatusCode, response::{IntoResponse, Response}};
/// use signalpost::http::RequestError;
///
/// fn failed(error: impl std::error::Error) -> Response {
///     (StatusCode::INTERNAL_SERVER_ERROR, Extension(RequestError::new(error))).into_response()
/// }
/// # failed(std::fmt::Error);
/// ```
#[derive(Debug, Clone)]
pub struct RequestError(String);

impl RequestError {
    /// By what is displayed.
    pub fn new(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// The layer that sends them: see the [module](self).
///
/// Put it outside of what may fail, and inside of what limits and rejects.
#[derive(Debug, Clone)]
pub struct RequestSignals {
    id_from: HeaderName,
}

impl Default for RequestSignals {
    fn default() -> Self {
        Self { id_from: HeaderName::from_static("x-request-id") }
    }
}

impl RequestSignals {
    /// With everything at its default.
    pub fn new() -> Self {
        Self::default()
    }

    /// The header of the request that holds its id. Default: `x-request-id`. A request without it, or whose id is longer than
    /// 100 bytes or not printable ASCII, is given a new one.
    #[must_use]
    pub fn id_from(mut self, header: HeaderName) -> Self {
        self.id_from = header;
        self
    }
}

impl<S> tower_layer::Layer<S> for RequestSignals {
    type Service = RequestSignalsService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RequestSignalsService { inner, id_from: self.id_from.clone() }
    }
}
