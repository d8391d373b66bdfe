//! What a tick costs, and how large the state is.

use std::fmt::Write as _;
use std::time::Instant;

use verdigris::analysis::plan::MAX_UNITS;
use verdigris::analysis::{
    Analysis, AnalysisPlan, AnalysisUnit, Evidence, Gate, GateSpec, Measurements, Metric,
    Observation, StepDesign,
};
use verdigris::assignment::Version;

const SHARES: [f64; 4] = [0.01, 0.05, 0.25, 0.5];

/// Responses that a tick takes in.
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

/// The table, by numbers of metrics and units.
pub fn table() -> String {
    let mut text = format!(
        "### What it costs\n\nNatively, in the last of four steps, {RESPONSES} responses a tick.\n\n\
         | metrics | units seen | a tick, µs | sums, bytes | units' memory, bytes |\n\
         |---|---|---|---|---|\n"
    );
    for metrics in [1, 4, 7] {
        for units in [1_000, 10_000, 100_000] {
            let [tick_us, sums, memory] = measure(metrics, units);
            writeln!(text, "| {metrics} | {units} | {tick_us} | {sums} | {memory} |").unwrap();
        }
    }
    text
}

/// A tick in µs, and the bytes of the sums and of the units' memory, as VMs share them.
fn measure(metrics: usize, units: u64) -> [usize; 3] {
    let steps = StepDesign::from_shares(&SHARES);
    let gates = METRICS.iter().take(metrics);
    let gates =
        gates.map(|metric| Gate::new(GateSpec::with_defaults(*metric, &SHARES), &steps)).collect();
    let (alpha, beta, counting) = (0.05, 0.1, AnalysisUnit::Units);
    let rules = AnalysisPlan {
        gates,
        steps,
        alpha,
        beta,
        unit: counting,
        warmup_ns: 0,
        max_units: MAX_UNITS,
    };
    let mut evidence = Evidence::default();
    let responses = |from: u64, count: u64, step: u16| {
        let one = |at: u64| {
            let told = METRICS.iter().fold(Measurements::default(), |told, metric| {
                let value = (at * 7919 % 1000) as f32;
                told.with_rate(*metric, value < 10.0).with_value(*metric, value)
            });
            let version = if at.is_multiple_of(3) { Version::Green } else { Version::Blue };
            let unit = (at % units).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            Observation {
                at_ns: at,
                unit,
                epoch: step,
                version,
                is_newly_exposed: true,
                is_assignment: true,
                measurements: told,
            }
        };
        (from..from + count).map(one).collect::<Vec<_>>()
    };
    for step in 0..4 {
        evidence.begin_step(step.into(), 0);
        evidence.add(&rules, &mut responses(0, units, step));
    }
    let mut times: Vec<_> = (0..1000)
        .map(|tick| {
            let mut told = responses(units + tick * RESPONSES, RESPONSES, 3);
            let start = Instant::now();
            evidence.add(&rules, &mut told);
            std::hint::black_box(Analysis::new(&rules, &evidence, 3));
            start.elapsed().as_micros() as usize
        })
        .collect();
    times.sort_unstable();
    let sums = postcard::to_allocvec(&evidence.steps).unwrap().len();
    // A hash and marks each, as they are shared between VMs.
    [times[times.len() / 2], sums, evidence.remembered_units() * 12]
}
