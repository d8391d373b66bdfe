//! What the console says is what the stats say, and what the command shows.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use reqwest::blocking::Client;
use serde_json::json;
use verdigris::console::View;

use super::super::ramp::{GOOD, counter, gauge, set_models, while_clients};
use super::{TOKEN, order, start, view};
use crate::envoy::Envoy;
use crate::envoy::process::wait_for;
use crate::proxy::{ROLLOUT, config, weights};

/// All counters of versions, as `/stats` has them.
fn stats(envoy: &Envoy) -> BTreeMap<String, u64> {
    let prefix = format!("wasmcustom.verdigris.{ROLLOUT}.");
    let stats = envoy.admin(&format!("/stats?type=Counters&filter=^{prefix}"));
    let counters = stats.lines().map(|line| {
        let (name, count) = line.split_once(": ").unwrap();
        (name.strip_prefix(&prefix).unwrap().to_owned(), count.parse().unwrap())
    });
    counters.filter(|(name, _)| !name.contains(".evidence_")).collect()
}

/// The same, as `/state.json` has them.
fn counters(view: &View) -> BTreeMap<String, u64> {
    let versions = view.rollouts[0].versions.iter().flat_map(|version| {
        let name = |(name, count): &(String, u64)| (format!("{}.{name}", version.version), *count);
        version.counters.iter().map(name)
    });
    versions.collect()
}

#[test]
fn the_state_agrees_with_the_stats_under_load_to_the_request() {
    let ramp = json!({
        "steps": [50, 100], "bake": "1h", "gates": [{"metric": "ttft"}], "tripwires": [],
    });
    let feedback = json!({"path": "/feedback", "thumb": "/thumb"});
    let shadow = json!({"percent": 10});
    let envoy =
        start(&config(json!({"ramp": ramp, "feedback": feedback, "shadow": shadow})), None, 2);
    set_models(&envoy, [GOOD, GOOD]);
    wait_for("the ramp", || (gauge(&envoy, "green_bp") == 5000).then_some(()));
    let url = format!("{}/model/completions", envoy.url);
    let sent = AtomicU64::new(0);
    let ask = |client: &Client, user: String| {
        let answer = client.post(&url).header("x-user-id", user).send().unwrap();
        assert_eq!(answer.status(), 200);
        answer.bytes().unwrap();
        sent.fetch_add(1, Ordering::Relaxed);
    };
    let look = || {
        let before = stats(&envoy);
        let shown = counters(&view(&envoy));
        let after = stats(&envoy);
        let names: Vec<_> = shown.keys().collect();
        assert_eq!(names, before.keys().collect::<Vec<_>>());
        for (name, count) in &shown {
            let range = before[name]..=after[name];
            assert!(range.contains(count), "{name}: {count} is not in {range:?}");
        }
    };
    while_clients(ask, || {
        // The gauge is set by the VM that decides. A worker learns of the ramp with its own
        // next tick, and what it decided before that is no evidence.
        wait_for("evidence of both versions", || {
            let has_some = |version: &&str| counter(&envoy, version, "evidence_units.s0") > 0;
            ["blue", "green"].iter().all(has_some).then_some(())
        });
        let (before, mut looks) = (sent.load(Ordering::Relaxed), 0);
        wait_for("50 looks while 200 requests are under way", || {
            look();
            looks += 1;
            (looks >= 50 && sent.load(Ordering::Relaxed) >= before + 200).then_some(())
        });
    });
    // A stream is counted when Envoy has done with it, a moment after its client.
    let requests = |of: &BTreeMap<String, u64>, name: &str| {
        of[&format!("blue.{name}")] + of[&format!("green.{name}")]
    };
    wait_for("the last responses to be counted", || {
        let stats = stats(&envoy);
        let is_counted = |name: &&str| requests(&stats, name) == sent.load(Ordering::Relaxed);
        ["requests", "responses_2xx", "answers"].iter().all(is_counted).then_some(())
    });
    for _ in 0..8 {
        let (shown, stats) = (counters(&view(&envoy)), stats(&envoy));
        assert_eq!(shown, stats);
        assert_eq!(requests(&shown, "requests"), sent.load(Ordering::Relaxed));
        assert_eq!(requests(&shown, "answers"), sent.load(Ordering::Relaxed));
    }
    // What is judged is what is counted of it.
    wait_for("the evidence to be counted", || {
        let view = view(&envoy);
        let judged = view.rollouts[0].ramp.as_ref()?.judgement.as_ref()?;
        let evidence = |version| counter(&envoy, version, "evidence_units.s0");
        let known = (evidence("blue"), evidence("green"));
        (known == (judged.blue_units, judged.green_units) && known.0 > 0).then_some(())
    });
}

/// The command, of a console that is the filter's own.
#[test]
fn the_command_shows_what_the_console_says() {
    let envoy = start(&weights(50, 50), Some(TOKEN), 2);
    let status = |address: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_verdigris"));
        let output = command.args(["status", address]).env("NO_COLOR", "1").output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), text + &String::from_utf8_lossy(&output.stderr))
    };
    let console = envoy.console.clone().unwrap();
    let (code, text) = status(&console);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("Manual weights: 50 % on green, without analysis."), "{text}");
    order(&envoy, "rollback", &json!({"reason": "to see"}));
    let (code, text) = status(&console);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("Rolled back manually: to see"), "{text}");
    assert_eq!(status(&envoy.url).0, Some(3), "the listener of the release is no console");
}
