//! What the page and `/state.json` show: the rollouts of this VM and of those that it has adopted,
//! rejected configurations, and plugins whose state it cannot read.

use super::active_rollouts::ActiveRollout;
use super::adopted_rollouts::ForeignRollout;
use super::attributes;
use super::runtime::RolloutRuntime;
use super::store::rejections;
use crate::console::view::{AboutView, FleetView, ProblemView, RolloutView, SCHEMA};
use crate::console::{Acceptance, ControlState, Rejection, View, ViewInputs};
use crate::rollout::{Clocks, Transition};

/// The view of these rollouts. `can_steer` says whether the console has a token.
pub fn view(
    now: Clocks,
    in_use: &[ActiveRollout],
    foreign: &[ForeignRollout],
    can_steer: bool,
) -> View {
    let now_ms = now.unix_ms;
    let rejections = rejections::load();
    let is_for = |it: &Rejection, used: &ActiveRollout| {
        let RolloutRuntime { plugin, config, .. } = &*used.runtime;
        !used.is_replaced && it.is_for(plugin, config.rollout.as_str())
    };
    let rollouts = in_use.iter().map(|used| {
        let of_it: Vec<_> = rejections.iter().filter(|it| is_for(it, used)).collect();
        let acceptance = Acceptance {
            accepted_at_ms: rejections.accepted_at_ms(&used.runtime.plugin),
            rejection: of_it.last().copied(),
        };
        used.view(now, acceptance, of_it.iter().map(|it| it.problem(now_ms)))
    });
    let of_none = rejections.iter().filter(|it| !in_use.iter().any(|used| is_for(it, used)));
    let foreign = foreign.iter().map(|it| ProblemView {
        is_severe: true,
        what: it.problem(),
        fix: ForeignRollout::FIX.to_owned(),
    });
    View {
        schema: SCHEMA,
        now_ms,
        can_steer,
        rollouts: rollouts.collect(),
        problems: of_none.map(|it| it.problem(now_ms)).chain(foreign).collect(),
        about: AboutView {
            verdigris: env!("CARGO_PKG_VERSION").to_owned(),
            envoy: attributes::envoy_version(),
            node: attributes::node_id(),
        },
    }
}

// === impl ActiveRollout ===

impl ActiveRollout {
    /// The view of this rollout.
    fn view(
        &self,
        now: Clocks,
        acceptance: Acceptance<'_>,
        problems: impl Iterator<Item = ProblemView>,
    ) -> RolloutView {
        let running = &self.runtime;
        let state = running.ramp.as_ref().and_then(|ramp| ramp.state());
        let differences = running.ramp.as_ref().map(|ramp| ramp.differences());
        let weights = running.manual_worker.as_ref().and_then(|by_hand| by_hand.state());
        let counters = running.metrics.counter_values();
        let log = match (&state, &weights) {
            (Some(state), _) => Some(&state.log),
            (None, weights) => weights.as_ref().map(|it| &it.log),
        };
        let changes = || log.iter().flat_map(|log| log.iter().rev());
        let s_ago =
            |it: Option<&Transition>| now.unix_s().saturating_sub(it.map_or(0, |it| it.at_s));
        let changed_s_ago = s_ago(changes().next());
        let share_s_ago = s_ago(changes().find(|it| it.from.green_bp != it.to.green_bp));
        let (phase, green_share) = running.phase_and_share();
        let fleet = running.fleet.as_ref().map(|link| link.status());
        let ramp_now = match fleet.as_ref().and_then(Option::as_ref) {
            Some(status) => Clocks { monotonic_ns: status.fleet_ns(now.monotonic_ns), ..now },
            None => now,
        };
        let fleet = fleet.zip(running.config.fleet.as_ref()).map(|(of, config)| {
            FleetView::new(config, of.as_ref(), phase, now.monotonic_ns, share_s_ago)
        });
        let mut view = RolloutView::new(ViewInputs {
            config: &running.config,
            control: match &running.config.ramp {
                Some(settings) => ControlState::Ramp(settings, state.as_ref()),
                None => ControlState::Manual(weights.as_ref()),
            },
            phase,
            green_share,
            is_replaced: self.is_replaced,
            differences: differences.unwrap_or_default(),
            versions: counters.versions,
            recent: running.metrics.recent_requests(now.monotonic_s(), changed_s_ago),
            acceptance,
            refused_stats: counters.refused,
            fleet,
            judge: running.judge_spending(),
            now: ramp_now,
        });
        view.problems.extend(problems);
        view
    }
}
