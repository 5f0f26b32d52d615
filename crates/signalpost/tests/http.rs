//! Requests, as `signalpost::http` tells of them.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router, routing::get};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use signalpost::http::{
    GOT_REQUEST_EXCEPTION, GotRequestException, REQUEST_FINISHED, REQUEST_ID, REQUEST_STARTED, RequestError,
    RequestFinished, RequestSignals, RequestStarted,
};
use signalpost::testing::TestStore;
use signalpost::{ConnectOptions, Event, ScopedConnection, Sender, Signal, with_store};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tower::{ServiceExt, service_fn};

static ORDERED: Signal<u32> = Signal::new("tests.http.ordered");

#[signalpost::receiver(ORDERED, background)]
async fn ship(_event: &Event<'_, u32>) {}

fn app() -> Router {
    Router::new()
        .route("/", get(async || "hello"))
        .route("/fails", get(fails))
        .route("/panics", get(async || -> &'static str { panic!("over the edge") }))
        .route(
            "/orders",
            get(async || {
                ORDERED.asend(Sender::NONE, &7).await.unwrap();
                "ordered"
            }),
        )
        .layer(RequestSignals::new())
}

async fn fails() -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, Extension(RequestError::new("the printer is on fire"))).into_response()
}

fn request(path: &str, id: &str) -> Request<Body> {
    Request::builder().uri(path).header("x-request-id", id).body(Body::empty()).unwrap()
}

/// What is sent for the request of this id, for as long as the connection is held.
fn told<P: Clone + Send + Sync + 'static>(
    signal: &'static Signal<P>,
    is_wanted: impl Fn(&P) -> bool + Send + Sync + 'static,
) -> (ScopedConnection<'static, P, ()>, UnboundedReceiver<P>) {
    let (sender, told) = unbounded_channel();
    let connection = signal.connect(move |event: &Event<P>| {
        if is_wanted(event.payload) {
            sender.send(event.payload.clone()).unwrap();
        }
    });
    (connection.scoped(), told)
}

#[tokio::test]
async fn a_request_is_told_of_at_its_beginning_and_when_its_response_is_over() {
    let (_started, mut started) = told(&REQUEST_STARTED, |it: &RequestStarted| it.request_id == "one");
    let (_finished, mut finished) = told(&REQUEST_FINISHED, |it: &RequestFinished| it.request_id == "one");
    let response = app().oneshot(request("/?secret=1", "one")).await.unwrap();
    assert_eq!(started.recv().await.unwrap().path, "/");
    assert!(finished.is_empty(), "nobody has read the body yet");
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "hello");
    let finished = finished.recv().await.unwrap();
    assert_eq!((&*finished.method, &*finished.path, finished.status), ("GET", "/", 200));
}

#[tokio::test]
async fn a_response_that_nobody_reads_is_over_when_it_is_dropped() {
    let (_finished, mut finished) = told(&REQUEST_FINISHED, |it: &RequestFinished| it.request_id == "dropped");
    drop(app().oneshot(request("/", "dropped")).await.unwrap());
    assert_eq!(finished.recv().await.unwrap().status, 200);
}

#[tokio::test]
async fn a_failure_is_told_of_with_its_reason() {
    let (_told, mut told) = told(&GOT_REQUEST_EXCEPTION, |it: &GotRequestException| it.request_id == "fails");
    let response = app().oneshot(request("/fails", "fails")).await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(told.recv().await.unwrap().error, "the printer is on fire");
}

#[tokio::test]
async fn a_panic_is_told_of_and_goes_on() {
    let (_told, mut told) = told(&GOT_REQUEST_EXCEPTION, |it: &GotRequestException| it.request_id == "panics");
    let ended = tokio::spawn(app().oneshot(request("/panics", "panics"))).await;
    assert!(ended.unwrap_err().is_panic());
    assert_eq!(told.recv().await.unwrap().error, "panicked: over the edge");
}

#[tokio::test]
async fn an_error_of_the_service_is_told_of_and_handed_on() {
    let (_told, mut told) = told(&GOT_REQUEST_EXCEPTION, |it: &GotRequestException| it.request_id == "service");
    let broken = service_fn(async |_: Request<Body>| Err::<Response<Body>, _>("no upstream"));
    let service = tower::Layer::layer(&RequestSignals::new(), broken);
    assert_eq!(service.oneshot(request("/", "service")).await.unwrap_err(), "no upstream");
    assert_eq!(told.recv().await.unwrap().error, "no upstream");
}

#[tokio::test]
async fn a_receiver_that_fails_does_not_break_the_response() {
    let options = || ConnectOptions::new();
    let _started = REQUEST_STARTED
        .connect_with(options().name("tests.http.failing"), |event: &Event<RequestStarted>| {
            if event.payload.request_id == "robust" { Err("no".into()) } else { Ok::<(), signalpost::BoxError>(()) }
        })
        .scoped();
    let _panicking = REQUEST_FINISHED
        .connect_with(options().name("tests.http.panicking"), |event: &Event<RequestFinished>| {
            assert!(event.payload.request_id != "robust", "on purpose");
        })
        .scoped();
    let (_finished, mut finished) = told(&REQUEST_FINISHED, |it: &RequestFinished| it.request_id == "robust");
    let response = app().oneshot(request("/", "robust")).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "hello");
    assert_eq!(finished.recv().await.unwrap().status, 200);
}

#[tokio::test]
async fn what_is_sent_within_a_request_carries_its_id() {
    let store = TestStore::new();
    with_store(store.store(), app().oneshot(request("/orders", "from-the-proxy"))).await.unwrap();
    let headers = &store.assert_enqueued("ship").headers;
    assert_eq!(headers[REQUEST_ID], "from-the-proxy");
}

#[tokio::test]
async fn a_request_without_a_usable_id_is_given_one() {
    let too_long = "x".repeat(101);
    for given in ["", "two words", &too_long] {
        let ids = Arc::new(std::sync::Mutex::new(Vec::new()));
        let seen = ids.clone();
        let inner = service_fn(move |_: Request<Body>| {
            let seen = seen.clone();
            async move {
                let store = TestStore::new();
                with_store(store.store(), ORDERED.asend(Sender::NONE, &1)).await.unwrap();
                seen.lock().unwrap().push(store.assert_enqueued("ship").headers[REQUEST_ID].clone());
                Ok::<_, Infallible>(Response::new(Body::empty()))
            }
        });
        tower::Layer::layer(&RequestSignals::new(), inner).oneshot(request("/", given)).await.unwrap();
        let id = ids.lock().unwrap().pop().unwrap();
        assert_eq!(id.parse::<signalpost::SendId>().unwrap().to_string(), id, "a new one for `{given}`");
    }
}
