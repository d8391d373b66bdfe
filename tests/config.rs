//! From what the operator wrote to what the filter runs on.

use proptest::prelude::*;
use serde_json::{Value, json};
use verdigris::assignment::MissingUnitPolicy;
use verdigris::assignment::{Share, UnitSource, Version};
use verdigris::config::{Config, ConsoleConfig, Plugin};
use verdigris::names::HeaderName;

mod support;

use support::any_json;

fn least() -> Value {
    json!({
        "rollout": "assistant-v8",
        "unit": {"header": "x-user-id"},
        "versions": {"blue": {"cluster": "llm-blue"}, "green": {"cluster": "llm-green"}},
    })
}

/// The least configuration with `pointer` set to `value`, or taken out.
fn with(pointer: &str, value: Option<Value>) -> String {
    let mut config = least();
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    let parent = config.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => parent.insert(field.to_owned(), value),
        None => parent.remove(field),
    };
    config.to_string()
}

#[test]
fn everything_but_the_first_three_fields_has_a_default() {
    let config = Config::parse(least().to_string().as_bytes()).unwrap();
    assert_eq!(config.rollout.as_str(), "assistant-v8");
    assert_eq!(config.unit, [UnitSource::Header(HeaderName::new("x-user-id").unwrap())]);
    assert_eq!(config.cluster(Version::Blue).as_str(), "llm-blue");
    assert_eq!(config.cluster(Version::Green).as_str(), "llm-green");
    assert_eq!(config.default_cluster.as_str(), "llm-blue");
    assert_eq!(config.share, Share::ZERO);
    assert_eq!(config.on_missing, MissingUnitPolicy::Blue);
    assert_eq!(config.force_header, None);
    assert_eq!(config.cluster_header.as_str(), "x-verdigris-cluster");
    assert_eq!(config.version_header.as_str(), "x-verdigris-version");
}

#[test]
fn everything_can_be_written() {
    let config = Config::parse(
        json!({
            "rollout": "assistant-v8",
            "unit": [{"header": "X-User-Id"}, {"cookie": "uid"}],
            "versions": {"blue": {"cluster": "llm-blue"}, "green": {"cluster": "llm-green"}},
            "weights": {"blue": 0, "green": 7},
            "default_cluster": "outbound|80||llm.prod.svc.cluster.local",
            "on_missing": "random",
            "pins": {"blue": ["u1"], "green": ["qa-7", "山田"]},
            "force_header": "x-verdigris-force",
            "cluster_header": "x-cluster",
            "version_header": "x-version",
        })
        .to_string()
        .as_bytes(),
    )
    .unwrap();
    assert_eq!(config.unit.len(), 2);
    assert_eq!(config.unit[0], UnitSource::Header(HeaderName::new("x-user-id").unwrap()));
    assert_eq!(config.share, Share::new(0, 7).unwrap());
    assert_eq!(config.default_cluster.as_str(), "outbound|80||llm.prod.svc.cluster.local");
    assert_eq!(config.on_missing, MissingUnitPolicy::Random);
    assert_eq!(config.pins.find(b"u1"), Some(Version::Blue));
    assert_eq!(config.pins.find("山田".as_bytes()), Some(Version::Green));
    assert_eq!(config.pins.find(b"u2"), None);
    assert_eq!(config.force_header.unwrap().as_str(), "x-verdigris-force");
    assert_eq!(config.cluster_header.as_str(), "x-cluster");
    assert_eq!(config.version_header.as_str(), "x-version");
}

