//! The effect of shadows on clients: without shadows, with a healthy green, with a green that
//! stalls, and with a green that does not listen, in turn in one Envoy.
//!
//!     cargo bench --bench shadow

#[path = "../filter/artifacts.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod artifacts;
#[path = "../filter/envoy/mod.rs"]
#[allow(dead_code, unused_imports, reason = "shared with the tests")]
mod envoy;
#[path = "../support/port.rs"]
mod port;
#[path = "../filter/proxy.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod proxy;

use std::process::Command;

use serde_json::{Value, json};

use envoy::process::wait_for;
use envoy::upstream::Model;
use envoy::{Envoy, filter_yaml};
use proxy::{Proxy as _, config, counter};

const PATH: &str = "/model/completions";
const REQUESTS_PER_SECOND: u32 = 200;

/// The state of green, or no shadows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum GreenState {
    Off,
    Healthy,
    Stalled,
    NotListening,
}

/// The results of the clients in one state.
#[derive(Default)]
struct ClientResult {
    requests: u64,
    failed: u64,
    /// One value for each round.
    p50_ms: Vec<f64>,
    p99_ms: Vec<f64>,
    /// The numbers of opened and of dropped shadows.
    shadows: u64,
    dropped: u64,
}

impl GreenState {
    const ALL: [Self; 4] = [Self::Off, Self::Healthy, Self::Stalled, Self::NotListening];

    fn name(self) -> &'static str {
        match self {
            Self::Off => "no shadow",
            Self::Healthy => "green is healthy",
            Self::Stalled => "green stalls",
            Self::NotListening => "green does not listen",
        }
    }

    fn config(self) -> Value {
        let mut config = config(json!({"answers": {}}));
        if self != Self::Off {
            config["shadow"] = json!({"percent": 100});
        }
        if self == Self::NotListening {
            config["versions"]["green"]["cluster"] = json!("llm-next");
        }
        config
    }
}

fn main() {
    let number = |name: &str, default: u32| {
        std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let (rounds, seconds) = (number("ROUNDS", 3), number("SECONDS", 10));
    let envoy = Envoy::start(&GreenState::Off.config());
    let model = Model { first_token_ms: 20, tokens: 100, ..Model::default() };
    envoy.upstreams.iter().for_each(|upstream| upstream.set_model(model));
    envoy.upstreams[2].stop();
    let mut result = GreenState::ALL.map(|_| ClientResult::default());
    for _ in 0..rounds {
        for (green, result) in GreenState::ALL.iter().zip(&mut result) {
            run(&envoy, *green, seconds, result);
        }
    }
    println!(
        "\n| {REQUESTS_PER_SECOND} requests per second | failed | p50, ms | p99, ms | shadows | dropped |"
    );
    println!("|---|---|---|---|---|---|");
    for (green, result) in GreenState::ALL.iter().zip(&result) {
        let ClientResult { requests, failed, p50_ms, p99_ms, shadows, dropped } = result;
        let (p50, p99) = (range(p50_ms), range(p99_ms));
        let name = green.name();
        println!("| {name} | {failed} of {requests} | {p50} | {p99} | {shadows} | {dropped} |");
    }
}

fn run(envoy: &Envoy, green: GreenState, seconds: u32, result: &mut ClientResult) {
    envoy.write_filter(&filter_yaml(&green.config())).unwrap();
    envoy.upstreams[1].set_stalled(green == GreenState::Stalled);
    let stat = |name: &str| envoy.read_stat(name).unwrap_or_default();
    let shadows = || stat(&counter("shadow", "requests"));
    let dropped = || stat("cluster.verdigris-shadow.upstream_rq_pending_overflow");
    let before = (shadows(), dropped());
    let report = load(&format!("{}{PATH}", envoy.url), seconds);
    result.shadows += shadows() - before.0;
    result.dropped += dropped() - before.1;
    let statuses = report["statusCodeDistribution"].as_object().unwrap();
    let errors = report["errorDistribution"].as_object().unwrap();
    // Requests that the end of the run aborts are not failures.
    let errors = errors.iter().filter(|(name, _)| *name != "aborted due to deadline");
    let sum = |counts: &mut dyn Iterator<Item = &Value>| counts.filter_map(Value::as_u64).sum();
    let all: u64 = sum(&mut statuses.values());
    let failed: u64 = sum(&mut errors.map(|(_, count)| count));
    let good = statuses.get("200").and_then(Value::as_u64).unwrap_or_default();
    result.requests += all + failed;
    result.failed += all - good + failed;
    let latency = |name: &str| report["latencyPercentiles"][name].as_f64().unwrap() * 1000.0;
    result.p50_ms.push(latency("p50"));
    result.p99_ms.push(latency("p99"));
    // The next state must begin without open shadows.
    envoy.upstreams[1].set_stalled(false);
    wait_for("the shadows to end", || {
        let open = stat("cluster.verdigris-shadow.upstream_rq_active");
        (open == 0).then_some(())
    });
}

fn load(url: &str, seconds: u32) -> Value {
    let output = Command::new(artifacts::tool("bin/oha"))
        .args(["--no-tui", "--output-format", "json", "--worker-threads", "1", "-c", "32"])
        .args(["-z", &format!("{seconds}s"), "-q", &REQUESTS_PER_SECOND.to_string()])
        .args(["--latency-correction", "-m", "POST", "-T", "application/json"])
        .args(["-d", r#"{"stream": true, "messages": []}"#, "-H", "x-user-id: ada", url])
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// The minimum and maximum of the rounds.
fn range(values: &[f64]) -> String {
    let minimum = values.iter().copied().fold(f64::INFINITY, f64::min);
    let maximum = values.iter().copied().fold(0.0, f64::max);
    format!("{minimum:.1}–{maximum:.1}")
}
