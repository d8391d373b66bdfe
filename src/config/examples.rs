//! Example values of fields, for error messages.

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
        "shadow" => r#"a percentage of all units, such as {"percent": 10}"#,
        "feedback" => r#"an object, such as {"path": "/feedback", "thumb": "/thumb"}"#,
        "fleet" => r#"an object, such as {"store": "etcd", "cluster": "etcd"}"#,
        "fleet.store" => r#""etcd" or "kubernetes""#,
        "fleet.cluster" => r#"an Envoy cluster with the store's endpoints, such as "etcd""#,
        "fleet.namespace" => r#"the namespace of the gateways, such as "gateways""#,
        "judge" => {
            r#"an object, such as {"cluster": "judge", "model": "gpt-4o-mini", "sample": "5%"}"#
        }
        "samples" => r#"an object, such as {"cluster": "otel-collector", "sample": "5%"}"#,
        "role" => r#""release", "shadow" or "console""#,
        "console" => r#"an object, such as {"hosts": ["verdigris.example"]}"#,
        _ => return None,
    })
}

/// The fix that tells the operator to write an example.
pub(super) fn example_fix(field: &str) -> String {
    format!("write {}", example(field).unwrap_or_default())
}
