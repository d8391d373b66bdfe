//! Effects on how responses are counted.

use serde_json::{Value, json};

use super::{Change, both, effects, ramp, weights};

const CONTINUES: &str = "responses are counted in another way; the ramp does not notice, and continues with earlier evidence";

#[test]
fn changes_of_what_a_ramp_counts() {
    let with = |fields: Value| both(ramp(json!({})), fields);
    let cost = |price: f64| {
        json!({
            "ramp": {"gates": [{"metric": "cost", "critical": true}]},
            "prices": {"m": {"input": price, "output": 1}},
        })
    };
    let answers = "answers";
    let neutral = json!({"answers": {"status_429": "neutral"}});
    let phrases = json!({"answers": {"refusal_phrases": ["No."]}});
    let versions = json!({"versions": {"blue": {"cluster": "b"}, "green": {"cluster": "g", "format": "chat"}}});
    let plain = json!({"versions": {"blue": {"cluster": "b"}, "green": {"cluster": "g"}}});
    for (old, new, field, text) in [
        (with(json!({})), with(neutral.clone()), answers, CONTINUES),
        (with(neutral), with(json!({})), answers, CONTINUES),
        (with(json!({})), with(phrases.clone()), answers, CONTINUES),
        (with(plain), with(versions), answers, CONTINUES),
        (cost(1.0), cost(2.0), "prices", CONTINUES),
        (
            both(weights(95, 5), json!({"answers": {}})),
            weights(95, 5),
            answers,
            "no longer observed",
        ),
    ] {
        Change::new(old, new, field, text).check();
    }
    let priced = |price: f64| with(json!({"prices": {"m": {"input": price, "output": 1}}}));
    let restarted = ramp(json!({"restart": "2"}));
    for (old, new) in [
        // No gate depends on these.
        (priced(1.0), priced(2.0)),
        (both(weights(95, 5), json!({"answers": {}})), both(weights(95, 5), phrases.clone())),
        // It begins again.
        (with(json!({})), both(restarted, phrases)),
    ] {
        let found = effects(&old, &new, None);
        let is_of_counting = |it: &Value| it["field"] == answers || it["field"] == "prices";
        assert!(!found.iter().any(is_of_counting), "{old} -> {new}: {found:?}");
    }
}
