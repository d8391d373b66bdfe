//! How many calls a fleet makes, and how many bytes they have, measured at three real Envoys:
//! docs/explanation/sizing.md has the table.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::gateways::{Gateways, fleet_config};
use super::shared_store::Kind;
use crate::envoy::Envoy;
use crate::envoy::process::wait_for;
use crate::envoy::upstream::Model;
use crate::envoy_only::ramp_fixture::{GOOD_MODEL, new_client};

const ENVOYS: usize = 3;
const CLIENTS: u64 = 16;
/// How many requests each user sends.
const REQUESTS_OF_USER: u64 = 20;
const MEASURED: Duration = Duration::from_secs(60);

#[test]
#[ignore = "measures for minutes: cargo test --test filter -- --ignored --nocapture cost"]
fn of_etcd() {
    measure(Kind::Etcd(1), "etcd", "1s");
}

#[test]
#[ignore = "measures for minutes: cargo test --test filter -- --ignored --nocapture cost"]
fn of_the_kubernetes_api() {
    measure(Kind::Kubernetes, "kubernetes", "5s");
}

/// Measures each rate with the store's default interval, in a step that does not end.
fn measure(kind: Kind, cluster: &str, interval: &str) {
    for rate in [50, 2000] {
        let mut config = fleet_config(kind, json!({"bake": "24h"}));
        config["fleet"]["interval"] = json!(interval);
        let gateways = Gateways::start(ENVOYS, kind, &config);
        gateways.set_models([Model { tokens: 1, ..GOOD_MODEL }; 2]);
        gateways.wait_for_gauge("green_bp", 2500);
        let counts = || -> Vec<Counts> {
            gateways.envoys.iter().map(|envoy| Counts::read(envoy, cluster)).collect()
        };
        let (before, after) = gateways.at_rate(rate, |answered| {
            // The first users are new, and the state grows by them.
            wait_for("ten seconds of load", || (answered() >= rate * 10 / 2).then_some(()));
            let before = (counts(), answered(), Instant::now());
            thread::sleep(MEASURED);
            (before, (counts(), answered(), Instant::now()))
        });
        let seconds = (after.2 - before.2).as_secs_f64();
        let requests = (after.1 - before.1) as f64 / seconds;
        println!("{kind:?}, {requests:.0} of {rate} requests a second, {interval}:");
        let decider = wait_for("a decider", || gateways.decider());
        let mut all = Counts::default();
        for (index, (before, after)) in before.0.iter().zip(&after.0).enumerate() {
            let counts = after.since(before);
            let name = if index == decider { "the deciding instance" } else { "an instance" };
            println!("  {name}: {}", counts.per_second(seconds));
            all = all.plus(&counts);
        }
        println!("  all: {}", all.per_second(seconds));
    }
}

/// What an Envoy's cluster of the store has counted.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    calls: u64,
    sent: u64,
    received: u64,
}

impl Counts {
    fn read(envoy: &Envoy, cluster: &str) -> Self {
        let read = |name| envoy.read_stat(&format!("cluster.{cluster}.{name}")).unwrap();
        Self {
            calls: read("upstream_rq_total"),
            sent: read("upstream_cx_tx_bytes_total"),
            received: read("upstream_cx_rx_bytes_total"),
        }
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            calls: self.calls - before.calls,
            sent: self.sent - before.sent,
            received: self.received - before.received,
        }
    }

    fn plus(&self, other: &Self) -> Self {
        Self {
            calls: self.calls + other.calls,
            sent: self.sent + other.sent,
            received: self.received + other.received,
        }
    }

    fn per_second(&self, seconds: f64) -> String {
        let per_second = |it: u64| it as f64 / seconds;
        let kb = |it: u64| per_second(it) / 1000.0;
        format!(
            "{:.2} calls, {:.2} KB sent, {:.2} KB received a second",
            per_second(self.calls),
            kb(self.sent),
            kb(self.received)
        )
    }
}

impl Gateways {
    /// Runs `work` while clients send so many requests a second, or as many as this machine can, to all
    /// Envoys in turn. `work` gets how many were answered.
    fn at_rate<T>(&self, rate: u64, work: impl FnOnce(&dyn Fn() -> u64) -> T) -> T {
        let (is_stopped, answered) = (AtomicBool::new(false), AtomicU64::new(0));
        let (next, started) = (AtomicU64::new(0), Instant::now());
        let run_client = || {
            let client = new_client();
            while !is_stopped.load(Ordering::Relaxed) {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let due = Duration::from_secs_f64(number as f64 / rate as f64);
                thread::sleep(due.saturating_sub(started.elapsed()));
                let envoy = &self.envoys[number as usize % self.envoys.len()];
                let request = client
                    .post(format!("{}/model/completions", envoy.url))
                    .header("x-user-id", format!("user-{}", number / REQUESTS_OF_USER));
                assert_eq!(request.send().unwrap().status(), 200);
                answered.fetch_add(1, Ordering::Relaxed);
            }
        };
        thread::scope(|scope| {
            (0..CLIENTS).for_each(|_| drop(scope.spawn(run_client)));
            let work = || work(&|| answered.load(Ordering::Relaxed));
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            is_stopped.store(true, Ordering::Relaxed);
            result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}
