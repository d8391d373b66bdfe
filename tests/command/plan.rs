//! `verdigris plan` and `verdigris simulate`, which must agree.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::run::{Files, config, json_output, verdigris};

/// A step's share, the number of users, and a worse green.
struct Setting {
    percent: f64,
    users: Option<&'static str>,
    metric: &'static str,
    times: &'static str,
}

/// The seconds in the fields of these names, for the quantiles of 10, 50 and 90 %.
fn quantiles(durations: &Value, names: [&str; 3]) -> [f64; 3] {
    names.map(|name| durations[name].as_f64().unwrap_or(f64::INFINITY))
}

/// The median is in the planned range, and the other quantiles are close to it.
#[test]
fn a_worse_green_is_detected_in_the_planned_time() {
    let settings = [
        Setting { percent: 25.0, users: None, metric: "error_rate", times: "x3" },
        Setting { percent: 5.0, users: None, metric: "ttft", times: "x1.3" },
        Setting { percent: 5.0, users: Some("20000"), metric: "error_rate", times: "x3" },
        Setting { percent: 25.0, users: Some("20000"), metric: "duration", times: "x1.3" },
        // It is compared after the warm-up.
        Setting { percent: 25.0, users: None, metric: "cost", times: "x1.2" },
    ];
    for Setting { percent, users, metric, times } in settings {
        let files = Files::new();
        // The ramp does not advance meanwhile.
        let mut ramp = json!({"steps": [percent, 100], "bake": "8h"});
        if metric == "cost" {
            ramp["gates"] = json!([{"metric": "error_rate"}, {"metric": "cost"}]);
        }
        let prices = json!({"*": {"input": 1, "output": 2}});
        let fields = json!({"ramp": ramp, "prices": prices, "answers": {}});
        let file = files.add("ramp.json", &config(fields).to_string());
        let users: Vec<&str> = users.iter().flat_map(|users| ["--users", users]).collect();
        let planned =
            json_output(&[&["plan", &file, "--regression", times], users.as_slice()].concat());
        let gates = planned["steps"][0]["gates"].as_array().unwrap();
        let gate = gates.iter().find(|it| it["metric"] == metric).unwrap();
        let [low, median, high] = quantiles(&gate["found_worse"], ["p10_s", "median_s", "p90_s"]);
        let green = format!("{metric}={times}");
        let simulate = ["simulate", &file, "--green", &green, "--runs", "200", "--hours", "8"];
        let simulated = json_output(&[&simulate, users.as_slice()].concat());
        let rolled_back = &simulated["rolled_back"];
        assert_eq!(rolled_back["runs"], 200, "{simulated}");
        let [fast, middle, slow] = quantiles(&rolled_back["seconds"], ["p10", "median", "p90"]);
        let setting = format!(
            "{percent} % {metric} {times} {users:?}: planned {low} {median} {high}, took {fast} {middle} {slow}"
        );
        assert!(low < middle && middle < high, "{setting}");
        // The range may be off by half.
        assert!(
            fast > low / 2.0 && fast < median && slow > median && slow < high * 1.5,
            "{setting}"
        );
    }
}

#[test]
fn a_good_green_completes_the_ramp_in_the_planned_time() {
    let files = Files::new();
    let file = files.add("ramp.json", &config(json!({"ramp": {}})).to_string());
    let planned = json_output(&["plan", &file]);
    let [low, median, high] = quantiles(&planned["whole_s"], ["p10_s", "median_s", "p90_s"]);
    let simulated = json_output(&["simulate", &file, "--runs", "40"]);
    let promoted = &simulated["promoted"];
    let [fast, middle, slow] = quantiles(&promoted["seconds"], ["p10", "median", "p90"]);
    let setting = format!("planned {low} to {high}, took {fast} {middle} {slow}");
    assert!(promoted["share"].as_f64().unwrap() > 0.95, "{simulated}");
    assert!(low < middle && middle < high, "{setting}");
    // The slowest of eight gates in each of four steps: much later than the median of any gate.
    assert!((median / middle - 1.0).abs() < 0.25, "{setting}: {median}");
}

