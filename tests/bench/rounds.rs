//! Measures all targets in turn, in several rounds, so that other load on the machine affects all
//! targets.

use crate::cpu;
use crate::http::Connection;
use crate::load::Load;
use crate::target::Target;

/// The number of sequential requests in a round.
const REQUESTS: usize = 500;
/// The number of streams in a round.
const STREAMS: usize = 5;
/// The number of streams in a round of which the time to the first token is measured.
const FIRST_TOKENS: usize = 300;
/// The size of the large stream in a round.
const MIB: usize = 16;
/// The number of streams that are open at once to measure the memory of one. LiteLLM's client
/// keeps at most 500 connections to one host.
const OPEN_STREAMS: usize = 400;

/// A measured quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figure {
    pub name: &'static str,
    pub decimals: usize,
}

pub const CPU: Figure = Figure { name: "CPU µs/request", decimals: 0 };
pub const PER_SECOND: Figure = Figure { name: "requests/s", decimals: 0 };
pub const P50: Figure = Figure { name: "p50 ms", decimals: 3 };
pub const P99: Figure = Figure { name: "p99 ms", decimals: 2 };
pub const P50_ADDED: Figure = Figure { name: "p50 added µs", decimals: 0 };
pub const P99_ADDED: Figure = Figure { name: "p99 added µs", decimals: 0 };
pub const SEQUENTIAL: Figure = Figure { name: "sequential ms", decimals: 3 };
pub const SEQUENTIAL_ADDED: Figure = Figure { name: "seq. added µs", decimals: 0 };
pub const FIRST_TOKEN: Figure = Figure { name: "first token ms", decimals: 3 };
pub const FIRST_TOKEN_P99: Figure = Figure { name: "its p99 ms", decimals: 2 };
pub const FIRST_TOKEN_RATIO: Figure = Figure { name: "first token, ×", decimals: 3 };
pub const FIRST_TOKEN_P99_RATIO: Figure = Figure { name: "its p99, ×", decimals: 2 };
pub const STREAM_CPU: Figure = Figure { name: "CPU ms/stream", decimals: 2 };
pub const MB_CPU: Figure = Figure { name: "CPU ms/MiB", decimals: 2 };
pub const MEMORY: Figure = Figure { name: "MiB", decimals: 0 };
pub const STREAM_MEMORY: Figure = Figure { name: "KiB/open stream", decimals: 1 };

/// The results of one target.
pub struct Row {
    pub name: String,
    /// The values of all rounds, for each figure.
    pub values: Vec<(Figure, Vec<f64>)>,
}

/// Measures all targets. The first target is the baseline of the added latencies and of the ratios.
///
/// Latency is measured at half of the maximum rate of the slowest target, at the same rate for all
/// targets. Returns that rate as well.
pub fn measure(targets: &[Target], rounds: u32, seconds: u32) -> (Vec<Row>, f64) {
    let load = Load::new(seconds);
    let mut rows = empty_rows(targets);
    // This is the warm-up as well.
    let maximum_rates = targets.iter().map(|target| load.run(target, None).per_second);
    let rate = maximum_rates.fold(f64::INFINITY, f64::min) / 2.0;
    eprintln!("latency at {rate:.0} requests per second");
    for round in 1..=rounds {
        eprintln!("round {round} of {rounds}");
        measure_load(targets, &mut rows, &load, rate);
        measure_streams(targets, &mut rows);
    }
    measure_memory(targets, &mut rows);
    (rows, rate)
}

/// Measures only the streams of all targets, which needs no program that makes load.
pub fn measure_only_streams(targets: &[Target], rounds: u32) -> Vec<Row> {
    let mut rows = empty_rows(targets);
    // The warm-up.
    measure_streams(targets, &mut empty_rows(targets));
    for round in 1..=rounds {
        eprintln!("round {round} of {rounds}");
        measure_streams(targets, &mut rows);
    }
    measure_memory(targets, &mut rows);
    rows
}

fn empty_rows(targets: &[Target]) -> Vec<Row> {
    let name = |target: &Target| Row { name: target.name.clone(), values: Vec::new() };
    targets.iter().map(name).collect()
}

