//! `verdigris check --from`.

use serde_json::{Value, json};
use verdigris::assignment::{Share, bucket_hash};
use verdigris::config::Config;
use verdigris::rollout::{Clocks, RampState};
use verdigris::rollout::{CommandKind, ManualRollout, OperatorCommand};

use super::run::{Files, config, filter_yaml, told, verdigris};

/// What a reload does, as JSON.
fn effects(old: Value, new: Value, step: Option<&str>) -> Vec<Value> {
    let files = Files::new();
    let old = files.add("old.json", &config(old).to_string());
    let new = files.add("new.json", &config(new).to_string());
    let mut arguments = vec!["check", &new, "--from", &old];
    arguments.extend(step.iter().flat_map(|step| ["--step", step]));
    told(&arguments)["reload"].as_array().unwrap().clone()
}

fn is_if_ordered(effect: &Value) -> bool {
    effect["if_ordered"] == true
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
    let shadow = |shadow: Value| json!({"shadow": shadow});
    let feedback = |fields: Value| {
        let mut feedback = json!({"path": "/f", "thumb": "/t"});
        feedback.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        json!({"feedback": feedback})
    };
    let both = |mut one: Value, other: Value| {
        one.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
        one
    };
    let added = json!({"unit": [{"header": "x-user-id"}, {"cookie": "u"}]});
    let started = json!({"started": "2020-01-01T00:00:00Z", "steps": [1, 100]});
    let finish = json!({"on_rollback": "finish"});
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
            "a ramp takes the place of weights; it begins",
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
            "the step gathers its evidence again",
            none,
        ),
        (
            ramp(json!({})),
            ramp(json!({"steps": [1, 5, 20, 100]})),
            Some("2"),
            "ramp",
            "the steps changed",
            Some(0.05),
        ),
        (
            ramp(json!({})),
            ramp(json!({"steps": [1, 5, 20, 100]})),
            None,
            "ramp",
            "in step 2: the steps changed",
            Some(0.05),
        ),
        (
            ramp(json!({})),
            ramp(json!({"tripwires": []})),
            None,
            "ramp",
            "the tripwires changed",
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
            weights(1, 1),
            both(weights(99, 1), added.clone()),
            None,
            "weights",
            "49 % of all users go back to blue",
            Some(0.49),
        ),
        (
            ramp(json!({})),
            both(ramp(json!({"restart": "2"})), added),
            Some("2"),
            "ramp",
            "the ramp begins again",
            Some(0.24),
        ),
        (
            weights(95, 5),
            ramp(started.clone()),
            None,
            "ramp",
            "it does not begin: by ramp.started it began earlier",
            Some(0.05),
        ),
        (
            weights(95, 5),
            both(ramp(started), json!({"rollout": "v9"})),
            None,
            "rollout",
            "of the ramp: it does not begin",
            Some(0.05),
        ),
        (
            both(weights(1, 1), conversation(json!({}))),
            both(weights(99, 1), conversation(json!({}))),
            None,
            "weights",
            "from 50 % to 1 % of new conversations, and of users whose requests name none",
            none,
        ),
        (
            both(weights(1, 1), conversation(json!({}))),
            both(weights(1, 0), conversation(json!({}))),
            None,
            "weights",
            "50 % of all conversations go back to blue",
            Some(0.5),
        ),
        (
            both(weights(1, 1), conversation(finish.clone())),
            both(weights(1, 0), conversation(finish)),
            None,
            "weights",
            "conversations under way keep their version",
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
            weights(50, 50),
            weights(1, 99),
            None,
            "weights",
            "from 50 % to 99 %: 49 % of all users go to green",
            none,
        ),
        (
            weights(95, 5),
            ramp(json!({"steps": [25, 100]})),
            None,
            "ramp",
            "it begins with its first step; green's share goes from 5 % to 25 %: 20 % of all users go to green",
            none,
        ),
        (
            json!({}),
            json!({"pins": {"blue": ["a"]}}),
            None,
            "pins.blue",
            "1 unit held on blue from now on (a): whoever of them was elsewhere goes there at once",
            none,
        ),
        (
            json!({"pins": {"green": ["a"]}}),
            json!({"pins": {"green": ["a", "b", "c"]}}),
            None,
            "pins.green",
            "2 units held on green from now on (b, c)",
            none,
        ),
        (
            json!({}),
            json!({"on_missing": "random"}),
            None,
            "on_missing",
            "requests without a unit are dealt one by one",
            none,
        ),
        (
            json!({"on_missing": "random"}),
            json!({}),
            None,
            "on_missing",
            "requests without a unit go to blue",
            none,
        ),
        (
            json!({}),
            json!({"force_header": "x-f"}),
            None,
            "force_header",
            "whoever sends x-f has the version that it names",
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
            conversation(json!({})),
            conversation(json!({"drain": {"max_age": "48h"}})),
            None,
            "conversation.drain.max_age",
            "up to the new one",
            none,
        ),
        (
            conversation(json!({})),
            conversation(
                json!({"history": [{"since": "2022-01-01T00:00:00Z", "weights": {"blue": 1, "green": 1}}]}),
            ),
            None,
            "conversation.history",
            "go by what history says now",
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
        (
            json!({}),
            json!({"role": "shadow"}),
            None,
            "role",
            "green answers every request of this listener, for nobody",
            none,
        ),
        (
            json!({}),
            shadow(json!({"percent": 10})),
            None,
            "shadow.percent",
            "of 10 % of all units green is asked as well",
            none,
        ),
        (
            shadow(json!({"percent": 10})),
            shadow(json!({"percent": 5})),
            None,
            "shadow.percent",
            "of 5 % of all units, and not of 10 %: some of the same",
            none,
        ),
        (
            shadow(json!({"percent": 10})),
            shadow(json!({"percent": 10, "header": "x-s"})),
            None,
            "shadow.header",
            "x-verdigris-shadow becomes x-s: Envoy's bootstrap must name it too",
            none,
        ),
        (shadow(json!({"percent": 10})), json!({}), None, "shadow", "no request is copied", none),
        (
            json!({}),
            feedback(json!({})),
            None,
            "feedback",
            "POSTs to /f are taken for feedback, and reach no upstream",
            none,
        ),
        (
            feedback(json!({})),
            feedback(json!({"path": "/g"})),
            None,
            "feedback.path",
            "those to /f are decided like any other",
            none,
        ),
        (
            feedback(json!({})),
            feedback(json!({"thumb": "/up"})),
            None,
            "feedback.thumb",
            "a thumb is not looked for any more where it was",
            none,
        ),
        (
            feedback(json!({})),
            feedback(json!({"max_per_minute": 5})),
            None,
            "feedback.max_per_minute",
            "a unit is heard 5 times a minute, and not 60",
            none,
        ),
        (
            feedback(json!({})),
            feedback(json!({"answered_by": "upstream"})),
            None,
            "feedback.answered_by",
            "the upstream answers feedback, and not the filter",
            none,
        ),
        (
            feedback(json!({})),
            {
                let mut named = feedback(json!({}));
                named["rollout"] = json!("v9");
                named
            },
            None,
            "feedback",
            "receipts are of rollout and unit, and those of before may not hold",
            none,
        ),
        (
            feedback(json!({})),
            json!({}),
            None,
            "feedback",
            "nobody's thumb or score is taken any more: requests to /f",
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
        (json!({"ramp": {}}), json!({"ramp": {"bake": "20m", "timeout": "48h"}})),
        (json!({"pins": {"blue": ["a", "b"]}}), json!({"pins": {"blue": ["b", "a"]}})),
    ];
    for (old, new) in same {
        let effects = effects(old.clone(), new.clone(), None);
        assert!(effects.iter().all(is_if_ordered), "{old} -> {new}: {effects:?}");
    }
    let done =
        verdigris(&["check", "envoy/filter.yaml", "--from", "envoy/filter.yaml", "--strict"]);
    assert_eq!(done.code, 0);
    assert!(done.out.starts_with("reload: moves nobody, and disturbs no ramp\n"), "{done:?}");
}

