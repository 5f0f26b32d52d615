//! The bodies of frames: what engine and child say to each other. `docs/django-worker.md` says when, and what it means.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use signalpost_store::{NewTask, PublishedReceiver, TaskId};
use signalpost_worker::{Failure, Success};

use crate::frame::{FrameWriter, WrongLength};
use crate::settings::StoreSettings;

/// The version of the frames.
pub(crate) const VERSION: u32 = 1;

/// What the engine says.
pub(crate) mod kind {
    pub(crate) const HELLO: u8 = b'H';
    pub(crate) const TASKS: u8 = b'T';
    pub(crate) const RECALL: u8 = b'R';
    pub(crate) const STOP: u8 = b'S';
    pub(crate) const EVENT: u8 = b'E';
    pub(crate) const FINISHED: u8 = b'F';
    pub(crate) const CREDENTIALS: u8 = b'C';
}

/// `H`
#[derive(Debug, Serialize)]
pub(crate) struct Hello<'a> {
    pub(crate) version: u32,
    pub(crate) engine: &'a str,
    pub(crate) child: u32,
    pub(crate) threads: usize,
    pub(crate) async_concurrency: usize,
    pub(crate) stores: &'a [String],
}

/// `R`
#[derive(Debug, Serialize)]
pub(crate) struct Recall<'a> {
    pub(crate) runs: &'a [u64],
}

/// `C`
#[derive(Debug, Serialize)]
pub(crate) struct AskCredentials<'a> {
    pub(crate) store: &'a str,
    pub(crate) why: &'a str,
}

/// `S`
#[derive(Debug, Serialize)]
pub(crate) struct Stop {}

/// Writes one frame at the end of `buffer`. A body that cannot be written, or is too long, is left out.
pub(crate) fn write(buffer: &mut Vec<u8>, kind: u8, body: &impl Serialize) -> Result<(), WrongLength> {
    let begin = buffer.len();
    let mut frame = FrameWriter::begin(buffer, kind);
    if serde_json::to_writer(&mut *frame.body(), body).is_err() {
        // A map whose keys are no texts, and none of our bodies has one.
        buffer.truncate(begin);
        return Ok(());
    }
    frame.end()
}

/// What a child says.
#[derive(Debug)]
pub(crate) enum Said {
    /// `h`
    Hello(ChildHello),
    /// `x`
    CannotStart(String),
    /// `r`
    Results(Vec<RunResult>),
    /// `e`
    Logged(Vec<u64>),
    /// `s`
    Replace { reason: String, all: bool },
    /// `c`
    Credentials { store: String, answer: Result<Box<StoreSettings>, String> },
}

impl Said {
    /// What a frame says; or why it makes no sense.
    pub(crate) fn read(kind: u8, body: &[u8]) -> Result<Self, String> {
        match kind {
            b'h' => ChildHello::read(kind, body).map(Self::Hello),
            b'x' => parse(kind, body).map(|Reason { reason }| Self::CannotStart(reason)),
            b'r' => parse(kind, body).map(|Results { results }| Self::Results(results)),
            b'e' => parse(kind, body).map(|Logged { events }| Self::Logged(events)),
            b's' => parse(kind, body).map(|Replace { reason, all }| Self::Replace { reason, all }),
            b'c' => parse::<Credentials>(kind, body)?.said(),
            other => Err(format!("a frame of the kind `{}` is not known", char::from(other).escape_default())),
        }
    }
}

fn parse<'a, T: Deserialize<'a>>(kind: u8, body: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| match kind {
        // Not in its own words: they may repeat a password.
        b'c' => "a frame of the kind `c` is not what it should be".to_owned(),
        _ => format!("a frame of the kind `{}`: {error}", char::from(kind)),
    })
}

/// `h`
#[derive(Debug, Deserialize)]
pub(crate) struct ChildHello {
    pub(crate) version: u32,
    pub(crate) queues: Vec<String>,
    pub(crate) receivers: Vec<Registered>,
    #[serde(default)]
    pub(crate) wants_finished: bool,
}