#[test]
fn a_plan_lists_the_verdicts_that_are_not_reached() {
    let files = Files::new();
    let file = files.add("ramp.json", &config(json!({"ramp": {}})).to_string());
    let output =
        verdigris(&["plan", &file, "--rps", "1", "--users", "200", "--error-rate", "0.1%"]);
    assert_eq!(output.code, 0, "{output:?}");
    assert!(
        output.out.contains("Not detected within the timeout of 24 h: error_rate, "),
        "{output:?}"
    );
    assert!(
        output.out.contains("1 requests per second, 200 users\nblue: error_rate 0.1 %"),
        "{output:?}"
    );
    let output = verdigris(&["plan", &file, "--blue", "errors=1%", "--error-rate", "1%"]);
    assert_eq!(output.code, 2, "{output:?}");
}

/// With few users the gates may never pass, however long the ramp waits.
#[test]
fn the_share_of_completed_ramps_is_about_that_of_a_simulation() {
    let gate = |metric: &str, tolerance: f64| json!({"metric": metric, "tolerance": tolerance});
    let gates = [gate("error_rate", 1.0), gate("duration", 0.3), gate("ttft", 0.3)];
    // Gates, users, and whether the advice is to get more of them.
    let settings = [
        (gates.to_vec(), "500", true),
        (gates.to_vec(), "2000", false),
        (vec![gate("error_rate", 2.0), gate("ttft", 0.5)], "500", false),
    ];
    for (gates, users, needs_more) in settings {
        let files = Files::new();
        let ramp = json!({"steps": [50, 100], "bake": "1h", "timeout": "3h", "gates": gates});
        let file = files.add("ramp.json", &config(json!({"ramp": ramp})).to_string());
        let traffic = ["--rps", "5", "--users", users];
        let planned = json_output(&[&["plan", &file][..], &traffic].concat());
        let simulate = ["simulate", &file, "--runs", "40", "--hours", "3"];
        let simulated = json_output(&[&simulate[..], &traffic].concat());
        let completes = planned["completes"].as_f64().unwrap();
        let promoted = simulated["promoted"]["share"].as_f64().unwrap();
        assert!((completes - promoted).abs() < 0.25, "planned {completes}, simulated {promoted}");
        assert_eq!(completes < 0.9, needs_more, "{completes}");
        assert_eq!(planned["needed"].is_object(), needs_more, "{planned}");
    }
}

#[test]
fn a_plan_ends_with_advice() {
    let files = Files::new();
    let file = files.add("ramp.json", &config(json!({"ramp": {}})).to_string());
    let advice = |arguments: &[&str]| {
        let output = verdigris(&[&["plan", &file], arguments].concat());
        assert_eq!(output.code, 0, "{output:?}");
        output.out.split_once("of the step before.\n\n").unwrap().1.to_owned()
    };
    let few = advice(&["--rps", "5", "--users", "500"]);
    let parts = [
        "Not enough evidence: a green like blue completes fewer than 1 % of ramps. The others hold in a",
        "\nAdvice\n  At 5 requests per second, this ramp needs about ",
        "  Most ramps that hold do so in step 0 (1 %, 5 users of green): error_rate, ",
        "  With this traffic: use fewer and larger steps",
        "  With few users these figures are rough",
    ];
    for part in parts {
        assert!(few.contains(part), "{part}\n{few}");
    }
    // With the users of the advice the ramp completes, and with many fewer it does not.
    let needed = |users: &str| {
        let planned = json_output(&["plan", &file, "--rps", "5", "--users", users]);
        planned["needed"]["users"].as_u64()
    };
    let users = needed("500").unwrap();
    assert_eq!(needed(&users.to_string()), None);
    assert_eq!(needed(&(users / 2).to_string()), Some(users));
    // More users do not help if they send too few requests.
    let slow = advice(&["--rps", "0.01", "--users", "500"]);
    assert!(slow.contains("0.01 requests per second are too few, however many users"), "{slow}");
    // No traffic shows so small a difference.
    let gates = json!([{"metric": "error_rate", "margin": 0, "tolerance": 0.0001}]);
    let ramp = json!({"steps": [0.01, 100], "gates": gates});
    let strict = files.add("strict.json", &config(json!({"ramp": ramp})).to_string());
    let output = verdigris(&["plan", &strict, "--rps", "5"]);
    let text = "No traffic completes this ramp: not even 100,000 requests per second";
    assert!(output.out.replace("\n  ", " ").contains(text), "{output:?}");
    // Enough traffic: only the simulations are left, and they can be run.
    let enough = advice(&["--rps", "200"]);
    let commands = enough.lines().filter_map(|it| it.trim().strip_prefix("verdigris "));
    let commands: Vec<Vec<&str>> = commands.map(|it| it.split(' ').collect()).collect();
    assert_eq!((enough.lines().count(), commands.len()), (7, 2), "{enough}");
    for mut arguments in commands {
        let runs = arguments.iter().position(|it| *it == "--runs").unwrap();
        arguments[runs + 1] = "1";
        assert_eq!(json_output(&arguments)["runs"], 1);
    }
}

