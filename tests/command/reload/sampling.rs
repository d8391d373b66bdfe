//! Effects on the judge and on exported samples.

use serde_json::{Value, json};

use super::{Change, both};

fn judge(fields: Value) -> Value {
    json!({"judge": both(json!({"cluster": "judge", "model": "judge-model"}), fields)})
}

fn samples(fields: Value) -> Value {
    json!({"samples": both(json!({"cluster": "otel"}), fields)})
}

#[test]
fn changes_of_the_judge() {
    let plain = || judge(json!({}));
    let with_step = |mode: &str| {
        both(judge(json!({"mode": mode})), json!({"ramp": {"steps": [{"shadow": 10}, 50, 100]}}))
    };
    for (old, new, field, text) in [
        (
            json!({}),
            plain(),
            "judge",
            "of up to 5 % of requests leave Envoy for the judge, cluster judge",
        ),
        (plain(), json!({}), "judge", "samples that wait are dropped"),
        (
            plain(),
            judge(json!({"cluster": "other"})),
            "judge.cluster",
            "for cluster other, not judge",
        ),
        (plain(), judge(json!({"model": "other"})), "judge.model", "its evidence is of both"),
        (
            plain(),
            judge(json!({"rubric": "Is it polite?"})),
            "judge.rubric",
            "its evidence is of both",
        ),
        (plain(), judge(json!({"sample": "2.5%"})), "judge.sample", "from 5 % to 2.5 %"),
        (
            with_step("both"),
            with_step("pairwise"),
            "judge.mode",
            "for pairs, not for scores and pairs",
        ),
    ] {
        Change::new(old, new, field, text).check();
    }
}

#[test]
fn changes_of_exported_samples() {
    let plain = || samples(json!({}));
    for (old, new, field, text) in [
        (
            json!({}),
            plain(),
            "samples",
            "up to 5 % of requests are exported to cluster otel, without",
        ),
        (json!({}), samples(json!({"content": "full"})), "samples", "with prompts and answers"),
        (plain(), json!({}), "samples", "those that wait are dropped"),
        (
            plain(),
            samples(json!({"cluster": "other"})),
            "samples.cluster",
            "to cluster other, not otel",
        ),
        (
            plain(),
            samples(json!({"content": "full"})),
            "samples.content",
            "with prompts and answers",
        ),
        (plain(), samples(json!({"sample": 1})), "samples.sample", "from 5 % to 1 %"),
    ] {
        Change::new(old, new, field, text).check();
    }
}

#[test]
fn an_unchanged_judge_and_export_have_no_effect() {
    let all = || both(judge(json!({})), samples(json!({})));
    let effects = super::effects(&all(), &all(), None);
    assert!(effects.is_empty(), "{effects:?}");
}