fn measure_load(targets: &[Target], rows: &mut [Row], load: &Load, rate: f64) {
    let mut baseline = None;
    for (target, row) in targets.iter().zip(rows) {
        let (cpu, result) = target.cost(|| load.run(target, None));
        row.add(CPU, cpu.as_secs_f64() * 1e6 / result.requests);
        row.add(PER_SECOND, result.per_second);
        let result = load.run(target, Some(rate));
        let mut connection = Connection::open(target.port).unwrap();
        let sequential_ms = (0..REQUESTS).map(|_| target.request(&mut connection));
        let sequential_ms = median(sequential_ms.map(|time| time.as_secs_f64() * 1e3).collect());
        let baseline = baseline.get_or_insert((result.p50_ms, result.p99_ms, sequential_ms));
        row.add(P50, result.p50_ms);
        row.add(P99, result.p99_ms);
        row.add(P50_ADDED, (result.p50_ms - baseline.0) * 1000.0);
        row.add(P99_ADDED, (result.p99_ms - baseline.1) * 1000.0);
        row.add(SEQUENTIAL, sequential_ms);
        row.add(SEQUENTIAL_ADDED, (sequential_ms - baseline.2) * 1000.0);
    }
}

fn measure_streams(targets: &[Target], rows: &mut [Row]) {
    let connect = |target: &Target| Connection::open(target.port).unwrap();
    let mut connections: Vec<Connection> = targets.iter().map(connect).collect();
    let mut first_tokens_ms = vec![Vec::with_capacity(FIRST_TOKENS); targets.len()];
    // One stream of each target in turn, because these times are shorter than most disturbances.
    for _ in 0..FIRST_TOKENS {
        let of_targets = targets.iter().zip(&mut connections).zip(&mut first_tokens_ms);
        for ((target, connection), times_ms) in of_targets {
            times_ms.push(target.first_token(connection).as_secs_f64() * 1e3);
        }
    }
    let mut baseline = None;
    for (times_ms, row) in first_tokens_ms.into_iter().zip(&mut *rows) {
        let (p50, p99) = (median(times_ms.clone()), quantile(times_ms, 0.99));
        let baseline = baseline.get_or_insert((p50, p99));
        row.add(FIRST_TOKEN, p50);
        row.add(FIRST_TOKEN_P99, p99);
        row.add(FIRST_TOKEN_RATIO, p50 / baseline.0);
        row.add(FIRST_TOKEN_P99_RATIO, p99 / baseline.1);
    }
    for ((target, connection), row) in targets.iter().zip(&mut connections).zip(rows) {
        let (cpu, ()) = target.cost(|| (0..STREAMS).for_each(|_| target.stream(connection)));
        row.add(STREAM_CPU, cpu.as_secs_f64() * 1e3 / STREAMS as f64);
        let (cpu, ()) = target.cost(|| target.large_stream(connection, MIB));
        row.add(MB_CPU, cpu.as_secs_f64() * 1e3 / MIB as f64);
    }
}

fn measure_memory(targets: &[Target], rows: &mut [Row]) {
    for (target, row) in targets.iter().zip(rows) {
        let pid = target.process.id();
        let idle_kib = cpu::resident_kib(pid);
        row.add(MEMORY, idle_kib / 1024.0);
        let open = target.open_streams(OPEN_STREAMS);
        row.add(STREAM_MEMORY, (cpu::resident_kib(pid) - idle_kib) / open.len() as f64);
    }
}

pub fn median(values: Vec<f64>) -> f64 {
    quantile(values, 0.5)
}

/// The value below which this fraction of all values is.
fn quantile(mut values: Vec<f64>, fraction: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get((values.len() as f64 * fraction) as usize).copied().unwrap_or(f64::NAN)
}

// === impl Row ===

impl Row {
    fn add(&mut self, figure: Figure, value: f64) {
        match self.values.iter_mut().find(|(it, _)| *it == figure) {
            Some((_, values)) => values.push(value),
            None => self.values.push((figure, vec![value])),
        }
    }

    pub fn values_of(&self, figure: Figure) -> &[f64] {
        let found = self.values.iter().find(|(it, _)| *it == figure);
        found.map_or(&[], |(_, values)| values)
    }
}
