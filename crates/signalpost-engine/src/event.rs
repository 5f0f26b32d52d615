//! What the engine has to tell people: it goes to Django's logging through a child, or else to standard error.

use serde::Serialize;
use serde_json::{Map, Value};

/// One event, as it stands in a frame `E`.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Event {
    /// By which a child says that it is logged. Given when it is sent to one.
    #[serde(rename = "event")]
    pub(crate) number: u64,
    /// To how many children it was sent.
    #[serde(skip)]
    pub(crate) tries: u32,
    pub(crate) level: &'static str,
    pub(crate) logger: &'static str,
    pub(crate) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(crate) fields: Map<String, Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) tasks: Vec<Value>,
}

/// Where the engine's own events appear in Django's logging.
pub(crate) const ENGINE: &str = "signalpost.engine";
/// How many tasks a line on standard error names.
const MOST_NAMED: usize = 5;

impl Event {
    pub(crate) fn new(level: &'static str, message: impl Into<String>) -> Self {
        let message = one_line(&message.into());
        let (number, tries, fields, tasks) = Default::default();
        Self { number, tries, level, logger: ENGINE, message, kind: None, fields, tasks }
    }

    pub(crate) fn kind(mut self, kind: &'static str) -> Self {
        self.kind = Some(kind);
        self
    }

    pub(crate) fn field(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn tasks(mut self, tasks: Vec<Value>) -> Self {
        self.tasks = tasks;
        self
    }

    /// For standard error.
    pub(crate) fn line(&self) -> String {
        let mut line = format!("{} {}: {}", self.level.to_uppercase(), self.logger, self.message);
        for (name, value) in &self.fields {
            line.push_str(&format!(" {name}={}", one_line(&value.to_string())));
        }
        if !self.tasks.is_empty() {
            let named = self.tasks.iter().take(MOST_NAMED).map(|head| {
                let receiver = head["receiver"].as_str().unwrap_or_default();
                format!("{} of {receiver}", head["id"])
            });
            let mut named = named.collect::<Vec<_>>().join(", ");
            if let Some(more) = self.tasks.len().checked_sub(MOST_NAMED).filter(|more| *more > 0) {
                named.push_str(&format!(" and {more} more"));
            }
            line.push_str(&format!(" tasks={}", one_line(&Value::from(named).to_string())));
        }
        line
    }
}

/// Control characters would let what a child says pass for a line of its own, or for commands of a terminal.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_event_is_one_line() {
        let event = Event::new("error", "a\nb\u{1b}[31m").kind("died").field("child", 3).field("how", "x\ny");
        assert_eq!(event.line(), r#"ERROR signalpost.engine: a b [31m child=3 how="x\ny""#);
        let json = serde_json::to_value(&event).unwrap();
        assert_eq!((&json["kind"], &json["fields"]["child"]), (&"died".into(), &3.into()));
        assert!(json.get("tasks").is_none());
    }

    #[test]
    fn a_line_names_those_who_are_charged() {
        let heads = |count| (1..=count).map(|id| json!({"id": id, "receiver": "shop.mail"})).collect();
        let line = |count| Event::new("error", "it has died").tasks(heads(count)).line();
        assert_eq!(line(2), r#"ERROR signalpost.engine: it has died tasks="1 of shop.mail, 2 of shop.mail""#);
        assert!(line(9).ends_with(r#", 5 of shop.mail and 4 more""#));
    }
}
