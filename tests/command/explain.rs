//! `verdigris explain`.

use serde_json::{Value, json};
use verdigris::assignment::{Assignment, ReadAnswers, Reason, Share, Version};
use verdigris::sampling::Sampler;

use super::run::{Files, config, json_output, verdigris};

/// A UUIDv7 with the time 2022-02-22T19:22:22Z.
const OF_2022: &str = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";

/// The options for that conversation, which began before the weights came into force.
const BEFORE_SINCE: [&str; 6] =
    ["--conversation", OF_2022, "--at", "2022-02-22T20:00:00Z", "--since", "2022-02-22T19:40:00Z"];

/// A configuration, the options, and the version, reason and step. `ada` is in the bucket of 18 %.
#[test]
fn each_step_can_decide() {
    let weights = |green: u32| json!({"blue": 100 - green, "green": green});
    let by_conversation = |more: Value| {
        let mut config = json!({"weights": weights(95), "conversation": {}});
        config["conversation"] = more;
        config
    };
    let history = json!({"history": [{"since": "2022-01-01T00:00:00Z", "weights": weights(0)}]});
    let with_weights = |green: u32, on_rollback: &str| {
        let history = json!([{"since": "2022-01-01T00:00:00Z", "weights": weights(100)}]);
        json!({"weights": weights(green), "conversation": {"on_rollback": on_rollback, "history": history}})
    };
    let ada = ["--unit", "ada"].as_slice();
    let cases: Vec<(Value, Vec<&str>, &str, &str, &str)> = vec![
        (json!({"weights": weights(19)}), ada.into(), "green", "weight", "weight"),
        (json!({"weights": weights(18)}), ada.into(), "blue", "weight", "weight"),
        (json!({"ramp": {}}), ada.into(), "blue", "weight", "weight"),
        (json!({"ramp": {}}), [ada, &["--step", "2"]].concat(), "green", "weight", "weight"),
        (json!({"ramp": {}}), [ada, &["--share", "18.5"]].concat(), "green", "weight", "weight"),
        (json!({"ramp": {}, "pins": {"green": ["ada"]}}), ada.into(), "green", "pinned", "pins"),
        (
            json!({"ramp": {}, "pins": {"green": ["ada"]}}),
            [ada, &["--rolled-back"]].concat(),
            "blue",
            "rolled_back",
            "rolled back",
        ),
        (
            json!({"force_header": "x-f", "pins": {"blue": ["ada"]}}),
            [ada, &["--forced", "green"]].concat(),
            "green",
            "forced",
            "force header",
        ),
        (json!({}), [ada, &["--forced", "green"]].concat(), "blue", "weight", "weight"),
        (json!({"weights": weights(50)}), vec![], "blue", "no_unit", "no unit"),
        (json!({"weights": weights(50)}), vec!["--unit", ""], "blue", "no_unit", "no unit"),
        (
            by_conversation(json!({})),
            vec!["--conversation", "c"],
            "green",
            "weight",
            "conversation",
        ),
        (
            by_conversation(history.clone()),
            vec!["--conversation", OF_2022, "--at", "2022-02-22T20:00:00Z"],
            "blue",
            "drained",
            "conversation",
        ),
        (
            by_conversation(history.clone()),
            vec![
                "--conversation",
                OF_2022,
                "--at",
                "2022-02-22T20:00:00Z",
                "--since",
                "2022-02-01T00:00:00Z",
            ],
            "green",
            "weight",
            "conversation",
        ),
        // A weight of 0 for green is a rollback, as in the filter.
        (
            with_weights(0, "move"),
            vec!["--conversation", OF_2022, "--at", "2022-02-22T20:00:00Z"],
            "blue",
            "weight",
            "conversation",
        ),
        (
            with_weights(0, "finish"),
            vec!["--conversation", OF_2022, "--at", "2022-02-22T20:00:00Z"],
            "green",
            "drained",
            "conversation",
        ),
        (
            with_weights(95, "move"),
            vec!["--conversation", OF_2022, "--at", "2022-02-22T20:00:00Z", "--share", "0"],
            "blue",
            "weight",
            "conversation",
        ),
        // A pin decides, even if the conversation's share is not known.
        (
            json!({"conversation": {}, "pins": {"green": ["ada"]}}),
            [ada, &BEFORE_SINCE].concat(),
            "green",
            "pinned",
            "pins",
        ),
        (
            json!({"on_missing": "random", "weights": weights(100)}),
            vec![],
            "green",
            "no_unit",
            "no unit",
        ),
        // The conversation is older than max_age.
        (
            by_conversation(history),
            vec!["--conversation", OF_2022, "--at", "2022-02-25T20:00:00Z"],
            "green",
            "weight",
            "conversation",
        ),
    ];
    let files = Files::new();
    for (fields, options, version, reason, step) in cases {
        let file = files.add("config.json", &config(fields.clone()).to_string());
        let report = json_output(&[&["explain", &file], options.as_slice()].concat());
        assert_eq!(
            (&report["version"], &report["reason"]),
            (&json!(version), &json!(reason)),
            "{fields} {options:?}\n{report}"
        );
        let decided: Vec<_> =
            report["steps"].as_array().unwrap().iter().filter(|it| it["decides"] == true).collect();
        assert_eq!(decided.len(), 1, "{report}");
        assert_eq!(decided[0]["name"], step, "{report}");
        assert_eq!(report["cluster"], format!("llm-{version}"));
    }
}

