//! The service that the layer makes.

use std::any::Any;
use std::fmt::Display;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::FutureExt;
use http::{HeaderName, Request, Response, StatusCode};
use signalpost_dispatch::Sender;
use tower_service::Service;

use super::about::About;
use super::{GOT_REQUEST_EXCEPTION, REQUEST_ID, REQUEST_STARTED, RequestError, ResponseBody};
use crate::with_headers;

/// A service whose requests are told of: see [`RequestSignals`](super::RequestSignals).
#[derive(Debug, Clone)]
pub struct RequestSignalsService<S> {
    pub(super) inner: S,
    pub(super) id_from: HeaderName,
}

/// What a [`RequestSignalsService`] answers with.
pub type ResponseFuture<R, E> = Pin<Box<dyn Future<Output = Result<Response<ResponseBody<R>>, E>> + Send>>;

impl<S, B, R> Service<Request<B>> for RequestSignalsService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Display,
    B: Send + 'static,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<R, S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let about = About::of(&request, &self.id_from);
        let scope = [(REQUEST_ID, about.request_id.clone())];
        if !REQUEST_STARTED.is_heard() {
            // Within the scope as well: a handler may send before its first await.
            let answer = catch_unwind(AssertUnwindSafe(|| self.inner.call(request)));
            return Box::pin(with_headers(scope, async move {
                match answer {
                    Ok(answer) => handle(answer, about).await,
                    Err(panic) => about.panicked(panic),
                }
            }));
        }
        // The one that is ready is used, and the clone has to become so.
        let clone = self.inner.clone();
        let mut ready = std::mem::replace(&mut self.inner, clone);
        Box::pin(with_headers(scope, async move {
            drop(REQUEST_STARTED.asend_robust(Sender::NONE, &about.started()).await);
            match catch_unwind(AssertUnwindSafe(|| ready.call(request))) {
                Ok(answer) => handle(answer, about).await,
                Err(panic) => about.panicked(panic),
            }
        }))
    }
}

async fn handle<R, E: Display>(
    answer: impl Future<Output = Result<Response<R>, E>>,
    about: About,
) -> Result<Response<ResponseBody<R>>, E> {
    // The state of a handler after its panic is nobody's: it goes on unwinding.
    match AssertUnwindSafe(answer).catch_unwind().await {
        Ok(Ok(response)) => {
            if response.status() == StatusCode::INTERNAL_SERVER_ERROR {
                about.failed(|| match response.extensions().get::<RequestError>() {
                    Some(error) => error.0.clone(),
                    None => format!("the response has the status {}", response.status()),
                });
            }
            let status = response.status().as_u16();
            Ok(response.map(|body| ResponseBody::new(body, about, status)))
        }
        Ok(Err(error)) => {
            about.failed(|| error.to_string());
            Err(error)
        }
        Err(panic) => about.panicked(panic),
    }
}

impl About {
    fn failed(&self, error: impl FnOnce() -> String) {
        if GOT_REQUEST_EXCEPTION.is_heard() {
            self.tell(&GOT_REQUEST_EXCEPTION, self.exception(error()));
        }
    }

    /// Tells of the panic, and lets it go on.
    fn panicked<T>(&self, panic: Box<dyn Any + Send>) -> T {
        self.failed(|| {
            let text = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(|text| &**text));
            format!("panicked: {}", text.unwrap_or("with something else than a text"))
        });
        resume_unwind(panic)
    }
}
