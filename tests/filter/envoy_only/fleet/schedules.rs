//! Random schedules of faults between two real Envoys and their store: each unit counts once, and each
//! decision is made once.
//!
//! `make faults` runs them. `SCHEDULES=5` runs fewer, `FIRST_SCHEDULE=17` begins with that seed.

use std::collections::BTreeSet;

use rand::rngs::StdRng;
use rand::seq::IndexedMutRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use super::gateways::{Gateways, fleet_config};
use super::shared_store::Kind;
use crate::envoy::filter_yaml;
use crate::envoy::process::{wait_at_most, wait_for};
use crate::envoy_only::ramp_fixture::RAMP_TIMEOUT;
use crate::proxy::{Proxy as _, Request};

const ENVOYS: usize = 2;

/// The number of an environment variable.
fn from_environment(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |it| it.parse().unwrap())
}

#[test]
#[ignore = "takes minutes: make faults"]
fn on_etcd() {
    run_all(Kind::FaultyEtcd);
}

#[test]
#[ignore = "takes minutes: make faults"]
fn on_the_kubernetes_api() {
    run_all(Kind::Kubernetes);
}

/// Runs fifty schedules, each with a rollout of its own.
fn run_all(kind: Kind) {
    let first = from_environment("FIRST_SCHEDULE", 0);
    let config = config(kind, "before", "1h");
    let mut gateways = Gateways::start(ENVOYS, kind, &config);
    let mut failed_calls = 0;
    for seed in first..first + from_environment("SCHEDULES", 50) {
        println!("schedule {seed}");
        failed_calls += count_units(&mut gateways, kind, seed);
        failed_calls += decide(&mut gateways, kind, seed);
    }
    println!("{failed_calls} calls met a fault");
}

fn config(kind: Kind, rollout: &str, bake: &str) -> Value {
    let ramp = json!({"steps": [50, 80, 100], "bake": bake, "warmup": "0s"});
    let mut config = fleet_config(kind, ramp);
    (config["rollout"], config["fleet"]["interval"]) = (json!(rollout), json!("500ms"));
    config
}

/// Has both Envoys run a rollout that the store does not know yet, while calls fail.
fn begin(gateways: &mut Gateways, config: &Value, seed: u64) {
    gateways.store.set_random_faults(seed);
    for envoy in &gateways.envoys {
        envoy.write_filter(&filter_yaml(config)).unwrap();
    }
    for index in 0..ENVOYS {
        wait_for("an Envoy to follow", || {
            let state = gateways.state(index);
            (rollout(&state, config)?["green_bp"] == 5000).then_some(())
        });
    }
}

/// The rollout of a configuration in `/state.json`.
fn rollout(state: &Value, config: &Value) -> Option<Value> {
    let rollouts = state["rollouts"].as_array()?;
    rollouts.iter().find(|it| it["rollout"] == config["rollout"]).cloned()
}

/// Units that move between the Envoys, in a step that does not end. Returns how many calls met a fault.
fn count_units(gateways: &mut Gateways, kind: Kind, seed: u64) -> usize {
    let config = config(kind, &format!("units-{seed}"), "1h");
    begin(gateways, &config, seed);
    let mut rng = StdRng::seed_from_u64(seed);
    let mut users = BTreeSet::new();
    let mut faults = gateways.store.take_fault_count();
    wait_for("calls that meet a fault", || {
        for _ in 0..10 {
            let user = rng.random_range(0..60);
            let envoy = gateways.envoys.choose_mut(&mut rng).unwrap();
            let answer = envoy.send(&Request::from_user(format!("user-{user}")));
            assert_eq!(answer.status, 200);
            users.insert(user);
        }
        faults += gateways.store.take_fault_count();
        (faults >= 8).then_some(())
    });
    gateways.store.end_faults();
    let count = |gateways: &Gateways| {
        let state = gateways.state(0);
        let judgement = rollout(&state, &config)?["ramp"]["judgement"].clone();
        Some(judgement["blue_units"].as_u64()? + judgement["green_units"].as_u64()?)
    };
    let expected = users.len() as u64;
    wait_at_most(RAMP_TIMEOUT, "all units to count", || {
        // A worker that has learned late what is in force has put its first users on blue.
        for user in &users {
            let envoy = gateways.envoys.choose_mut(&mut rng).unwrap();
            assert_eq!(envoy.send(&Request::from_user(format!("user-{user}"))).status, 200);
        }
        (count(gateways)? >= expected).then_some(())
    });
    // Nothing is left that could count once more.
    let revision = || gateways.store.revision();
    let before = revision();
    wait_for("two commits more", || (revision() > before + 1).then_some(()));
    assert_eq!(count(gateways), Some(expected), "schedule {seed}");
    faults
}

/// A ramp from its first step to its promotion while calls fail. Returns how many calls met a fault.
fn decide(gateways: &mut Gateways, kind: Kind, seed: u64) -> usize {
    let config = config(kind, &format!("steps-{seed}"), "1s");
    begin(gateways, &config, seed + 1_000);
    let mut faults = gateways.store.take_fault_count();
    let is_promoted = |index: usize| {
        let state = gateways.state(index);
        (rollout(&state, &config)?["phase"] == "promoted").then_some(())
    };
    let ((), _) = gateways.under_load(|| {
        wait_for("calls that meet a fault", || {
            faults += gateways.store.take_fault_count();
            (faults >= 8 || is_promoted(0).is_some()).then_some(())
        });
        gateways.store.end_faults();
        for index in 0..ENVOYS {
            wait_at_most(RAMP_TIMEOUT, "the promotion", || is_promoted(index));
        }
    });
    for decision in
        ["the ramp begins", "-> ramping at 80 %", "-> ramping at 100 %", "-> promoted at 100 %"]
    {
        let lines = gateways.log_lines_of(&format!("steps-{seed}"), decision);
        assert_eq!(lines.len(), 1, "schedule {seed}, {decision}: {lines:#?}");
    }
    faults
}
