//! Instructions per request and per chunk, in a real Envoy under callgrind.
//!
//! Instructions repeat within a percent where times scatter by tens of percents. They do on a
//! busy machine too: with two cores and twenty processes that want them no ratio was further
//! than 1.4 % from what is checked in. Ratios to the plain route are compared, since the
//! instructions themselves depend on the CPU, for which libc's and V8's code is chosen:
//! without AVX2 in libc a request took 3.6 % fewer, and no ratio moved by more than 1.2 %.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::artifacts;
use crate::contestant::Contestant;
use crate::gateway::Gateway;
use crate::http::{Connection, Streamed, chat};
use crate::target::{CHUNKS_OF_A_STREAM, PATH};
use crate::upstream::Upstream;

const WARM_UP: usize = 100;
const REQUESTS: usize = 500;
const STREAMS: usize = 20;

/// By how much of itself a ratio may differ from the one that is checked in.
const TOLERANCE: f64 = 0.03;

/// What one contestant costs, in instructions.
pub struct Count {
    contestant: Contestant,
    request: f64,
    stream: f64,
}

/// What is checked in: each contestant's ratios to the plain route.
type Ratios = BTreeMap<String, Ratio>;

#[derive(Clone, Copy, serde::Deserialize, serde::Serialize)]
struct Ratio {
    request: f64,
    stream: f64,
}

/// Counts, prints, and compares with what is checked in, or puts that right.
///
/// # Panics
/// If a contestant's ratio to the plain route has moved.
pub fn run(contestants: &[Contestant], accepts: bool) {
    let counts = count(contestants);
    let ratios = print(&counts);
    let file = artifacts::project().join("tests/bench/counted.json");
    if accepts {
        let text = serde_json::to_string_pretty(&ratios).unwrap() + "\n";
        std::fs::write(&file, text).unwrap();
        return;
    }
    let expected: Ratios = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let mut moved = String::new();
    for (name, now) in &ratios {
        let then = expected[name];
        for (what, now, then) in
            [("request", now.request, then.request), ("stream", now.stream, then.stream)]
        {
            if (now / then - 1.0).abs() > TOLERANCE {
                moved +=
                    &format!("\n{name}: a {what} was {then:.3} of the plain route's, is {now:.3}");
            }
        }
    }
    assert!(moved.is_empty(), "{moved}\nIf that is meant: make count ACCEPT=1");
}

fn print(counts: &[Count]) -> Ratios {
    let of = |wanted| counts.iter().find(|count| count.contestant == wanted);
    let plain = of(Contestant::Plain).expect("the plain route is what the others are held against");
    let weighted = of(Contestant::Weighted);
    println!(
        "{:24} {:>12} {:>8} {:>10} {:>12} {:>8}",
        "thousand instructions", "a request", "/ plain", "/ weighted", "a stream", "/ plain"
    );
    let mut ratios = Ratios::new();
    for count in counts {
        let ratio =
            Ratio { request: count.request / plain.request, stream: count.stream / plain.stream };
        println!(
            "{:24} {:12.1} {:8.3} {:10.3} {:12.0} {:8.3}",
            count.contestant.name(),
            count.request / 1000.0,
            ratio.request,
            count.request / weighted.map_or(f64::NAN, |weighted| weighted.request),
            count.stream / 1000.0,
            ratio.stream
        );
        let round = |ratio: f64| (ratio * 1000.0).round() / 1000.0;
        let ratio = Ratio { request: round(ratio.request), stream: round(ratio.stream) };
        ratios.insert(count.contestant.name().to_owned(), ratio);
    }
    ratios
}

/// Counts all contestants in one Envoy, each on its own listener.
fn count(contestants: &[Contestant]) -> Vec<Count> {
    let upstream = Upstream::new();
    let port = upstream.start();
    let valgrind = ["valgrind", "--tool=callgrind", "--smc-check=all", "--callgrind-out-file=out"];
    let gateway = Gateway::start(contestants, port, &valgrind);
    let mut dumps = 0;
    // What Envoy does by itself, ramps' ticks among it.
    let mut idle_per_s = 0.0;
    let mut instructions = |work: &mut dyn FnMut(), idle_per_s: f64| {
        control(&gateway, "--zero");
        let began = Instant::now();
        work();
        let idle = began.elapsed().as_secs_f64() * idle_per_s;
        control(&gateway, "--dump=work");
        dumps += 1;
        let dump = std::fs::read_to_string(gateway.file(&format!("out.{dumps}"))).unwrap();
        let total = dump.lines().find_map(|line| line.strip_prefix("totals: ")).unwrap();
        total.trim().parse::<f64>().unwrap() - idle
    };
    if contestants.contains(&Contestant::Ramping) {
        let seconds = 10;
        let mut idle = || std::thread::sleep(Duration::from_secs(seconds));
        idle_per_s = instructions(&mut idle, 0.0) / seconds as f64;
        println!(
            "a ramp with nothing to do: {:.0} thousand instructions a second",
            idle_per_s / 1e3
        );
    }
    let mut counts = Vec::new();
    for (contestant, port) in contestants.iter().zip(&gateway.ports) {
        let mut connection = Connection::open(*port).unwrap();
        let plain = chat(None);
        let mut requests = |count: usize| {
            for user in 0..count {
                let headers = [("x-user-id", format!("user-{user:06}"))];
                let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
                let status = connection.post(PATH, &headers, &plain, |_| {}).unwrap();
                assert_eq!(status, 200);
            }
        };
        requests(WARM_UP);
        let request = instructions(&mut || requests(REQUESTS), idle_per_s) / REQUESTS as f64;
        let streamed = chat(Some(Streamed { chunks: CHUNKS_OF_A_STREAM, pace: None, size: 8 }));
        let mut streams = |count: usize| {
            for user in 0..count {
                let user = format!("user-{user:06}");
                upstream.next();
                let mut left = CHUNKS_OF_A_STREAM - 1;
                let status = connection.post(PATH, &[("x-user-id", &user)], &streamed, |_| {
                    if left > 0 {
                        upstream.next();
                        left -= 1;
                    }
                });
                assert_eq!((status.unwrap(), left), (200, 0));
            }
        };
        streams(2);
        let stream = instructions(&mut || streams(STREAMS), idle_per_s) / STREAMS as f64;
        counts.push(Count { contestant: *contestant, request, stream });
    }
    counts
}

fn control(gateway: &Gateway, command: &str) {
    let pid = gateway.process.id().to_string();
    let output = Command::new("callgrind_control")
        .args([command, &pid])
        .current_dir(gateway.path())
        .output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
