//! What clients notice of shadows: off, on, with a green that stalls, and with one that is gone,
//! in turn in one Envoy.
//!
//!     cargo bench --bench shadow

#[path = "../filter/artifacts.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod artifacts;
#[path = "../filter/envoy/mod.rs"]
#[allow(dead_code, reason = "shared with the tests")]
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
const PER_SECOND: u32 = 200;

/// How green does while it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Off,
    Well,
    Stalled,
    Gone,
}

/// What the clients of one state have seen.
#[derive(Default)]
struct Seen {
    requests: u64,
    failed: u64,
    /// A number for each round.
    p50_ms: Vec<f64>,
    p99_ms: Vec<f64>,
    /// Shadows that were opened, and those that were dropped.
    shadows: u64,
    dropped: u64,
}

impl State {
    const ALL: [Self; 4] = [Self::Off, Self::Well, Self::Stalled, Self::Gone];

    fn name(self) -> &'static str {
        match self {
            Self::Off => "no shadow",
            Self::Well => "green is well",
            Self::Stalled => "green stalls",
            Self::Gone => "green is gone",
        }
    }

    fn config(self) -> Value {
        let mut config = config(json!({"answers": {}}));
        if self != Self::Off {
            config["shadow"] = json!({"percent": 100});
        }
        if self == Self::Gone {
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
    let envoy = Envoy::start(&State::Off.config());
    let model = Model { first_ms: 20, tokens: 100, ..Model::default() };
    envoy.upstreams.iter().for_each(|upstream| upstream.set_model(model));
    envoy.upstreams[2].stop();
    let mut seen = State::ALL.map(|_| Seen::default());
    for _ in 0..rounds {
        for (state, seen) in State::ALL.iter().zip(&mut seen) {
            run(&envoy, *state, seconds, seen);
        }
    }
    println!(
        "\n| {PER_SECOND} requests a second | failed | p50, ms | p99, ms | shadows | dropped |"
    );
    println!("|---|---|---|---|---|---|");
    for (state, seen) in State::ALL.iter().zip(&seen) {
        let Seen { requests, failed, p50_ms, p99_ms, shadows, dropped } = seen;
        let (p50, p99) = (range(p50_ms), range(p99_ms));
        let name = state.name();
        println!("| {name} | {failed} of {requests} | {p50} | {p99} | {shadows} | {dropped} |");
    }
}

fn run(envoy: &Envoy, state: State, seconds: u32, seen: &mut Seen) {
    envoy.write_filter(&filter_yaml(&state.config())).unwrap();
    envoy.upstreams[1].set_stalled(state == State::Stalled);
    let stat = |name: &str| envoy.read_stat(name).unwrap_or_default();
    let shadows = || stat(&counter("shadow", "requests"));
    let dropped = || stat("cluster.verdigris-shadow.upstream_rq_pending_overflow");
    let before = (shadows(), dropped());
    let told = load(&format!("{}{PATH}", envoy.url), seconds);
    seen.shadows += shadows() - before.0;
    seen.dropped += dropped() - before.1;
    let statuses = told["statusCodeDistribution"].as_object().unwrap();
    let errors = told["errorDistribution"].as_object().unwrap();
    // What the end of the time cuts is no failure.
    let errors = errors.iter().filter(|(name, _)| *name != "aborted due to deadline");
    let sum = |counts: &mut dyn Iterator<Item = &Value>| counts.filter_map(Value::as_u64).sum();
    let all: u64 = sum(&mut statuses.values());
    let failed: u64 = sum(&mut errors.map(|(_, count)| count));
    let good = statuses.get("200").and_then(Value::as_u64).unwrap_or_default();
    seen.requests += all + failed;
    seen.failed += all - good + failed;
    let latency = |name: &str| told["latencyPercentiles"][name].as_f64().unwrap() * 1000.0;
    seen.p50_ms.push(latency("p50"));
    seen.p99_ms.push(latency("p99"));
    // The next state is to find none that are still open.
    envoy.upstreams[1].set_stalled(false);
    wait_for("the shadows to end", || {
        let open = stat("cluster.verdigris-shadow.upstream_rq_active");
        (open == 0).then_some(())
    });
}

fn load(url: &str, seconds: u32) -> Value {
    let output = Command::new(artifacts::tool("bin/oha"))
        .args(["--no-tui", "--output-format", "json", "--worker-threads", "1", "-c", "32"])
        .args(["-z", &format!("{seconds}s"), "-q", &PER_SECOND.to_string()])
        .args(["--latency-correction", "-m", "POST", "-T", "application/json"])
        .args(["-d", r#"{"stream": true, "messages": []}"#, "-H", "x-user-id: ada", url])
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// The least and the most of the rounds.
fn range(values: &[f64]) -> String {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(0.0, f64::max);
    format!("{least:.1}–{most:.1}")
}
