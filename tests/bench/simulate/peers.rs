//! The gate beside the rules of other tools, on the same traffic.

use verdigris::simulate::comparison::NAMES;
use verdigris::simulate::{Comparison, Finding, in_parallel};

use super::cells::Row;
use super::worlds::{self, Case};

/// A world, and whether a rollback is right there.
pub struct Compared {
    pub case: Case,
    is_worse: bool,
}

/// The duration of each step, in seconds.
const STEP_S: u64 = 1800;

/// Worlds in which a rollback is wrong, and those in which green is worse, with their titles.
pub fn groups() -> [(&'static str, Vec<Compared>); 2] {
    let of = |is_worse: bool, cases: Vec<Case>| {
        cases.into_iter().map(move |case| Compared { case, is_worse }).collect()
    };
    let (worse, alike): (Vec<_>, Vec<_>) =
        worlds::comparable().into_iter().partition(Case::is_worse);
    [
        ("Other tools where green is not worse", of(false, alike)),
        ("Other tools where green is worse", of(true, worse)),
    ]
}

// === impl Compared ===

impl Compared {
    /// The number of runs: a tenth of `ramps`, or a twentieth where green is worse. A run takes
    /// long.
    pub fn count(&self, ramps: u64) -> u64 {
        ramps.div_ceil(if self.is_worse { 20 } else { 10 })
    }

    /// Simulates the world so many times.
    pub fn run(&self, count: u64) -> Row {
        let comparison = Comparison::new(&self.case.spec(), self.case.world(), STEP_S);
        let from_s = self.case.green_differs_s().start;
        let runs: Vec<_> = in_parallel(count, |seed| comparison.run(seed));
        let column = |(rule, name): (usize, &'static str)| {
            let found: Vec<Finding> = runs.iter().filter_map(|run| run[rule]).collect();
            (name, self.cell(&found, runs.len(), from_s))
        };
        let columns = NAMES.into_iter().enumerate().map(column).collect();
        Row { name: self.case.name.to_owned(), runs: count, columns }
    }

    /// How often a rule has rolled back, and, where that is right, after which time in the median.
    /// Rollbacks before green differs are counted apart.
    fn cell(&self, found: &[Finding], runs: usize, from_s: u64) -> String {
        let (mut after, before): (Vec<u64>, Vec<u64>) =
            found.iter().map(|it| it.seconds).partition(|it| *it > from_s);
        after.sort_unstable();
        let percent = |count: usize| format!("{:.1} %", 100.0 * count as f64 / runs as f64);
        let mut cell = percent(after.len());
        if let Some(median) = after.get(after.len() / 2).filter(|_| self.is_worse) {
            cell += &format!(", {}", time(median - from_s));
        }
        if !before.is_empty() {
            cell += &format!("; {} before", percent(before.len()));
        }
        cell
    }
}

/// A time as seconds, or as minutes from five minutes on.
fn time(seconds: u64) -> String {
    if seconds < 300 { format!("{seconds} s") } else { format!("{} min", seconds / 60) }
}
