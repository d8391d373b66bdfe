//! Votes of an attacker.

use serde_json::{Value, json};

use super::super::ramp_fixture::{
    GOOD_MODEL, RAMP_TIMEOUT, read_counter, read_gauge, start_with_models,
};
use super::{Attacker, ramp};
use crate::envoy::Envoy;
use crate::envoy::process::wait_at_most;
use crate::proxy::phase::ROLLED_BACK;
use crate::proxy::set_fields;

/// The votes of honest users for each vote of the attacker.
const HONEST_VOTES: u64 = 25;

fn with_feedback(mut config: Value, fields: Value) -> Value {
    let mut feedback = json!({"path": "/feedback", "thumb": "/thumb"});
    set_fields(&mut feedback, &fields);
    config["feedback"] = feedback;
    config
}

/// A vote of an account on an answer that it gets; the status.
fn vote(attacker: &Attacker<'_>, account: &str, thumb: &str) -> u16 {
    let answer = attacker.send(account, None);
    let receipt = answer.headers()["x-verdigris-step"].clone();
    drop(answer.bytes());
    let vote = attacker.client.post(format!("{}/feedback", attacker.envoy.url));
    let vote = vote.header("x-user-id", account).header("x-verdigris-step", receipt);
    vote.body(json!({"thumb": thumb}).to_string()).send().unwrap().status().as_u16()
}

fn thumbs(envoy: &Envoy) -> u64 {
    ["blue", "green"].map(|it| read_counter(envoy, it, "evidence_thumbs.s0")).iter().sum()
}

/// Honest users vote in the meantime, one in twenty down; for each 25 of them an account of the attacker votes
/// green down. Returns how many of these accounts have voted when the ramp is rolled back.
fn accounts_until_rolled_back(envoy: &Envoy, rounds: u64) -> Option<u64> {
    let attacker = Attacker::new(envoy);
    (1..=rounds).find(|round| {
        for honest in (round - 1) * HONEST_VOTES..round * HONEST_VOTES {
            let thumb = if honest % 20 == 0 { "down" } else { "up" };
            assert_eq!(vote(&attacker, &format!("honest-{honest}"), thumb), 204);
        }
        assert_eq!(vote(&attacker, &attacker.account_on_green(), "down"), 204);
        wait_at_most(RAMP_TIMEOUT, "the votes", || {
            let is_over = read_gauge(envoy, "phase") == ROLLED_BACK;
            (is_over || thumbs(envoy) >= round * (HONEST_VOTES + 1)).then_some(())
        });
        read_gauge(envoy, "phase") == ROLLED_BACK
    })
}

/// 30 accounts did it among 760 honest votes. The votes of an attacker's accounts are votes, so that some
/// more do it now; without a gate that rolls back they do nothing.
#[test]
fn votes_of_accounts_decide_a_gate_on_votes_and_no_other() {
    let gate = json!({"metric": "thumbs_down_rate"});
    let watched = json!({"metric": "thumbs_down_rate", "critical": false});
    for (gate, rounds) in [(gate, 120), (watched, 60)] {
        let gates = json!([gate, {"metric": "error_rate"}]);
        let config = with_feedback(ramp(25, json!({"gates": gates})), json!({}));
        let envoy = start_with_models(&config, 1, [GOOD_MODEL, GOOD_MODEL]);
        let probe = Attacker::new(&envoy);
        wait_at_most(RAMP_TIMEOUT, "the step in the worker", || {
            let answer = probe.send("probe", None);
            let receipt = answer.headers()["x-verdigris-step"].to_str().unwrap();
            receipt.contains(".1.").then_some(())
        });
        let needed = accounts_until_rolled_back(&envoy, rounds);
        println!("{gate}: {needed:?} accounts, each beside {HONEST_VOTES} honest votes");
        let decides = gate["critical"] != false;
        assert!(if decides { needed >= Some(20) } else { needed.is_none() }, "{needed:?}");
    }
}

/// 3,000 accounts in turn were all heard three times: the limiter had 1,024 places.
#[test]
fn accounts_in_turn_have_a_limit_each() {
    const ACCOUNTS: u64 = 3_000;
    let config = with_feedback(ramp(50, json!({})), json!({"max_per_minute": 1}));
    let envoy = start_with_models(&config, 1, [GOOD_MODEL, GOOD_MODEL]);
    let attacker = Attacker::new(&envoy);
    let send = |account: u64| {
        let vote = attacker.client.post(format!("{}/feedback", envoy.url));
        let vote = vote.header("x-user-id", format!("account-{account}"));
        vote.body(json!({"thumb": "down"}).to_string()).send().unwrap().status().as_u16()
    };
    let statuses: Vec<u16> = (0..3 * ACCOUNTS).map(|vote| send(vote % ACCOUNTS)).collect();
    let refused = statuses.iter().filter(|status| **status == 429).count();
    println!("{ACCOUNTS} accounts, 3 votes each in turn: {refused} refused");
    // The limiter takes about one account in a thousand for others.
    let heard = statuses.iter().take(ACCOUNTS as usize).filter(|status| **status == 204).count();
    assert!(heard >= 2_950, "{heard}");
    assert!(refused >= ACCOUNTS as usize, "{refused}");
}
