//! What `verdigris plan` says holds in `verdigris simulate`.

use serde_json::{Value, json};

use super::run::{Files, config, told, verdigris};

/// A setting: one step's share, users if they are counted, and a worse green.
struct Setting {
    percent: f64,
    users: Option<&'static str>,
    metric: &'static str,
    times: &'static str,
}

/// Seconds at the quantiles of 10, 50 and 90 %.
fn quantiles(of: &Value, names: [&str; 3]) -> [f64; 3] {
    names.map(|name| of[name].as_f64().unwrap_or(f64::INFINITY))
}

/// Eight of ten ramps are to end within what was planned, and the middle one anyway.
#[test]
fn a_worse_green_is_found_out_when_it_was_planned() {
    let settings = [
        Setting { percent: 25.0, users: None, metric: "error_rate", times: "x3" },
        Setting { percent: 5.0, users: None, metric: "ttft", times: "x1.3" },
        Setting { percent: 5.0, users: Some("20000"), metric: "error_rate", times: "x3" },
        Setting { percent: 25.0, users: Some("20000"), metric: "duration", times: "x1.3" },
    ];
    for Setting { percent, users, metric, times } in settings {
        let files = Files::new();
        // Nothing goes on meanwhile.
        let ramp = json!({"steps": [percent, 100], "bake": "8h"});
        let file = files.add("ramp.json", &config(json!({"ramp": ramp})).to_string());
        let users: Vec<&str> = users.iter().flat_map(|users| ["--users", users]).collect();
        let planned = told(&[&["plan", &file, "--regression", times], users.as_slice()].concat());
        let gates = planned["steps"][0]["gates"].as_array().unwrap();
        let gate = gates.iter().find(|it| it["metric"] == metric).unwrap();
        let [low, median, high] = quantiles(&gate["found_worse"], ["p10_s", "median_s", "p90_s"]);
        let green = format!("{metric}={times}");
        let simulate = ["simulate", &file, "--green", &green, "--runs", "200", "--hours", "8"];
        let simulated = told(&[&simulate, users.as_slice()].concat());
        let rolled_back = &simulated["rolled_back"];
        assert_eq!(rolled_back["runs"], 200, "{simulated}");
        let [fast, middle, slow] = quantiles(&rolled_back["seconds"], ["p10", "median", "p90"]);
        let setting = format!(
            "{percent} % {metric} {times} {users:?}: planned {low} {median} {high}, took {fast} {middle} {slow}"
        );
        assert!(low < middle && middle < high, "{setting}");
        // The ends are looser, and no further than half off.
        assert!(
            fast > low / 2.0 && fast < median && slow > median && slow < high * 1.5,
            "{setting}"
        );
    }
}

#[test]
fn a_good_green_is_through_when_it_was_planned() {
    let files = Files::new();
    let file = files.add("ramp.json", &config(json!({"ramp": {}})).to_string());
    let planned = told(&["plan", &file]);
    let [low, _, high] = quantiles(&planned["whole_s"], ["p10_s", "median_s", "p90_s"]);
    let simulated = told(&["simulate", &file, "--runs", "40"]);
    let promoted = &simulated["promoted"];
    let [fast, middle, slow] = quantiles(&promoted["seconds"], ["p10", "median", "p90"]);
    let setting = format!("planned {low} to {high}, took {fast} {middle} {slow}");
    assert!(promoted["share"].as_f64().unwrap() > 0.95, "{simulated}");
    assert!(low < middle && middle < high, "{setting}");
}

#[test]
fn what_will_not_be_told_is_said() {
    let files = Files::new();
    let file = files.add("ramp.json", &config(json!({"ramp": {}})).to_string());
    let done = verdigris(&["plan", &file, "--rps", "1", "--users", "200", "--error-rate", "0.1%"]);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(
        done.out.contains("Not told within the timeout of 24 h, whether green is that much worse"),
        "{done:?}"
    );
    assert!(
        done.out.contains("1 requests a second, 200 users\nblue: error_rate 0.1 %"),
        "{done:?}"
    );
    let done = verdigris(&["plan", &file, "--blue", "errors=1%", "--error-rate", "1%"]);
    assert_eq!(done.code, 2, "{done:?}");
}

/// A time that is beyond all that is looked at is said to be, and not to be infinite.
#[test]
fn no_time_is_infinite() {
    let files = Files::new();
    let file = files.add("ramp.json", &config(json!({"ramp": {}})).to_string());
    let mut open = 0;
    for users in [5000, 6000, 6500, 7000, 7500, 8000, 10_000, 20_000] {
        let done = verdigris(&["plan", &file, "--users", &users.to_string()]);
        assert_eq!(done.code, 0, "{done:?}");
        for word in ["inf", "NaN"] {
            assert!(!done.out.contains(word), "{users}: {}", done.out);
        }
        let whole = done.out.lines().find(|line| line.contains("is through after"));
        open += usize::from(whole.is_some_and(|line| line.contains("to over 24 h)")));
    }
    assert!(open > 0, "none of these has an open end");
}

