//! JSON that was read, before it is made into values.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A JSON value. Objects keep the order of their entries.
#[derive(Debug, PartialEq)]
pub(crate) enum Node {
    Null,
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

/// An object that stands for what JSON has no form for: `{"$": [name, …]}`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tag<'a> {
    pub(crate) name: &'a str,
    pub(crate) arguments: &'a [Node],
}

/// The key that makes an object a tag.
pub(crate) const TAG: &str = "$";

impl Node {
    /// What tag this object is; an error where it has a tag's key and is none.
    pub(crate) fn tag(entries: &[(String, Node)]) -> Result<Option<Tag<'_>>, &'static str> {
        match entries {
            [(key, Node::List(parts))] if key == TAG => match parts.as_slice() {
                [Node::Text(name), arguments @ ..] => Ok(Some(Tag { name, arguments })),
                _ => Err("is a tag without a name"),
            },
            _ if entries.iter().any(|(key, _)| key == TAG) => Err("has the key `$`, and is no tag"),
            _ => Ok(None),
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Signed(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Unsigned(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Node, E> {
        Ok(Node::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut object = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            object.push(entry);
        }
        Ok(Node::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signalpost_store::{PayloadLimits, decode_payload};

    fn read(json: &str) -> Node {
        decode_payload(json.as_bytes(), PayloadLimits::default()).unwrap()
    }

    fn tag_of(json: &str) -> Result<Option<String>, &'static str> {
        let Node::Object(entries) = read(json) else { panic!("{json} is no object") };
        Node::tag(&entries).map(|tag| tag.map(|tag| format!("{} of {}", tag.name, tag.arguments.len())))
    }

    #[test]
    fn every_kind_of_value_is_read_as_what_it_is() {
        let read = read(r#"[null, true, -1, 18446744073709551615, 1.0, "a", {}]"#);
        let numbers = [Node::Signed(-1), Node::Unsigned(u64::MAX), Node::Float(1.0)];
        let mut expected = vec![Node::Null, Node::Bool(true)];
        expected.extend(numbers);
        expected.extend([Node::Text("a".to_owned()), Node::Object(Vec::new())]);
        assert_eq!(read, Node::List(expected));
    }

    #[test]
    fn the_entries_of_an_object_stay_in_their_order() {
        let Node::Object(entries) = read(r#"{"z": 1, "a": 2, "m": 3}"#) else { panic!("it is an object") };
        let keys: Vec<_> = entries.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["z", "a", "m"]);
    }

    #[test]
    fn an_object_of_the_one_key_with_a_name_in_a_list_is_a_tag() {
        assert_eq!(tag_of(r#"{"$": ["set", 1, 2]}"#), Ok(Some("set of 2".to_owned())));
        assert_eq!(tag_of(r#"{"$": ["set"]}"#), Ok(Some("set of 0".to_owned())));
        assert_eq!(tag_of(r#"{"a": 1}"#), Ok(None));
        assert_eq!(tag_of("{}"), Ok(None));
    }

    #[test]
    fn an_object_with_the_key_of_a_tag_that_is_none_is_wrong() {
        for json in [r#"{"$": 1}"#, r#"{"$": []}"#, r#"{"$": [1]}"#, r#"{"$": ["set"], "a": 1}"#] {
            assert!(tag_of(json).is_err(), "{json}");
        }
    }
}
