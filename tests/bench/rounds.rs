//! All targets in turn, round after round, so that what else the machine does falls
//! on all of them.

use crate::cpu;
use crate::http::Connection;
use crate::load::Load;
use crate::target::Target;

/// Requests of a round that are sent one by one.
const REQUESTS: usize = 500;
/// Streams of a round.
const STREAMS: usize = 5;
/// The size of a round's large stream.
const MIB: usize = 16;
/// How many streams are opened at once to see what one takes. LiteLLM's client keeps no
/// more than 500 connections to one host.
const OPEN_STREAMS: usize = 400;

/// A figure that is measured.
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
pub const ALONE: Figure = Figure { name: "one by one, ms", decimals: 3 };
pub const ALONE_ADDED: Figure = Figure { name: "of it added, µs", decimals: 0 };
pub const FIRST: Figure = Figure { name: "first token ms", decimals: 2 };
pub const STREAM_CPU: Figure = Figure { name: "CPU ms/stream", decimals: 2 };
pub const MB_CPU: Figure = Figure { name: "CPU ms/MiB", decimals: 2 };
pub const MEMORY: Figure = Figure { name: "MiB", decimals: 0 };
pub const STREAM_MEMORY: Figure = Figure { name: "KiB/open stream", decimals: 1 };

/// Of one target: figure by figure the values of all rounds.
pub struct Row {
    pub name: String,
    pub values: Vec<(Figure, Vec<f64>)>,
}

/// Measures. The first target is the one that what is added is added to.
///
/// Latency is measured at half of what the slowest target can do at most, the same
/// for all.
pub fn measure(targets: &[Target], rounds: u32, seconds: u32) -> (Vec<Row>, f64) {
    let load = Load::new(seconds);
    let name = |target: &Target| Row { name: target.name.clone(), values: Vec::new() };
    let mut rows: Vec<Row> = targets.iter().map(name).collect();
    // Also the warm-up.
    let most = targets.iter().map(|target| load.run(target, None).per_second);
    let rate = most.fold(f64::INFINITY, f64::min) / 2.0;
    eprintln!("latency at {rate:.0} requests a second");
    for round in 1..=rounds {
        eprintln!("round {round} of {rounds}");
        let mut base = None;
        for (target, row) in targets.iter().zip(&mut rows) {
            let (cpu, seen) = target.cost(|| load.run(target, None));
            row.add(CPU, cpu.as_secs_f64() * 1e6 / seen.requests);
            row.add(PER_SECOND, seen.per_second);
            let seen = load.run(target, Some(rate));
            let mut connection = Connection::open(target.port).unwrap();
            let alone = (0..REQUESTS).map(|_| target.request(&mut connection));
            let alone = median(alone.map(|time| time.as_secs_f64() * 1e3).collect());
            let base = base.get_or_insert((seen.p50_ms, seen.p99_ms, alone));
            row.add(P50, seen.p50_ms);
            row.add(P99, seen.p99_ms);
            row.add(P50_ADDED, (seen.p50_ms - base.0) * 1000.0);
            row.add(P99_ADDED, (seen.p99_ms - base.1) * 1000.0);
            row.add(ALONE, alone);
            row.add(ALONE_ADDED, (alone - base.2) * 1000.0);
            let (cpu, firsts) = target.cost(|| {
                let firsts: Vec<_> = (0..STREAMS).map(|_| target.stream(&mut connection)).collect();
                firsts
            });
            row.add(STREAM_CPU, cpu.as_secs_f64() * 1e3 / STREAMS as f64);
            let firsts = firsts.iter().map(|first| first.as_secs_f64() * 1e3).collect();
            row.add(FIRST, median(firsts));
            let (cpu, ()) = target.cost(|| target.large_stream(&mut connection, MIB));
            row.add(MB_CPU, cpu.as_secs_f64() * 1e3 / MIB as f64);
        }
    }
    for (target, row) in targets.iter().zip(&mut rows) {
        let pid = target.process.id();
        let idle = cpu::memory(pid);
        row.add(MEMORY, idle / 1024.0);
        let open = target.open_streams(OPEN_STREAMS);
        row.add(STREAM_MEMORY, (cpu::memory(pid) - idle) / open.len() as f64);
    }
    (rows, rate)
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

// === impl Row ===

impl Row {
    fn add(&mut self, figure: Figure, value: f64) {
        match self.values.iter_mut().find(|(it, _)| *it == figure) {
            Some((_, values)) => values.push(value),
            None => self.values.push((figure, vec![value])),
        }
    }

    pub fn of(&self, figure: Figure) -> &[f64] {
        let found = self.values.iter().find(|(it, _)| *it == figure);
        found.map_or(&[], |(_, values)| values)
    }
}
