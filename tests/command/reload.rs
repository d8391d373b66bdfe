//! `verdigris check --from`.

use serde_json::{Value, json};
use verdigris::assign::{Share, bucket_hash};

use super::run::{Files, config, told, verdigris};

/// What a reload does, as JSON.
fn effects(old: Value, new: Value, step: Option<&str>) -> Vec<Value> {
    let files = Files::new();
    let old = files.add("old.json", &config(old).to_string());
    let new = files.add("new.json", &config(new).to_string());
    let mut arguments = vec!["check", &new, "--from", &old];
    arguments.extend(step.iter().flat_map(|step| ["--step", step]));
    told(&arguments)["reload"].as_array().unwrap().clone()
}

fn weights(blue: u32, green: u32) -> Value {
    json!({"weights": {"blue": blue, "green": green}})
}

/// What was, what is, in which step, and what is said of it: the field, a part of the
/// text, and the share of users who are thrown back.
#[test]
fn what_a_reload_does_is_told() {
    let ramp = |ramp: Value| json!({"ramp": ramp});
    let versions =
        |green: Value| json!({"versions": {"blue": {"cluster": "llm-blue"}, "green": green}});
    let with_ramp = |mut of: Value| {
        of["ramp"] = json!({});
        of
    };
    let patched = versions(json!({"cluster": "llm-green", "request": {"model": "m"}}));
    let conversation = |conversation: Value| json!({"conversation": conversation});
    let none = None::<f64>;
    let cases = [
        (
            weights(95, 5),
            weights(98, 2),
            None,
            "weights",
            "3 % of all users go back to blue",
            Some(0.03),
        ),
        (
            weights(3, 1),
            weights(95, 5),
            None,
            "weights",
            "from 25 % to 5 %: 20 % of all",
            Some(0.2),
        ),
        (
            weights(95, 5),
            ramp(json!({})),
            None,
            "ramp",
            "a ramp takes the place of weights, and begins",
            Some(0.04),
        ),
        (
            ramp(json!({})),
            weights(95, 5),
            Some("3"),
            "weights",
            "weights by hand take the place",
            Some(0.45),
        ),
        (
            ramp(json!({})),
            ramp(json!({"restart": "2"})),
            Some("2"),
            "ramp",
            "the ramp begins again",
            Some(0.24),
        ),
        (
            ramp(json!({})),
            ramp(json!({"alpha": 0.01})),
            Some("2"),
            "ramp",
            "the step gathers evidence anew",
            none,
        ),
        (
            ramp(json!({})),
            ramp(json!({"steps": [1, 5, 20, 100]})),
            Some("2"),
            "ramp",
            "the steps are others",
            Some(0.05),
        ),
        (
            ramp(json!({})),
            ramp(json!({"steps": [1, 5, 20, 100]})),
            None,
            "ramp",
            "in step 2: the steps are others",
            Some(0.05),
        ),
        (
            ramp(json!({})),
            ramp(json!({"tripwires": []})),
            None,
            "ramp",
            "the tripwires are others",
            none,
        ),
        (
            with_ramp(versions(json!({"cluster": "llm-green"}))),
            with_ramp(patched),
            None,
            "versions.green.request",
            "the ramp does not see this",
            none,
        ),
        (
            json!({}),
            versions(json!({"cluster": "llm-teal"})),
            None,
            "versions.green.cluster",
            "green's requests go to llm-teal",
            none,
        ),
        (
            json!({}),
            json!({"default_cluster": "llm-green"}),
            None,
            "default_cluster",
            "is to put llm-green from now on",
            none,
        ),
        (
            weights(95, 5),
            json!({"weights": {"blue": 95, "green": 5}, "rollout": "v9"}),
            None,
            "rollout",
            "4.75 % of them go from green back to blue",
            Some(0.0475),
        ),
        (
            ramp(json!({})),
            json!({"ramp": {}, "rollout": "v9"}),
            None,
            "rollout",
            "at most 99 % of them go from green back",
            Some(0.99),
        ),
        (
            weights(1, 1),
            json!({"weights": {"blue": 1, "green": 1}, "unit": {"cookie": "u"}}),
            None,
            "unit",
            "whoever has another unit now is dealt anew",
            Some(0.25),
        ),
        (
            json!({}),
            json!({"unit": [{"header": "x-user-id"}, {"cookie": "u"}]}),
            None,
            "unit",
            "a source is added at the end",
            none,
        ),
        (
            json!({"pins": {"green": ["a", "b"]}}),
            json!({"pins": {"blue": ["b"]}}),
            None,
            "pins.green",
            "2 units not held on green any more (a, b), 1 to the other version",
            none,
        ),
        (
            json!({"force_header": "x-f"}),
            json!({}),
            None,
            "force_header",
            "nobody can force a version by x-f",
            none,
        ),
        (
            json!({}),
            json!({"version_header": "x-v"}),
            None,
            "version_header",
            "Envoy's bootstrap must name it too",
            none,
        ),
        (
            json!({"answers": {}}),
            json!({}),
            None,
            "answers",
            "answers are not looked at any more",
            none,
        ),
        (
            json!({}),
            conversation(json!({})),
            None,
            "conversation",
            "the conversation's id takes the user's place",
            none,
        ),
        (
            conversation(json!({})),
            json!({}),
            None,
            "conversation",
            "the user takes the place",
            none,
        ),
        (
            conversation(json!({})),
            conversation(json!({"id": {"cookie": "c"}})),
            None,
            "conversation.id",
            "looked for elsewhere",
            none,
        ),
        (
            conversation(json!({})),
            conversation(json!({"marker": []})),
            None,
            "conversation.marker",
            "taken to begin now",
            none,
        ),
        (
            conversation(json!({})),
            conversation(json!({"drain": {"max_age": "1h"}})),
            None,
            "conversation.drain.max_age",
            "older than the new max_age",
            none,
        ),
        (
            conversation(json!({"on_rollback": "finish"})),
            conversation(json!({})),
            None,
            "conversation.on_rollback",
            "do not end there",
            none,
        ),
    ];
    for (old, new, step, field, what, thrown_back) in cases {
        let effects = effects(old.clone(), new.clone(), step);
        let is_it =
            |it: &&Value| it["field"] == field && it["what"].as_str().unwrap().contains(what);
        let effect = effects.iter().find(is_it);
        let effect = effect.unwrap_or_else(|| panic!("{old} -> {new}: {effects:?}\n{what}"));
        assert_eq!(effect.get("thrown_back").and_then(Value::as_f64), thrown_back, "{effect}");
    }
}

