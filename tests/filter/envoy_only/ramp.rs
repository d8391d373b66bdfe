//! The ramp in a real Envoy, under load and with short times.

use std::time::Instant;

use reqwest::blocking::Client;
use serde_json::{Value, json};

use super::ramp_fixture::{
    GOOD_MODEL, RAMP_TIMEOUT, decision_log, read_counter, read_gauge, set_models,
    start_with_models, under_load, under_load_counting_lost_requests, wait_for_gauges,
    wait_for_phase,
};
use crate::artifacts;
use crate::envoy::process::{TIMEOUT, wait_at_most, wait_for};
use crate::envoy::upstream::Model;
use crate::envoy::{Envoy, Setup, filter_yaml};
use crate::proxy::phase::{PAUSED, PROMOTED, RAMPING, ROLLED_BACK};
use crate::proxy::{ROLLOUT, config, set_fields};

/// A ramp with short times. It rolls back one good green in a million by chance; the default
/// is one in twenty.
fn quick_ramp(overrides: Value) -> Value {
    let mut ramp = json!({
        "steps": [25, 50, 100],
        "bake": "1s",
        "warmup": "500ms",
        "alpha": 1e-6,
        "gates": [
            {"metric": "error_rate"},
            {"metric": "refusal_rate"},
            {"metric": "ttft"},
            {"metric": "cost"},
        ],
        "tripwires": [],
    });
    set_fields(&mut ramp, &overrides);
    let prices = json!({"*": {"input": 1.0, "output": 10.0}});
    config(json!({"ramp": ramp, "prices": prices}))
}

#[test]
fn a_good_green_is_promoted() {
    for workers in [2, 4] {
        let envoy = start_with_models(&quick_ramp(json!({})), workers, [GOOD_MODEL, GOOD_MODEL]);
        under_load(&envoy, || wait_for_phase(&envoy, PROMOTED));
        wait_for_gauges(&envoy, &[("phase", PROMOTED), ("green_bp", 10_000), ("step", 2)]);
        let log = decision_log(&envoy);
        assert!(log.contains("-> ramping at 50 %: green is safe"), "{log}");
        // Both versions have evidence in every step that ended.
        let units =
            |version, step| read_counter(&envoy, version, &format!("evidence_units.s{step}"));
        for step in [0, 1] {
            assert!(units("blue", step) > 50 && units("green", step) > 50, "{log}");
        }
        assert_eq!(read_counter(&envoy, "green", "evidence_errors.s0"), 0);
    }
}

#[test]
fn a_worse_green_is_rolled_back() {
    let worse = [
        ("error_rate", Model { fails_one_in: 10, ..GOOD_MODEL }),
        ("refusal_rate", Model { refuses_one_in: 10, ..GOOD_MODEL }),
        // Much more than a busy machine adds to each answer.
        ("ttft", Model { first_token_ms: 100, ..GOOD_MODEL }),
        ("cost", Model { tokens: 150, ..GOOD_MODEL }),
    ];
    for (workers, (metric, green)) in [2, 4, 2, 4].into_iter().zip(worse) {
        let envoy = start_with_models(&quick_ramp(json!({})), workers, [GOOD_MODEL, green]);
        under_load(&envoy, || wait_for_phase(&envoy, ROLLED_BACK));
        wait_for_gauges(&envoy, &[("phase", ROLLED_BACK), ("green_bp", 0)]);
        let log = decision_log(&envoy);
        assert!(log.contains("green is worse: "), "{metric}: {log}");
        assert!(log.contains(&format!("{metric} fail")), "{metric}: {log}");
        // After one tick every worker assigns all users to blue.
        wait_for("all workers to follow", || {
            let is_blue = || envoy.send_on_new_connection().version == "blue";
            (0..20).all(|_| is_blue()).then_some(())
        });
        assert!(read_counter(&envoy, "blue", "decisions_rolled_back") >= 20);
    }
}

#[test]
fn errors_of_both_versions_do_not_cause_a_rollback() {
    let bad = Model { fails_one_in: 3, ..GOOD_MODEL };
    let envoy = start_with_models(&quick_ramp(json!({"bake": "1h"})), 2, [bad, bad]);
    under_load(&envoy, || {
        wait_at_most(RAMP_TIMEOUT, "errors of both", || {
            let errors = |version| read_counter(&envoy, version, "evidence_errors.s0");
            (errors("blue") > 300 && errors("green") > 100).then_some(())
        });
    });
    assert_eq!(
        (read_gauge(&envoy, "phase"), read_gauge(&envoy, "step")),
        (RAMPING, 0),
        "{}",
        decision_log(&envoy)
    );
}

/// Green breaks in the first step of a ramp that configures only its steps.
#[test]
fn a_green_that_breaks_is_rolled_back_with_the_default_gates_and_tripwires() {
    let broken = Model { fails_one_in: 1, ..GOOD_MODEL };
    let envoy = start_with_models(
        &config(json!({"ramp": {"steps": [5, 100]}})),
        2,
        [GOOD_MODEL, GOOD_MODEL],
    );
    under_load(&envoy, || {
        wait_at_most(RAMP_TIMEOUT, "green's traffic", || {
            (read_counter(&envoy, "green", "requests") > 0).then_some(())
        });
        let (before, began) = (read_counter(&envoy, "green", "requests"), Instant::now());
        set_models(&envoy, [GOOD_MODEL, broken]);
        wait_for_phase(&envoy, ROLLED_BACK);
        let requests = read_counter(&envoy, "green", "requests") - before;
        println!("broken: rolled back in {:?}, after {requests} requests", began.elapsed());
    });
    let log = decision_log(&envoy);
    assert!(log.contains("tripwire: error_rate") || log.contains("green is worse"), "{log}");
}

