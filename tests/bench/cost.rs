//! The cost of the filter, compared with other ways to split the traffic.
//!
//!     cargo bench --bench cost -- count [--accept] [contestant…]
//!     cargo bench --bench cost -- time [contestant…]
//!     cargo bench --bench cost -- streams [contestant…]
//!     cargo bench --bench cost -- gateways

mod contestant;
mod count;
mod cpu;
mod gateway;
mod http;
mod llm_gateways;
mod load;
mod push;
mod report;
mod rounds;
mod target;
mod upstream;

#[path = "../filter/artifacts.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod artifacts;
#[path = "../support/process.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod process;

use std::process::{Command, Stdio};

use contestant::Contestant;
use target::Target;
use upstream::Upstream;

fn main() {
    // Cargo itself passes `--bench`.
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let (flags, words): (Vec<_>, Vec<_>) =
        arguments.iter().map(String::as_str).partition(|argument| argument.starts_with('-'));
    let Some((&command, names)) = words.split_first() else {
        panic!("usage: count, time, streams or gateways");
    };
    let is_selected = |contestant: &Contestant| {
        let name = contestant.name();
        names.is_empty()
            || *contestant == Contestant::Plain
            || names.iter().any(|part| name.contains(part))
    };
    let contestants: Vec<_> = Contestant::ALL.into_iter().filter(is_selected).collect();
    match command {
        "count" => count::run(&contestants, flags.contains(&"--accept")),
        "time" => time(&contestants),
        "gateways" => gateways(),
        "streams" => streams(&contestants),
        _ => panic!("unknown command {command:?}: count, time, streams or gateways"),
    }
}

/// Measures an Envoy for each contestant.
fn time(contestants: &[Contestant]) {
    pin_clients_to_their_cpu();
    let upstream = Upstream::new();
    let port = upstream.start();
    let targets = envoys(contestants, port);
    measure_targets("bench", &targets, env_number("ROUNDS", 5), env_number("SECONDS", 2));
    drop(targets);
    println!("{}", push::measure(port));
    let size = artifacts::filter_wasm().metadata().unwrap().len();
    println!("verdigris.wasm: {size} bytes");
}

/// An Envoy for each contestant, in front of the upstream at this port.
fn envoys(contestants: &[Contestant], port: u16) -> Vec<Target> {
    contestants.iter().map(|contestant| Target::envoy(*contestant, port)).collect()
}

/// Measures only streams. This needs no `oha`.
fn streams(contestants: &[Contestant]) {
    pin_clients_to_their_cpu();
    let upstream = Upstream::new();
    let port = upstream.start();
    let targets = envoys(contestants, port);
    let rows = rounds::measure_only_streams(&targets, env_number("ROUNDS", 10));
    println!("{}", report::table(&rows));
}

/// Measures Envoy and the LLM gateways.
fn gateways() {
    pin_clients_to_their_cpu();
    let upstream = Upstream::new();
    let port = upstream.start();
    let contestants = [Contestant::Plain, Contestant::Deciding, Contestant::AllButRamp];
    let mut targets = envoys(&contestants, port);
    targets.extend([llm_gateways::portkey(port), llm_gateways::litellm(port)]);
    measure_targets("gateways", &targets, env_number("ROUNDS", 3), env_number("SECONDS", 5));
}

fn measure_targets(name: &str, targets: &[Target], rounds: u32, seconds: u32) {
    let (rows, rate) = rounds::measure(targets, rounds, seconds);
    println!("{}\nlatency at {rate:.0} requests per second", report::table(&rows));
    let folder = artifacts::project().join("target/bench");
    std::fs::create_dir_all(&folder).unwrap();
    report::write_csv(&rows, &folder.join(format!("{name}.csv")));
    let chart = folder.join(format!("{name}.svg"));
    report::draw(&rows, &chart).unwrap();
    println!("chart: {}; the CSV file is in the same folder", chart.display());
}

/// A number from the environment.
fn env_number(name: &str, default: u32) -> u32 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Pins clients and upstream to another CPU than the proxies.
fn pin_clients_to_their_cpu() {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    assert!(cpus >= 2, "the benchmark needs two CPUs, one for the proxy and one for its clients");
    let pid = std::process::id().to_string();
    let mut taskset = Command::new("taskset");
    taskset.args(["--all-tasks", "--cpu-list", "--pid", target::CLIENT_CPU, &pid]);
    assert!(taskset.stdout(Stdio::null()).status().unwrap().success());
}
