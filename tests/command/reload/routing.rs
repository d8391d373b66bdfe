//! Effects on routing.

use serde_json::{Value, json};

use super::{Change, both, conversation, effects, ramp};

/// Green's configuration, and that of blue.
fn versions(green: Value) -> Value {
    json!({"versions": {"blue": {"cluster": "llm-blue"}, "green": green}})
}

fn shadow(shadow: Value) -> Value {
    json!({"shadow": shadow})
}

/// Asserts that each change of fields has the effect: old, new, field, and a part of the text.
fn check<const N: usize>(changes: [(Value, Value, &'static str, &str); N]) {
    for (old, new, field, text) in changes {
        Change::new(old, new, field, text).check();
    }
}

#[test]
fn clusters_and_request_changes() {
    let patched = versions(json!({"cluster": "llm-green", "request": {"model": "m"}}));
    let plain = both(versions(json!({"cluster": "llm-green"})), ramp(json!({})));
    let text = "the ramp does not notice";
    let teal = versions(json!({"cluster": "llm-teal"}));
    let of_teal = "green's requests go to llm-teal instead of llm-green; the ramp does not notice, and \
                   continues with earlier evidence: change ramp.restart";
    let teal_ramp = both(teal.clone(), ramp(json!({})));
    let default_cluster = json!({"default_cluster": "llm-green"});
    check([
        (plain, both(patched, ramp(json!({}))), "versions.green.request", text),
        (json!({}), teal, "versions.green.cluster", "green's requests go to llm-teal"),
        (ramp(json!({})), teal_ramp, "versions.green.cluster", of_teal),
        (json!({}), default_cluster, "default_cluster", "must set llm-green instead of llm-blue"),
    ]);
}

/// A ramp that begins again, or without its evidence, has no earlier evidence.
#[test]
fn a_ramp_without_earlier_evidence_needs_no_restart() {
    let teal = |fields: Value| both(versions(json!({"cluster": "llm-teal"})), fields);
    for new in [
        teal(json!({"weights": {"blue": 1, "green": 1}})),
        teal(ramp(json!({"restart": "2"}))),
        teal(ramp(json!({"rolled_back": true}))),
        teal(ramp(json!({"alpha": 0.01}))),
        both(teal(ramp(json!({}))), json!({"rollout": "assistant-v9"})),
    ] {
        let effects = effects(&ramp(json!({})), &new, None);
        let text = serde_json::to_string(&effects).unwrap();
        assert!(text.contains("llm-teal instead") && !text.contains("does not notice"), "{text}");
    }
}

#[test]
fn routes() {
    let by_version = json!({"route_by": "version_header"});
    let (to_header, to_cluster) = ("the routes must match x-verdigris-version", "take the cluster");
    check([
        (json!({}), by_version.clone(), "route_by", to_header),
        (by_version, json!({}), "route_by", to_cluster),
    ]);
}

#[test]
fn bodies_and_the_console() {
    let after = json!({"read_body": "after_routing"});
    let at = |path: &str| json!({"console": {"path": path}});
    check([
        (json!({}), after.clone(), "read_body", "without content-length"),
        (after, json!({}), "read_body", "requests wait for their body"),
        (json!({}), at("/ops"), "console.path", "are served at /ops of the release's"),
        (at("/ops"), at("/verdigris"), "console.path", "are served at /verdigris of the release's"),
        (at("/ops"), json!({}), "console.path", "no longer served at /ops"),
    ]);
}

#[test]
fn requests_without_a_unit() {
    let (blue, random) = (json!({}), json!({"on_missing": "random"}));
    let text = "each request without a unit is drawn at random";
    check([
        (blue.clone(), random.clone(), "on_missing", text),
        (random, blue, "on_missing", "all requests without a unit go to blue"),
    ]);
}

#[test]
fn headers_and_roles() {
    let force = json!({"force_header": "x-f"});
    let version = json!({"version_header": "x-v"});
    let text = "green answers every request of this listener, and its answers are discarded";
    check([
        (json!({}), force.clone(), "force_header", "clients can force a version with x-f"),
        (force, json!({}), "force_header", "x-f no longer forces a version"),
        (json!({}), version, "version_header", "Envoy's bootstrap must use it too"),
        (json!({}), json!({"role": "shadow"}), "role", text),
    ]);
}

#[test]
fn conversations() {
    let none = || json!({});
    let plain = || conversation(json!({}));
    let history = json!([{"since": "2022-01-01T00:00:00Z", "weights": {"blue": 1, "green": 1}}]);
    let with = |name: &str, value: Value| {
        let mut options = json!({});
        options[name] = value;
        conversation(options)
    };
    let shorter = with("drain", json!({"max_age": "1h"}));
    let longer = with("drain", json!({"max_age": "48h"}));
    let max_age = "conversation.drain.max_age";
    let finish = with("on_rollback", json!("finish"));
    let id = with("id", json!({"cookie": "c"}));
    let by_id = "requests with a conversation id are assigned by it";
    let by_unit = "requests are assigned by their unit";
    check([
        (none(), plain(), "conversation", by_id),
        (plain(), none(), "conversation", by_unit),
        (plain(), id, "conversation.id", "the id has another source"),
        (plain(), with("marker", json!([])), "conversation.marker", "count as beginning now"),
        (plain(), shorter, max_age, "older than the new max_age"),
        (plain(), longer, max_age, "up to the new one"),
        (plain(), with("history", history), "conversation.history", "by the new history"),
        (finish, plain(), "conversation.on_rollback", "no longer finish there"),
    ]);
}

#[test]
fn shadows() {
    let ten = || shadow(json!({"percent": 10}));
    let header = shadow(json!({"percent": 10, "header": "x-s"}));
    let smaller = "changes from 10 % to 5 %: a part of them";
    let renamed = "x-verdigris-shadow becomes x-s: Envoy's bootstrap must use it too";
    check([
        (json!({}), ten(), "shadow.percent", "the requests of 10 % of all units are mirrored"),
        (ten(), shadow(json!({"percent": 5})), "shadow.percent", smaller),
        (ten(), header, "shadow.header", renamed),
        (ten(), json!({}), "shadow", "requests are no longer mirrored"),
    ]);
}

#[test]
fn a_shadow_step_that_is_added_waits_for_a_restart() {
    let with = |shadow: &str| ramp(json!({"steps": [{"shadow": shadow}, 1, 50]}));
    let (without, with) = (ramp(json!({"steps": [1, 50]})), with("10%"));
    check([
        (
            without.clone(),
            with.clone(),
            "ramp.steps[0].shadow",
            "applies when ramp.restart changes",
        ),
        // What the step implies is no shadow of its own.
        (with.clone(), both(with, shadow(json!({"percent": 5}))), "shadow.percent", "of 5 % of"),
    ]);
}
