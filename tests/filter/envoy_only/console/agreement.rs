//! The state in the console agrees with the stats, and `verdigris status` shows it.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use reqwest::blocking::Client;
use serde_json::json;
use verdigris::console::View;

use super::super::ramp_fixture::{GOOD_MODEL, read_counter, read_gauge, set_models, with_clients};
use super::{TOKEN, read_view, send_command, start};
use crate::envoy::Envoy;
use crate::envoy::process::wait_for;
use crate::proxy::{ROLLOUT, config, weights};

/// The counters of all versions in `/stats`, without those of evidence.
fn counters_in_stats(envoy: &Envoy) -> BTreeMap<String, u64> {
    let prefix = format!("wasmcustom.verdigris.{ROLLOUT}.");
    let stats = envoy.admin(&format!("/stats?type=Counters&filter=^{prefix}"));
    let counters = stats.lines().map(|line| {
        let (name, count) = line.split_once(": ").unwrap();
        (name.strip_prefix(&prefix).unwrap().to_owned(), count.parse().unwrap())
    });
    counters.filter(|(name, _)| !name.contains(".evidence_")).collect()
}

/// The counters of all versions in `/state.json`.
fn counters_in_state(view: &View) -> BTreeMap<String, u64> {
    let versions = view.rollouts[0].versions.iter().flat_map(|version| {
        let name = |(name, count): &(String, u64)| (format!("{}.{name}", version.version), *count);
        version.counters.iter().map(name)
    });
    versions.collect()
}

#[test]
fn under_load_the_counters_in_the_state_agree_with_the_stats() {
    let ramp = json!({
        "steps": [50, 100], "bake": "1h", "gates": [{"metric": "ttft"}], "tripwires": [],
    });
    let feedback = json!({"path": "/feedback", "thumb": "/thumb"});
    let shadow = json!({"percent": 10});
    let envoy =
        start(&config(json!({"ramp": ramp, "feedback": feedback, "shadow": shadow})), None, 2);
    set_models(&envoy, [GOOD_MODEL, GOOD_MODEL]);
    wait_for("the ramp", || (read_gauge(&envoy, "green_bp") == 5000).then_some(()));
    let url = format!("{}/model/completions", envoy.url);
    let sent = AtomicU64::new(0);
    let send = |client: &Client, user: String| {
        let answer = client.post(&url).header("x-user-id", user).send().unwrap();
        assert_eq!(answer.status(), 200);
        answer.bytes().unwrap();
        sent.fetch_add(1, Ordering::Relaxed);
    };
    let assert_state_agrees_with_stats = || {
        let before = counters_in_stats(&envoy);
        let shown = counters_in_state(&read_view(&envoy));
        let after = counters_in_stats(&envoy);
        let names: Vec<_> = shown.keys().collect();
        assert_eq!(names, before.keys().collect::<Vec<_>>());
        for (name, count) in &shown {
            let range = before[name]..=after[name];
            assert!(range.contains(count), "{name}: {count} is not in {range:?}");
        }
    };
    with_clients(send, || {
        // The leader sets the gauge. Another worker reads the share in its next tick; its
        // assignments before that are not evidence.
        wait_for("evidence of both versions", || {
            let has_some = |version: &&str| read_counter(&envoy, version, "evidence_units.s0") > 0;
            ["blue", "green"].iter().all(has_some).then_some(())
        });
        let (before, mut checks) = (sent.load(Ordering::Relaxed), 0);
        wait_for("50 checks during 200 requests", || {
            assert_state_agrees_with_stats();
            checks += 1;
            (checks >= 50 && sent.load(Ordering::Relaxed) >= before + 200).then_some(())
        });
    });
    // Envoy counts a stream when it destroys it, shortly after the client has the answer.
    let both_versions = |counters: &BTreeMap<String, u64>, name: &str| {
        counters[&format!("blue.{name}")] + counters[&format!("green.{name}")]
    };
    wait_for("the last responses to be counted", || {
        let stats = counters_in_stats(&envoy);
        let is_counted = |name: &&str| both_versions(&stats, name) == sent.load(Ordering::Relaxed);
        ["requests", "responses_2xx", "answers"].iter().all(is_counted).then_some(())
    });
    for _ in 0..8 {
        let (shown, stats) = (counters_in_state(&read_view(&envoy)), counters_in_stats(&envoy));
        assert_eq!(shown, stats);
        assert_eq!(both_versions(&shown, "requests"), sent.load(Ordering::Relaxed));
        assert_eq!(both_versions(&shown, "answers"), sent.load(Ordering::Relaxed));
    }
    // The analysis uses the same units as the counters of evidence.
    wait_for("the evidence to be counted", || {
        let view = read_view(&envoy);
        let analysis = view.rollouts[0].ramp.as_ref()?.judgement.as_ref()?;
        let evidence = |version| read_counter(&envoy, version, "evidence_units.s0");
        let counted = (evidence("blue"), evidence("green"));
        (counted == (analysis.blue_units, analysis.green_units) && counted.0 > 0).then_some(())
    });
}

#[test]
fn the_status_command_shows_the_state_of_the_filters_console() {
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
    assert!(text.contains("Manual weights: 50 % on green, no automatic checks."), "{text}");
    send_command(&envoy, "rollback", &json!({"reason": "to see"}));
    let (code, text) = status(&console);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("Rolled back manually: to see"), "{text}");
    assert_eq!(status(&envoy.url).0, Some(3), "the release listener is not a console");
}
