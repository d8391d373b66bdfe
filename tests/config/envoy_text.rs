//! The text of a plugin configuration that Envoy passes as a `google.protobuf.Struct`.

use proptest::prelude::*;
use prost::Message as _;
use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value as ProtobufValue};
use serde_json::{Value, json};
use verdigris::config::{Plugin, text_from_envoy};

use crate::minimal_config;

fn protobuf_value(json: &Value) -> ProtobufValue {
    let kind = match json {
        Value::Null => Kind::NullValue(0),
        Value::Bool(it) => Kind::BoolValue(*it),
        Value::Number(it) => Kind::NumberValue(it.as_f64().unwrap()),
        Value::String(it) => Kind::StringValue(it.clone()),
        Value::Array(items) => {
            Kind::ListValue(ListValue { values: items.iter().map(protobuf_value).collect() })
        }
        Value::Object(_) => Kind::StructValue(protobuf_struct(json)),
    };
    ProtobufValue { kind: Some(kind) }
}

fn protobuf_struct(json: &Value) -> Struct {
    let members = json.as_object().unwrap().iter();
    Struct { fields: members.map(|(name, it)| (name.clone(), protobuf_value(it))).collect() }
}

/// The bytes that Envoy passes for an object.
fn encoded(json: &Value) -> Vec<u8> {
    protobuf_struct(json).encode_to_vec()
}

fn any_json() -> impl Strategy<Value = Value> {
    let numbers = [0.0, -0.5, 95.0, 0.05, 1e-7, 2_147_483_647.0, 1e15, 1e300];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        prop::sample::select(numbers.to_vec()).prop_map(|it: f64| {
            // As the JSON text of a number without fractions would be.
            if it.trunc() == it && it < 1e16 { json!(it as i64) } else { json!(it) }
        }),
        ".{0,300}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(".{1,20}", inner, 0..5)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn a_struct_becomes_its_json(fields in prop::collection::btree_map(".{1,20}", any_json(), 1..5)) {
        let json: Value = fields.into_iter().collect();
        let text = text_from_envoy(encoded(&json));
        prop_assert_eq!(serde_json::from_slice::<Value>(&text).unwrap(), json);
    }

    #[test]
    fn json_text_stays_as_it_is(json in any_json(), before in "[ \\n\\t]{0,3}", is_pretty: bool) {
        let text = if is_pretty { format!("{json:#}") } else { json.to_string() };
        let text = (before + &text).into_bytes();
        prop_assert_eq!(text_from_envoy(text.clone()), text);
    }

    #[test]
    fn other_bytes_stay_or_become_json(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let text = text_from_envoy(bytes.clone());
        prop_assert!(text == bytes || serde_json::from_slice::<Value>(&text).is_ok());
    }

    #[test]
    fn a_cut_or_changed_struct_is_no_panic(
        at in any::<prop::sample::Index>(),
        byte: u8,
    ) {
        let bytes = encoded(&minimal_config());
        let at = at.index(bytes.len());
        text_from_envoy(bytes[..at].to_vec());
        let mut changed = bytes.clone();
        changed[at] = byte;
        text_from_envoy(changed);
    }
}

#[test]
fn the_configuration_is_that_of_the_json_text() {
    let mut config = minimal_config();
    config["ramp"] = json!({"steps": [1, 12.5, {"percent": 50, "approve": true}, 100]});
    config["max_request_body"] = json!(1_000_000);
    let by_struct = Plugin::parse(&text_from_envoy(encoded(&config))).unwrap();
    assert_eq!(by_struct, Plugin::parse(config.to_string().as_bytes()).unwrap());
    let console = Plugin::parse(&text_from_envoy(encoded(&json!({"role": "console"})))).unwrap();
    assert!(matches!(console, Plugin::Console(_)));
}

