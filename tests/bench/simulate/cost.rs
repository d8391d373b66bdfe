//! The cost of a tick, and the size of the state.

use std::time::Instant;

use verdigris::analysis::plan::MAX_UNITS;
use verdigris::analysis::{
    Analysis, AnalysisPlan, AnalysisUnit, Evidence, Gate, GateSpec, Measurements, Metric,
    Observation, StepDesign, StepIndex, StepObservation,
};
use verdigris::assignment::{Epoch, Version};

use super::cells::Row;
use super::table::Table;

const SHARES: [f64; 4] = [0.01, 0.05, 0.25, 0.5];

/// The number of ticks.
const TICKS: u64 = 1000;

/// The number of responses in a tick.
const RESPONSES: u64 = 50;

const METRICS: [Metric; 7] = [
    Metric::ErrorRate,
    Metric::Duration,
    Metric::RefusalRate,
    Metric::Ttft,
    Metric::TruncationRate,
    Metric::Cost,
    Metric::OutputTokens,
];

/// The table, by the number of metrics and units.
pub fn table() -> Table {
    let mut rows = Vec::new();
    for metrics in [1, 4, 7] {
        for units in [1_000, 10_000, 100_000] {
            let [tick_us, sums, memory] = measure(metrics, units).map(|it| it.to_string());
            let name = format!("{metrics} metrics, {units} units seen");
            let columns = vec![
                ("a tick, µs", tick_us),
                ("sums, bytes", sums),
                ("units' memory, bytes", memory),
            ];
            rows.push(Row { name, runs: TICKS, columns });
        }
    }
    Table::new("What it costs", &rows)
}

/// The median time of a tick in µs, and the stored size of the sums and of the seen units in bytes.
fn measure(metrics: usize, units: u64) -> [usize; 3] {
    let steps = StepDesign::from_shares(&SHARES);
    let gates = METRICS.iter().take(metrics);
    let gates =
        gates.map(|metric| Gate::new(GateSpec::with_defaults(*metric, &SHARES), &steps)).collect();
    let plan = AnalysisPlan {
        gates,
        steps,
        alpha: 0.05,
        beta: 0.1,
        learns_objective: false,
        adjusts: false,
        compares_all: true,
        unit: AnalysisUnit::Units,
        warmup_ns: 0,
        cold_start_ns: 0,
        max_units: MAX_UNITS,
    };
    let mut evidence = Evidence::default();
    for step in (0..4).map(StepIndex::new) {
        evidence.begin_step(step, 0);
        evidence.add(&plan, (0..units).map(|index| response(index, units, step)).collect());
    }
    let last = StepIndex::new(3);
    let mut times: Vec<_> = (0..TICKS)
        .map(|tick| {
            let first = units + tick * RESPONSES;
            let responses =
                (first..first + RESPONSES).map(|index| response(index, units, last)).collect();
            let start = Instant::now();
            evidence.add(&plan, responses);
            std::hint::black_box(Analysis::new(&plan, &evidence, last));
            start.elapsed().as_micros() as usize
        })
        .collect();
    times.sort_unstable();
    let sums = postcard::to_allocvec(&evidence.steps).unwrap().len();
    // A hash and flags each.
    [times[times.len() / 2], sums, evidence.remembered_units() * 12]
}

/// The response with this number, of one of so many units.
fn response(index: u64, units: u64, step: StepIndex) -> StepObservation {
    let measurements = METRICS.iter().fold(Measurements::default(), |measurements, metric| {
        let value = (index * 7919 % 1000) as f32;
        measurements.with_rate(*metric, value < 10.0).with_value(*metric, value)
    });
    let observation = Observation {
        at_ns: index,
        unit: (index % units).wrapping_mul(0x9e37_79b9_7f4a_7c15),
        epoch: Epoch::new(1),
        version: if index.is_multiple_of(3) { Version::Green } else { Version::Blue },
        is_newly_exposed: true,
        is_assignment: true,
        shadow: None,
        measurements,
    };
    StepObservation { step, observation }
}