impl ChildHello {
    /// Of another version nothing but that is known.
    fn read(kind: u8, body: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        match parse(kind, body)? {
            Version { version: VERSION } => parse(kind, body),
            Version { version } => {
                Ok(Self { version, queues: Vec::new(), receivers: Vec::new(), wants_finished: false })
            }
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Registered {
    name: String,
    signal: String,
    queue: String,
}

impl From<Registered> for PublishedReceiver {
    fn from(Registered { name, signal, queue }: Registered) -> Self {
        Self { name, signal, queue }
    }
}

#[derive(Deserialize)]
struct Results {
    results: Vec<RunResult>,
}

#[derive(Deserialize)]
struct Logged {
    events: Vec<u64>,
}

/// `c`
#[derive(Deserialize)]
struct Credentials {
    store: String,
    settings: Option<Box<StoreSettings>>,
    error: Option<String>,
}

impl Credentials {
    fn said(self) -> Result<Said, String> {
        let Self { store, settings, error } = self;
        let answer = match (settings, error) {
            (Some(settings), None) => Ok(settings),
            (None, Some(error)) => Err(error),
            _ => return Err("a frame of the kind `c` says neither what nor why not".to_owned()),
        };
        Ok(Said::Credentials { store, answer })
    }
}

#[derive(Deserialize)]
struct Replace {
    reason: String,
    #[serde(default)]
    all: bool,
}

/// What a child says of a run that has ended: exactly one of them.
#[derive(Debug, Deserialize)]
pub(crate) struct RunResult {
    pub(crate) run: u64,
    ok: Option<Ok>,
    retry: Option<Retry>,
    dead: Option<Reason>,
    unknown: Option<Reason>,
    back: Option<serde::de::IgnoredAny>,
}

#[derive(Debug, Deserialize)]
struct Ok {
    result: Option<String>,
    then: Option<Vec<Follow>>,
}

#[derive(Debug, Deserialize)]
struct Retry {
    reason: String,
    after: u64,
}

#[derive(Debug, Deserialize)]
struct Reason {
    reason: String,
}

/// A task that follows.
#[derive(Debug, Deserialize)]
struct Follow {
    signal: String,
    receiver: String,
    queue: String,
    payload: String,
    sender: Option<String>,
    send_id: Option<String>,
    priority: Option<i16>,
    delay: Option<u64>,
    payload_version: Option<u32>,
    headers: Option<String>,
    parent: Option<i64>,
    depth: Option<u32>,
    reason: Option<String>,
}

/// How a run has ended.
#[derive(Debug)]
pub(crate) enum End {
    Reported(Result<Success, Failure>),
    /// It has not begun.
    Back,
}

impl RunResult {
    /// What it means; or why it makes no sense.
    pub(crate) fn end(self) -> Result<End, String> {
        let Self { run, ok, retry, dead, unknown, back } = self;
        let end = match (ok, retry, dead, unknown, back) {
            (Some(ok), None, None, None, None) => End::Reported(Ok(ok.success()?)),
            (None, Some(Retry { reason, after }), None, None, None) => {
                End::Reported(Err(Failure::retry_after(Duration::from_millis(after), reason)))
            }
            (None, None, Some(Reason { reason }), None, None) => End::Reported(Err(Failure::permanent(reason))),
            (None, None, None, Some(Reason { reason }), None) => End::Reported(Err(Failure::unknown(reason))),
            (None, None, None, None, Some(_)) => End::Back,
            _ => return Err(format!("the result of run {run} does not say one thing")),
        };
        Ok(end)
    }
}

impl Ok {
    fn success(self) -> Result<Success, String> {
        let then = self.then.unwrap_or_default().into_iter().map(Follow::task).collect::<Result<Vec<_>, _>>()?;
        let success = Success::default().followed_by(then);
        Ok(match self.result {
            Some(result) => success.with_result(result),
            None => success,
        })
    }
}

impl Follow {
    fn task(self) -> Result<NewTask, String> {
        let mut task = NewTask::new(self.signal, self.receiver, self.payload);
        if let Some(send_id) = self.send_id {
            task.send_id = send_id.parse()?;
        }
        if let Some(headers) = self.headers {
            task.headers = serde_json::from_str::<BTreeMap<String, String>>(&headers)
                .map_err(|error| format!("the headers of a task that follows: {error}"))?;
        }
        task.queue = self.queue;
        task.sender = self.sender;
        task.priority = self.priority.unwrap_or_default();
        task.delay = Duration::from_millis(self.delay.unwrap_or_default());
        task.payload_version = self.payload_version.unwrap_or(1);
        task.parent = self.parent.map(TaskId);
        task.depth = self.depth.unwrap_or_default();
        task.reason = self.reason;
        Ok(task)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::FrameReader;
    use proptest::prelude::*;

    fn results(json: &str) -> Result<Vec<Result<End, String>>, String> {
        match Said::read(b'r', json.as_bytes())? {
            Said::Results(results) => Ok(results.into_iter().map(RunResult::end).collect()),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn each_kind_of_result_is_read() {
        let all = r#"{"results": [
            {"run": 1, "ok": {}}, {"run": 2, "ok": {"result": "7", "then": null}},
            {"run": 3, "retry": {"reason": "r", "after": 1500, "class": "builtins.ValueError"}},
            {"run": 4, "dead": {"reason": "d"}}, {"run": 5, "unknown": {"reason": "u"}}, {"run": 6, "back": {}}]}"#;
        let read: Vec<End> = results(all).unwrap().into_iter().map(Result::unwrap).collect();
        let failure = |failure| matches!(failure, End::Reported(Err(_)));
        let [first, second, third, rest @ ..] = &read[..] else { panic!("{read:?}") };
        assert!(matches!(first, End::Reported(Ok(success)) if *success == Success::default()));
        assert!(matches!(second, End::Reported(Ok(success)) if success.result.as_deref() == Some("7")));
        assert!(
            matches!(third, End::Reported(Err(failure)) if failure.wanted_delay() == Some(Duration::from_millis(1500)))
        );
        assert!(matches!(rest, [dead, unknown, End::Back] if failure_is(dead, "d") && failure_is(unknown, "u")));
        assert!(!failure(End::Back));
    }

    fn failure_is(end: &End, reason: &str) -> bool {
        matches!(end, End::Reported(Err(failure)) if failure.reason == reason)
    }

    #[test]
    fn tasks_that_follow_are_read() {
        let all = r#"{"results": [{"run": 1, "ok": {"then": [{"signal": "s", "receiver": "r", "queue": "q", "payload": "{}",
            "send_id": "0190163d-8694-739b-aea5-966c26f8ad91", "delay": 250, "headers": "{\"a\": \"b\"}", "parent": 3,
            "depth": 2, "reason": "why"}]}}]}"#;
        let End::Reported(Ok(success)) = results(all).unwrap().remove(0).unwrap() else { panic!("no success") };
        let then = &success.then[0];
        assert_eq!((&*then.signal, &*then.receiver, &*then.queue, &*then.payload), ("s", "r", "q", "{}"));
        assert_eq!((then.delay, then.parent, then.depth), (Duration::from_millis(250), Some(TaskId(3)), 2));
        assert_eq!((then.headers.len(), then.reason.as_deref()), (1, Some("why")));
    }

    #[test]
    fn credentials_are_read_and_never_shown() {
        let given =
            r#"{"store": "a", "settings": {"alias": "a", "vendor": "postgresql", "parameters": {"password": "hush"}}}"#;
        let said = Said::read(b'c', given.as_bytes()).unwrap();
        assert!(matches!(&said, Said::Credentials { answer: Ok(_), .. }));
        let refused = Said::read(b'c', br#"{"store": "a", "error": "no such service"}"#).unwrap();
        assert!(matches!(&refused, Said::Credentials { answer: Err(why), .. } if why == "no such service"));
        let wrong = Said::read(b'c', br#"{"store": "a", "settings": {"alias": "a", "vendor": "hush"}}"#).unwrap_err();
        assert!(![format!("{said:?}"), wrong].concat().contains("hush"));
        assert!(Said::read(b'c', br#"{"store": "a"}"#).is_err());
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        for wrong in [
            r#"{"results": [{"run": 1}]}"#,
            r#"{"results": [{"run": 1, "ok": {}, "back": {}}]}"#,
            r#"{"results": [{"run": 1, "ok": {"then": [{"signal": "s", "receiver": "r", "queue": "q", "payload": "{}", "send_id": "x"}]}}]}"#,
        ] {
            assert!(results(wrong).unwrap().remove(0).is_err(), "{wrong}");
        }
        assert!(results(r#"{"results": [{"ok": {}}]}"#).is_err());
        assert!(results("[").is_err());
        assert!(Said::read(b'\n', b"{}").unwrap_err().contains("`\\n`"));
        assert!(Said::read(b'H', b"{}").is_err());
    }

    proptest! {
        #[test]
        fn no_body_panics(kind in prop::sample::select(b"hxrsc?".to_vec()), body in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(Said::Results(results)) = Said::read(kind, &body) {
                for result in results {
                    let _ = result.end();
                }
            }
        }

        #[test]
        fn no_json_panics(body in r#"\{"(results|reason|version|queues)": ?(\[(\{"run": ?-?[0-9]{1,25}, ?"(ok|back|dead|x)": ?(\{\}|null|3)\},?)*\]|"[a-z]*"|[0-9]{1,30})\}"#) {
            for kind in *b"hxrsc" {
                if let Ok(Said::Results(results)) = Said::read(kind, body.as_bytes()) {
                    results.into_iter().for_each(|result| drop(result.end()));
                }
            }
        }
    }

    #[test]
    fn what_is_written_is_a_frame() {
        let mut buffer = Vec::new();
        write(&mut buffer, kind::RECALL, &Recall { runs: &[3, 4] }).unwrap();
        write(&mut buffer, kind::STOP, &Stop {}).unwrap();
        let mut reader = FrameReader::default();
        reader.push(&buffer);
        assert_eq!(reader.next_frame().unwrap(), Some((b'R', &br#"{"runs":[3,4]}"#[..])));
        assert_eq!(reader.next_frame().unwrap(), Some((b'S', &b"{}"[..])));
    }
}