/// Protobuf's maps have no order.
#[test]
fn the_text_does_not_depend_on_the_order_of_fields() {
    let (first, second) = (encoded(&json!({"a": 1, "b": [true]})), encoded(&json!({"c": {}})));
    let there = text_from_envoy([&first[..], &second].concat());
    assert_eq!(there, text_from_envoy([second, first].concat()));
    assert_eq!(there, br#"{"a":1,"b":[true],"c":{}}"#);
}

/// Bytes that are no Struct, or none that Envoy passes.
#[test]
fn a_malformed_struct_is_no_configuration() {
    let good = encoded(&json!({"a": 1}));
    let field = |content: &[u8]| {
        let entry = [b"\n\x01a\x12", &[content.len() as u8][..], content].concat();
        [b"\n", &[entry.len() as u8][..], &entry].concat()
    };
    assert_eq!(text_from_envoy(field(b"\x20\x01")), br#"{"a":true}"#);
    let mut deep = json!(1);
    for _ in 0..200 {
        deep = json!([deep]);
    }
    for (case, bytes) in [
        ("nothing", Vec::new()),
        ("a duplicate key", [&good[..], &good].concat()),
        ("a cut", good[..good.len() - 1].to_vec()),
        ("a value without a kind", field(b"")),
        ("two kinds", field(b"\x20\x01\x20\x01")),
        ("an unknown kind", field(b"\x38\x01")),
        ("no UTF-8", field(b"\x1a\x01\xff")),
        (
            "a length of 10 bytes and more",
            b"\n\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01".to_vec(),
        ),
        ("too deep", encoded(&json!({"a": deep}))),
    ] {
        assert_eq!(text_from_envoy(bytes.clone()), bytes, "{case}");
        let error = Plugin::parse(&bytes).unwrap_err().to_string();
        assert!(error.contains("google.protobuf.Struct"), "{case}: {error}");
    }
    // JSON has no such numbers.
    let infinite = ProtobufValue { kind: Some(Kind::NumberValue(f64::INFINITY)) };
    let fields = [("max_request_body".to_owned(), infinite)].into_iter().collect();
    let text = text_from_envoy(Struct { fields }.encode_to_vec());
    assert_eq!(text, br#"{"max_request_body":"not a number"}"#);
}

/// What Envoy passes for a number or a text in YAML, and what is merged into requests.
#[test]
fn decimals_in_what_is_merged_are_numbers() {
    let text_with = |merge: &Value| {
        let mut config = minimal_config();
        config["versions"]["green"]["request"] = json!({"merge": merge, "model": "4.1"});
        serde_json::from_slice::<Value>(&text_from_envoy(encoded(&config))).unwrap()
    };
    for (passed, merged) in [
        (json!("0.5"), json!(0.5)),
        (json!("-0.5"), json!(-0.5)),
        (json!("+0.5"), json!(0.5)),
        (json!(".5"), json!(0.5)),
        (json!("5."), json!(5.0)),
        (json!("1e-3"), json!(0.001)),
        (json!("2147483648"), json!(2_147_483_648_u64)),
        (json!(5), json!(5)),
        (json!("5"), json!("5")),
        (json!(""), json!("")),
        (json!("."), json!(".")),
        (json!("-"), json!("-")),
        (json!("+-1.5"), json!("+-1.5")),
        (json!("1.5 s"), json!("1.5 s")),
        (json!("gpt-4.1"), json!("gpt-4.1")),
        (json!({"a": ["0.25", {"b": "0.75"}]}), json!({"a": [0.25, {"b": 0.75}]})),
    ] {
        let found = text_with(&json!({"it": passed}));
        let request = &found["versions"]["green"]["request"];
        assert_eq!(request["merge"]["it"], merged, "{passed}");
        // A text field stays text.
        assert_eq!(request["model"], "4.1");
    }
    let mut config = minimal_config();
    config["judge"] = json!({"model": "4.1", "parameters": {"top_p": "0.9", "stop": ["0.5"]}});
    let found = serde_json::from_slice::<Value>(&text_from_envoy(encoded(&config))).unwrap();
    let judge = json!({"model": "4.1", "parameters": {"top_p": 0.9, "stop": [0.5]}});
    assert_eq!(found["judge"], judge);
}
