//! Which requests are copied after a reload, and where they are sent.

use super::effect::Effect;
use crate::command::output::percent;
use crate::config::{Config, JudgeConfig, SamplesConfig};
use crate::export::ExportedContent;

/// The effects of a change of `judge`.
pub(super) fn judge(old: &Config, new: &Config) -> Vec<Effect> {
    let (from, to) = match (&old.judge, &new.judge) {
        (None, None) => return Vec::new(),
        (Some(_), None) => {
            let what = "answers are no longer judged: samples that wait are dropped, and a gate on \
                        score or preference that still needs verdicts holds the ramp";
            return vec![Effect::new("judge", what)];
        }
        (None, Some(to)) => {
            let what = format!(
                "prompts and answers of up to {} of requests leave Envoy for the judge, cluster {}",
                percent(to.sampler.share),
                to.cluster
            );
            return vec![Effect::new("judge", what)];
        }
        (Some(from), Some(to)) => (from, to),
    };
    let mut effects = Vec::new();
    if from.cluster != to.cluster {
        let what = format!(
            "prompts and answers leave Envoy for cluster {}, not {}",
            to.cluster, from.cluster
        );
        effects.push(Effect::new("judge.cluster", what));
    }
    let texts =
        [("judge.model", &from.model, &to.model), ("judge.rubric", &from.rubric, &to.rubric)];
    for (field, from, to) in texts {
        if from != to {
            let what = "the step keeps the verdicts that it has, so that its evidence is of both; \
                        ramp.restart begins again without them";
            effects.push(Effect::new(field, what));
        }
    }
    if from.mode != to.mode {
        let what = format!(
            "the judge is asked {}, not {}: a gate on the other metric gets no more verdicts",
            asked_for(to),
            asked_for(from)
        );
        effects.push(Effect::new("judge.mode", what));
    }
    effects.extend(share_effect("judge.sample", "judged", from.sampler.share, to.sampler.share));
    effects
}

fn asked_for(judge: &JudgeConfig) -> &'static str {
    match (judge.mode.has_scores(), judge.mode.has_pairs()) {
        (true, true) => "for scores and pairs",
        (false, _) => "for pairs",
        (true, false) => "for scores",
    }
}

/// The effects of a change of `samples`.
pub(super) fn samples(old: &Config, new: &Config) -> Vec<Effect> {
    let texts = |samples: &SamplesConfig| match samples.content {
        ExportedContent::Full => "with prompts and answers",
        ExportedContent::Metadata => "without prompts and answers",
    };
    let (from, to) = match (&old.samples, &new.samples) {
        (None, None) => return Vec::new(),
        (Some(_), None) => {
            let what = "samples are no longer exported, and those that wait are dropped";
            return vec![Effect::new("samples", what)];
        }
        (None, Some(to)) => {
            let what = format!(
                "up to {} of requests are exported to cluster {}, {}",
                percent(to.sampler.share),
                to.cluster,
                texts(to)
            );
            return vec![Effect::new("samples", what)];
        }
        (Some(from), Some(to)) => (from, to),
    };
    let mut effects = Vec::new();
    if from.cluster != to.cluster {
        let what = format!("samples are exported to cluster {}, not {}", to.cluster, from.cluster);
        effects.push(Effect::new("samples.cluster", what));
    }
    if from.content != to.content {
        effects.push(Effect::new("samples.content", format!("samples are exported {}", texts(to))));
    }
    effects.extend(share_effect(
        "samples.sample",
        "exported",
        from.sampler.share,
        to.sampler.share,
    ));
    effects
}

/// The effect of a change of the share of requests that is judged, or exported.
fn share_effect(field: &'static str, what_is_done: &str, from: f64, to: f64) -> Option<Effect> {
    let what = || {
        let (from, to) = (percent(from), percent(to));
        format!("the share of requests that is {what_is_done} changes from {from} to {to}")
    };
    (from != to).then(|| Effect::new(field, what()))
}
