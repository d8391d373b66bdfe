//! Effects on assignments.

use serde_json::{Value, json};
use verdigris::analysis::StepIndex;
use verdigris::assignment::{Share, bucket_hash};
use verdigris::config::Config;
use verdigris::rollout::{Clocks, RampState};

use super::{Change, both, conversation, effects, is_of_command, ramp, weights};
use crate::run::{config, verdigris};

#[test]
fn a_change_of_weights_moves_the_users_between_the_shares() {
    let field = "weights";
    let to_blue = "3 % of all users move back to blue";
    Change::new(weights(95, 5), weights(98, 2), field, to_blue).throws_back(0.03).check();
    let text = "from 25 % to 5 %: 20 % of all";
    Change::new(weights(3, 1), weights(95, 5), field, text).throws_back(0.2).check();
    let text = "from 50 % to 99 %: 49 % of all users move to green";
    Change::new(weights(50, 50), weights(1, 99), field, text).check();
}

#[test]
fn conversations_keep_their_version_while_green_has_a_share() {
    let with =
        |blue, green, options: &Value| both(weights(blue, green), conversation(options.clone()));
    let (moving, finishing) = (json!({}), json!({"on_rollback": "finish"}));
    let text = "from 50 % to 1 % for new conversations and for requests without one";
    Change::new(with(1, 1, &moving), with(99, 1, &moving), "weights", text).check();
    let text = "50 % of all conversations move back to blue";
    let to_zero = Change::new(with(1, 1, &moving), with(1, 0, &moving), "weights", text);
    to_zero.throws_back(0.5).check();
    let text = "current conversations keep their version";
    Change::new(with(1, 1, &finishing), with(1, 0, &finishing), "weights", text).check();
}

#[test]
fn a_ramp_and_weights_replace_each_other() {
    let text = "a ramp replaces the weights; it starts";
    Change::new(weights(95, 5), ramp(json!({})), "ramp", text).throws_back(0.04).check();
    let text = "it starts with its first step; green's share changes from 5 % to 25 %: 20 % of all \
                users move to green";
    Change::new(weights(95, 5), ramp(json!({"steps": [25, 100]})), "ramp", text).check();
    let started = json!({"started": "2020-01-01T00:00:00Z", "steps": [1, 100]});
    let text = "it does not start: it started earlier by ramp.started";
    Change::new(weights(95, 5), ramp(started), "ramp", text).throws_back(0.05).check();
    let text = "weights replace the ramp";
    let replaced = Change::new(ramp(json!({})), weights(95, 5), "weights", text);
    replaced.in_step("3").throws_back(0.45).check();
}

#[test]
fn a_configured_rollback_moves_all_users_to_blue_in_every_step() {
    let text = "the configuration rolls the ramp back: all users move to blue";
    let rolled_back = || ramp(json!({"rolled_back": true}));
    Change::new(ramp(json!({})), rolled_back(), "ramp", text).throws_back(1.0).check();
    let in_step = Change::new(ramp(json!({})), rolled_back(), "ramp", text).in_step("2");
    in_step.throws_back(0.25).check();
    let finish = || conversation(json!({"on_rollback": "finish"}));
    let text = "all users move to blue, and current conversations on green finish there";
    Change::new(both(ramp(json!({})), finish()), both(rolled_back(), finish()), "ramp", text)
        .check();
    // Only another restart ends it.
    assert!(effects(&rolled_back(), &ramp(json!({})), None).iter().all(|it| it["moved"].is_null()));
    let text = "the ramp begins again: restart is \"2\"; green's share changes from 0 % to 1 %";
    Change::new(rolled_back(), ramp(json!({"restart": "2"})), "ramp", text).check();
    let text = "it does not start: ramp.rolled_back is true";
    let restarted = ramp(json!({"restart": "2", "rolled_back": true}));
    Change::new(rolled_back(), restarted, "ramp", text).check();
    let renamed = both(rolled_back(), json!({"rollout": "v9"}));
    let text = format!("the ramp: {text}");
    Change::new(rolled_back(), renamed, "rollout", text).throws_back(0.0).check();
}