/// The suggested simulations have the traffic of the plan, and can be run as they are written.
#[test]
fn the_advised_simulations_are_of_the_same_traffic() {
    let files = Files::new();
    let ramp = |gates: Value| config(json!({"ramp": {"gates": gates}})).to_string();
    let quantile = ramp(json!([{"metric": "duration_p95"}, {"metric": "error_rate"}]));
    let truncations = ramp(json!([{"metric": "truncation_rate"}]));
    let cases: [(&str, &str, &[&str], &str); 4] = [
        ("quantile.json", &quantile, &[], "--rps 50 --runs 100 --green duration=x3"),
        (
            "of users.json",
            &quantile,
            &[
                "--rps",
                "5",
                "--users",
                "500",
                "--blue",
                "errors=5% duration=2s~0.6",
                "--explained",
                "0.3",
            ],
            "of users.json' --rps 5 --users 500 --blue 'error_rate=0.05 duration=2000ms~0.6' \
             --explained 0.3 --runs 100 --green duration=x3",
        ),
        (
            "rates.json",
            &ramp(json!([{"metric": "error_rate"}])),
            &["--error-rate", "2%"],
            "--rps 50 --blue 'error_rate=0.02' --runs 100 --green error_rate=x3",
        ),
        (
            "bad.json",
            &truncations,
            &["--blue", "truncations=40%"],
            "--blue 'truncation_rate=0.4' --runs 100 --green truncation_rate=x2.5",
        ),
    ];
    for (name, text, options, advised) in cases {
        let file = files.add(name, text);
        let output = verdigris(&[&["plan", &file], options].concat());
        assert!(output.out.contains(advised), "{output:?}");
        let line = output.out.lines().rev().find_map(|it| it.trim().strip_prefix("verdigris "));
        let line = line.unwrap().replace("--runs 100", "--runs 1 --hours 1 --json");
        let words: Vec<String> = shell_words(&line);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let simulated = verdigris(&words);
        assert_eq!(simulated.code, 0, "{line}: {simulated:?}");
    }
}