/// A new connection goes to any worker, so that the leader's VM is lost as well.
#[test]
fn a_ramp_survives_the_loss_of_any_vm() {
    let filter = filter_yaml(&quick_ramp(json!({"bake": "5s"})));
    let envoy = Envoy::start_with(&Setup {
        filter: Some(&filter),
        wasm: artifacts::trapping_wasm(),
        ..Setup::default()
    });
    set_models(&envoy, [GOOD_MODEL, GOOD_MODEL]);
    let rebuilt = || envoy.read_stat("wasm.verdigris.vm_reload_success").unwrap_or_default();
    let (_, lost) = under_load_counting_lost_requests(&envoy, || {
        for trap in 1..=6 {
            wait_at_most(RAMP_TIMEOUT, "a VM to be lost and replaced", || {
                let marked = envoy.unpooled_client.get(&envoy.url).header("x-verdigris-trap", "1");
                let _ = marked.header("x-user-id", "ada").send();
                (rebuilt() >= trap).then_some(())
            });
        }
        wait_for_phase(&envoy, PROMOTED);
    });
    println!("{lost} requests got no answer because their VM was lost");
    let log = decision_log(&envoy);
    assert_eq!(log.matches("the ramp begins").count(), 1, "{log}");
    assert_eq!(log.matches("green is safe").count(), 2, "{log}");
    wait_for_gauges(&envoy, &[("phase", PROMOTED), ("green_bp", 10_000)]);
}

/// Open streams keep old root contexts alive, which Envoy ticks.
#[test]
fn reloads_under_load_do_not_restart_a_ramp() {
    let ramp = quick_ramp(json!({"bake": "4s"}));
    let envoy = start_with_models(&ramp, 2, [GOOD_MODEL, GOOD_MODEL]);
    let open_streams: Vec<_> = (0..4)
        .map(|user| {
            let client = Client::builder().no_proxy().timeout(TIMEOUT).build().unwrap();
            let url = format!("{}/hold", envoy.url);
            client.get(url).header("x-user-id", format!("held-{user}")).send().unwrap()
        })
        .collect();
    under_load(&envoy, || {
        for round in 0..20 {
            // Pins do not belong to the ramp, so that its state is kept.
            let mut config = ramp.clone();
            config["pins"] = json!({"green": [format!("qa-{}", round % 3)]});
            envoy.write_filter(&filter_yaml(&config)).unwrap();
        }
        wait_for_phase(&envoy, PROMOTED);
    });
    let log = decision_log(&envoy);
    assert_eq!(log.matches("the ramp begins").count(), 1, "{log}");
    assert_eq!(log.matches("green is safe").count(), 2, "{log}");
    drop(open_streams);
}

/// Each rollout has its own state.
#[test]
fn a_rollout_that_returns_continues_from_its_state() {
    let first = quick_ramp(json!({"bake": "1h"}));
    let mut second = first.clone();
    second["rollout"] = json!("assistant-v9");
    let envoy = start_with_models(&first, 2, [GOOD_MODEL, GOOD_MODEL]);
    let units = |rollout: &str| {
        let name = format!("wasmcustom.verdigris.{rollout}.green.evidence_units.s0");
        envoy.read_stat(&name).unwrap_or_default()
    };
    under_load(&envoy, || {
        wait_at_most(RAMP_TIMEOUT, "evidence", || (units(ROLLOUT) > 50).then_some(()));
        envoy.write_filter(&filter_yaml(&second)).unwrap();
        wait_at_most(RAMP_TIMEOUT, "evidence of the second rollout", || {
            (units("assistant-v9") > 50).then_some(())
        });
        let before = units(ROLLOUT);
        envoy.write_filter(&filter_yaml(&first)).unwrap();
        wait_at_most(RAMP_TIMEOUT, "more evidence", || {
            (units(ROLLOUT) > before + 50).then_some(())
        });
    });
    let log = envoy.log();
    assert_eq!(
        log.matches("rollout assistant-v8: ramping at 0 % -> ramping at 25 %: the ramp begins")
            .count(),
        1,
        "{log}"
    );
    assert_eq!(log.matches("the ramp begins again").count(), 0, "{log}");
}

/// A restart of Envoy loses the state. Without `started` the ramp begins again.
#[test]
fn after_a_restart_a_ramp_with_an_old_start_time_is_paused() {
    use crate::proxy::Proxy as _;

    let mut envoy =
        start_with_models(&quick_ramp(json!({"bake": "1h"})), 2, [GOOD_MODEL, GOOD_MODEL]);
    wait_at_most(RAMP_TIMEOUT, "a step", || (read_gauge(&envoy, "green_bp") == 2500).then_some(()));
    envoy.restart();
    wait_at_most(RAMP_TIMEOUT, "the step again", || {
        (read_gauge(&envoy, "green_bp") == 2500).then_some(())
    });
    let started = quick_ramp(json!({"bake": "1h", "started": "2020-01-01T00:00:00Z"}));
    envoy.write_filter(&filter_yaml(&started)).unwrap();
    assert_eq!(read_gauge(&envoy, "green_bp"), 2500);
    envoy.restart();
    wait_for_gauges(&envoy, &[("phase", PAUSED), ("green_bp", 0)]);
    wait_at_most(RAMP_TIMEOUT, "its reason", || envoy.log().contains("state_lost").then_some(()));
}
