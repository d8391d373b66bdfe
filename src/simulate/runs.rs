//! Many simulated runs, and their statistics.

use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use super::run::{RunEnd, Schedule, SimulatedRun, run};
use super::world::World;
use crate::analysis::AnalysisPlan;

/// Runs of one kind.
#[derive(Clone, Debug)]
pub struct Runs(pub Vec<SimulatedRun>);

/// Simulates `count` runs on all CPUs. The same arguments give the same runs.
pub fn run_many(plan: &AnalysisPlan, world: &World, schedule: &Schedule, count: u64) -> Runs {
    Runs(in_parallel(count, |seed| run(plan, world, schedule, seed)))
}

/// Calls `work` with each number below `count`, on all CPUs. Returns the results in the order
/// of the numbers.
pub fn in_parallel<T: Send>(count: u64, work: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let next = AtomicU64::new(0);
    let work_until_done = || {
        let numbers = std::iter::from_fn(|| {
            Some(next.fetch_add(1, Ordering::Relaxed)).filter(|number| *number < count)
        });
        numbers.map(|number| (number, work(number))).collect::<Vec<_>>()
    };
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    let mut results: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work_until_done)).collect();
        workers.into_iter().filter_map(|worker| worker.join().ok()).flatten().collect()
    });
    results.sort_unstable_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}

// === impl Runs ===

impl Runs {
    /// The fraction of runs whose end matches.
    pub fn share(&self, is_match: impl Fn(RunEnd) -> bool) -> f64 {
        let count = self.0.iter().filter(|run| is_match(run.end)).count();
        count as f64 / self.0.len().max(1) as f64
    }

    /// A quantile, from 0 to 1, of a value over the runs whose end matches; NaN without any.
    pub fn quantile(
        &self,
        quantile: f64,
        is_match: impl Fn(RunEnd) -> bool,
        value: impl Fn(&SimulatedRun) -> u64,
    ) -> f64 {
        let mut values: Vec<u64> =
            self.0.iter().filter(|run| is_match(run.end)).map(value).collect();
        values.sort_unstable();
        let index = (quantile * values.len().saturating_sub(1) as f64).round() as usize;
        values.get(index).map_or(f64::NAN, |value| *value as f64)
    }
}
