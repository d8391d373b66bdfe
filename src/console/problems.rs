//! Problems of a rollout, and how to fix them.

use super::view::{AnalysisView, ProblemView, RampView, RolloutView};
use super::{judge_problems, labels};
use crate::assignment::Version;
use crate::rollout::RampSpec;

/// Unread answers are a problem from this number on, if they are more than one in
/// [`UNREAD_ONE_IN`].
pub(crate) const MIN_UNREAD: u64 = 20;
pub(crate) const UNREAD_ONE_IN: u64 = 10;
/// Samples that are not exported are a problem from this number on, if they are more than one in
/// [`UNEXPORTED_ONE_IN`].
const MIN_UNEXPORTED: u64 = 20;
const UNEXPORTED_ONE_IN: u64 = 10;
/// A version without requests is a problem if it has at least this share, and the rollout has had
/// this many requests.
const MIN_IDLE_SHARE_BP: u32 = 500;
const MIN_REQUESTS_FOR_IDLE: u64 = 200;

/// The problems of a rollout, severe ones first.
pub fn problems(
    view: &RolloutView,
    ramp: Option<&RampSpec>,
    refused_stats: usize,
) -> Vec<ProblemView> {
    let analysis = view.ramp.as_ref().and_then(|ramp| ramp.judgement.as_ref());
    let mut all = Vec::new();
    all.extend(state_problems(view));
    all.extend(store_away(view));
    all.extend(rolled_back_alone(view));
    all.extend(missing_traffic(view, analysis));
    all.extend(analysis.into_iter().flat_map(|it| incomparable(view, it)));
    all.extend(incident(view));
    all.extend(refused(refused_stats));
    all.extend(overdue(view));
    all.extend(view.judge.iter().flat_map(|judge| judge_problems::problems(judge, view, ramp)));
    all.extend(unexported_samples(view));
    for version in Version::ALL {
        all.extend(unread_answers(view, version, ramp));
        all.extend(idle_version(view, version));
    }
    let (mut severe, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|it| it.is_severe);
    severe.extend(others);
    severe
}

fn severe(what: impl Into<String>, fix: &str) -> ProblemView {
    ProblemView { is_severe: true, what: what.into(), fix: fix.to_owned() }
}

fn minor(what: impl Into<String>, fix: &str) -> ProblemView {
    ProblemView { is_severe: false, ..severe(what, fix) }
}

/// Problems of the rollout's state: lost, replaced or not read yet.
fn state_problems(view: &RolloutView) -> Vec<ProblemView> {
    let mut found = Vec::new();
    if view.waits_for() == "state_lost" {
        found.push(severe(
            "The state of a ramp that started earlier was lost: Envoy has restarted since, or the \
             configuration came too long after ramp.started.",
            "To restart the ramp, change ramp.restart, and set ramp.started to the time of the restart. \
             Until then blue has all traffic, unless an operator overrides it.",
        ));
    }
    if view.is_replaced {
        found.push(minor(
            "This rollout has had no request since another one was configured.",
            "If the other one replaces it, this one disappears once its last responses have ended.",
        ));
    }
    if !view.is_known {
        found.push(minor(
            "The state of the ramp is not known yet.",
            "Wait a second until a worker reads it. If this persists, Envoy's log says why.",
        ));
    }
    found
}

/// This Envoy cannot use the store of its fleet.
fn store_away(view: &RolloutView) -> Option<ProblemView> {
    let fleet = view.fleet.as_ref().filter(|it| it.is_store_away)?;
    let since = match fleet.store_silent_s {
        Some(silent_s) => format!("for {silent_s} seconds"),
        None => "since this Envoy started".to_owned(),
    };
    let error = fleet.error.as_ref().map(|it| format!(": {it}")).unwrap_or_default();
    let users = match fleet.is_rolled_back_alone {
        true => "all users of this Envoy are on blue",
        false => "this Envoy assigns by what it knew last",
    };
    Some(severe(
        format!("This Envoy could not use the fleet’s store {since}{error}."),
        &format!(
            "Check the store and the cluster in fleet.cluster. Until then {users}, the ramp does not \
             advance, and operator commands are rejected."
        ),
    ))
}

/// This Envoy has rolled back, and the others have not.
fn rolled_back_alone(view: &RolloutView) -> Option<ProblemView> {
    view.fleet.as_ref().filter(|it| it.is_rolled_back_alone)?;
    Some(severe(
        "This Envoy has rolled back by itself, and the fleet has not rolled back yet.",
        "Its log has the reason. The fleet follows once both can use the store; its other Envoys keep their \
         users where they are until then.",
    ))
}

