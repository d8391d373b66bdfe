//! The ramp in a real Envoy, under load; only its times are short.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use reqwest::blocking::Client;
use serde_json::{Value, json};

use crate::artifacts;
use crate::envoy::process::{PATIENCE, wait_at_most, wait_for};
use crate::envoy::upstream::{Failure, Model};
use crate::envoy::{Envoy, Setup, filter_yaml};
use crate::proxy::{ROLLOUT, config};

/// How long a ramp may take on a busy machine.
pub const RAMP: Duration = Duration::from_secs(300);

const CLIENTS: usize = 8;

pub const GOOD: Model = Model {
    fails_one_in: 0,
    failure: Failure::Status(500),
    refuses_one_in: 0,
    first_ms: 2,
    tokens: 50,
};

const RAMPING: u64 = 0;
pub const PROMOTED: u64 = 3;
pub const ROLLED_BACK: u64 = 4;

/// A ramp that is good in all but its haste. By default one good green in twenty may be
/// rolled back by chance: here it is one in a million.
fn ramp(differs: Value) -> Value {
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
    ramp.as_object_mut().unwrap().extend(differs.as_object().unwrap().clone());
    let prices = json!({"*": {"input": 1.0, "output": 10.0}});
    config(json!({"ramp": ramp, "prices": prices}))
}

pub fn start(config: &Value, workers: u32, models: [Model; 2]) -> Envoy {
    let filter = filter_yaml(config);
    let envoy = Envoy::start_with(&Setup { filter: Some(&filter), workers, ..Setup::default() });
    set_models(&envoy, models);
    envoy
}

pub fn set_models(envoy: &Envoy, [blue, green]: [Model; 2]) {
    envoy.upstreams[0].set_model(blue);
    envoy.upstreams[1].set_model(green);
}

pub fn gauge(envoy: &Envoy, name: &str) -> u64 {
    envoy.read_stat(&format!("wasmcustom.verdigris.{ROLLOUT}.{name}")).unwrap_or_default()
}

/// Waits until the gauges show these values, all at once. Each VM sets them with its own
/// tick, and one that is late may set an old value once more.
pub fn wait_for_gauges(envoy: &Envoy, expected: &[(&str, u64)]) {
    wait_at_most(RAMP, &format!("{expected:?}"), || {
        expected.iter().all(|(name, value)| gauge(envoy, name) == *value).then_some(())
    });
}

pub fn counter(envoy: &Envoy, version: &str, name: &str) -> u64 {
    envoy.read_stat(&crate::proxy::counter(version, name)).unwrap_or_default()
}

/// Users ask until `work` is done; each asks once, and all are answered.
pub fn under_load<T>(envoy: &Envoy, work: impl FnOnce() -> T) -> T {
    let (done, lost) = under_load_with_losses(envoy, work);
    assert_eq!(lost, 0, "requests that got no answer");
    done
}

/// As [`under_load`]; also how many got no answer.
fn under_load_with_losses<T>(envoy: &Envoy, work: impl FnOnce() -> T) -> (T, u64) {
    let lost = AtomicU64::new(0);
    let url = format!("{}/model/completions", envoy.url);
    let ask = |client: &Client, user: String| {
        let answer = client.post(&url).header("x-user-id", user).send();
        if answer.and_then(reqwest::blocking::Response::bytes).is_err() {
            lost.fetch_add(1, Ordering::Relaxed);
        }
    };
    let done = while_clients(ask, work);
    (done, lost.into_inner())
}

