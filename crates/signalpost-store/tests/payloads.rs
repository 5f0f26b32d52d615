//! Payloads within limits, and what is said of those beyond.

use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use signalpost_store::{PayloadLimits, decode_payload, encode_payload};
use std::collections::BTreeMap;

const LIMITS: PayloadLimits = PayloadLimits { max_bytes: 200, max_depth: 4 };

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Order {
    id: u64,
    lines: Vec<Line>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Line {
    note: String,
}

fn order(notes: &[&str]) -> Order {
    Order { id: 7, lines: notes.iter().map(|note| Line { note: (*note).to_owned() }).collect() }
}

#[test]
fn a_payload_comes_back_as_it_went() {
    let order = order(&["käse", "a \"quote\" and \\u0000 as six letters", "\u{1}\n"]);
    let json = encode_payload(&order, LIMITS).unwrap();
    assert_eq!(decode_payload::<Order>(json.as_bytes(), LIMITS).unwrap(), order);
}

#[test]
fn a_number_comes_back_to_the_last_bit() {
    // Of those that are read as their neighbour by a parser that is only nearly right.
    for number in [2.096_716_203_749_965_8e-122, 6.800_538_693_592_429e-211, f64::MIN_POSITIVE, f64::MAX, -0.0] {
        let json = encode_payload(&number, LIMITS).unwrap();
        assert_eq!(decode_payload::<f64>(json.as_bytes(), LIMITS).unwrap().to_bits(), number.to_bits(), "{json}");
    }
}

#[test]
fn what_cannot_be_read_in_a_list_is_named_by_its_place() {
    let error = decode_payload::<Vec<Order>>(b"[{\"id\": 7, \"lines\": 1}]", LIMITS).unwrap_err();
    assert_eq!(error.path(), Some("$[0].lines"));
}

#[test]
fn a_payload_that_is_too_large_is_refused() {
    let error = encode_payload(&order(&["x"; 40]), LIMITS).unwrap_err();
    assert!(error.is_too_large());
    assert_eq!(error.to_string(), "the payload makes more than 200 bytes of JSON; store the data and send its key");
    assert!(decode_payload::<Value>(&[b' '; 201], LIMITS).unwrap_err().is_too_large());
}

#[test]
fn a_payload_that_is_too_deep_is_refused_with_its_path() {
    let deep = json!({"a": [1, {"b": [[2]]}]});
    let error = encode_payload(&deep, LIMITS).unwrap_err();
    assert!(error.is_too_deep());
    assert_eq!(error.path(), Some("$.a[1].b[0]"));
    assert_eq!(error.to_string(), "the payload at $.a[1].b[0] is nested deeper than 4 levels");
}

#[test]
fn a_payload_of_any_depth_does_not_exhaust_the_stack() {
    struct Endless;
    impl Serialize for Endless {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_seq([Endless])
        }
    }
    assert!(encode_payload(&Endless, PayloadLimits::default()).unwrap_err().is_too_deep());
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let error = decode_payload::<Value>(deep.as_bytes(), PayloadLimits::default()).unwrap_err();
    assert!(error.to_string().contains("recursion limit"), "{error}");
}

#[test]
fn a_nul_is_refused_with_its_path() {
    let error = encode_payload(&order(&["fine", "not \0 fine"]), LIMITS).unwrap_err();
    assert!(error.is_nul());
    assert_eq!(error.path(), Some("$.lines[1].note"));
    let error = encode_payload(&BTreeMap::from([("ke\0y", 1)]), LIMITS).unwrap_err();
    assert!(error.is_nul());
    assert_eq!(error.path(), Some("$.ke"));
}

/// One of every kind of place that a number can stand in, with nulls that are meant before and beside it.
#[derive(Default, Serialize)]
struct Measured {
    nothing: Option<f64>,
    unit: (),
    plain: f64,
    small: f32,
    maybe: Option<f64>,
    list: Vec<f64>,
    pair: (u8, f64),
    tagged: BTreeMap<String, Reading>,
    #[serde(flatten)]
    more: BTreeMap<String, f64>,
}