/// Field, value, and a part of the mend, of the one problem of each.
#[test]
fn a_refusal_names_field_value_and_mend() {
    let sum = u64::from(verdigris::assignment::bucket::MAX_TOTAL_WEIGHT) + 1;
    let cases = [
        ("/rollout", None, "rollout: missing: write \"rollout\": \"assistant-v8\""),
        ("/rollout", Some(json!("Assistant V8")), "rollout: \"Assistant V8\": use 1 to 63 of a-z"),
        ("/rollout", Some(json!("")), "rollout: \"\": use 1 to 63"),
        ("/rollout", Some(json!("a".repeat(64))), "use 1 to 63"),
        ("/rollout", Some(json!(8)), "rollout: 8: is not a text; write \"assistant-v8\""),
        ("/unit", None, "unit: missing: write {\"header\": \"x-user-id\"}"),
        ("/unit", Some(json!([])), "unit: []: write {\"header\""),
        (
            "/unit",
            Some(json!("x-user-id")),
            "unit: \"x-user-id\": is not an object; write {\"header\"",
        ),
        ("/unit", Some(json!({"header": ":path"})), "unit.header: \":path\": name an HTTP header"),
        ("/unit", Some(json!({"cookie": "a b"})), "unit.cookie: \"a b\": name a cookie"),
        (
            "/unit",
            Some(json!({"query": "u"})),
            "unit.query: \"u\": is no field here; the fields are header, cookie, pointer",
        ),
        (
            "/unit",
            Some(json!([{"header": "x-u"}, {"header": "X-U"}])),
            "unit: \"x-u\": is listed twice",
        ),
        ("/unit", Some(json!({})), "unit: {}: a source is one header or one cookie; list"),
        (
            "/unit",
            Some(json!([{"header": "a", "cookie": "b"}])),
            "unit: {\"cookie\":\"b\",\"header\":\"a\"}: a source is one header or one cookie",
        ),
        ("/unit", Some(json!([["x-u"]])), "unit[0]: [\"x-u\"]: is not an object"),
        ("/version_header", Some(json!("Host")), "version_header: \"Host\": the filter overwrites"),
        ("/cluster_header", Some(json!("cookie")), "cluster_header: \"cookie\": the filter over"),
        ("/versions", None, "versions.blue.cluster: missing: write \"versions\": {\"blue\""),
        ("/versions/green", None, "versions.green.cluster: missing"),
        (
            "/versions/green",
            Some(json!({"cluster": ""})),
            "versions.green.cluster: \"\": name an Envoy cluster",
        ),
        (
            "/versions/green",
            Some(json!({"cluster": "a\nb"})),
            "versions.green.cluster: \"a\\nb\": name",
        ),
        (
            "/versions/teal",
            Some(json!({})),
            "versions.teal: {}: is no field here; the fields are blue, green",
        ),
        (
            "/weights",
            Some(json!({"blue": 0, "green": 0})),
            "weights: {\"blue\":0,\"green\":0}: give at least one",
        ),
        ("/weights", Some(json!({"blue": 1, "green": sum})), "make their sum at most 2147483647"),
        ("/weights", Some(json!({"blue": 1})), "weights.green: missing: write two whole numbers"),
        (
            "/weights",
            Some(json!({"blue": 99.5, "green": 1})),
            "weights.blue: 99.5: is not a whole number from 0",
        ),
        (
            "/weights",
            Some(json!({"blue": -1, "green": 1})),
            "weights.blue: -1: is not a whole number from 0",
        ),
        (
            "/weights",
            Some(json!({"blue": "1", "green": 1})),
            "weights.blue: \"1\": is not a whole number from 0",
        ),
        (
            "/wieghts",
            Some(json!({})),
            "wieghts: {}: is no field here; did you mean weights? the fields are rollout, unit, ",
        ),
        (
            "/on_missing",
            Some(json!("green")),
            "on_missing: \"green\": write \"blue\" or \"random\"",
        ),
        ("/pins", Some(json!({"green": [""]})), "pins.green: \"\": a unit is never empty"),
        ("/pins", Some(json!({"green": ["u "]})), "pins.green: \"u \": a unit is never empty"),
        (
            "/pins",
            Some(json!({"blue": ["u"], "green": ["u"]})),
            "pins.green: \"u\": the unit is pinned to both",
        ),
        ("/pins", Some(json!({"blue": "u"})), "pins.blue: \"u\": is not a list"),
        (
            "/answers",
            Some(json!(true)),
            "answers: true: is not an object; write an object, at least {}",
        ),
        (
            "/answers",
            Some(json!({"format": "palm"})),
            "answers.format: \"palm\": write \"chat\" or \"responses\" or",
        ),
        (
            "/answers",
            Some(json!({"read": false, "plain": true})),
            "answers.plain: set: has no effect where answers.read is false",
        ),
        (
            "/answers",
            Some(json!({"paths": [{"prefix": "x", "format": "chat"}]})),
            "answers.paths: \"x\": write a prefix",
        ),
        (
            "/answers",
            Some(json!({"paths": [{"prefix": "/x"}]})),
            "answers.paths: \"/x\": write a prefix",
        ),
        (
            "/answers",
            Some(json!({"refusal_phrases": [" no"]})),
            "answers.refusal_phrases: \" no\": write how",
        ),
        (
            "/versions/green/format",
            Some(json!("chat")),
            "versions.green.format: set: has no effect",
        ),
        ("/prices", Some(json!({"*": {"input": 1, "output": 2}})), "prices: set: has no effect"),
        ("/prices", Some(json!({"*": {"input": 1}})), "prices.*.output: missing: write US dollars"),
        ("/prices", Some(json!({"*": {"output": 1}})), "prices.*.input: missing: write US dollars"),
        (
            "/prices",
            Some(json!({"*": {"input": -1, "output": 1}})),
            "prices.*.input: -1.0: write US dollars",
        ),
        (
            "/prices",
            Some(json!({"a*b": {"input": 1, "output": 1}})),
            "prices: \"a*b\": name a model",
        ),
        (
            "/prices",
            Some(json!({"a": {"input": "1", "output": 1}})),
            "prices.a.input: \"1\": is not a number",
        ),
        ("/default_cluster", Some(json!(" a")), "default_cluster: \" a\": name an Envoy cluster"),
        ("/force_header", Some(json!("a b")), "force_header: \"a b\": name an HTTP header"),
        ("/cluster_header", Some(json!("")), "cluster_header: \"\": name an HTTP header"),
        (
            "/version_header",
            Some(json!("X-Verdigris-Cluster")),
            "is cluster_header already; use another",
        ),
        ("/force_header", Some(json!("x-user-id")), "unit: \"x-user-id\": is force_header already"),
        ("/shadow", Some(json!({})), "shadow.percent: missing: write a percentage"),
        ("/shadow", Some(json!({"percent": 101})), "shadow.percent: 101: write a whole number"),
        (
            "/shadow",
            Some(json!({"percent": 1, "of": "green"})),
            "shadow.of: \"green\": write \"blue\"",
        ),
        (
            "/shadow",
            Some(json!({"percent": 1, "header": "x-user-id"})),
            "unit: \"x-user-id\": is shadow.header already",
        ),
        (
            "/versions/blue",
            Some(json!({"cluster": "b", "request": {"model": "m"}})),
            "shadow: set: a shadow is a copy of what blue is sent",
        ),
        (
            "/versions/green/failover",
            Some(json!({})),
            "versions.green.failover.cluster: missing: write",
        ),
        (
            "/versions/green/failover",
            Some(json!({"cluster": "llm-green"})),
            "versions.green.failover.cluster: \"llm-green\": is also versions.green.cluster: name",
        ),
        (
            "/versions/green/failover",
            Some(json!({"cluster": "llm-blue"})),
            "versions.green.failover.cluster: \"llm-blue\": is also versions.blue.cluster: name",
        ),
        (
            "/versions/blue/failover",
            Some(json!({"cluster": "llm-failover"})),
            "versions.blue.failover: set: only green's requests fail over, to blue",
        ),
        (
            "/feedback",
            Some(json!({"thumb": "/t"})),
            "feedback.path: missing: write \"feedback\": where users'",
        ),
        (
            "/feedback",
            Some(json!({"path": "/feedback?x", "thumb": "/t"})),
            "feedback.path: \"/feedback?x\": write the path of requests",
        ),
        ("/feedback", Some(json!({"path": "/f"})), "feedback.thumb: missing: write"),
        (
            "/feedback",
            Some(json!({"path": "/f", "score": "score"})),
            "feedback.score: \"score\": write a JSON pointer",
        ),
        (
            "/feedback",
            Some(json!({"path": "/f", "thumb": "/t", "max_per_minute": 0})),
            "feedback.max_per_minute: 0: write a whole number from 1 to 1000000",
        ),
        (
            "/feedback",
            Some(json!({"path": "/f", "thumb": "/t", "answered_by": "blue"})),
            "feedback.answered_by: \"blue\": write \"filter\" or \"upstream\"",
        ),
        (
            "/role",
            Some(json!("shadows")),
            "role: \"shadows\": write \"release\" or \"shadow\" or \"console\"",
        ),
        ("/role", Some(json!("console")), "role: \"console\": this is the console's"),
        ("/console", Some(json!({"host": []})), "console.host: []: is no field here"),
    ];
    for (pointer, value, expected) in cases {
        let mut text = with(pointer, value);
        if expected.starts_with("shadow: ") {
            text = text.replacen('{', r#"{"shadow": {"percent": 1},"#, 1);
        }
        let refused = Config::parse(text.as_bytes()).expect_err(&text);
        assert!(refused.to_string().contains(expected), "{refused}\nis to contain\n{expected}");
    }
}

#[test]
fn what_is_not_one_json_object_is_refused_with_a_hint() {
    let cases: [(&[u8], &str); 7] = [
        (b"", "write one JSON object"),
        (b"{", "EOF while parsing"),
        (b"{} {}", "trailing characters"),
        (b"[]", "plugin configuration: []: is not an object"),
        (b"\n\x21\n\x04unit\xff", "google.protobuf.StringValue"),
        (br#"{"rollout": "a", "rollout": "b"}"#, "rollout is written twice"),
        (
            br#"{"versions": {"blue": {"cluster": "a", "cluster": "b"}}}"#,
            "cluster is written twice",
        ),
    ];
    for (text, expected) in cases {
        let refused = Config::parse(text).expect_err("not a configuration").to_string();
        assert!(refused.contains(expected), "{refused}\nis to contain\n{expected}");
    }
}

#[test]
fn all_problems_are_told_at_once() {
    let text = json!({
        "rollout": "V8",
        "unit": [{"header": "a b"}, {"cookie": ""}],
        "versions": {"green": {"cluster": "llm-green"}},
        "weights": {"blue": 0, "green": 0},
    });
    let refused = Config::parse(text.to_string().as_bytes()).unwrap_err();
    let fields: Vec<_> = refused.errors.iter().map(|problem| problem.field.as_str()).collect();
    assert_eq!(
        fields,
        ["rollout", "unit.header", "unit.cookie", "versions.blue.cluster", "weights"]
    );
    assert_eq!(refused.to_string().lines().count(), 5);
}

#[test]
fn a_value_that_is_null_is_not_written() {
    let text = with("/default_cluster", Some(Value::Null));
    assert_eq!(Config::parse(text.as_bytes()).unwrap().default_cluster.as_str(), "llm-blue");
    for field in ["/unit", "/weights", "/pins", "/prices", "/conversation"] {
        let refused = Config::parse(with(field, Some(Value::Null)).as_bytes()).unwrap_err();
        assert!(refused.to_string().contains(": null: is not an object"), "{refused}");
    }
}

/// As with what is wrong in itself, so with what is of another kind or unknown.
#[test]
fn all_that_is_of_another_shape_is_told_at_once() {
    let text = json!({
        "rollout": 8,
        "unit": [{"header": "x-user-id"}, {"cooky": "uid"}],
        "versions": {"blue": {"cluster": "b"}, "green": {"request": {"headers": {"set": {"a": 1}}}}},
        "ramp": {"gates": [{"metric": "error_rate", "margin": "much"}]},
    });
    let refused = Config::parse(text.to_string().as_bytes()).unwrap_err();
    let fields: Vec<_> = refused.errors.iter().map(|problem| problem.field.as_str()).collect();
    let expected = [
        "rollout",
        "unit[1].cooky",
        "versions.green.request.headers.set.a",
        "ramp.gates[0].margin",
    ];
    assert_eq!(fields, expected);
}

#[test]
fn a_long_value_is_cut_in_the_message() {
    let refused = Config::parse(with("/rollout", Some(json!("ä".repeat(5000)))).as_bytes());
    let message = refused.unwrap_err().to_string();
    assert!(message.contains("ä…: use 1 to 63") && message.len() < 400, "{message}");
}

proptest! {
    #[test]
    fn no_bytes_panic(text: Vec<u8>) {
        let _ = Config::parse(&text);
    }

    #[test]
    fn no_json_in_any_field_panics(
        field in prop::sample::select(vec![
            "rollout", "unit", "versions", "weights", "default_cluster", "on_missing", "pins",
            "force_header", "cluster_header", "version_header", "answers", "prices", "conversation",
            "shadow", "role", "ramp", "feedback",
        ]),
        value in any_value(),
    ) {
        let _ = Config::parse(with(&format!("/{field}"), Some(value)).as_bytes());
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let key = prop::sample::select(vec![
        "blue", "green", "cluster", "header", "cookie", "x", "format", "paths", "input", "output",
        "*",
    ]);
    any_json(".*".boxed(), key.prop_map(str::to_owned).boxed(), 3)
}

#[test]
fn a_console_may_have_a_rollouts_fields_and_no_unknown_ones() {
    let console = |hosts: &[&str]| {
        let hosts = hosts.iter().map(|&host| host.into()).collect();
        Ok(Plugin::Console(ConsoleConfig { hosts }))
    };
    let refused = |text: &str| Err(text.to_owned());
    let host = "write a host's name without scheme and port, such as \"verdigris.example\"";
    let cases = [
        (json!({"role": "console"}), console(&[])),
        (json!({"role": "console", "console": {}}), console(&[])),
        (json!({"role": "console", "console": {"hosts": ["a.example"]}}), console(&["a.example"])),
        (json!({"role": "console", "rollout": "of-no-matter", "unit": []}), console(&[])),
        (
            json!({"role": "console", "console": {"hosts": ["http://a.example", "", "a:1"]}}),
            refused(&format!(
                "console.hosts[0]: \"http://a.example\": {host}\n\
                 console.hosts[1]: \"\": {host}\nconsole.hosts[2]: \"a:1\": {host}"
            )),
        ),
        (json!({"role": "console", "console": []}), refused("console: []: is not an object")),
        (json!({"role": "console", "token": "t"}), refused("token: \"t\": is no field here")),
    ];
    for (text, expected) in cases {
        let parsed = Plugin::parse(text.to_string().as_bytes());
        match (parsed, expected) {
            (Err(refused), Err(expected)) => {
                assert!(refused.to_string().starts_with(&expected), "{refused}");
            }
            (parsed, expected) => assert_eq!(parsed.map_err(|it| it.to_string()), expected),
        }
    }
}
