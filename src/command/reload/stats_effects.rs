//! The effect on Envoy's stats.

use super::Effect;
use crate::assignment::Version;
use crate::config::Config;
use crate::stats::names::{Counter, EvidenceCounter, Gauge, Histogram};

/// The effect of another rollout name: Envoy removes no stats of a module.
pub fn renamed(old: &Config) -> Effect {
    let (rollout, stats) = (old.rollout.as_str(), count(old));
    let what = format!(
        "Envoy keeps the stats of rollout {rollout}, up to {stats}, until it restarts, and each scrape \
         has them; a process that has had many rollout names has the stats of all"
    );
    Effect::new("stats", what)
}

/// The most stats that a rollout can have.
fn count(config: &Config) -> usize {
    let outcomes = Counter::OUTCOMES.len() + Histogram::ALL.len();
    let samples = config.judge.as_ref().map_or(0, |_| Counter::SAMPLES.len())
        + config.samples.as_ref().map_or(0, |_| Counter::EXPORTS.len());
    let steps = config.ramp.as_ref().map_or(0, |ramp| ramp.analysis.steps.len());
    let of_version = Counter::DECISIONS.len()
        + config.answers.as_ref().map_or(0, |_| outcomes)
        + samples
        + config.feedback.as_ref().map_or(0, |_| Counter::FEEDBACK.len())
        + EvidenceCounter::ALL.len() * steps;
    let of_shadow =
        config.shadow.as_ref().map_or(0, |_| Counter::SHADOW.len() + outcomes + samples);
    Version::ALL.len() * of_version + of_shadow + Gauge::ALL.len()
}