/// Before its first step, a ramp follows other steps in another way.
#[test]
fn a_ramp_before_its_first_step_has_effects_of_its_own() {
    let steps = |first: Value| ramp(json!({"steps": [first, 25, 50, 100]}));
    let shadow = || steps(json!({"shadow": 10}));
    let more = || ramp(json!({"steps": [{"shadow": 10}, 1, 5, 25, 50, 100]}));
    let text = "in the shadow step: the steps changed: no user is on green yet";
    for step in [None, Some("0")] {
        let change = Change::new(shadow(), more(), "ramp", text);
        Change { step, ..change }.check();
    }
    let text = "in steps 0, 1, 2: the steps changed: the ramp continues in the step";
    Change::new(shadow(), more(), "ramp", text).check();
    let text = "in the shadow step: the configuration has no shadow step any more: the ramp enters its first \
                step; green's share changes from 0 % to 25 %";
    Change::new(shadow(), ramp(json!({"steps": [25, 50, 100]})), "ramp", text).check();
    // In a later step it has none.
    let effects = effects(&shadow(), &more(), Some("2"));
    assert!(!effects.iter().any(|it| it["what"].as_str().unwrap().contains("no user is on green")));

    let with = |baseline: &str, steps: Value| {
        ramp(json!({"baseline": baseline, "adjust": true, "steps": steps}))
    };
    let text = "in the baseline: the steps changed: no user is on green yet";
    let small = || with("2h", json!([50, 100]));
    Change::new(small(), with("2h", json!([10, 50, 100])), "ramp", text).check();
    let text = "in the baseline: the baseline has ended; green's share changes from 0 % to 50 %";
    Change::new(small(), with("0s", json!([50, 100])), "ramp", text).check();
}

/// The text is the one that the ramp's controller logs.
#[test]
fn a_changed_ramp_has_the_effect_that_its_controller_logs() {
    for (new, step, thrown_back) in [
        (json!({"restart": "2"}), 2, Some(0.24)),
        (json!({"alpha": 0.01}), 2, None),
        (json!({"steps": [1, 5, 20, 100]}), 2, Some(0.05)),
        (json!({"tripwires": []}), 0, None),
    ] {
        let parse = |fields: &Value| {
            let text = config(ramp(fields.clone())).to_string();
            Config::parse(text.as_bytes()).unwrap().ramp.unwrap()
        };
        let now = Clocks { monotonic_ns: 0, unix_ms: 0 };
        let mut state = RampState::new(&parse(&json!({})), now);
        state.step = StepIndex::new(step);
        let logged = state.reconcile(&parse(&new), now, &[]).remove(0).why;
        let steps = ["0", "1", "2"];
        let change = Change::new(ramp(json!({})), ramp(new), "ramp", logged).in_step(steps[step]);
        Change { thrown_back, ..change }.check();
    }
    // Without a step, the effect has the steps that it is for.
    let steps = ramp(json!({"steps": [1, 5, 20, 100]}));
    let change = Change::new(ramp(json!({})), steps, "ramp", "in step 2: ");
    change.throws_back(0.05).check();
}

/// Envoy removes no stats of a module.
#[test]
fn the_stats_of_another_rollout_name_stay() {
    let renamed = |fields: Value| both(fields, json!({"rollout": "v9"}));
    let judge = |mode: &str| json!({"cluster": "judge", "model": "m", "mode": mode});
    let pairs = json!({"judge": judge("pairwise"), "ramp": {"steps": [{"shadow": 10}, 50, 100]}});
    for (fields, stats) in [
        (weights(95, 5), 22),
        (json!({"answers": {}}), 90),
        (json!({"samples": {"cluster": "otel"}}), 90 + 2 * 3),
        // Of samples, of the judge, and the scores; and what the judge has cost.
        (json!({"judge": judge("score")}), 90 + 2 * (2 + 14 + 6) + 1),
        // The same without scores, with the evidence of the step that is compared, and the shadow with its
        // pairs.
        (pairs, 90 + 2 * (2 + 14 + 11) + 1 + (4 + 34 + 2 + 18)),
    ] {
        let text = format!("up to {stats}, until it restarts");
        Change::new(fields.clone(), renamed(fields), "stats", text).check();
    }
    let unchanged = effects(&weights(95, 5), &weights(90, 10), None);
    assert!(unchanged.iter().all(|it| it["field"] != "stats"), "{unchanged:?}");
}

#[test]
fn another_rollout_name_reassigns_all_users() {
    let renamed = |fields: Value| both(fields, json!({"rollout": "v9"}));
    let text = "4.75 % of them move from green back to blue";
    let by_weights = Change::new(weights(95, 5), renamed(weights(95, 5)), "rollout", text);
    by_weights.throws_back(0.0475).check();
    let text = "at most 99 % of them move from green back";
    let by_ramp = Change::new(ramp(json!({})), renamed(ramp(json!({}))), "rollout", text);
    by_ramp.throws_back(0.99).check();
    let started = ramp(json!({"started": "2020-01-01T00:00:00Z", "steps": [1, 100]}));
    let text = "the ramp: it does not start";
    Change::new(weights(95, 5), renamed(started), "rollout", text).throws_back(0.05).check();
}