/// More traffic tells sooner, and a larger regression does.
#[test]
fn times_grow_with_what_is_harder_to_tell() {
    let files = Files::new();
    let file = files.add("ramp.json", &config(json!({"ramp": {}})).to_string());
    let found = |arguments: &[&str]| {
        let planned = told(&[&["plan", &file], arguments].concat());
        let gates = planned["steps"][2]["gates"].as_array().unwrap().clone();
        gates
            .iter()
            .map(|it| quantiles(&it["found_worse"], ["p10_s", "median_s", "p90_s"]))
            .collect::<Vec<_>>()
    };
    let usual = found(&["--regression", "x2"]);
    for easier in [found(&["--regression", "x2", "--rps", "200"]), found(&["--regression", "x4"])] {
        for (usual, easier) in usual.iter().zip(easier) {
            assert!(
                usual.iter().zip(easier).all(|(usual, easier)| easier < *usual),
                "{usual:?} {easier:?}"
            );
        }
    }
    for [low, median, high] in usual {
        assert!(low <= median && median <= high);
    }
}

#[test]
fn the_same_seed_gives_the_same_ramps() {
    let files = Files::new();
    let ramp = json!({"steps": [25, 100], "bake": "1m"});
    let file = files.add("ramp.json", &config(json!({"ramp": ramp})).to_string());
    let run = |seed| {
        told(&[
            "simulate",
            &file,
            "--green",
            "errors=10% ttft=+50%",
            "--runs",
            "20",
            "--seed",
            seed,
        ])
    };
    assert_eq!(run("1"), run("1"));
    assert_ne!(run("1")["rolled_back"], run("2")["rolled_back"]);
}

/// What is broken trips the wire, which the gates alone would not have seen as soon.
#[test]
fn tripwires_are_simulated_too() {
    let files = Files::new();
    let ramp = json!({"steps": [25, 100], "gates": [{"metric": "refusal_rate"}]});
    let file = files.add("ramp.json", &config(json!({"ramp": ramp})).to_string());
    let simulated = told(&["simulate", &file, "--green", "errors=0.9", "--runs", "20"]);
    assert_eq!(simulated["rolled_back"]["share"], 1.0, "{simulated}");
    let done = verdigris(&["simulate", &file, "--green", "ttft=+30%"]);
    assert_eq!(done.code, 2);
    assert!(done.err.contains("ttft: no gate and no tripwire of the file looks at it"), "{done:?}");
}

/// Of feedback nothing is foretold, and the other gates are as they were.
#[test]
fn what_looks_at_feedback_is_left_out() {
    let files = Files::new();
    let gate = |metric: &str| json!({"metric": metric});
    let ramp = |gates: &[Value]| {
        let ramp = json!({"steps": [25, 100], "bake": "1m", "gates": gates});
        let feedback = json!({"path": "/f", "thumb": "/t", "score": "/s"});
        config(json!({"ramp": ramp, "feedback": feedback})).to_string()
    };
    let both = [gate("error_rate"), gate("refusal_rate"), gate("thumbs_down_rate"), gate("score")];
    let with = files.add("with.json", &ramp(&both));
    let planned = told(&["plan", &with, "--users", "5000"]);
    assert_eq!(planned["left_out"], json!(["thumbs_down_rate", "score"]));
    // Two gates of four have half of alpha.
    let mut alone: Value = serde_json::from_str(&ramp(&both[..2])).unwrap();
    alone["ramp"]["alpha"] = json!(0.025);
    let alone = told(&["plan", &files.add("alone.json", &alone.to_string()), "--users", "5000"]);
    assert_eq!(planned["steps"], alone["steps"]);
    let green = ["--green", "errors=10%", "--runs", "20"];
    let simulated = told(&[&["simulate", &with][..], &green].concat());
    assert_eq!(simulated["left_out"], json!(["thumbs_down_rate", "score"]));
    assert_eq!(simulated["held"]["runs"], 0, "{simulated}");
    let done = verdigris(&["plan", &with]);
    assert!(done.out.contains("Left out: thumbs_down_rate, score. How many"), "{done:?}");
    let only = files.add("only.json", &ramp(&both[2..]));
    let done = verdigris(&["plan", &only]);
    assert_eq!(done.code, 2, "{done:?}");
    assert!(done.err.contains("every critical gate of the ramp looks at feedback"), "{done:?}");
}
