//! Counts instructions per request and per stream, in a real Envoy under callgrind.
//!
//! Instruction counts are reproducible within 1 %, whereas times vary by tens of percents. A busy
//! machine does not change that: with twenty processes on two cores every ratio was within 1.4 %
//! of the recorded one. The comparison uses ratios to the plain route, because the counts depend
//! on the CPU, for which libc and V8 select their code. Without AVX2 in libc a request took 3.6 %
//! fewer instructions, but no ratio changed by more than 1.2 %.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::artifacts;
use crate::contestant::Contestant;
use crate::gateway::{Gateway, Server};
use crate::http::{Connection, StreamSpec, chat_body};
use crate::target::{CHUNKS_PER_STREAM, PATH};
use crate::upstream::Upstream;

const WARM_UP: usize = 100;
const REQUESTS: usize = 500;
const STREAMS: usize = 20;

/// The maximum relative difference between a ratio and the recorded one.
const TOLERANCE: f64 = 0.03;

/// The cost of one contestant, in instructions.
pub struct Count {
    contestant: Contestant,
    request: f64,
    stream: f64,
}

/// The ratios of each contestant to the plain route, as recorded in `counted.json`.
type Ratios = BTreeMap<String, Ratio>;

#[derive(Clone, Copy, serde::Deserialize, serde::Serialize)]
struct Ratio {
    request: f64,
    stream: f64,
}

/// Counts instructions, prints them, and compares the ratios with the recorded ones. With `accept`
/// it records the ratios instead.
///
/// # Panics
/// If a ratio differs from the recorded one by more than the tolerance.
pub fn run(contestants: &[Contestant], accept: bool) {
    let counts = count(contestants);
    let ratios = print(&counts);
    let file = artifacts::project().join("tests/bench/counted.json");
    if accept {
        let text = serde_json::to_string_pretty(&ratios).unwrap() + "\n";
        std::fs::write(&file, text).unwrap();
        return;
    }
    let expected: Ratios = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let mut differences = String::new();
    for (name, ratio) in &ratios {
        let Some(recorded) = expected.get(name) else {
            differences += &format!("\n{name}: no ratio is recorded");
            continue;
        };
        for (kind, ratio, recorded) in [
            ("request", ratio.request, recorded.request),
            ("stream", ratio.stream, recorded.stream),
        ] {
            if (ratio / recorded - 1.0).abs() > TOLERANCE {
                differences += &format!(
                    "\n{name}: the ratio of a {kind} to the plain route is {ratio:.3}, recorded {recorded:.3}"
                );
            }
        }
    }
    let advice = "To record the new ratios: make count ACCEPT=1";
    assert!(differences.is_empty(), "{differences}\n{advice}");
}

fn print(counts: &[Count]) -> Ratios {
    let find = |contestant| counts.iter().find(|count| count.contestant == contestant);
    let plain = find(Contestant::Plain).expect("the plain route is the baseline");
    let weighted = find(Contestant::Weighted);
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
    // The number of questions depends on the time that the requests take.
    let server = Server { port, is_judge: false };
    let gateway = Gateway::start(contestants, server, &valgrind);
    let mut callgrind = Callgrind { gateway: &gateway, dumps: 0, idle_per_s: 0.0 };
    if contestants.contains(&Contestant::Ramping) {
        // Envoy still compiles the module and ticks for the first time.
        let settling = Duration::from_secs(10);
        callgrind.instructions(|| std::thread::sleep(settling));
        callgrind.measure_idle("an idle ramp");
    }
    let mut counts = Vec::new();
    for (contestant, port) in contestants.iter().zip(&gateway.ports) {
        let mut connection = Connection::open(*port).unwrap();
        let users = contestant.users(REQUESTS);
        send_requests(&mut connection, &users[..WARM_UP]);
        if *contestant == Contestant::Ramping {
            // With evidence of the same users, a tick takes more than without any. On a slow
            // machine more ticks fall on the requests.
            send_requests(&mut connection, &users);
            callgrind.measure_idle("the same with evidence");
        }
        let requests = callgrind.instructions(|| send_requests(&mut connection, &users));
        request_streams(&mut connection, &upstream, &users[..2]);
        let streams = callgrind
            .instructions(|| request_streams(&mut connection, &upstream, &users[..STREAMS]));
        counts.push(Count {
            contestant: *contestant,
            request: requests / REQUESTS as f64,
            stream: streams / STREAMS as f64,
        });
    }
    counts
}

fn send_requests(connection: &mut Connection, users: &[String]) {
    let plain = chat_body(None);
    for user in users {
        let status = connection.post(PATH, &[("x-user-id", user)], &plain, |_| {}).unwrap();
        assert_eq!(status, 200);
    }
}

/// Requests streams whose next chunk is sent when the previous one has arrived.
fn request_streams(connection: &mut Connection, upstream: &Upstream, users: &[String]) {
    let spec = StreamSpec { chunks: CHUNKS_PER_STREAM, pace_ms: None, size: 8 };
    let body = chat_body(Some(spec));
    for user in users {
        upstream.send_next_chunk();
        let mut left = CHUNKS_PER_STREAM - 1;
        let status = connection.post(PATH, &[("x-user-id", user)], &body, |_| {
            if left > 0 {
                upstream.send_next_chunk();
                left -= 1;
            }
        });
        assert_eq!((status.unwrap(), left), (200, 0));
    }
}

/// Envoy under callgrind.
struct Callgrind<'a> {
    gateway: &'a Gateway,
    dumps: u32,
    /// The instructions per second without requests, including the ticks of ramps.
    idle_per_s: f64,
}

impl Callgrind<'_> {
    fn measure_idle(&mut self, what: &str) {
        let seconds = 10;
        let idle = self.instructions(|| std::thread::sleep(Duration::from_secs(seconds)));
        self.idle_per_s = idle / seconds as f64;
        println!("{what}: {:.0} thousand instructions per second", self.idle_per_s / 1e3);
    }

    /// The instructions of `work` without those of an idle Envoy.
    fn instructions(&mut self, work: impl FnOnce()) -> f64 {
        control(self.gateway, "--zero");
        let began = Instant::now();
        work();
        let idle = began.elapsed().as_secs_f64() * self.idle_per_s;
        control(self.gateway, "--dump=work");
        self.dumps += 1;
        let file = self.gateway.file(&format!("out.{}", self.dumps));
        let dump = std::fs::read_to_string(file).unwrap();
        let total = dump.lines().find_map(|line| line.strip_prefix("totals: ")).unwrap();
        total.trim().parse::<f64>().unwrap() - idle
    }
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