/// A configuration, the options, the exit code, the reason, and a part of the text.
#[test]
fn an_unknown_version_is_not_guessed() {
    let random = json!({"on_missing": "random", "weights": {"blue": 95, "green": 5}});
    let unknown = "before --since: the share at that time is not known";
    let by_conversation =
        |fields: Value| json!({"weights": {"blue": 5, "green": 95}, "conversation": fields});
    let cases: [(Value, &[&str], i32, Value, &str); 5] = [
        (random, &[], 0, json!("no_unit"), "random by no_unit: 5 % of such requests go to green"),
        (by_conversation(json!({})), &BEFORE_SINCE, 1, Value::Null, unknown),
        (
            by_conversation(json!({"history": [
                {"since": "2022-02-22T19:30:00Z", "weights": {"blue": 1, "green": 1}},
            ]})),
            &BEFORE_SINCE,
            1,
            Value::Null,
            unknown,
        ),
        (
            json!({"role": "shadow"}),
            &["--unit", "ada"],
            0,
            Value::Null,
            "green's shadow, cluster llm-green",
        ),
        (
            json!({"role": "shadow", "pins": {"blue": ["ada"]}}),
            &["--unit", "ada"],
            0,
            Value::Null,
            "green answers every request of this listener, and its answers are discarded",
        ),
    ];
    let files = Files::new();
    for (fields, options, code, reason, text) in cases {
        let file = files.add("config.json", &config(fields.clone()).to_string());
        let options = [&["explain", &file], options].concat();
        let output = verdigris(&options);
        assert_eq!(output.code, code, "{fields} {output:?}");
        assert!(output.out.contains(text), "{fields} {output:?}");
        let output = verdigris(&[options.as_slice(), &["--json"]].concat());
        let report: Value = serde_json::from_str(&output.out).unwrap();
        assert_eq!(
            (&report["version"], &report["reason"]),
            (&Value::Null, &reason),
            "{fields} {report}"
        );
    }
}

/// The steps are counted without the baseline and the shadow step, which have the number of the first one.
#[test]
fn before_its_first_step_a_ramp_has_no_user_on_green() {
    let files = Files::new();
    for (ramp, before) in [
        (json!({"steps": [{"shadow": 10}, 50, 100]}), "shadow step"),
        (json!({"steps": [50, 100], "baseline": "2h", "adjust": true}), "baseline"),
        (json!({"profile": "small"}), "baseline"),
        (
            json!({"steps": [{"shadow": 10}, 50, 100], "baseline": "2h", "adjust": true}),
            "baseline or shadow step",
        ),
    ] {
        let file = files.add("config.json", &config(json!({ "ramp": ramp })).to_string());
        let explained = |options: &[&str]| {
            let options = [&["explain", &file, "--unit", "ada", "--json"], options].concat();
            serde_json::from_str::<Value>(&verdigris(&options).out).unwrap()["version"].clone()
        };
        for (options, version) in [
            (&[][..], "blue"),
            (&["--step", "0"], "blue"),
            (&["--step", "1"], "green"),
            (&["--share", "100"], "green"),
        ] {
            assert_eq!(explained(options), version, "{ramp} {options:?}");
        }
        let output = verdigris(&["explain", &file, "--unit", "ada", "--step", "0"]);
        for text in [before, "which is also step 0, with --share 50"] {
            assert!(output.out.contains(text), "{ramp} {output:?}");
        }
    }
}

/// The release's listener sends green's requests to the cluster with green's and blue's endpoints.
#[test]
fn with_failover_the_cluster_is_the_one_that_envoy_routes_by() {
    let files = Files::new();
    let fields = json!({
        "weights": {"blue": 0, "green": 1},
        "versions": {
            "blue": {"cluster": "b"},
            "green": {"cluster": "g", "failover": {"cluster": "both"}},
        },
    });
    let file = files.add("config.json", &config(fields).to_string());
    let output = verdigris(&["explain", &file, "--unit", "ada", "--json"]);
    let report: Value = serde_json::from_str(&output.out).unwrap_or_else(|_| panic!("{output:?}"));
    assert_eq!(report["cluster"], "both", "{report}");
}

