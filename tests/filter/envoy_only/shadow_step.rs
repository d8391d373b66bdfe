//! The shadow step of a ramp in a real Envoy: the copy of a request is answered on the worker that
//! has the request, both have one id, and green is judged before a user sees it.

use std::time::Duration;

use reqwest::blocking::Client;
use serde_json::{Value, json};

use super::ramp_fixture::{
    GOOD_MODEL, RAMP_TIMEOUT, decision_log, read_counter, read_gauge, set_models, wait_for_gauges,
    wait_for_phase, with_clients,
};
use crate::envoy::process::wait_at_most;
use crate::envoy::upstream::{Model, ModelFailure, Upstream};
use crate::envoy::{Envoy, Setup, filter_yaml};
use crate::proxy::phase::{HOLDING, PROMOTED, RAMPING, ROLLED_BACK};
use crate::proxy::{config, set_fields};

/// A ramp with a shadow step and short times. It rolls back one good green in a million by chance.
fn quick_ramp(overrides: Value) -> Value {
    let mut ramp = json!({
        "steps": [{"shadow": 100, "pairs": 100_000}, 25, 50, 100],
        "bake": "1s",
        "warmup": "500ms",
        "alpha": 1e-6,
        "gates": [{"metric": "error_rate"}, {"metric": "refusal_rate"}, {"metric": "ttft"}],
        "tripwires": [],
    });
    set_fields(&mut ramp, &overrides);
    config(json!({"ramp": ramp}))
}

fn start(config: &Value, edit: &dyn Fn(String, &[Upstream; 3]) -> String) -> Envoy {
    let filter = filter_yaml(config);
    Envoy::start_with(&Setup { filter: Some(&filter), edit_bootstrap: edit, ..Setup::default() })
}

fn start_with_models(config: &Value, models: [Model; 2]) -> Envoy {
    let envoy = start(config, &|bootstrap, _| bootstrap);
    set_models(&envoy, models);
    envoy
}

/// Runs `work` while new users send requests that can be copied. Asserts that all get an answer.
fn under_load<T>(envoy: &Envoy, path: &str, work: impl FnOnce() -> T) -> T {
    let url = format!("{}{path}", envoy.url);
    let send = |client: &Client, user: String| {
        let request = client.post(&url).header("x-user-id", user);
        let answer = request.header("content-type", "application/json").body("{}").send();
        answer.and_then(reqwest::blocking::Response::bytes).unwrap();
    };
    with_clients(send, work)
}

/// Asserts that no user was on green, and that the pairs have decided.
fn assert_rolled_back_in_shadow_step(envoy: &Envoy, what: &str, why: &[&str]) {
    wait_for_gauges(envoy, &[("phase", ROLLED_BACK), ("green_bp", 0), ("shadow_step", 0)]);
    let log = decision_log(envoy);
    for text in why {
        assert!(log.contains(text), "{what}: {text}: {log}");
    }
    assert!(!log.contains("ramping at 25 %"), "{what}: {log}");
    assert_eq!(read_counter(envoy, "green", "requests"), 0, "{what}: {log}");
    println!("{what}: {} pairs", read_counter(envoy, "shadow", "pairs"));
}

const MODEL: &str = "/model/completions";

#[test]
fn a_worse_green_is_rolled_back_before_a_user_sees_it() {
    let worse = [
        ("ttft", Model { first_token_ms: 100, ..GOOD_MODEL }),
        ("error_rate", Model { fails_one_in: 10, ..GOOD_MODEL }),
        ("refusal_rate", Model { refuses_one_in: 10, ..GOOD_MODEL }),
    ];
    for (metric, green) in worse {
        let envoy = start_with_models(&quick_ramp(json!({})), [GOOD_MODEL, green]);
        under_load(&envoy, MODEL, || wait_for_phase(&envoy, ROLLED_BACK));
        let why = ["green is worse: ", &format!("{metric} fail")];
        assert_rolled_back_in_shadow_step(&envoy, metric, &why);
        assert!(read_counter(&envoy, "shadow", "pairs") > 0);
    }
}

#[test]
fn a_good_green_passes_the_shadow_step_and_is_promoted() {
    let envoy = start_with_models(&quick_ramp(json!({})), [GOOD_MODEL, GOOD_MODEL]);
    under_load(&envoy, MODEL, || wait_for_phase(&envoy, PROMOTED));
    let log = decision_log(&envoy);
    assert!(log.contains("ramping at 0 % -> ramping at 25 %: green is safe"), "{log}");
    let (pairs, requests) =
        (read_counter(&envoy, "shadow", "pairs"), read_counter(&envoy, "shadow", "requests"));
    // Almost every copy has met its request: both were in the VM of one worker.
    assert!(pairs > 100 && pairs * 10 >= requests * 9, "{pairs} pairs of {requests} copies: {log}");
    assert!(read_counter(&envoy, "green", "requests") > 0);
}

