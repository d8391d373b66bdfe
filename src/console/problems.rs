//! What is wrong with a rollout, and what to do about it.

use super::labels;
use super::view::{ProblemView, RolloutView};
use crate::assignment::Version;
use crate::rollout::RampSpec;

/// From so many answers that cannot be read on, if they are one in so many, it is a problem.
const UNREAD: u64 = 20;
const UNREAD_ONE_IN: u64 = 10;
/// How many requests tell that a version with a share of some percent has none.
const TELLING_REQUESTS: u64 = 200;
const SOME_PERCENT_BP: u32 = 500;

/// What is wrong, the worst first.
pub fn problems(
    view: &RolloutView,
    ramp: Option<&RampSpec>,
    refused_stats: usize,
) -> Vec<ProblemView> {
    let (mut severe, mut others) = (Vec::new(), Vec::new());
    let mut note = |is_severe, what: String, mend: &str| {
        let problem = ProblemView { is_severe, what, mend: mend.to_owned() };
        if is_severe { severe.push(problem) } else { others.push(problem) }
    };
    let requests = |version: Version| view.counter(version, "requests");
    let all = requests(Version::Blue).saturating_add(requests(Version::Green));
    let judgement = view.ramp.as_ref().and_then(|ramp| ramp.judgement.as_ref());
    let units = judgement.map_or(0, |it| it.blue_units.saturating_add(it.green_units));
    let waits = view.ramp.as_ref().map_or("", |ramp| ramp.waits_for.as_str());
    if waits == "state_lost" {
        note(
            true,
            "Nothing is known of a ramp that was started earlier: Envoy was restarted since."
                .into(),
            "Change ramp.restart in the configuration to begin the ramp again; until then blue has \
             everything that is not ordered by hand.",
        );
    }
    if view.is_replaced {
        note(
            false,
            "No request has come under this rollout since another one was configured.".into(),
            "If that has taken its place, it goes from here when its last answers have ended.",
        );
    }
    if !view.is_known {
        note(
            false,
            "It is not known yet where the ramp stands.".into(),
            "Wait a second: a worker is about to look. If it stays so, Envoy's log says why.",
        );
    }
    if all == 0 && units > 0 {
        note(
            false,
            "Envoy's stats do not count what the filter counts.".into(),
            "See that stats_config.stats_matcher of the bootstrap lets wasmcustom.verdigris in.",
        );
    } else if all == 0 {
        note(
            false,
            "No request of this rollout has come since Envoy started.".into(),
            "See that clients reach this Envoy, and that their route has the filter.",
        );
    } else if waits == "data" {
        note(
            false,
            "In this step nothing is known of one of the versions.".into(),
            "See that both get requests that name a user, and that they are answered.",
        );
    }
    if judgement.is_some_and(|it| it.is_mismatched) {
        note(
            true,
            "Users are not divided as the weights say, so that nothing else can be judged.".into(),
            "See that each user is named alike in all requests, and that nothing sends one version's \
             requests twice.",
        );
    }
    let uneven = judgement.into_iter().flat_map(|it| &it.gates);
    for gate in uneven.filter(|it| it.is_critical && it.verdict == "not_comparable") {
        note(
            true,
            format!(
                "{} is known of one version only, or of unequal parts of both: not of {} users of \
                 blue and {} of green.",
                labels::metric(&gate.metric).0,
                gate.blue_missing,
                gate.green_missing
            ),
            "See the counters of unread answers below: answers.plain, answers.format or \
             answers.paths make both versions readable; for cost, see prices.",
        );
    }
    if waits == "incident" {
        note(
            false,
            "Both versions are about as bad: something affects both.".into(),
            "Look at what they share: the provider, a quota, the network. The ramp continues by \
             itself when it ends.",
        );
    }
    if refused_stats > 0 {
        note(
            false,
            format!("Envoy refused {refused_stats} of the filter's stats, which are not counted."),
            "Envoy's log names them and the status that it answered.",
        );
    }
    if view.ramp.as_ref().is_some_and(|ramp| ramp.is_overdue) {
        note(
            false,
            "The step takes longer than ramp.timeout.".into(),
            "Wait for more traffic, make the step larger, or take a gate out that cannot be told.",
        );
    }
    for version in Version::ALL {
        let (read, unread) = (view.counter(version, "answers"), view.counter(version, "unread"));
        let answers = read.saturating_add(unread);
        if unread >= UNREAD && unread > answers / UNREAD_ONE_IN {
            let mend = "The counters below say why: unread_encoded wants answers.plain in the \
                        configuration, unread_unknown_format answers.format or answers.paths.";
            let what = format!(
                "{unread} of {answers} answers of {version} could not be read since Envoy started."
            );
            note(ramp.is_some_and(RampSpec::reads_answers), what, mend);
        }
        let share = match version {
            Version::Green => view.green_bp,
            Version::Blue => 10_000_u32.saturating_sub(view.green_bp),
        };
        let is_idle = requests(version) == 0 && all >= TELLING_REQUESTS;
        if is_idle && share >= SOME_PERCENT_BP {
            note(
                false,
                format!("No request has come to {version}, which has a share of them."),
                "See that requests name a user: without one they are blue's.",
            );
        }
    }
    severe.extend(others);
    severe
}

// === impl RolloutView ===

impl RolloutView {
    fn counter(&self, version: Version, name: &str) -> u64 {
        let of_version = self.versions.iter().find(|it| it.version == version.as_str());
        let counters = of_version.map(|it| it.counters.as_slice()).unwrap_or_default();
        counters.iter().find(|(it, _)| it == name).map_or(0, |(_, count)| *count)
    }
}
