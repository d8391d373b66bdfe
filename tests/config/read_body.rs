//! Whether bodies are read before or after routing.

use serde_json::{Value, json};
use verdigris::config::ReadBody;

use crate::schema::{assert_both_accept, assert_both_reject};
use crate::{config_with, parse};

fn with(fields: Value) -> Value {
    let mut config = config_with(json!({"versions": {
        "blue": {"cluster": "b"}, "green": {"cluster": "g", "request": {"model": "m"}},
    }}));
    config.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    config
}

/// The fields, when bodies are read, and whether headers wait for them.
#[test]
fn the_routes_set_the_default() {
    let (before, after) = (ReadBody::BeforeRouting, ReadBody::AfterRouting);
    let by_version = json!({"route_by": "version_header"});
    let waiting = json!({"route_by": "version_header", "read_body": "before_routing"});
    for (fields, read_body, waits) in [
        (json!({}), before, true),
        (json!({"read_body": null}), before, true),
        (json!({"read_body": "after_routing"}), after, false),
        (by_version, after, false),
        (waiting, before, true),
    ] {
        assert_both_accept(&with(fields.clone()));
        let config = parse(&with(fields)).unwrap();
        assert_eq!((config.read_body, config.waits_for_bodies()), (read_body, waits));
    }
    assert!(!parse(&config_with(json!({}))).unwrap().waits_for_bodies());
}

#[test]
fn what_depends_on_a_body_before_routing_is_rejected() {
    let feedback = json!({"path": "/f", "thumb": "/t"});
    let green = json!({"cluster": "g", "failover": {"cluster": "f"}});
    let cases = [
        (
            json!({"conversation": {"id": [{"header": "x-chat"}, {"pointer": "/id"}]}}),
            "conversation.id[1]: {\"pointer\":\"/id\"}: the body is read after routing",
        ),
        (json!({"feedback": feedback}), "feedback: set: needs bodies that are read before"),
        (json!({"shadow": {"percent": 1}}), "shadow: set: needs bodies that are read before"),
        (json!({"role": "shadow"}), "role: \"shadow\": needs bodies that are read before"),
        (
            json!({"ramp": {"steps": [{"shadow": 10}, 50, 100]}}),
            "ramp.steps[0].shadow: set: needs bodies that are read before",
        ),
        (
            json!({"versions": {"blue": {"cluster": "b"}, "green": green}}),
            "versions.green.failover: set: needs bodies that are read before",
        ),
    ];
    for (mut fields, expected) in cases {
        assert_both_accept(&with(fields.clone()));
        fields["read_body"] = json!("after_routing");
        let errors = parse(&with(fields.clone())).expect_err(expected).to_string();
        assert!(errors.contains(expected), "{errors}\nmust contain\n{expected}");
        if !expected.starts_with("conversation") {
            assert_both_reject(&with(fields));
        }
    }
}