/// Clients do `each` for one user after another until `work` is done.
pub fn while_clients<T>(each: impl Fn(&Client, String) + Sync, work: impl FnOnce() -> T) -> T {
    let (is_over, users) = (AtomicBool::new(false), AtomicU64::new(0));
    let run = || {
        let client = new_client();
        while !is_over.load(Ordering::Relaxed) {
            each(&client, format!("user-{}", users.fetch_add(1, Ordering::Relaxed)));
        }
    };
    thread::scope(|scope| {
        (0..CLIENTS).for_each(|_| drop(scope.spawn(run)));
        // Clients stop also where the work fails.
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        is_over.store(true, Ordering::Relaxed);
        done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

pub fn new_client() -> Client {
    Client::builder().no_proxy().timeout(PATIENCE).build().unwrap()
}

/// Waits under load until the ramp is in this phase.
pub fn wait_for_phase(envoy: &Envoy, phase: u64) {
    wait_for_gauges(envoy, &[("phase", phase)]);
}

pub fn decisions(envoy: &Envoy) -> String {
    let log = envoy.log();
    let lines = log.lines().filter(|line| line.contains("rollout assistant"));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_good_green_is_promoted() {
    for workers in [2, 4] {
        let envoy = start(&ramp(json!({})), workers, [GOOD, GOOD]);
        under_load(&envoy, || wait_for_phase(&envoy, PROMOTED));
        wait_for_gauges(&envoy, &[("phase", PROMOTED), ("green_bp", 10_000), ("step", 2)]);
        let log = decisions(&envoy);
        assert!(log.contains("-> ramping at 50 %: green is safe"), "{log}");
        // The gates' sums for rates can be made again from these.
        let units = |version, step| counter(&envoy, version, &format!("evidence_units.s{step}"));
        for step in [0, 1] {
            assert!(units("blue", step) > 50 && units("green", step) > 50, "{log}");
        }
        assert_eq!(counter(&envoy, "green", "evidence_errors.s0"), 0);
    }
}

#[test]
fn a_worse_green_is_rolled_back() {
    let worse = [
        ("error_rate", Model { fails_one_in: 10, ..GOOD }),
        ("refusal_rate", Model { refuses_one_in: 10, ..GOOD }),
        // Much more than what a busy machine adds to every answer.
        ("ttft", Model { first_ms: 100, ..GOOD }),
        ("cost", Model { tokens: 150, ..GOOD }),
    ];
    for (workers, (metric, green)) in [2, 4, 2, 4].into_iter().zip(worse) {
        let envoy = start(&ramp(json!({})), workers, [GOOD, green]);
        under_load(&envoy, || wait_for_phase(&envoy, ROLLED_BACK));
        wait_for_gauges(&envoy, &[("phase", ROLLED_BACK), ("green_bp", 0)]);
        let log = decisions(&envoy);
        assert!(log.contains("green is worse: "), "{metric}: {log}");
        assert!(log.contains(&format!("{metric} fail")), "{metric}: {log}");
        // Within a tick every worker has everyone on blue.
        wait_for("all workers to follow", || {
            let is_blue = || envoy.answer_on_a_new_connection().version == "blue";
            (0..20).all(|_| is_blue()).then_some(())
        });
        assert!(counter(&envoy, "blue", "decisions_rolled_back") >= 20);
    }
}

#[test]
fn what_hits_both_is_no_reason() {
    let bad = Model { fails_one_in: 3, ..GOOD };
    let envoy = start(&ramp(json!({"bake": "1h"})), 2, [bad, bad]);
    under_load(&envoy, || {
        wait_at_most(RAMP, "errors of both", || {
            let errors = |version| counter(&envoy, version, "evidence_errors.s0");
            (errors("blue") > 300 && errors("green") > 100).then_some(())
        });
    });
    assert_eq!(
        (gauge(&envoy, "phase"), gauge(&envoy, "step")),
        (RAMPING, 0),
        "{}",
        decisions(&envoy)
    );
}

/// With nothing but steps configured: a green that is broken from the beginning.
#[test]
fn a_broken_green_trips() {
    let broken = Model { fails_one_in: 1, ..GOOD };
    let envoy = start(&config(json!({"ramp": {"steps": [5, 100]}})), 2, [GOOD, GOOD]);
    under_load(&envoy, || {
        wait_at_most(RAMP, "green's traffic", || {
            (counter(&envoy, "green", "requests") > 0).then_some(())
        });
        let (before, began) = (counter(&envoy, "green", "requests"), Instant::now());
        set_models(&envoy, [GOOD, broken]);
        wait_for_phase(&envoy, ROLLED_BACK);
        let requests = counter(&envoy, "green", "requests") - before;
        println!("broken: rolled back in {:?}, after {requests} requests", began.elapsed());
    });
    let log = decisions(&envoy);
    assert!(log.contains("tripwire: error_rate") || log.contains("green is worse"), "{log}");
}

/// Each worker's VM is lost and made anew, in turn, whichever of them decides.
#[test]
fn a_ramp_outlives_any_worker_s_vm() {
    let filter = filter_yaml(&ramp(json!({"bake": "5s"})));
    let envoy = Envoy::start_with(&Setup {
        filter: Some(&filter),
        wasm: artifacts::trapping_wasm(),
        ..Setup::default()
    });
    set_models(&envoy, [GOOD, GOOD]);
    let rebuilt = || envoy.read_stat("wasm.verdigris.vm_reload_success").unwrap_or_default();
    let (_, lost) = under_load_with_losses(&envoy, || {
        for trap in 1..=6 {
            // Any worker may get a new connection.
            wait_at_most(RAMP, "a VM to be lost and made anew", || {
                let marked = envoy.one_off.get(&envoy.url).header("x-verdigris-trap", "1");
                let _ = marked.header("x-user-id", "ada").send();
                (rebuilt() >= trap).then_some(())
            });
        }
        wait_for_phase(&envoy, PROMOTED);
    });
    println!("{lost} requests got no answer when VMs were lost");
    let log = decisions(&envoy);
    assert_eq!(log.matches("the ramp begins").count(), 1, "{log}");
    assert_eq!(log.matches("green is safe").count(), 2, "{log}");
    wait_for_gauges(&envoy, &[("phase", PROMOTED), ("green_bp", 10_000)]);
}

/// A reload every moment, with streams held open that keep old root contexts ticking.
#[test]
fn reloads_do_not_disturb_a_ramp() {
    let of = || ramp(json!({"bake": "4s"}));
    let envoy = start(&of(), 2, [GOOD, GOOD]);
    let held: Vec<_> = (0..4)
        .map(|user| {
            let client = Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
            let url = format!("{}/hold", envoy.url);
            client.get(url).header("x-user-id", format!("held-{user}")).send().unwrap()
        })
        .collect();
    under_load(&envoy, || {
        for round in 0..20 {
            // Pins are no part of the ramp: its state stays.
            let pins = json!({"green": [format!("qa-{}", round % 3)]});
            let mut config = of();
            config["pins"] = pins;
            envoy.write_filter(&filter_yaml(&config)).unwrap();
        }
        wait_for_phase(&envoy, PROMOTED);
    });
    let log = decisions(&envoy);
    assert_eq!(log.matches("the ramp begins").count(), 1, "{log}");
    assert_eq!(log.matches("green is safe").count(), 2, "{log}");
    drop(held);
}

/// A rollout is renamed in flight and back again: each has its own state.
#[test]
fn another_rollout_begins_and_the_first_goes_on() {
    let first = ramp(json!({"bake": "1h"}));
    let mut second = first.clone();
    second["rollout"] = json!("assistant-v9");
    let envoy = start(&first, 2, [GOOD, GOOD]);
    let units = |rollout: &str| {
        let name = format!("wasmcustom.verdigris.{rollout}.green.evidence_units.s0");
        envoy.read_stat(&name).unwrap_or_default()
    };
    under_load(&envoy, || {
        wait_at_most(RAMP, "evidence", || (units(ROLLOUT) > 50).then_some(()));
        envoy.write_filter(&filter_yaml(&second)).unwrap();
        wait_at_most(RAMP, "evidence of another", || (units("assistant-v9") > 50).then_some(()));
        let before = units(ROLLOUT);
        envoy.write_filter(&filter_yaml(&first)).unwrap();
        wait_at_most(RAMP, "more evidence", || (units(ROLLOUT) > before + 50).then_some(()));
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

/// Envoy restarts. Without `started` the ramp begins again; with it, all is blue.
#[test]
fn a_restart_loses_the_state() {
    use crate::proxy::Proxy as _;

    let mut envoy = start(&ramp(json!({"bake": "1h"})), 2, [GOOD, GOOD]);
    wait_at_most(RAMP, "a step", || (gauge(&envoy, "green_bp") == 2500).then_some(()));
    envoy.restart();
    wait_at_most(RAMP, "the step again", || (gauge(&envoy, "green_bp") == 2500).then_some(()));
    let started = ramp(json!({"bake": "1h", "started": "2020-01-01T00:00:00Z"}));
    envoy.write_filter(&filter_yaml(&started)).unwrap();
    assert_eq!(gauge(&envoy, "green_bp"), 2500);
    envoy.restart();
    wait_for_gauges(&envoy, &[("phase", 2), ("green_bp", 0)]);
    wait_at_most(RAMP, "its reason", || envoy.log().contains("state_lost").then_some(()));
}
