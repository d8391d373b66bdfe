//! Many ramps, and what they come to.

use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use super::run::{RunEnd, Schedule, SimulatedRun, run};
use super::world::World;
use crate::analysis::AnalysisPlan;

/// Ramps of one kind.
#[derive(Clone, Debug)]
pub struct Runs(pub Vec<SimulatedRun>);

/// Walks `count` ramps on all CPUs. The same count gives the same ramps.
pub fn run_many(rules: &AnalysisPlan, world: &World, course: &Schedule, count: u64) -> Runs {
    Runs(in_parallel(count, |seed| run(rules, world, course, seed)))
}

/// Does `work` for each number below `count` on all CPUs. What they come to, in the order
/// of the numbers.
pub fn in_parallel<T: Send>(count: u64, work: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let next = AtomicU64::new(0);
    let share = || {
        let numbers = std::iter::from_fn(|| {
            Some(next.fetch_add(1, Ordering::Relaxed)).filter(|number| *number < count)
        });
        numbers.map(|number| (number, work(number))).collect::<Vec<_>>()
    };
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    let mut done: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(share)).collect();
        workers.into_iter().filter_map(|worker| worker.join().ok()).flatten().collect()
    });
    done.sort_unstable_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, it)| it).collect()
}

// === impl Runs ===

impl Runs {
    /// What share of them ended so.
    pub fn share(&self, is: impl Fn(RunEnd) -> bool) -> f64 {
        let count = self.0.iter().filter(|run| is(run.end)).count();
        count as f64 / self.0.len().max(1) as f64
    }

    /// A quantile of what is told of those that ended so; NaN where none did.
    pub fn quantile(
        &self,
        quantile: f64,
        is: impl Fn(RunEnd) -> bool,
        what: impl Fn(&SimulatedRun) -> u64,
    ) -> f64 {
        let mut all: Vec<u64> = self.0.iter().filter(|run| is(run.end)).map(what).collect();
        all.sort_unstable();
        let at = (quantile * all.len().saturating_sub(1) as f64).round() as usize;
        all.get(at).map_or(f64::NAN, |value| *value as f64)
    }
}