#[test]
fn a_green_that_fails_all_copies_trips_a_wire() {
    let mut release = quick_ramp(json!({}));
    release["ramp"].as_object_mut().unwrap().remove("tripwires");
    let broken = Model { fails_one_in: 1, failure: ModelFailure::Status(503), ..GOOD_MODEL };
    let envoy = start_with_models(&release, [GOOD_MODEL, broken]);
    under_load(&envoy, MODEL, || wait_for_phase(&envoy, ROLLED_BACK));
    assert_rolled_back_in_shadow_step(&envoy, "broken", &["tripwire: error_rate of green was"]);
}

/// The copies that Envoy lets through stay open, and the others are dropped. The open ones count as
/// slow once they have lasted much longer than blue's responses.
#[test]
fn a_green_that_never_answers_is_rolled_back_while_its_copies_are_open() {
    let gates = json!([{"metric": "duration"}]);
    let envoy = start(&quick_ramp(json!({"gates": gates})), &|bootstrap, _| bootstrap);
    envoy.upstreams[1].set_stalled(true);
    under_load(&envoy, "/v1/chat/completions", || wait_for_phase(&envoy, ROLLED_BACK));
    assert_rolled_back_in_shadow_step(&envoy, "stalled", &["green is worse: ", "duration fail"]);
    let dropped = envoy.read_stat("cluster.verdigris-shadow.upstream_rq_pending_overflow");
    assert!(dropped > Some(0), "{dropped:?}");
    // Not one of the copies has ended.
    assert_eq!(read_counter(&envoy, "shadow", "responses_2xx"), 0);
}

/// Without ids the copies cannot be matched: the ramp stays on blue, and says why.
#[test]
fn without_request_ids_the_ramp_stays_on_blue() {
    let without_ids = |bootstrap: String, _: &[Upstream; 3]| {
        let manager = "stat_prefix: llm\n";
        assert!(bootstrap.contains(manager), "{bootstrap}");
        let indent = bootstrap.split(manager).next().unwrap().rsplit('\n').next().unwrap().len();
        let off = format!("{manager}{}generate_request_id: false\n", " ".repeat(indent));
        bootstrap.replacen(manager, &off, 1)
    };
    let config = quick_ramp(json!({"timeout": "5s"}));
    let envoy = start(&config, &without_ids);
    set_models(&envoy, [GOOD_MODEL, GOOD_MODEL]);
    under_load(&envoy, MODEL, || {
        wait_at_most(RAMP_TIMEOUT, "requests without a pair", || {
            (read_counter(&envoy, "shadow", "unpaired") > 50).then_some(())
        });
        wait_for_gauges(&envoy, &[("phase", HOLDING), ("overdue", 1), ("shadow_step", 1)]);
    });
    let log = decision_log(&envoy);
    assert!(log.contains("so no copy has met the response to its request"), "{log}");
    assert_eq!(read_counter(&envoy, "shadow", "pairs"), 0);
    assert_eq!((read_gauge(&envoy, "green_bp"), read_counter(&envoy, "green", "requests")), (0, 0));
}

/// Blue's clients are served as without a shadow step, also by a worker that restarts the ramp.
#[test]
fn a_restart_begins_with_the_shadow_step_again() {
    let mut release = quick_ramp(json!({"steps": [{"shadow": 100, "pairs": 100}, 25, 100]}));
    let envoy = start_with_models(&release, [GOOD_MODEL, GOOD_MODEL]);
    under_load(&envoy, MODEL, || {
        wait_for_phase(&envoy, PROMOTED);
        release["ramp"]["restart"] = json!("2");
        // It stays there, since it needs more pairs than there will be in time.
        release["ramp"]["gates"] =
            json!([{"metric": "error_rate", "tolerance": 0.26, "ceiling": null}]);
        envoy.write_filter(&filter_yaml(&release)).unwrap();
        wait_for_gauges(&envoy, &[("shadow_step", 1), ("green_bp", 0)]);
        let before = read_counter(&envoy, "shadow", "pairs");
        wait_at_most(Duration::from_secs(60), "more pairs", || {
            (read_counter(&envoy, "shadow", "pairs") > before + 50).then_some(())
        });
    });
    assert!([RAMPING, HOLDING].contains(&read_gauge(&envoy, "phase")));
}