#[test]
fn the_step_of_a_ramp_is_assumed_and_named() {
    let files = Files::new();
    let file = files.add("config.json", &config(json!({"ramp": {}})).to_string());
    let output = verdigris(&["explain", &file, "--unit", "ada"]);
    assert!(
        output.out.contains("only Envoy knows the current step: give it with --step"),
        "{output:?}"
    );
    let fleet = json!({"ramp": {}, "fleet": {"store": "etcd", "cluster": "etcd"}});
    let of_fleet = files.add("fleet.json", &config(fleet).to_string());
    let output = verdigris(&["explain", &of_fleet, "--unit", "ada"]);
    assert!(output.out.contains("only the fleet knows the current step"), "{output:?}");
    let output = verdigris(&["explain", &file, "--unit", "ada", "--step", "7"]);
    assert_eq!(output.code, 2, "{output:?}");
    assert!(output.err.contains("the ramp has steps 0 to 4"), "{output:?}");
}

#[test]
fn mirrored_requests_are_explained() {
    let files = Files::new();
    let fields = json!({"shadow": {"percent": 10}, "weights": {"blue": 60, "green": 40}, "pins": {"blue": ["pin"]}});
    let file = files.add("shadow.json", &config(fields).to_string());
    let mut seen = [0; 3];
    for user in 0..60 {
        let report = json_output(&["explain", &file, "--unit", &format!("user-{user}")]);
        let step = |name| {
            let steps = report["steps"].as_array().unwrap();
            steps.iter().find(|it| it["name"] == name).unwrap()["why"].as_str().unwrap().to_owned()
        };
        let (is_green, why) = (report["version"] == "green", step("shadow"));
        let at = match why.as_str() {
            "not mirrored: green answers it" => 0,
            why if why.starts_with("the request is mirrored to green") => 1,
            "not mirrored: it is not in the sample of 10 %" => 2,
            why => panic!("{why}"),
        };
        assert_eq!(is_green, at == 0, "{report}");
        seen[at] += 1;
    }
    assert!(seen.iter().all(|it| *it > 0), "{seen:?}");
    let output = verdigris(&["explain", &file, "--unit", "pin"]);
    assert!(
        output.out.contains("not mirrored: it is on blue for another reason than its bucket"),
        "{output:?}"
    );
}

#[test]
fn the_header_that_routes_match_is_named() {
    let files = Files::new();
    let fields = json!({"route_by": "version_header", "weights": {"blue": 0, "green": 1}});
    let file = files.add("config.json", &config(fields).to_string());
    let output = verdigris(&["explain", &file, "--unit", "ada"]);
    assert!(
        output.out.contains("green by weight, header x-verdigris-version: green"),
        "{output:?}"
    );
    let json = json_output(&["explain", &file, "--unit", "ada"]);
    assert_eq!(json["header"], "x-verdigris-version: green");
    assert_eq!(json["cluster"], Value::Null);
}

#[test]
fn a_shadow_step_mirrors_a_share_of_its_own() {
    let files = Files::new();
    let ramp = json!({"steps": [{"shadow": 100}, 5, 100]});
    let file = files.add("ramp.json", &config(json!({"ramp": ramp})).to_string());
    let text = verdigris(&["explain", &file, "--unit", "ada"]).out;
    assert!(
        text.contains("the request is mirrored to green while the ramp is in its shadow step"),
        "{text}"
    );
}