/// The words as a shell reads them.
fn shell_words(line: &str) -> Vec<String> {
    let script = format!("printf '%s\\n' {line}");
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// They are those of the table in `security.md`.
#[test]
fn a_plan_has_the_units_that_force_a_verdict() {
    let files = Files::new();
    let file = files.add("ramp.json", &config(json!({"ramp": {}})).to_string());
    let planned = json_output(&["plan", &file, "--rps", "50"]);
    let table = [(5, 11, 347), (5, 22, 322), (6, 59, 289), (9, 73, 316)];
    for (step, (at_start, after_bake, advance)) in table.into_iter().enumerate() {
        let expected = json!({
            "metric": "error_rate", "rollback_at_start": at_start,
            "rollback_after_bake": after_bake, "advance_after_bake": advance,
        });
        assert_eq!(planned["steps"][step]["influence"], expected);
    }
    assert_eq!(planned["steps"][4]["influence"], Value::Null);
    let text = verdigris(&["plan", &file, "--rps", "50"]).out;
    let line = "  Bad units (error_rate) that force a rollback: 6 of green, 59 after the bake time; an \
                advance of a green with x3: 289 of blue.\n";
    assert!(text.contains(line), "{text}");
    // Without a gate on a rate there is nothing to force.
    let gates = json!({"ramp": {"gates": [{"metric": "duration"}]}});
    let file = files.add("duration.json", &config(gates).to_string());
    assert_eq!(json_output(&["plan", &file])["steps"][0]["influence"], Value::Null);
}

/// A time beyond the timeout is shown as such.
/// What the request explains is no noise for a ramp that adjusts values. The time until a verdict is
/// planned for the rest, as it is simulated.
#[test]
fn an_adjusted_ramp_is_planned_with_what_the_request_explains() {
    let files = Files::new();
    let ramp = |adjust: bool| {
        let gates = json!([{"metric": "duration"}]);
        let ramp = json!({"steps": [25, 100], "bake": "4h", "adjust": adjust, "gates": gates});
        let name = format!("adjust-{adjust}.json");
        files.add(&name, &config(json!({"ramp": ramp})).to_string())
    };
    let (adjusting, plain) = (ramp(true), ramp(false));
    let planned = |file: &str, explained: &str| {
        let plan = json_output(&["plan", file, "--explained", explained, "--regression", "+15%"]);
        let gate = plan["steps"][0]["gates"][0].clone();
        quantiles(&gate["found_worse"], ["p10_s", "median_s", "p90_s"])
    };
    let [low, median, high] = planned(&adjusting, "0.5");
    assert!(median < 0.7 * planned(&adjusting, "0")[1]);
    assert_eq!(planned(&plain, "0.5"), planned(&plain, "0"), "the ramp does not adjust");
    let simulate = ["simulate", &adjusting, "--explained", "0.5", "--green", "duration=+15%"];
    let simulated = json_output(&[&simulate[..], &["--runs", "60", "--hours", "4"]].concat());
    let middle = simulated["rolled_back"]["seconds"]["median"].as_f64().unwrap();
    assert!(low < middle && middle < high, "planned {low} to {high}, took {middle}");
    let output = verdigris(&["plan", &adjusting, "--explained", "1"]);
    assert!(output.err.contains("write a fraction from 0 to below 1"), "{output:?}");
}

#[test]
fn no_time_is_shown_as_infinite() {
    let files = Files::new();
    let file = files.add("ramp.json", &config(json!({"ramp": {}})).to_string());
    let mut open = 0;
    for users in [5000, 7000, 8000, 9000, 10_000, 12_000, 14_000, 20_000] {
        let output = verdigris(&["plan", &file, "--users", &users.to_string()]);
        assert_eq!(output.code, 0, "{output:?}");
        for word in ["inf", "NaN"] {
            assert!(!output.out.contains(word), "{users}: {}", output.out);
        }
        let whole = output.out.lines().find(|line| line.starts_with("A green like blue completes"));
        open += usize::from(whole.is_some_and(|line| line.contains(" or more)")));
    }
    assert!(open > 0, "none of these has an open range");
}

#[test]
fn more_traffic_and_a_larger_regression_are_detected_sooner() {
    let files = Files::new();
    let file = files.add("ramp.json", &config(json!({"ramp": {}})).to_string());
    let found = |arguments: &[&str]| {
        let planned = json_output(&[&["plan", &file], arguments].concat());
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
        json_output(&[
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

/// Errors trip a wire, although the gates do not use them.
#[test]
fn tripwires_are_simulated() {
    let files = Files::new();
    let ramp = json!({"steps": [25, 100], "gates": [{"metric": "refusal_rate"}]});
    let file = files.add("ramp.json", &config(json!({"ramp": ramp})).to_string());
    let simulated = json_output(&["simulate", &file, "--green", "errors=0.9", "--runs", "20"]);
    assert_eq!(simulated["rolled_back"]["share"], 1.0, "{simulated}");
    let output = verdigris(&["simulate", &file, "--green", "ttft=+30%"]);
    assert_eq!(output.code, 2);
    assert!(output.err.contains("ttft: no gate or tripwire of the file uses it"), "{output:?}");
}

#[test]
fn gates_on_feedback_are_left_out_and_do_not_change_the_others() {
    let files = Files::new();
    let gate = |metric: &str| json!({"metric": metric});
    let ramp = |gates: &[Value]| {
        let ramp = json!({"steps": [25, 100], "bake": "1m", "gates": gates});
        let feedback = json!({"path": "/f", "thumb": "/t", "score": "/s"});
        config(json!({"ramp": ramp, "feedback": feedback})).to_string()
    };
    let both = [gate("error_rate"), gate("refusal_rate"), gate("thumbs_down_rate"), gate("score")];
    let with = files.add("with.json", &ramp(&both));
    let planned = json_output(&["plan", &with, "--users", "5000"]);
    assert_eq!(planned["left_out"], json!(["thumbs_down_rate", "score"]));
    // Two gates of four have half of alpha.
    let mut alone: Value = serde_json::from_str(&ramp(&both[..2])).unwrap();
    alone["ramp"]["alpha"] = json!(0.025);
    let alone =
        json_output(&["plan", &files.add("alone.json", &alone.to_string()), "--users", "5000"]);
    assert_eq!(planned["steps"], alone["steps"]);
    let green = ["--green", "errors=10%", "--runs", "20"];
    let simulated = json_output(&[&["simulate", &with][..], &green].concat());
    assert_eq!(simulated["left_out"], json!(["thumbs_down_rate", "score"]));
    assert_eq!(simulated["held"]["runs"], 0, "{simulated}");
    let output = verdigris(&["plan", &with]);
    assert!(output.out.contains("Left out: thumbs_down_rate, score. How many"), "{output:?}");
    let only = files.add("only.json", &ramp(&both[2..]));
    let output = verdigris(&["plan", &only]);
    assert_eq!(output.code, 2, "{output:?}");
    assert!(output.err.contains("every critical gate of the ramp is on feedback"), "{output:?}");
}

#[test]
fn a_long_simulation_in_a_pipe_shows_the_time_left() {
    let files = Files::new();
    let file = files.add("ramp.json", &config(json!({"ramp": {}})).to_string());
    let mut simulation = Command::new(env!("CARGO_BIN_EXE_verdigris"))
        .args(["simulate", &file, "--runs", "1000000"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(simulation.stderr.take().unwrap()).read_line(&mut line).unwrap();
    simulation.kill().unwrap();
    simulation.wait().unwrap();
    assert!(line.contains(" of 1,000,000 ramps, about ") && line.ends_with(" left\n"), "{line:?}");
    assert!(!line.contains('\u{1b}'), "{line:?}");
    // A short one shows nothing.
    let short = verdigris(&["simulate", &file, "--runs", "1", "--rps", "200"]);
    assert_eq!((short.code, short.err.as_str()), (0, ""), "{short:?}");
}

/// A step longer than its bake time is simulated, or no ramp could pass late.
#[test]
fn a_step_is_simulated_for_longer_than_its_bake_time() {
    let files = Files::new();
    for (ramp, held_after_h) in [
        (json!({}), 4),
        (json!({"timeout": "3h"}), 3),
        (json!({"profile": "small"}), 12),
        (json!({"profile": "small", "timeout": "8h"}), 8),
    ] {
        let file = files.add("ramp.json", &config(json!({"ramp": ramp})).to_string());
        // Green fails nearly always, so that the run ends soon.
        let arguments = ["simulate", &file, "--green", "errors=99%", "--runs", "1"];
        assert_eq!(json_output(&arguments)["held_after_s"], held_after_h * 3600, "{ramp}");
    }
}

/// A ramp whose first step is a shadow step with these fields.
fn with_shadow_step(files: &Files, step: &Value) -> String {
    let ramp = json!({"steps": [step, 5, 25, 50, 100], "bake": "10m"});
    files.add("ramp.json", &config(json!({"ramp": ramp})).to_string())
}

#[test]
fn a_shadow_step_is_planned_as_it_is_simulated() {
    let files = Files::new();
    let file = with_shadow_step(&files, &json!({"shadow": 20, "pairs": 3000}));
    let planned = json_output(&["plan", &file]);
    let step = &planned["shadow_step"];
    assert_eq!((&step["pairs_per_second"], &step["max_pairs"]), (&json!(10.0), &json!(3000)));
    assert!(step["goes_on"].as_f64().unwrap() > 0.8, "{step}");
    let pairs: Vec<u64> =
        step["after_pairs"].as_array().unwrap().iter().map(|it| it.as_u64().unwrap()).collect();
    assert!(pairs[0] > 100 && pairs[0] < pairs[1] && pairs[1] < pairs[2], "{pairs:?}");
    let text = verdigris(&["plan", &file]).out;
    assert!(
        text.contains("Shadow step\nCopies of the requests of 20 % of users, 10 a second"),
        "{text}"
    );

    // A worse green is rolled back there, before a request of a user reaches it.
    let worse = ["simulate", &file, "--green", "ttft=x1.5", "--runs", "40"];
    let simulated = json_output(&worse);
    let in_shadow = simulated["in_shadow_step"]["rolled_back"].as_u64().unwrap();
    assert!(in_shadow >= 36, "{simulated}");
    // What both responses share makes that sooner.
    let seconds = |shared: &str| {
        let simulated = json_output(&[&worse[..], &["--shared", shared]].concat());
        simulated["rolled_back"]["seconds"]["median"].as_u64().unwrap()
    };
    let (nothing, most) = (seconds("0"), seconds("0.9"));
    assert!(most < nothing, "{most} of {nothing}");
    let good = json_output(&["simulate", &file, "--runs", "20"]);
    assert!(good["promoted"]["share"].as_f64().unwrap() > 0.8, "{good}");
    // Two users are too few for a decision.
    let held = json_output(&["simulate", &file, "--users", "2", "--runs", "5", "--hours", "1"]);
    assert_eq!(held["in_shadow_step"]["held"], 5, "{held}");
}

/// A shadow step takes its time, and holds its part of the ramps.
#[test]
fn the_totals_of_a_plan_include_the_shadow_step() {
    let files = Files::new();
    let seconds = |of: &Value| quantiles(of, ["p10_s", "median_s", "p90_s"]);
    let file = with_shadow_step(&files, &json!({"shadow": 2, "pairs": 5000}));
    let planned = json_output(&["plan", &file]);
    let step = &planned["shadow_step"];
    let per_second = step["pairs_per_second"].as_f64().unwrap();
    let shadow = step["after_pairs"][1].as_f64().unwrap() / per_second;
    let steps = planned["steps"].as_array().unwrap();
    let later: f64 = steps.iter().map(|it| seconds(&it["lasts_s"])[1]).sum();
    let [low, median, high] = seconds(&planned["whole_s"]);
    // The median of a sum of durations with a long tail is above the sum of their medians.
    let sum = shadow + later;
    assert!(median > sum && median < 1.3 * sum, "{median} {shadow} {later}");
    assert!(low < median && median < high, "{low} {median} {high}");
    let advances = steps.iter().map(|it| it["advances"].as_f64().unwrap());
    let expected = advances.product::<f64>() * step["goes_on"].as_f64().unwrap();
    assert!((planned["completes"].as_f64().unwrap() - expected).abs() < 1e-9, "{planned}");

    let few = with_shadow_step(&files, &json!({"shadow": 20, "pairs": 200}));
    let planned = json_output(&["plan", &few, "--rps", "1000"]);
    assert!(planned["shadow_step"]["goes_on"].as_f64().unwrap() < 0.5, "{planned}");
    assert_eq!(planned["needed"], Value::Null, "more traffic makes no more pairs");
    let text = verdigris(&["plan", &few, "--rps", "1000"]).out;
    for part in [
        "The others hold in the shadow step, or in a step beyond its timeout",
        "do so in the shadow step, for which 200 pairs are too few.",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let slow = verdigris(&["plan", &few, "--rps", "1"]).out;
    assert!(slow.contains("of 20 % of users, 0.20 a second; no user"), "{slow}");
}

/// A judge of half of the pairs, and blue and green that lose as many of them, or not.
#[test]
fn a_judge_of_pairs_is_planned_and_simulated() {
    let files = Files::new();
    let ramp = json!({
        "steps": [{"shadow": 100, "pairs": 20_000}, 50, 100], "bake": "1m",
        "gates": [{"metric": "error_rate", "ceiling": 0.2}, {"metric": "preference"}],
    });
    let with_judge = |mode: &str| {
        let judge = json!({
            "cluster": "judge", "model": "judge-model", "mode": mode, "sample": 50, "in_flight": 32,
        });
        config(json!({"ramp": ramp.clone(), "judge": judge}))
    };
    let file = files.add("judge.json", &with_judge("pairwise").to_string());
    let planned = json_output(&["plan", &file]);
    assert_eq!(planned["left_out"], json!([]), "{planned}");
    let step = &planned["shadow_step"];
    assert_eq!((&step["judged_per_second"], &step["agreement"]), (&json!(25.0), &json!(0.7)));
    assert!(step["goes_on"].as_f64().unwrap() > 0.8, "{step}");
    // Only pairs have the metric.
    assert!(
        planned["steps"][0]["gates"]
            .as_array()
            .unwrap()
            .iter()
            .all(|it| it["metric"] != "preference")
    );
    let text = verdigris(&["plan", &file]).out;
    let expected =
        "The judge compares 25 of these a second, with two questions each; 70 % of its verdicts";
    assert!(text.contains(expected), "{text}");
    // A judge that may have fewer pairs at a time compares fewer.
    let slower =
        with_judge("pairwise").to_string().replace(r#""in_flight":32"#, r#""in_flight":4"#);
    let slower = files.add("slower.json", &slower);
    for (workers, per_second) in [("1", 8.0), ("2", 16.0), ("16", 25.0)] {
        let planned = json_output(&["plan", &slower, "--workers", workers]);
        let judged = planned["shadow_step"]["judged_per_second"].as_f64();
        assert_eq!(judged, Some(per_second), "{workers} workers");
        let agreement = planned["shadow_step"]["agreement"].as_f64().unwrap();
        assert!((agreement - 0.7).abs() < 1e-9, "{workers} workers: {agreement}");
    }
    // Fewer verdicts agree, and a green like blue needs more pairs.
    let median = |agreement: &str| {
        let planned = json_output(&["plan", &file, "--agreement", agreement]);
        planned["shadow_step"]["after_pairs"][1].as_u64().unwrap()
    };
    assert!(median("0.2") > median("1"), "{planned}");
    let simulated = |green: &str| {
        json_output(&[
            "simulate",
            &file,
            "--runs",
            "40",
            "--blue",
            "preference=20%",
            "--green",
            green,
        ])
    };
    // Green's answers lose three times as often, and no user gets one of them.
    let worse = simulated("preference=60%");
    assert!(worse["in_shadow_step"]["rolled_back"].as_u64().unwrap() >= 36, "{worse}");
    let good = simulated("preference=x1");
    assert!(good["rolled_back"]["share"].as_f64().unwrap() <= 0.1, "{good}");
    let impossible = verdigris(&["simulate", &file, "--green", "preference=90%"]);
    assert!(
        impossible.err.contains("both versions together would lose more pairs"),
        "{impossible:?}"
    );

    // Without such a judge the gate is left out.
    let scores = with_judge("score");
    let scores = files.add("scores.json", &scores.to_string());
    let planned = verdigris(&["plan", &scores, "--json"]);
    assert!(planned.out.contains("preference"), "{planned:?}");
}