#[derive(Serialize)]
enum Reading {
    Absent,
    Newtype(f64),
    Tuple(Option<u8>, f64),
    Struct { none: Option<u8>, value: f64 },
}

#[test]
fn a_number_that_json_cannot_hold_is_refused_with_its_path() {
    let tagged = |reading| BTreeMap::from([("absent".to_owned(), Reading::Absent), ("r".to_owned(), reading)]);
    let fine = Measured { tagged: tagged(Reading::Tuple(None, 1.5)), ..Measured::default() };
    let limits = PayloadLimits::default();
    assert_eq!(encode_payload(&fine, limits).unwrap(), serde_json::to_string(&fine).unwrap());
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for (path, measured) in [
            ("$.plain", Measured { plain: number, ..Measured::default() }),
            ("$.small", Measured { small: number as f32, ..Measured::default() }),
            ("$.maybe", Measured { maybe: Some(number), ..Measured::default() }),
            ("$.list[2]", Measured { list: vec![0.0, 1.0, number], ..Measured::default() }),
            ("$.pair[1]", Measured { pair: (0, number), ..Measured::default() }),
            ("$.tagged.r.Newtype", Measured { tagged: tagged(Reading::Newtype(number)), ..Measured::default() }),
            ("$.tagged.r.Tuple[1]", Measured { tagged: tagged(Reading::Tuple(None, number)), ..Measured::default() }),
            (
                "$.tagged.r.Struct.value",
                Measured { tagged: tagged(Reading::Struct { none: None, value: number }), ..Measured::default() },
            ),
            ("$.late", Measured { more: [("late".to_owned(), number)].into(), ..Measured::default() }),
        ] {
            let error = encode_payload(&measured, limits).unwrap_err();
            assert!(error.is_not_finite());
            assert_eq!(error.path(), Some(path));
            assert_eq!(error.to_string(), format!("the payload at {path} is NaN or infinite, which JSON cannot hold"));
        }
    }
    let error = encode_payload(&f64::NAN, limits).unwrap_err();
    assert_eq!(error.path(), Some("$"));
}

#[test]
fn a_map_whose_keys_are_not_text_is_refused() {
    let error = encode_payload(&BTreeMap::from([(vec![1], 1)]), LIMITS).unwrap_err();
    assert!(error.to_string().contains("key must be a string"), "{error}");
}

#[test]
fn an_undecodable_payload_is_named_with_its_path() {
    for (json, complaint) in [
        (
            r#"{"id":7,"lines":[{"note":"a"},{"note":3}]}"#,
            "the payload at $.lines[1].note cannot be read: invalid type",
        ),
        (r#"{"id":7}"#, "the payload at $ cannot be read: missing field `lines`"),
        (r#"{"id":7,"lines":["#, "cannot be read: EOF while parsing"),
        (r#"{"id":7,"lines":[]} x"#, "cannot be read: trailing characters"),
        ("", "cannot be read: EOF"),
    ] {
        let error = decode_payload::<Order>(json.as_bytes(), LIMITS).unwrap_err();
        assert!(error.to_string().contains(complaint), "{json}: {error}");
    }
    assert!(decode_payload::<Order>(&[0xFF, 0xFE], LIMITS).is_err());
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("JSON has no infinity", |f| f.is_finite()).prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(".*", inner, 0..5).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(values) => 1 + values.iter().map(depth).max().unwrap_or(0),
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

proptest! {
    #[test]
    fn whatever_is_accepted_is_what_plain_serde_writes(value in any_json()) {
        let plain = serde_json::to_string(&value).unwrap();
        let holds_nul = format!("{value:?}").contains("\\0");
        match encode_payload(&value, LIMITS) {
            Ok(json) => {
                prop_assert_eq!(&json, &plain);
                prop_assert!(json.len() <= 200 && depth(&value) <= 4);
            }
            Err(error) if error.is_nul() => prop_assert!(holds_nul),
            Err(error) if error.is_too_deep() => prop_assert!(depth(&value) > 4),
            Err(error) => {
                prop_assert!(error.is_too_large());
                prop_assert!(plain.len() > 200);
            }
        }
    }
}
