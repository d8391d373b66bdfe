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
    let if_configured = |is_configured: bool, count: usize| if is_configured { count } else { 0 };
    let has_judge = config.judge.is_some();
    let has_feedback = config.feedback.is_some()
        || config.judge.as_ref().is_some_and(|judge| judge.mode.has_scores());
    let of_both =
        if_configured(config.answers.is_some(), Counter::OUTCOMES.len() + Histogram::ALL.len())
            + if_configured(has_judge, Counter::SAMPLES.len())
            + if_configured(config.samples.is_some(), Counter::EXPORTS.len());
    let steps = config.ramp.as_ref().map_or(0, |ramp| ramp.analysis.steps.len());
    let of_version = Counter::DECISIONS.len()
        + of_both
        + if_configured(has_judge, Counter::JUDGE.len())
        + if_configured(has_feedback, Counter::FEEDBACK.len())
        + EvidenceCounter::ALL.len() * steps;
    let of_shadow = Counter::SHADOW.len()
        + of_both
        + if_configured(has_judge, Counter::judge_of_shadow().count());
    Version::ALL.len() * of_version
        + if_configured(config.shadow.is_some(), of_shadow)
        + Gauge::ALL.len()
        + if_configured(has_judge, 1)
}
