//! What travels beside a payload.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use signalpost_dispatch::SendError;

use crate::{RunningTask, chain};

/// What travels beside a payload, by name: a request id, a tenant, a language, a trace.
///
/// Headers stand in the tasks of a send. The receiver reads them from its [`RunningTask`], as
/// [`headers`](crate::TaskInfo::headers). They come from four places; of one name, the later place in this list counts:
///
/// 1. what is registered with [`carry`],
/// 2. the task in whose receiver the send is made: what it carries, its receivers' sends carry on,
/// 3. the scope, [`with_headers`],
/// 4. the send itself, [`SendOptions::header`](crate::SendOptions::header).
///
/// A name has 1 to 100 bytes: lower-case letters of ASCII, digits, `-`, `_` and `.`. Names that begin with `signalpost-` are
/// signalpost's own. All names and values together have at most 8 KiB, and no value holds a NUL. A send of tasks
/// beyond that is refused, by the header's name, before anybody has run.
pub type Headers = BTreeMap<String, String>;

/// The longest name, in bytes.
const MAX_NAME: usize = 100;
/// The most that all names and values of a send may make, in bytes.
const MAX_TOGETHER: usize = 8 << 10;
/// What the names of signalpost's own headers begin with.
const RESERVED: &str = "signalpost-";

type Carrier = fn(&mut Headers);

static CARRIERS: ArcSwapOption<Vec<Carrier>> = ArcSwapOption::const_empty();

tokio::task_local! {
    static SCOPE: Arc<Headers>;
}

/// Registers a function that puts headers into every send of this process that has tasks: the trace that the code is
/// in, for one. Call it once, at the start; several functions run in the order in which they were registered.
///
/// It runs on the sender's thread, once for each send and once for all payloads of a `send_many`, and not for sends
/// that nobody hears in the background. A panic in it is the sender's.
///
/// ```
/// use signalpost::Headers;
///
/// fn trace(headers: &mut Headers) {
///     # fn current_traceparent() -> Option<String> { None }
///     if let Some(traceparent) = current_traceparent() {
///         headers.insert("traceparent".to_owned(), traceparent);
///     }
/// }
/// signalpost::carry(trace);
/// ```
pub fn carry(carrier: fn(&mut Headers)) {
    CARRIERS.rcu(|known| {
        let known = known.iter().flat_map(|carriers| carriers.iter().copied());
        Some(Arc::new(known.chain([carrier]).collect::<Vec<_>>()))
    });
}

/// Runs `future`; what it sends carries these headers. Scopes add up: of one name, the inner one counts. What the future
/// spawns onto the runtime or onto other threads is outside.
///
/// ```
/// use signalpost::{BoxError, Sender, Signal, with_headers};
///
/// static VISITED: Signal<u32> = Signal::new("doc.visited");
///
/// # async fn handle(request_id: String) -> Result<(), BoxError> {
/// with_headers([("request-id", request_id)], async {
///     VISITED.asend(Sender::NONE, &7).await?;
///     Ok(())
/// })
/// .await
/// # }
/// ```
pub async fn with_headers<N, V, F>(headers: impl IntoIterator<Item = (N, V)>, future: F) -> F::Output
where
    N: Into<String>,
    V: Into<String>,
    F: Future,
{
    SCOPE.scope(inner(headers), future).await
}

/// As [`with_headers`], for synchronous code.
pub fn with_headers_blocking<N, V, T>(headers: impl IntoIterator<Item = (N, V)>, run: impl FnOnce() -> T) -> T
where
    N: Into<String>,
    V: Into<String>,
{
    SCOPE.sync_scope(inner(headers), run)
}

fn inner<N: Into<String>, V: Into<String>>(headers: impl IntoIterator<Item = (N, V)>) -> Arc<Headers> {
    let mut scope = SCOPE.try_with(|outer| Headers::clone(outer)).unwrap_or_default();
    scope.extend(headers.into_iter().map(|(name, value)| (name.into(), value.into())));
    Arc::new(scope)
}

/// Outside all scopes, as a receiver in a worker is.
pub(crate) fn without_scope<F: Future>(future: F) -> impl Future<Output = F::Output> {
    SCOPE.scope(Arc::default(), future)
}

/// The headers of a send that is made here.
pub(crate) fn of_send(running: Option<&RunningTask>, options: &Headers) -> Result<Headers, SendError> {
    let mut headers = Headers::new();
    for carrier in CARRIERS.load().iter().flat_map(|carriers| carriers.iter()) {
        carrier(&mut headers);
    }
    check(&headers)?;
    if let Some(running) = running {
        // Not checked: a row put in by hand may hold what no send would write, and its receiver can send all the same.
        headers.extend(running.headers.clone());
    }
    let mut add = |more: &Headers| {
        check(more)?;
        headers.extend(more.clone());
        Ok::<(), SendError>(())
    };
    SCOPE.try_with(|scope| add(scope)).unwrap_or(Ok(()))?;
    add(options)?;
    check_size(&headers)?;
    if let Some(running) = running {
        headers.insert(chain::HEADER.to_owned(), running.chain.clone());
    }
    Ok(headers)
}

/// Without those that are signalpost's own.
pub(crate) fn of_users(mut headers: Headers) -> Headers {
    headers.retain(|name, _| !name.starts_with(RESERVED));
    headers
}

fn check(headers: &Headers) -> Result<(), SendError> {
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.');
    for (name, value) in headers {
        let problem = if !(1..=MAX_NAME).contains(&name.len()) || !name.bytes().all(allowed) {
            format!("a name has 1 to {MAX_NAME} lower-case letters, digits, `-`, `_` and `.`")
        } else if name.starts_with(RESERVED) {
            format!("names that begin with `{RESERVED}` are signalpost's own")
        } else if value.contains('\0') {
            "its value holds the character NUL, which not every database can store".to_owned()
        } else {
            continue;
        };
        let name = name.escape_debug();
        return Err(SendError::sending(format!("the header `{name}` cannot be sent: {problem}")));
    }
    Ok(())
}

fn check_size(headers: &Headers) -> Result<(), SendError> {
    let size = |(name, value): (&String, &String)| name.len() + value.len();
    let together: usize = headers.iter().map(size).sum();
    if together <= MAX_TOGETHER {
        return Ok(());
    }
    let (largest, bytes) =
        headers.iter().map(|header| (header.0, size(header))).max_by_key(|(_, bytes)| *bytes).unzip();
    let (largest, bytes) = (largest.map_or("", |name| name), bytes.unwrap_or(0));
    Err(SendError::sending(format!(
        "the headers make {together} bytes, {bytes} of them the header `{largest}`; {MAX_TOGETHER} are allowed\n  hint: \
         what is large belongs into the payload"
    )))
}
