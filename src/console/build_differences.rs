//! Converts the history of the gates' differences into what the console shows of it.

use super::build_analysis::{difference_at, is_eventless, unit};
use super::view::{DifferencePointView, DifferenceView};
use crate::analysis::Gate;
use crate::analysis::metric::Comparison;
use crate::rollout::{DifferenceHistory, RampSpec};

/// How the difference of each gate has developed. Gates without any value are missing.
pub(super) fn differences(spec: &RampSpec, history: &DifferenceHistory) -> Vec<DifferenceView> {
    let views = spec.analysis.gates.iter().map(|gate| difference(gate, history));
    views.filter(|view| !view.points.is_empty()).collect()
}

fn difference(gate: &Gate, history: &DifferenceHistory) -> DifferenceView {
    let metric = gate.spec.metric;
    let samples = history.samples().iter();
    let sampled = samples
        .filter_map(|sample| Some((sample, sample.gates.iter().find(|it| it.metric == metric)?)));
    let mut blue = None;
    let points = sampled.map(|(sample, it)| {
        blue = Some(it.blue);
        DifferencePointView {
            at_ms: sample.at_ms,
            step: sample.step.get(),
            difference: it.green - it.blue,
            low: it.limits.map(|(low, _)| low),
            high: it.limits.map(|(_, high)| high),
        }
    });
    let points = points.collect();
    let margin_at = difference_at(metric, blue, gate.spec.margin);
    DifferenceView {
        metric: metric.to_string(),
        unit: unit(metric).to_owned(),
        margin_at: margin_at.filter(|_| !is_eventless(metric, blue)),
        higher_is_worse: metric.comparison() != Comparison::Lower,
        points,
    }
}