/// What is told of orders is what the ramp does with one, or the weights.
#[test]
fn an_order_ends_where_it_is_said_to() {
    let ramp = |ramp: Value| json!({"ramp": ramp});
    let started = json!({"started": "2026-11-25T10:00:00Z"});
    let rolled_back = "only a rollback holds, until restart has another text";
    let cases = [
        (weights(95, 5), weights(75, 25), Some("the weights of the file are in force")),
        (weights(95, 5), weights(190, 10), Some("the weights of the file are in force")),
        (weights(95, 5), json!({"weights": {"blue": 95, "green": 5}, "answers": {}}), None),
        (ramp(json!({})), ramp(json!({"bake": "20m"})), Some(rolled_back)),
        (ramp(json!({})), ramp(json!({"steps": [1, 100]})), Some(rolled_back)),
        (ramp(json!({})), ramp(json!({"tripwires": []})), Some(rolled_back)),
        (ramp(json!({})), ramp(started), Some(rolled_back)),
        (ramp(json!({})), ramp(json!({"restart": "2"})), Some("after a rollback too")),
        (ramp(json!({})), json!({"ramp": {}, "pins": {"blue": ["a"]}}), None),
    ];
    for (old, new, expected) in cases {
        let told = effects(old.clone(), new.clone(), None);
        let told = told.iter().find(|it| is_if_ordered(it)).map(|it| it["what"].as_str().unwrap());
        assert_eq!(told.is_some(), expected.is_some(), "{old} -> {new}: {told:?}");
        assert!(told.unwrap_or_default().contains(expected.unwrap_or_default()), "{told:?}");
        let parse = |of: &Value| Config::parse(config(of.clone()).to_string().as_bytes()).unwrap();
        let (from, to) = (parse(&old), parse(&new));
        let order = |verb| OperatorCommand::new(verb, "a test", 0).unwrap();
        let now = Clocks { monotonic_ns: 0, unix_ms: 0 };
        for verb in [CommandKind::Promote, CommandKind::Rollback] {
            let ends = match (&from.ramp, &to.ramp) {
                (Some(from), Some(to)) => {
                    let mut state = RampState::new(from, now);
                    state.apply(from, order(verb), now).unwrap();
                    state.reconcile(to, now, &[]);
                    state.command.is_none()
                }
                _ => {
                    let mut state = ManualRollout::new(from.share, 0);
                    state.apply(order(verb), 0).unwrap();
                    state.reconcile_share(to.share, 0);
                    state.command.is_none()
                }
            };
            let holds = verb == CommandKind::Rollback && expected == Some(rolled_back);
            assert_eq!(ends, expected.is_some() && !holds, "{verb:?} {old} -> {new}");
        }
    }
    // Where nobody can steer, nothing is said.
    let files = Files::new();
    let new = |text: &str| text.replace("\"green\": 5", "\"green\": 7");
    let with = filter_yaml(&config(weights(95, 5)).to_string().replace(":5", ": 5"));
    let without = with.replace("VERDIGRIS_CONSOLE_TOKEN", "OTHER");
    let key = "host_env_keys: [VERDIGRIS_CONSOLE_TOKEN]";
    let written = with.replace(key, "key_values: {VERDIGRIS_CONSOLE_TOKEN: t}");
    for (text, is_told) in [(without, false), (with, true), (written, true)] {
        let (old, new) = (files.add("old.yaml", &text), files.add("new.yaml", &new(&text)));
        let done = verdigris(&["check", &new, "--from", &old, "--strict"]);
        let note = "note: weights: what was ordered by hand, if anything was, ends: the weights";
        assert_eq!((done.code, done.out.contains(note)), (0, is_told), "{done:?}");
        let growth = "note: weights: green's share goes from 5 % to 6.86 %: 1.86 % of all";
        assert!(done.out.starts_with(growth), "{done:?}");
    }
}

