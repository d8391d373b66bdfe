//! Accounts of an attacker whose requests fail.

use std::time::Instant;

use serde_json::{Value, json};
use verdigris::analysis::influence::StepUnderAttack;
use verdigris::analysis::{ByVersion, StepIndex};
use verdigris::config::Config;

use super::super::ramp_fixture::{RAMP_TIMEOUT, decision_log, read_counter};
use super::{
    HONEST, assert_in_force, beside_honest_traffic, ramp, start, times_until_rolled_back,
    wait_for_later_evidence,
};
use crate::envoy::process::wait_at_most;
use crate::envoy::upstream::{CONTENT_FILTER, Model};

/// 130 to 135 requests of one account with a 429 tripped the default tripwire.
#[test]
fn one_account_that_repeats_a_request_that_is_limited_rolls_nothing_back() {
    for percent in [1, 25] {
        let model = Model { fails_one_in: 100, ..HONEST };
        let envoy = start(&ramp(percent, json!({})), model);
        beside_honest_traffic(&envoy, |attacker| {
            let account = attacker.account_on_green();
            let began = Instant::now();
            for _ in 0..500 {
                assert_eq!(attacker.send(&account, Some("429")).status(), 429);
            }
            println!("one account at {percent} %: 500 requests with 429 in {:?}", began.elapsed());
            wait_at_most(RAMP_TIMEOUT, "the counter", || {
                (read_counter(&envoy, "green", "responses_429") == 500).then_some(())
            });
            wait_for_later_evidence(&envoy);
            assert_in_force(&envoy);
        });
        assert!(!decision_log(&envoy).contains("tripwire"), "{}", decision_log(&envoy));
    }
}

/// The number of units that roll back a step in which nobody else has a bad response, by the analysis.
fn units_by_the_analysis(config: &Value) -> u64 {
    let plan = Config::parse(config.to_string().as_bytes()).unwrap().ramp.unwrap().analysis;
    let step = StepUnderAttack::new(&plan, &plan.gates[0], StepIndex::FIRST).unwrap();
    step.units_to_roll_back(ByVersion { blue: 0, green: 0 }).unwrap()
}

/// Asserts that as many accounts with one failure each roll back as the analysis says, and no fewer.
fn assert_accounts_needed(what: &str, config: &Value, failure: &str) -> u64 {
    let envoy = start(config, HONEST);
    let needed = beside_honest_traffic(&envoy, |attacker| {
        times_until_rolled_back(&envoy, 30, || {
            let account = attacker.account_on_green();
            drop(attacker.send(&account, Some(failure)).bytes());
        })
    });
    let log = decision_log(&envoy);
    println!("{what}: {needed:?} accounts");
    assert!(log.contains("green is worse: "), "{log}");
    let (needed, least) = (needed.unwrap(), units_by_the_analysis(config));
    // Where the machine is slow, another account fails before the rollback is in force.
    assert!((least..=least + 2).contains(&needed), "{what}: {needed}, {least}: {log}");
    needed
}

/// 3 accounts did it at 1 %, 5 at 5 %, 10 at 25 %.
#[test]
fn a_gate_on_errors_needs_five_accounts_of_an_attacker() {
    for percent in [1, 5, 25] {
        let config = ramp(percent, json!({"gates": [{"metric": "error_rate"}]}));
        let needed = assert_accounts_needed(&format!("errors at {percent} %"), &config, "500");
        assert!(needed >= 5);
    }
}

/// 3 accounts did it at 5 %.
#[test]
fn a_gate_on_refusals_needs_five_accounts_of_an_attacker() {
    let gates = json!([{"metric": "refusal_rate"}, {"metric": "error_rate"}]);
    let config = ramp(5, json!({"gates": gates}));
    assert!(assert_accounts_needed("content_filter at 5 %", &config, CONTENT_FILTER) >= 5);
}
