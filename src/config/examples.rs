//! Example values of fields, for error messages.

use serde_json::Value;

/// An example of a field's value, or a description with an example. `None` for most fields below the top
/// level.
pub(super) fn example(field: &str) -> Option<&'static str> {
    Some(match field {
        "rollout" => r#""assistant-v8""#,
        "unit" => r#"{"header": "x-user-id"}, {"cookie": "uid"} or a list of these"#,
        "versions" => r#"{"blue": {"cluster": "llm-blue"}, "green": {"cluster": "llm-green"}}"#,
        "versions.green.failover" => r#"{"cluster": "llm-green-failover"}"#,
        "weights" => r#"two whole numbers from 0, such as {"blue": 95, "green": 5}"#,
        "weights.blue" | "weights.green" => {
            "a number such as 5; weights are a ratio, 95 and 5 are 5 %"
        }
        "ramp" => {
            r#"an object, at least {}, such as {"steps": [1, 5, 25, 50, 100], "bake": "10m"}"#
        }
        "route_by" => r#""cluster_header" or "version_header""#,
        "default_cluster" => r#"an Envoy cluster, such as "llm-blue""#,
        "on_missing" => r#""blue" or "random""#,
        "pins" => r#"lists of units, such as {"blue": ["u1"], "green": ["qa-7"]}"#,
        "force_header" => r#"a header name, such as "x-verdigris-force""#,
        "cluster_header" => r#"a header name, such as "x-verdigris-cluster""#,
        "version_header" => r#"a header name, such as "x-verdigris-version""#,
        "answers" => r#"an object, at least {}, such as {"format": "chat"}"#,
        "prices" => {
            r#"US dollars per million tokens by model, such as {"gpt-4o*": {"input": 2.5, "output": 10}}"#
        }
        "conversation" => {
            r#"an object, at least {}, such as {"id": {"header": "x-conversation-id"}}"#
        }
        "max_request_body" => "a number of bytes, such as 1000000",
        "read_body" => r#""before_routing" or "after_routing""#,
        "shadow.percent" => "a whole number from 0 to 100, such as 10",
        "shadow" => r#"a percentage of all units, such as {"percent": 10}"#,
        "feedback" => r#"an object, such as {"path": "/feedback", "thumb": "/thumb"}"#,
        "fleet" => r#"an object, such as {"store": "etcd", "cluster": "etcd"}"#,
        "fleet.store" => r#""etcd" or "kubernetes""#,
        "fleet.cluster" => r#"an Envoy cluster with the store's endpoints, such as "etcd""#,
        "fleet.namespace" => {
            r#"a namespace for the fleet's records alone, such as "verdigris-fleet""#
        }
        "judge" => {
            r#"an object, such as {"cluster": "judge", "model": "gpt-4o-mini", "sample": "5%"}"#
        }
        "samples" => r#"an object, such as {"cluster": "otel-collector", "sample": "5%"}"#,
        "role" => r#""release", "shadow" or "console""#,
        "console" => r#"an object, such as {"hosts": ["verdigris.example"]}"#,
        _ => return None,
    })
}

/// What to write in a field that has no example of its own.
#[cold]
pub(super) fn example_of_type(field: &str, value: &Value, expected: &'static str) -> String {
    let item = item_example(field);
    match (expected, item) {
        ("an object", Some(item)) => item.to_owned(),
        ("a list", Some(item)) => format!("[{item}]"),
        ("an object", None) => "its fields in braces, {…}".to_owned(),
        ("a list", None) => "its items in brackets, […]".to_owned(),
        ("a string", _) if value.is_object() || value.is_array() => "a text in quotes".to_owned(),
        ("a string", _) => "it in quotes".to_owned(),
        ("a whole number from 0", _) => "one, such as 5".to_owned(),
        ("a number", _) => "one, such as 0.5".to_owned(),
        (other, _) => other.to_owned(),
    }
}

/// An example of an object, or of an item of a list.
fn item_example(field: &str) -> Option<&'static str> {
    if field.starts_with("prices.") {
        return Some(r#"{"input": 2.5, "output": 10}"#);
    }
    let name = field.rsplit('.').next()?.split('[').next()?;
    Some(match name {
        "blue" | "green" if field.starts_with("pins") => r#""u1""#,
        "blue" => r#"{"cluster": "llm-blue"}"#,
        "green" => r#"{"cluster": "llm-green"}"#,
        "request" => r#"{"model": "gpt-5-mini"}"#,
        "headers" => r#"{"set": {"x-team": "search"}}"#,
        "set" => r#"{"x-team": "search"}"#,
        "remove" => r#""x-team""#,
        "system" => r#"{"replace": "…"}"#,
        "merge" => r#"{"temperature": 0.2}"#,
        "drain" => r#"{"max_age": "24h"}"#,
        "id" => r#"{"header": "x-conversation-id"}"#,
        "marker" => r#"{"cookie": "began"}"#,
        "history" => r#"{"since": "2026-11-25T10:00:00Z", "weights": {"blue": 95, "green": 5}}"#,
        "weights" => r#"{"blue": 95, "green": 5}"#,
        "unit" => r#"{"header": "x-user-id"}"#,
        "paths" => r#"{"prefix": "/v1/ask", "format": "chat"}"#,
        "refusal_phrases" => r#""I'm sorry""#,
        "hosts" => r#""verdigris.example""#,
        "steps" => "1, 5, 25, 50, 100",
        "gates" => r#"{"metric": "error_rate"}"#,
        "tripwires" => r#"{"metric": "error_rate", "limit": "20%"}"#,
        _ => return None,
    })
}

/// The fix to write an example.
pub(super) fn example_fix(field: &str) -> String {
    format!("write {}", example(field).unwrap_or_default())
}