#[test]
fn a_request_is_sampled_as_far_as_its_answer_is_read_and_compared() {
    let files = Files::new();
    let explain = |fields: Value, unit: Option<&str>| {
        let file = files.add("sampled.json", &config(fields).to_string());
        let unit = unit.map_or(vec![], |unit| vec!["--unit", unit]);
        verdigris(&[&["explain", &file][..], &unit].concat()).out
    };
    let samples = json!({"cluster": "otel", "sample": 100});
    let halves = json!({"blue": 50, "green": 50});

    // A hundredth of the units is read.
    let read = json!({"weights": halves, "answers": {"sample": 1}, "samples": samples});
    let units = (0..400).map(|number| format!("user-{number}"));
    let is_read = |unit: &str| {
        let blue = Assignment::new(Version::Blue, Reason::Weight);
        let reads = ReadAnswers::OfUnits(Share::from_basis_points(100).unwrap());
        reads.contains("assistant-v8", blue, None, Some(unit.as_bytes()))
    };
    let (are_read, are_not): (Vec<_>, Vec<_>) = units.partition(|it| is_read(it));
    let text = explain(read.clone(), Some(&are_read[0]));
    assert!(text.contains("requests are exported, by x-request-id"), "{text}");
    let not_read = "not exported: its answer is not among the 1 % that are read by answers.sample";
    let text = explain(read.clone(), Some(&are_not[0]));
    assert!(text.contains(not_read), "{text}");
    let random = json!({"on_missing": "random", "weights": {"blue": 1, "green": 0}});
    let mut without_unit = read;
    without_unit.as_object_mut().unwrap().extend(random.as_object().unwrap().clone());
    let text = explain(without_unit, None);
    assert!(text.contains(not_read), "{text}");

    // Both halves of a mirrored request are exported, whatever the shares.
    for weights in [json!({"blue": 100, "green": 0}), json!({"blue": 9999, "green": 1})] {
        let fields = json!({"weights": weights, "shadow": {"percent": 100}, "samples": samples});
        let text = explain(fields, Some("ada"));
        assert!(text.contains("100 % of mirrored requests are exported"), "{text}");
    }
    let ramp = json!({"steps": [{"shadow": 100}, 5, 100]});
    let text = explain(json!({"ramp": ramp, "samples": samples}), Some("ada"));
    assert!(text.contains("100 % of mirrored requests are exported"), "{text}");

    // Of blue, a step of 5 % compares as many units as of green.
    let ramp = json!({"steps": [5, 100], "control": "equal"});
    let text = explain(json!({"ramp": ramp, "samples": samples}), Some("ada"));
    assert!(text.contains("its unit is not among those that ramp.control compares"), "{text}");
}

#[test]
fn a_request_is_judged_and_exported_by_its_id() {
    let files = Files::new();
    let fields = |weights: Value| {
        json!({
            "weights": weights,
            "judge": {"cluster": "judge", "model": "judge-model", "sample": 20},
            "samples": {"cluster": "otel", "sample": 100},
        })
    };
    let both =
        files.add("both.json", &config(fields(json!({"blue": 50, "green": 50}))).to_string());
    let text = |options: &[&str]| verdigris(&[&["explain"], options].concat()).out;
    let without_id = text(&[&both, "--unit", "ada"]);
    assert!(
        without_id.contains("20 % of green's requests are judged, by x-request-id: --request-id"),
        "{without_id}"
    );
    assert!(without_id.contains("100 % of green's requests are exported"), "{without_id}");
    let id = |number: u32| format!("7f1c2b6e-{number:08x}");
    let place = |id: &str| Sampler::place("assistant-v8", id.as_bytes());
    let ids = (0..1_000).map(id).collect::<Vec<_>>();
    let (below, above) = (
        ids.iter().find(|it| place(it) < 0.2).unwrap(),
        ids.iter().find(|it| place(it) >= 0.2).unwrap(),
    );
    for (id, judged) in
        [(below, "  judged: x-request-id is at "), (above, "not judged: x-request-id is at ")]
    {
        let text = text(&[&both, "--unit", "ada", "--request-id", id]);
        assert!(text.contains(judged) && text.contains("  exported: x-request-id"), "{text}");
    }
    // Green has a fifth: a quarter of blue's 80 % is as much.
    let fifth =
        files.add("fifth.json", &config(fields(json!({"blue": 80, "green": 20}))).to_string());
    let on_blue = text(&[&fifth, "--unit", "zoe"]);
    assert!(on_blue.contains("5 % of blue's requests are judged"), "{on_blue}");
    let none = files.add("none.json", &config(fields(json!({"blue": 1, "green": 0}))).to_string());
    let alone = text(&[&none, "--unit", "ada"]);
    assert!(alone.contains("not judged: there are no requests of the other version"), "{alone}");
    let mut pinned = config(fields(json!({"blue": 50, "green": 50})));
    pinned["pins"] = json!({"green": ["ada"]});
    let pinned = files.add("pinned.json", &pinned.to_string());
    let pinned = text(&[&pinned, "--unit", "ada"]);
    assert!(pinned.contains("not judged: it is on green for another reason"), "{pinned}");
    let pairs = json!({
        "ramp": {"steps": [{"shadow": 10}, 50, 100]},
        "judge": {"cluster": "judge", "model": "judge-model", "mode": "pairwise", "sample": 30},
    });
    let pairs = files.add("pairs.json", &config(pairs).to_string());
    let pairs = text(&[&pairs, "--unit", "ada"]);
    assert!(pairs.contains("in a shadow step, 30 % of mirrored requests are judged"), "{pairs}");
}
