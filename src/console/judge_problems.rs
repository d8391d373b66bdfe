//! Problems of the judge of sampled answers.

use super::view::{JudgeView, ProblemView, RolloutView};
use crate::analysis::Metric;
use crate::rollout::RampSpec;

/// Answers of the judge that are no verdict are a problem from this number on, if they are more than one
/// in [`ERRORS_ONE_IN`].
const MIN_ERRORS: u64 = 20;
const ERRORS_ONE_IN: u64 = 4;

/// Pairs on which the judge contradicts itself are a problem from this number on, if they are more than
/// half.
const MIN_INCONSISTENT: u64 = 20;

/// The problems of a judge. They are severe while the ramp needs its verdicts.
pub(super) fn problems(
    judge: &JudgeView,
    view: &RolloutView,
    ramp: Option<&RampSpec>,
) -> Vec<ProblemView> {
    let is_severe = ramp.is_some_and(|ramp| awaits_verdicts(view, ramp));
    let mut found = Vec::new();
    let mut add = |what: String, fix: &str| {
        found.push(ProblemView { is_severe, what, fix: fix.to_owned() });
    };
    if judge.is_exhausted {
        add(
            "The judge has cost judge.max_cost_per_day: nothing is judged until 00:00 UTC."
                .to_owned(),
            "Gates without evidence hold the ramp until then. Raise judge.max_cost_per_day, or lower \
             judge.sample.",
        );
    }
    let pairs = judge.pairs.clone().unwrap_or_default();
    let sum = |counts: [u64; 3]| counts.into_iter().fold(0, u64::saturating_add);
    let errors = sum([judge.blue.errors, judge.green.errors, pairs.errors]);
    let judged = sum([judge.blue.judged, judge.green.judged, pairs.judged]);
    if errors >= MIN_ERRORS && errors > judged.saturating_add(errors) / ERRORS_ONE_IN {
        add(
            format!("{errors} answers of the judge were no verdict since Envoy started."),
            "They are no evidence. The counters judge_errors_… below say why: check the cluster in \
             judge.cluster, its key, judge.host, judge.path, judge.model and judge.parameters.",
        );
    }
    if pairs.inconsistent >= MIN_INCONSISTENT && pairs.inconsistent > pairs.judged / 2 {
        add(
            format!(
                "The judge contradicts itself on {} of {} pairs when their order is swapped.",
                pairs.inconsistent, pairs.judged
            ),
            "Such pairs are no evidence. Use a stronger model in judge.model, or a clearer judge.rubric.",
        );
    }
    found
}

/// Whether the step waits for a critical gate that only the judge gives values.
fn awaits_verdicts(view: &RolloutView, spec: &RampSpec) -> bool {
    let Some(ramp) = view.ramp_in_step() else { return false };
    let gates = spec.analysis.gates.iter().map(|gate| &gate.spec);
    let mut judged = gates.filter(|gate| {
        gate.is_critical && matches!(gate.metric, Metric::Score | Metric::Preference)
    });
    judged.any(|gate| {
        let metric = gate.metric.to_string();
        let is_open = |verdict: &str| matches!(verdict, "undecided" | "not_comparable");
        if let Some(step) = ramp.shadow_step.as_ref().filter(|step| step.is_current) {
            // Before the first pair there are no gates.
            let mut of_metric = step.gates.iter().filter(|it| it.metric == metric);
            let has_begun = !step.gates.is_empty();
            return of_metric.any(|it| is_open(&it.verdict))
                || (gate.metric == Metric::Preference && !has_begun);
        }
        let gates = ramp.judgement.iter().flat_map(|it| &it.gates);
        gates.filter(|it| it.metric == metric).any(|it| is_open(&it.verdict))
    })
}
