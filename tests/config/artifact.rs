//! Which configurations the build that only routes can run.

use serde_json::{Value, json};
use verdigris::config::{Artifact, Plugin};

/// A rollout with manual weights and these fields.
fn rollout(fields: Value) -> Value {
    let mut config = json!({
        "rollout": "assistant-v8",
        "unit": {"header": "x-user-id"},
        "versions": {"blue": {"cluster": "llm-blue"}, "green": {"cluster": "llm-green"}},
        "weights": {"blue": 95, "green": 5},
    });
    for (name, value) in fields.as_object().unwrap() {
        config[name] = value.clone();
    }
    if config.get("ramp").is_some() {
        config.as_object_mut().unwrap().remove("weights");
    }
    config
}

fn refused_fields(artifact: Artifact, config: &Value) -> Vec<String> {
    let plugin = Plugin::parse(config.to_string().as_bytes());
    let plugin = plugin.unwrap_or_else(|invalid| panic!("{config}: {invalid}"));
    match artifact.check(&plugin) {
        Ok(()) => Vec::new(),
        Err(invalid) => invalid.errors.into_iter().map(|error| error.field).collect(),
    }
}

fn versions(green: Value) -> Value {
    let mut versions = json!({"blue": {"cluster": "llm-blue"}, "green": {"cluster": "llm-green"}});
    versions["green"]["request"] = green;
    json!({"versions": versions})
}

#[test]
fn the_build_that_routes_refuses_what_needs_bodies_or_responses() {
    let id = json!([{"header": "x-conversation"}]);
    let cases: [(Value, &[&str]); 19] = [
        (rollout(json!({})), &[]),
        (rollout(json!({"force_header": "x-force", "pins": {"green": ["qa"]}})), &[]),
        (rollout(json!({"unit": [{"header": "x-user-id"}, {"cookie": "uid"}]})), &[]),
        (rollout(json!({"conversation": {"id": id, "marker": []}})), &[]),
        (rollout(json!({"conversation": {"id": id}})), &["conversation.marker"]),
        (rollout(versions(json!({"headers": {"set": {"x-a": "b"}}}))), &[]),
        (rollout(json!({"answers": {}})), &["answers"]),
        (rollout(json!({"answers": {"read": false}})), &["answers"]),
        (rollout(json!({"ramp": {}})), &["ramp"]),
        (rollout(json!({"ramp": {}, "answers": {}})), &["ramp"]),
        (rollout(json!({"shadow": {"percent": 5}})), &["shadow"]),
        (rollout(json!({"feedback": {"path": "/feedback", "thumb": "/thumb"}})), &["feedback"]),
        (
            rollout(json!({"conversation": {
                "id": [{"header": "x-conversation"}, {"pointer": "/user"}],
                "marker": {"cookie": "began"},
            }})),
            &["conversation.id", "conversation.marker"],
        ),
        (rollout(versions(json!({"model": "new"}))), &["versions.green.request"]),
        (
            rollout(versions(
                json!({"headers": {"set": {"x-a": "b"}}, "system": {"prepend": "x"}}),
            )),
            &["versions.green.request"],
        ),
        (json!({"role": "console"}), &["role"]),
        (rollout(json!({"judge": {"cluster": "judge", "model": "m"}})), &["judge"]),
        (rollout(json!({"samples": {"cluster": "collector"}})), &["samples"]),
        (rollout(json!({"console": {"path": "/ops"}})), &["console"]),
    ];
    for (config, expected) in cases {
        assert_eq!(refused_fields(Artifact::Route, &config), expected, "{config}");
        assert_eq!(refused_fields(Artifact::Full, &config), [""; 0], "{config}");
    }
}

#[test]
fn a_refusal_names_the_build_that_is_needed() {
    let plugin = Plugin::parse(rollout(json!({"ramp": {}})).to_string().as_bytes()).unwrap();
    assert_eq!(
        Artifact::Route.check(&plugin).unwrap_err().to_string(),
        "ramp: set: a ramp needs responses, which verdigris-route.wasm does not see: load \
         verdigris.wasm, or set \"weights\" instead"
    );
}