#[test]
fn what_moves_nobody_is_said_to() {
    let same = [
        (weights(95, 5), weights(95, 5)),
        (weights(95, 5), weights(190, 10)),
        (weights(95, 5), weights(50, 50)),
        (json!({"ramp": {}}), json!({"ramp": {"bake": "20m", "timeout": "48h"}})),
        (json!({"ramp": {}}), json!({"ramp": {}, "pins": {"blue": ["a"]}})),
    ];
    for (old, new) in same {
        assert_eq!(effects(old.clone(), new.clone(), None), Vec::<Value>::new(), "{old} -> {new}");
    }
    let done =
        verdigris(&["check", "envoy/filter.yaml", "--from", "envoy/filter.yaml", "--strict"]);
    assert_eq!(done.code, 0);
    assert!(done.out.starts_with("reload: moves nobody, and disturbs no ramp\n"), "{done:?}");
}

/// The shares that are told are those of users who are dealt by the formula.
#[test]
fn the_shares_are_those_of_users() {
    const USERS: u32 = 200_000;
    for ([from, to], [old, new]) in [
        ([(95, 5), (98, 2)], ["assistant-v8", "assistant-v8"]),
        ([(2, 1), (4, 3)], ["assistant-v8", "assistant-v8"]),
        ([(2, 1), (4, 3)], ["assistant-v8", "assistant-v9"]),
    ] {
        let with = |rollout: &str, (blue, green): (u32, u32)| json!({"rollout": rollout, "weights": {"blue": blue, "green": green}});
        let effects = effects(with(old, from), with(new, to), None);
        let told = |name: &str| {
            let all = effects.iter().filter_map(|it| it.get(name)?.as_f64());
            all.fold(0.0, f64::max)
        };
        let share = |(blue, green): (u32, u32)| Share::new(blue.into(), green.into()).unwrap();
        let is_green = |rollout: &str, of, user: u32| {
            share(of).contains(bucket_hash(rollout, format!("user-{user}").as_bytes()))
        };
        let versions = |user| (is_green(old, from, user), is_green(new, to, user));
        let count = |is: fn((bool, bool)) -> bool| {
            f64::from((0..USERS).filter(|user| is(versions(*user))).count() as u32)
        };
        let back = count(|it| it == (true, false)) / f64::from(USERS);
        assert!((told("thrown_back") - back).abs() < 0.004, "{effects:?} {back}");
        if old != new {
            let moved = count(|(old, new)| old != new) / f64::from(USERS);
            assert!((told("moved") - moved).abs() < 0.004, "{effects:?} {moved}");
        }
    }
}