#[test]
fn other_sources_of_the_unit_reassign_users() {
    let text = "users whose unit changes are reassigned";
    let cookie = both(weights(1, 1), json!({"unit": {"cookie": "u"}}));
    Change::new(weights(1, 1), cookie, "unit", text).throws_back(0.25).check();

    let half = ramp(json!({"steps": [50, 100]}));
    let cookie = both(half.clone(), json!({"unit": {"cookie": "u"}}));
    let text = "change their version; the ramp does not notice, and continues with earlier evidence: \
                change ramp.restart";
    Change::new(half, cookie, "unit", text).in_step("0").throws_back(0.25).check();

    let added = json!({"unit": [{"header": "x-user-id"}, {"cookie": "u"}]});
    let text = "a source is added at the end";
    Change::new(json!({}), added.clone(), "unit", text).check();
    let text = "49 % of all users move back to blue";
    let changed = Change::new(weights(1, 1), both(weights(99, 1), added), "weights", text);
    changed.throws_back(0.49).check();
}

#[test]
fn changed_pins_move_units() {
    let pins = |pins: Value| json!({"pins": pins});
    let text = "2 units no longer pinned to green (a, b), 1 of them to the other version";
    let old = pins(json!({"green": ["a", "b"]}));
    Change::new(old, pins(json!({"blue": ["b"]})), "pins.green", text).check();
    let text = "1 unit pinned to blue (a): those on the other version move immediately";
    Change::new(json!({}), pins(json!({"blue": ["a"]})), "pins.blue", text).check();
    let new = pins(json!({"green": ["a", "b", "c"]}));
    let text = "2 units pinned to green (b, c)";
    Change::new(pins(json!({"green": ["a"]})), new, "pins.green", text).check();
}

#[test]
fn a_reload_that_moves_nobody_has_no_effects() {
    for (old, new) in [
        (weights(95, 5), weights(95, 5)),
        (weights(95, 5), weights(190, 10)),
        (ramp(json!({})), ramp(json!({"bake": "20m", "timeout": "48h"}))),
        (json!({"pins": {"blue": ["a", "b"]}}), json!({"pins": {"blue": ["b", "a"]}})),
    ] {
        let effects = effects(&old, &new, None);
        assert!(effects.iter().all(is_of_command), "{old} -> {new}: {effects:?}");
    }
    let output = verdigris(&[
        "check",
        "envoy/config/filter.yaml",
        "--from",
        "envoy/config/filter.yaml",
        "--strict",
    ]);
    assert_eq!(output.code, 0);
    let expected = "reload: moves no users and affects no ramp\n";
    assert!(output.out.starts_with(expected), "{output:?}");
}

#[test]
fn the_shares_are_those_of_simulated_users() {
    const USERS: u32 = 200_000;
    for ([from, to], [old, new]) in [
        ([(95, 5), (98, 2)], ["assistant-v8", "assistant-v8"]),
        ([(2, 1), (4, 3)], ["assistant-v8", "assistant-v8"]),
        ([(4, 3), (2, 1)], ["assistant-v8", "assistant-v8"]),
        ([(2, 1), (4, 3)], ["assistant-v8", "assistant-v9"]),
    ] {
        let with =
            |rollout: &str, (blue, green)| both(weights(blue, green), json!({"rollout": rollout}));
        let effects = effects(&with(old, from), &with(new, to), None);
        let reported = |name: &str| {
            let all = effects.iter().filter_map(|it| it.get(name)?.as_f64());
            all.fold(0.0, f64::max)
        };
        let share = |(blue, green): (u32, u32)| Share::new(blue.into(), green.into()).unwrap();
        let is_green = |rollout: &str, weights, user: u32| {
            share(weights).contains(bucket_hash(rollout, format!("user-{user}").as_bytes()))
        };
        let versions = |user| (is_green(old, from, user), is_green(new, to, user));
        let count = |is: fn((bool, bool)) -> bool| {
            f64::from((0..USERS).filter(|user| is(versions(*user))).count() as u32)
        };
        let back = count(|it| it == (true, false)) / f64::from(USERS);
        assert!((reported("thrown_back") - back).abs() < 0.004, "{effects:?} {back}");
        let moved = count(|(old, new)| old != new) / f64::from(USERS);
        assert!((reported("moved") - moved).abs() < 0.004, "{effects:?} {moved}");
    }
}
