//! What to do about a plan.

use super::needed::{ENOUGH, MAX_RPS, NeededTraffic};
use super::planned::{Planned, PlannedStep};
use crate::command::output::{HEAD, columns, count, percent, styled, wrapped};
use crate::command::traffic::Assumptions;

/// Below this number of users the normal approximation is rough.
const FEW_USERS: u32 = 5_000;

// === impl Planned ===

impl Planned {
    /// The advice, as text.
    pub(super) fn advice(&self) -> String {
        let mut all = Vec::new();
        if let Some(needed) = self.needed {
            all.push(self.more_traffic(needed));
            all.extend(self.holding_step());
            all.extend(self.profile());
            all.push(
                "With this traffic: use fewer and larger steps, larger tolerances, or fewer critical \
                 gates. Or count conversations or requests instead of users."
                    .to_owned(),
            );
        }
        if self.traffic.users.is_some_and(|it| it < FEW_USERS) {
            all.push("With few users these figures are rough: simulate the ramp.".to_owned());
        }
        let advice = all.iter().map(|it| wrapped("  ", it, columns())).collect::<String>();
        format!("\n{}\n{advice}{}", styled(HEAD, "Advice"), self.simulations())
    }

    fn more_traffic(&self, needed: NeededTraffic) -> String {
        let rps = self.traffic.requests_per_second;
        match (needed.users, needed.requests_per_second) {
            (Some(users), _) => format!(
                "At {rps} requests per second, this ramp needs about {} users.",
                count(users.into())
            ),
            (None, Some(needed)) => format!(
                "{rps} requests per second are too few, however many users send them. This ramp needs \
                 about {}.",
                count(needed)
            ),
            (None, None) => format!(
                "No traffic completes this ramp: not even {} requests per second, each of another user.",
                count(MAX_RPS)
            ),
        }
    }

    /// The profile for this traffic, if the ramp does not have its steps.
    fn profile(&self) -> Option<String> {
        let profile = self.recommended_profile;
        let shares = self.steps.iter().map(|it| (it.share * 1e4).round() as u64);
        let has_its_steps = shares.eq(profile.steps_bp().iter().copied());
        let name = profile.as_str();
        (!has_its_steps).then(|| {
            format!(
                "For this traffic there is \"profile\": \"{name}\" in ramp, with steps and tolerances \
                 that suit it. Remove the ramp's own."
            )
        })
    }

    /// The step that holds most ramps, and its gates.
    fn holding_step(&self) -> Option<String> {
        let steps = self.steps.iter().filter(|it| it.is_compared);
        let step = steps.min_by(|a, b| a.advances.total_cmp(&b.advances))?;
        let PlannedStep { step: number, share, gates, green, .. } = step;
        let gates = gates.iter().filter(|it| it.is_critical && it.passes < ENOUGH);
        let gates: Vec<&str> = gates.map(|it| it.metric.as_str()).collect();
        let users = green.users.map(|it| format!(", {} users of green", count(it)));
        let gates = match gates.as_slice() {
            [] => "all gates together".to_owned(),
            gates => gates.join(", "),
        };
        Some(format!(
            "Most ramps hold in step {number} ({}{}): {gates}.",
            percent(*share),
            users.unwrap_or_default()
        ))
    }

    /// Simulations with the same traffic: of a green like blue, and of a worse one.
    fn simulations(&self) -> String {
        let Assumptions { requests_per_second: rps, users, .. } = &self.traffic;
        let users = users.map(|it| format!(" --users {it}")).unwrap_or_default();
        let command = format!("verdigris simulate {} --rps {rps}{users} --runs 100", self.file);
        let mut gates = self.steps.iter().flat_map(|it| &it.gates);
        let worse = gates.next().map(|it| {
            let metric = it.metric;
            format!(
                "  To see how soon a worse green is rolled back:\n    {command} --green {metric}=x3\n"
            )
        });
        let worse = worse.unwrap_or_default();
        format!("  To check these figures by simulation:\n    {command}\n{worse}")
    }
}