#[test]
fn what_a_console_s_reload_does_is_told() {
    let files = Files::new();
    let console = |name: &str, hosts: &str| {
        files.add(name, &format!(r#"{{"role": "console", "console": {{"hosts": {hosts}}}}}"#))
    };
    let rollout = files.add("rollout.json", &config(json!({})).to_string());
    let (all, one) = (
        console("all.json", r#"["a.example", "b.example"]"#),
        console("one.json", r#"["a.example"]"#),
    );
    for (new, old, expected) in [
        (&one, &all, "console.hosts: nobody may ask for the page by b.example any more"),
        (&all, &one, "moves nobody"),
        (&one, &rollout, "role: the console takes the place of a rollout"),
        (&rollout, &one, "role: a rollout takes the place of the console"),
    ] {
        let done = verdigris(&["check", new, "--from", old]);
        assert!(done.code == 0 && done.out.starts_with(&format!("reload: {expected}")), "{done:?}");
    }
}

/// The shares that are told are those of users who are dealt by the formula.
#[test]
fn the_shares_are_those_of_users() {
    const USERS: u32 = 200_000;
    for ([from, to], [old, new]) in [
        ([(95, 5), (98, 2)], ["assistant-v8", "assistant-v8"]),
        ([(2, 1), (4, 3)], ["assistant-v8", "assistant-v8"]),
        ([(4, 3), (2, 1)], ["assistant-v8", "assistant-v8"]),
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
        let moved = count(|(old, new)| old != new) / f64::from(USERS);
        assert!((told("moved") - moved).abs() < 0.004, "{effects:?} {moved}");
    }
}
