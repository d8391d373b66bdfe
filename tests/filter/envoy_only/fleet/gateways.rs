//! Some Envoys, their store, and the load of clients on all of them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use reqwest::blocking::Client;
use serde_json::{Value, json};

use super::shared_store::{Kind, SharedStore};
use crate::envoy::process::wait_at_most;
use crate::envoy::upstream::Model;
use crate::envoy::{Envoy, Setup, filter_yaml};
use crate::envoy_only::ramp_fixture::{
    GOOD_MODEL, RAMP_TIMEOUT, decision_log, new_client, read_counter, read_gauge, set_models,
};
use crate::proxy::{config, set_fields};

/// Some Envoys with one store.
pub struct Gateways {
    pub envoys: Vec<Envoy>,
    pub store: SharedStore,
}

/// Requests that clients have sent, and those that got no answer.
#[derive(Default)]
pub struct Load {
    pub sent: AtomicU64,
    pub lost: AtomicU64,
}

pub const TOKEN: &str = "a-token-of-the-tests-for-the-console";

/// A ramp with short times, shared by a fleet. It rolls back one good green in a million by chance.
pub fn fleet_config(kind: Kind, overrides: Value) -> Value {
    let mut ramp = json!({
        "steps": [25, 50, 100], "bake": "1s", "warmup": "500ms", "alpha": 1e-6,
        "gates": [{"metric": "error_rate"}, {"metric": "refusal_rate"}], "tripwires": [],
    });
    set_fields(&mut ramp, &overrides);
    config(json!({"ramp": ramp, "fleet": kind.fleet()}))
}

// === impl Gateways ===

impl Gateways {
    /// Starts so many Envoys with one store of this kind.
    pub fn start(count: usize, kind: Kind, config: &Value) -> Self {
        let store = kind.start();
        let cluster = store.cluster();
        let envoys = (0..count).map(|index| start_envoy(index, &cluster, config)).collect();
        let gateways = Self { envoys, store };
        gateways.set_models([GOOD_MODEL, GOOD_MODEL]);
        gateways
    }

    pub fn set_models(&self, models: [Model; 2]) {
        self.envoys.iter().for_each(|envoy| set_models(envoy, models));
    }

    /// The value of a gauge in each Envoy.
    pub fn gauges(&self, name: &str) -> Vec<u64> {
        self.envoys.iter().map(|envoy| read_gauge(envoy, name)).collect()
    }

    /// Waits until all Envoys have this value of a gauge.
    pub fn wait_for_gauge(&self, name: &str, value: u64) {
        let what = format!("{name} {value} everywhere");
        wait_at_most(RAMP_TIMEOUT, &what, || {
            self.gauges(name).iter().all(|it| *it == value).then_some(())
        });
    }

    /// The lines of all logs that name the rollout and contain a text.
    pub fn log_lines(&self, text: &str) -> Vec<String> {
        let lines = self.envoys.iter().enumerate().flat_map(|(index, envoy)| {
            let log = decision_log(envoy);
            let lines = log.lines().filter(|line| line.contains(text));
            lines.map(|line| format!("{index}: {line}")).collect::<Vec<_>>()
        });
        lines.collect()
    }

    /// The lines of all logs that name this rollout and contain a text.
    pub fn log_lines_of(&self, rollout: &str, text: &str) -> Vec<String> {
        let name = format!("rollout {rollout}:");
        let logs: Vec<String> = self.envoys.iter().map(Envoy::log).collect();
        let lines = logs.iter().flat_map(|log| log.lines());
        let found = lines.filter(|line| line.contains(&name) && line.contains(text));
        found.map(str::to_owned).collect()
    }

    /// The Envoy that decides; `None` before that is known.
    pub fn decider(&self) -> Option<usize> {
        let state = self.state(0);
        let name = state["rollouts"][0]["fleet"]["decider"].as_str()?.to_owned();
        name.strip_prefix("gateway-")?.parse().ok()
    }

    /// How many requests of both versions all Envoys have counted.
    pub fn requests(&self) -> u64 {
        let of = |envoy: &Envoy| {
            read_counter(envoy, "blue", "requests") + read_counter(envoy, "green", "requests")
        };
        self.envoys.iter().map(of).sum()
    }

    /// `/state.json` of an Envoy.
    pub fn state(&self, index: usize) -> Value {
        let console = self.envoys[index].console.as_ref().unwrap();
        let text = self.envoys[index].client.get(format!("{console}/state.json")).send();
        serde_json::from_str(&text.unwrap().text().unwrap()).unwrap()
    }

    /// Runs `work` while new users send requests to all Envoys in turn. Asserts that all get an
    /// answer, and returns how many there were.
    pub fn under_load<T>(&self, work: impl FnOnce() -> T) -> (T, u64) {
        let (load, is_stopped) = (Load::default(), AtomicBool::new(false));
        let urls: Vec<_> =
            self.envoys.iter().map(|it| format!("{}/model/completions", it.url)).collect();
        let run_client = || {
            let client = new_client();
            while !is_stopped.load(Ordering::Relaxed) {
                let number = load.sent.fetch_add(1, Ordering::Relaxed);
                let url = &urls[number as usize % urls.len()];
                send(&client, url, &format!("user-{number}"), &load);
            }
        };
        let result = thread::scope(|scope| {
            (0..4).for_each(|_| drop(scope.spawn(run_client)));
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            is_stopped.store(true, Ordering::Relaxed);
            result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        assert_eq!(load.lost.into_inner(), 0, "requests without an answer");
        (result, load.sent.into_inner())
    }
}

fn send(client: &Client, url: &str, user: &str, load: &Load) {
    let answer = client.post(url).header("x-user-id", user).send();
    if answer.and_then(reqwest::blocking::Response::bytes).is_err() {
        load.lost.fetch_add(1, Ordering::Relaxed);
    }
}

fn start_envoy(index: usize, cluster: &str, config: &Value) -> Envoy {
    Envoy::start_with(&Setup {
        filter: Some(&filter_yaml(config)),
        token: Some(TOKEN),
        edit_bootstrap: &|bootstrap, _| {
            let node = format!("node: {{id: gateway-{index},");
            let bootstrap = bootstrap.replacen("node: {id: envoy,", &node, 1);
            bootstrap.replacen("  clusters:\n", &format!("  clusters:\n{cluster}"), 1)
        },
        ..Setup::default()
    })
}
