//! A green that answers sooner than blue: its long answers end first when a step begins.

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, LogNormal};
use verdigris::analysis::{
    Analysis, AnalysisPlan, Evidence, Measurements, Metric, StepIndex, StepObservation, Verdict,
};
use verdigris::assignment::Version;

use crate::{LAST, observe, plan_for};

const SECOND_NS: u64 = 1_000_000_000;
const RPS: u64 = 100;
const SECONDS: u64 = 360;

/// Whether green fails at any time in the first minutes of a step of 50 %. Green's answers cost so many times
/// as much as blue's, and end after half of the time.
fn fails(plan: &AnalysisPlan, times: f64, seed: u64) -> bool {
    let mut random = SmallRng::seed_from_u64(seed);
    let dollars = LogNormal::new(0.004_f64.ln(), 0.8).unwrap();
    let step = StepIndex::new(LAST);
    let mut evidence = Evidence::default();
    evidence.begin_step(step, 0);
    let mut open: Vec<StepObservation> = Vec::new();
    for second in 0..SECONDS {
        for _ in 0..RPS {
            let (version, factor, s_per_dollar) = match random.random_bool(0.5) {
                true => (Version::Green, times, 1_000.0),
                false => (Version::Blue, 1.0, 2_000.0),
            };
            let cost = dollars.sample(&mut random);
            let ended_ns = second * SECOND_NS + (cost * s_per_dollar * 1e9) as u64;
            let measurements =
                Measurements::default().with_value(Metric::Cost, (cost * factor) as f32);
            open.push(observe(ended_ns, random.random(), LAST, version, measurements));
        }
        let now_ns = (second + 1) * SECOND_NS;
        evidence.begin_tick(plan, now_ns);
        let ended = open.extract_if(.., |it| it.observation.at_ns <= now_ns);
        evidence.add(plan, ended.collect());
        if Analysis::new(plan, &evidence, step).verdict == Verdict::Fail {
            return true;
        }
    }
    false
}

#[test]
fn a_faster_green_does_not_look_dearer() {
    let plan =
        AnalysisPlan { warmup_ns: 120 * SECOND_NS, ..plan_for(&[Metric::Cost, Metric::ErrorRate]) };
    for seed in 0..10 {
        assert!(!fails(&plan, 1.0, seed), "seed {seed}: it costs the same");
        assert!(fails(&plan, 1.3, seed), "seed {seed}: it costs more");
    }
}