fn missing_traffic(view: &RolloutView, analysis: Option<&AnalysisView>) -> Option<ProblemView> {
    // The evidence of a fleet is of all its Envoys, and the requests are this one's.
    let own = analysis.filter(|_| view.fleet.is_none());
    let has_units = own.is_some_and(|it| it.blue_units.saturating_add(it.green_units) > 0);
    match view.requests() {
        0 if has_units => Some(minor(
            "Envoy drops the stats of the filter.",
            "Check that stats_config.stats_matcher of the bootstrap includes wasmcustom.verdigris.",
        )),
        0 => Some(minor(
            "This rollout has had no requests since Envoy started.",
            "Check that clients reach this Envoy, and that the filter is on their route.",
        )),
        _ if view.waits_for() == "data" => Some(minor(
            "A version has no data in this step.",
            "Check that both versions receive requests with a unit, and that they respond.",
        )),
        _ => None,
    }
}

/// A split or a coverage that makes the versions incomparable. It is severe until the ramp has ended.
fn incomparable(view: &RolloutView, analysis: &AnalysisView) -> Vec<ProblemView> {
    let mut found = Vec::new();
    let has_ended = matches!(view.phase.as_str(), "promoted" | "rolled_back");
    let problem = |what: String, fix| ProblemView { is_severe: !has_ended, ..severe(what, fix) };
    if analysis.is_mismatched {
        found.push(problem(
            "Sample ratio mismatch: the split of users does not match the weights, so green cannot \
             be called safe."
                .to_owned(),
            "Check that all requests of a user carry the same unit, that requests of one version \
             are not sent twice, and that clients cannot choose their unit.",
        ));
    }
    let gates = analysis.gates.iter();
    for gate in gates.filter(|it| it.is_critical && it.verdict == "not_comparable") {
        found.push(problem(
            format!(
                "{} cannot be compared: the value is missing for {} {} of blue and {} of green.",
                labels::metric(&gate.metric).name,
                gate.blue_missing,
                analysis.counts,
                gate.green_missing
            ),
            "See the counters of unread answers below: answers.plain, answers.format or \
             answers.paths make both versions readable; for cost, see prices.",
        ));
    }
    found
}

fn incident(view: &RolloutView) -> Option<ProblemView> {
    (view.waits_for() == "incident").then(|| {
        minor(
            "Both versions are degraded, so the cause probably affects both.",
            "Check what they share: the provider, a quota, the network. The ramp resumes \
             automatically when the incident ends.",
        )
    })
}

fn refused(refused_stats: usize) -> Option<ProblemView> {
    (refused_stats > 0).then(|| {
        minor(
            format!("Envoy refused {refused_stats} of the filter's stats, which are not counted."),
            "Envoy's log has their names and the status that Envoy returned.",
        )
    })
}

fn overdue(view: &RolloutView) -> Option<ProblemView> {
    view.ramp.as_ref().is_some_and(|ramp| ramp.is_overdue).then(|| {
        let fix = match view.waits_for() {
            "approval" => "Green is safe so far: approve the next step, or roll back.",
            "division" => {
                "Find why the split of users does not match the weights. More traffic does not help."
            }
            "unread" => {
                "Make the answers of both versions readable, or remove the gate whose values are \
                 missing. More traffic does not help."
            }
            "incident" => {
                "Repair what both versions share. The ramp resumes automatically when the incident ends."
            }
            "data" => "Check that both versions receive requests with a unit, and that they respond.",
            "pairs" => "Wait for more pairs, or increase the share of the shadow step.",
            _ => {
                "Wait for more traffic, make the step larger, or remove a gate that cannot reach a \
                 verdict."
            }
        };
        minor("The step has lasted longer than ramp.timeout.", fix)
    })
}

