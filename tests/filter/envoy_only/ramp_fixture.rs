//! A real Envoy whose upstreams are models, under the load of clients, and what its stats say
//! about the ramp.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use reqwest::blocking::Client;
use serde_json::Value;

use crate::envoy::process::{TIMEOUT, wait_at_most};
use crate::envoy::upstream::{Model, ModelFailure};
use crate::envoy::{Envoy, Setup, filter_yaml};
use crate::proxy::{ROLLOUT, counter};

/// The time after which a ramp must have ended, even on a busy machine.
pub const RAMP_TIMEOUT: Duration = Duration::from_secs(300);

const CLIENTS: usize = 8;

pub const GOOD_MODEL: Model = Model {
    fails_one_in: 0,
    failure: ModelFailure::Status(500),
    refuses_one_in: 0,
    first_token_ms: 2,
    tokens: 50,
    text: "Copper.",
    text_for_odd_user: None,
};

/// Starts Envoy with the models of blue and green.
pub fn start_with_models(config: &Value, workers: u32, models: [Model; 2]) -> Envoy {
    let filter = filter_yaml(config);
    let envoy = Envoy::start_with(&Setup { filter: Some(&filter), workers, ..Setup::default() });
    set_models(&envoy, models);
    envoy
}

pub fn set_models(envoy: &Envoy, [blue, green]: [Model; 2]) {
    envoy.upstreams[0].set_model(blue);
    envoy.upstreams[1].set_model(green);
}

/// The value of a gauge of the rollout; 0 if it does not exist.
pub fn read_gauge(envoy: &Envoy, name: &str) -> u64 {
    envoy.read_stat(&format!("wasmcustom.verdigris.{ROLLOUT}.{name}")).unwrap_or_default()
}

/// The value of a version's counter; 0 if it does not exist.
pub fn read_counter(envoy: &Envoy, version: &str, name: &str) -> u64 {
    envoy.read_stat(&counter(version, name)).unwrap_or_default()
}

/// Waits until all gauges have the expected values at the same time. Each VM sets them in its
/// own tick, and a late VM may set an old value again.
pub fn wait_for_gauges(envoy: &Envoy, expected: &[(&str, u64)]) {
    wait_at_most(RAMP_TIMEOUT, &format!("{expected:?}"), || {
        expected.iter().all(|(name, value)| read_gauge(envoy, name) == *value).then_some(())
    });
}

pub fn wait_for_phase(envoy: &Envoy, phase: u64) {
    wait_for_gauges(envoy, &[("phase", phase)]);
}

/// The lines of Envoy's log that name the rollout.
pub fn decision_log(envoy: &Envoy) -> String {
    let log = envoy.log();
    let lines = log.lines().filter(|line| line.contains("rollout assistant"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Runs `work` while new users send requests to the model. Asserts that all get an answer.
pub fn under_load<T>(envoy: &Envoy, work: impl FnOnce() -> T) -> T {
    let (result, lost) = under_load_counting_lost_requests(envoy, work);
    assert_eq!(lost, 0, "requests without an answer");
    result
}

/// As [`under_load`]. Returns the result of `work` and the number of requests without an answer.
pub fn under_load_counting_lost_requests<T>(envoy: &Envoy, work: impl FnOnce() -> T) -> (T, u64) {
    let lost = AtomicU64::new(0);
    let url = format!("{}/model/completions", envoy.url);
    let send = |client: &Client, user: String| {
        let answer = client.post(&url).header("x-user-id", user).send();
        if answer.and_then(reqwest::blocking::Response::bytes).is_err() {
            lost.fetch_add(1, Ordering::Relaxed);
        }
    };
    let result = with_clients(send, work);
    (result, lost.into_inner())
}

/// Runs `work` while clients call `send` for one new user after another.
pub fn with_clients<T>(send: impl Fn(&Client, String) + Sync, work: impl FnOnce() -> T) -> T {
    let (is_stopped, users) = (AtomicBool::new(false), AtomicU64::new(0));
    let run_client = || {
        let client = new_client();
        while !is_stopped.load(Ordering::Relaxed) {
            send(&client, format!("user-{}", users.fetch_add(1, Ordering::Relaxed)));
        }
    };
    thread::scope(|scope| {
        (0..CLIENTS).for_each(|_| drop(scope.spawn(run_client)));
        // The clients must stop if `work` panics, because the scope waits for them.
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        is_stopped.store(true, Ordering::Relaxed);
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

pub fn new_client() -> Client {
    Client::builder().no_proxy().timeout(TIMEOUT).build().unwrap()
}
