//! The body of a response, whose end is the end of the request.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::REQUEST_FINISHED;
use super::about::About;

pin_project! {
    /// The body of a response, which tells of its end: see [`REQUEST_FINISHED`].
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        #[pin]
        inner: B,
        end: Option<End>,
    }
}

impl<B> ResponseBody<B> {
    pub(super) fn new(inner: B, about: About, status: u16) -> Self {
        let end = REQUEST_FINISHED.is_heard().then(|| End { about, status });
        Self { inner, end }
    }
}

/// Tells when it is dropped: after the last frame, or with the body.
#[derive(Debug)]
struct End {
    about: About,
    status: u16,
}

impl Drop for End {
    fn drop(&mut self) {
        self.about.tell(&REQUEST_FINISHED, self.about.finished(self.status));
    }
}

impl<B: Body> Body for ResponseBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = self.project();
        let frame = ready!(this.inner.poll_frame(context));
        if frame.is_none() {
            drop(this.end.take());
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
