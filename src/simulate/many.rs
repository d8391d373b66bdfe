//! Many ramps, and what they come to.

use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use super::ramp::{Course, End, Run, run};
use super::world::World;
use crate::judge::Rules;

/// Ramps of one kind.
#[derive(Clone, Debug)]
pub struct Runs(pub Vec<Run>);

/// Walks `count` ramps on all CPUs. The same count gives the same ramps.
pub fn run_many(rules: &Rules, world: &World, course: &Course, count: u64) -> Runs {
    let next = AtomicU64::new(0);
    let work = || {
        let seeds = std::iter::from_fn(|| {
            Some(next.fetch_add(1, Ordering::Relaxed)).filter(|seed| *seed < count)
        });
        seeds.map(|seed| run(rules, world, course, seed)).collect::<Vec<_>>()
    };
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    let runs = thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        workers.into_iter().filter_map(|worker| worker.join().ok()).flatten().collect()
    });
    Runs(runs)
}

// === impl Runs ===

impl Runs {
    /// What share of them ended so.
    pub fn share(&self, is: impl Fn(End) -> bool) -> f64 {
        let count = self.0.iter().filter(|run| is(run.end)).count();
        count as f64 / self.0.len().max(1) as f64
    }

    /// A quantile of what is told of those that ended so; NaN where none did.
    pub fn quantile(
        &self,
        quantile: f64,
        is: impl Fn(End) -> bool,
        what: impl Fn(&Run) -> u64,
    ) -> f64 {
        let mut all: Vec<u64> = self.0.iter().filter(|run| is(run.end)).map(what).collect();
        all.sort_unstable();
        let at = (quantile * all.len().saturating_sub(1) as f64).round() as usize;
        all.get(at).map_or(f64::NAN, |value| *value as f64)
    }
}
