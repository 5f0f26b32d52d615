//! What the signals around a request cost.

use std::convert::Infallible;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{Request, Response};
use signalpost::http::RequestSignals;
use signalpost::{BoxError, with_headers};
use tokio::runtime::Builder;
use tower::{Layer, Service, service_fn};

use crate::measure::{Measure, median};

const CALLS: u32 = 2_000;

pub(crate) fn run(quick: bool) -> Result<Vec<Measure>, BoxError> {
    let rounds = if quick { 50 } else { 500 };
    let bare = || service_fn(async |_: Request<Body>| Ok::<_, Infallible>(Response::new(Body::empty())));
    let router = || Router::<()>::new().route("/", get(async || ""));
    Ok(vec![
        added("a bare service", rounds, bare(), RequestSignals::new().layer(bare()))?,
        added("an axum router", rounds, router(), router().layer(RequestSignals::new()))?,
    ])
}

/// How much longer a request takes with the layer, while nobody hears of requests.
fn added<B, L>(
    what: &str,
    rounds: u32,
    mut without: impl Service<Request<Body>, Response = Response<B>, Error = Infallible>,
    mut with: impl Service<Request<Body>, Response = Response<L>, Error = Infallible>,
) -> Result<Measure, BoxError> {
    // Otherwise the layer's would be the only scope.
    let runtime = Builder::new_current_thread().build()?;
    let (mut plain, mut layered) = (Vec::new(), Vec::new());
    runtime.block_on(with_headers([("tenant", "bench")], async {
        for _ in 0..rounds {
            plain.push(one_round(&mut without).await);
            layered.push(one_round(&mut with).await);
        }
    }));
    let (plain, layered) = (median(&mut plain), median(&mut layered));
    Ok(Measure::alone(format!("what the layer adds to a request to {what}"), layered - plain, "ns", "at most 1000"))
}

async fn one_round<B>(service: &mut impl Service<Request<Body>, Response = Response<B>, Error = Infallible>) -> f64 {
    let began = Instant::now();
    for _ in 0..CALLS {
        let request = Request::get("/").body(Body::empty()).unwrap_or_default();
        let Ok(()) = std::future::poll_fn(|context| service.poll_ready(context)).await;
        let Ok(response) = service.call(request).await;
        std::hint::black_box(response);
    }
    began.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS)
}