fn unread_answers(
    view: &RolloutView,
    version: Version,
    ramp: Option<&RampSpec>,
) -> Option<ProblemView> {
    let (read, unread) = (view.counter(version, "answers"), view.counter(version, "unread"));
    let answers = read.saturating_add(unread);
    if unread < MIN_UNREAD || unread <= answers / UNREAD_ONE_IN {
        return None;
    }
    let problem = severe(
        format!(
            "{unread} of {answers} answers of {version} could not be read since Envoy started."
        ),
        "The counters below have the reasons. For unread_encoded, set answers.plain; for \
         unread_unknown_format, set answers.format or answers.paths.",
    );
    // It affects decisions only if the ramp depends on the bodies, and as long as it does.
    let is_severe = ramp.is_some_and(RampSpec::reads_answers) && lacks_values(view, version);
    Some(ProblemView { is_severe, ..problem })
}

/// Whether the evidence that the ramp decides by lacks values of a version. The counters of answers are
/// since Envoy's start: they stay after the cause is repaired, and after the ramp has ended.
fn lacks_values(view: &RolloutView, version: Version) -> bool {
    let Some(ramp) = view.ramp_in_step() else { return false };
    if ramp.waits_for == "unread" {
        return true;
    }
    let of_version = |blue, green| if version == Version::Green { green } else { blue };
    let of_pairs = ramp.shadow_step.iter().filter(|step| step.is_current).flat_map(|step| {
        let gates = step.gates.iter();
        gates.map(|it| (it.is_critical, &it.verdict, it.blue_missing, it.green_missing, step.units))
    });
    let of_step = ramp.judgement.iter().flat_map(|analysis| {
        let units = of_version(analysis.blue_units, analysis.green_units);
        let gates = analysis.gates.iter();
        gates.map(move |it| (it.is_critical, &it.verdict, it.blue_missing, it.green_missing, units))
    });
    of_pairs.chain(of_step).any(|(is_critical, verdict, blue_missing, green_missing, units)| {
        let missing = of_version(blue_missing, green_missing);
        is_critical && (verdict == "not_comparable" || missing > units / UNREAD_ONE_IN)
    })
}

/// The receiver of exported samples takes few of them.
fn unexported_samples(view: &RolloutView) -> Option<ProblemView> {
    let sum = |name| {
        let counts = view.versions.iter().filter_map(|version| version.counter(name));
        counts.fold(0, u64::saturating_add)
    };
    let (sent, dropped, failed) =
        (sum("samples_sent"), sum("samples_dropped"), sum("samples_failed"));
    let lost = failed.saturating_add(dropped);
    if lost < MIN_UNEXPORTED || lost <= sent.saturating_add(lost) / UNEXPORTED_ONE_IN {
        return None;
    }
    Some(minor(
        format!(
            "Samples are not exported: {sent} were sent since Envoy started, {failed} failed and \
             {dropped} were dropped."
        ),
        "Check the cluster in samples.cluster and its key; Envoy's log has the receiver's answer. If \
         samples are dropped, reduce samples.sample.",
    ))
}

fn idle_version(view: &RolloutView, version: Version) -> Option<ProblemView> {
    let share_bp = match version {
        Version::Green => view.green_bp,
        Version::Blue => 10_000_u32.saturating_sub(view.green_bp),
    };
    let is_idle =
        view.counter(version, "requests") == 0 && view.requests() >= MIN_REQUESTS_FOR_IDLE;
    (is_idle && share_bp >= MIN_IDLE_SHARE_BP).then(|| {
        let what = format!("The version {version} has had no requests, although it has a share.");
        let fix = match version {
            Version::Green => "Check that requests carry a unit: those without one go to blue.",
            Version::Blue => "Check that pins and the force header do not put all units on green.",
        };
        minor(what, fix)
    })
}

// === impl RolloutView ===

impl RolloutView {
    /// What the ramp's next decision waits for; empty without a ramp.
    fn waits_for(&self) -> &str {
        self.ramp.as_ref().map_or("", |ramp| ramp.waits_for.as_str())
    }

    /// The ramp while it decides by the evidence of a step.
    pub(super) fn ramp_in_step(&self) -> Option<&RampView> {
        self.ramp.as_ref().filter(|_| matches!(self.phase.as_str(), "ramping" | "holding"))
    }

    /// All requests of blue and green.
    pub(super) fn requests(&self) -> u64 {
        Version::ALL
            .into_iter()
            .map(|version| self.counter(version, "requests"))
            .fold(0, u64::saturating_add)
    }

    /// A counter of a version; 0 where it does not exist.
    pub(super) fn counter(&self, version: Version, name: &str) -> u64 {
        let of_version = self.versions.iter().find(|it| it.version == version.as_str());
        of_version.and_then(|it| it.counter(name)).unwrap_or_default()
    }
}
