//! What to do about a plan.

use super::needed::{ENOUGH, MAX_RPS, NeededTraffic};
use super::planned::{Planned, PlannedStep};
use crate::analysis::metric::Comparison;
use crate::command::output::{HEAD, columns, count, percent, styled, wrapped};

/// Below this number of users the normal approximation is rough.
const FEW_USERS: u32 = 5_000;

// === impl Planned ===

impl Planned {
    /// The advice, as text.
    pub(super) fn advice(&self) -> String {
        let mut all = Vec::new();
        if let Some(needed) = self.needed {
            all.push(self.more_traffic(needed));
        }
        if self.needed.is_some() || self.completes < ENOUGH {
            all.extend(self.holding_step());
        }
        if self.needed.is_some() {
            all.extend(self.profile());
            all.push(
                "With this traffic: use fewer and larger steps, larger tolerances, or fewer critical \
                 gates. Or count requests instead of users, if each stands alone."
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
                 that suit it. Fields that the ramp sets itself take precedence: remove steps, bake \
                 and tolerance if they are set."
            )
        })
    }

    /// The step that holds most ramps, and its gates.
    fn holding_step(&self) -> Option<String> {
        let steps = self.steps.iter().filter(|it| it.is_compared);
        let step = steps.min_by(|a, b| a.advances.total_cmp(&b.advances))?;
        if let Some(shadow) = self.shadow_step.as_ref().filter(|it| it.goes_on < step.advances) {
            return Some(format!(
                "Most ramps that hold do so in the shadow step, for which {} pairs are too few. Write more \
                 \"pairs\" there, larger tolerances, or fewer critical gates.",
                count(shadow.max_pairs as f64)
            ));
        }
        let PlannedStep { step: number, share, gates, green, .. } = step;
        let gates = gates.iter().filter(|it| it.is_critical && it.passes < ENOUGH);
        let gates: Vec<&str> = gates.map(|it| it.metric.as_str()).collect();
        let users = green.users.map(|it| format!(", {} users of green", count(it)));
        let gates = match gates.as_slice() {
            [] => "all gates together".to_owned(),
            gates => gates.join(", "),
        };
        Some(format!(
            "Most ramps that hold do so in step {number} ({}{}): {gates}.",
            percent(*share),
            users.unwrap_or_default()
        ))
    }

    /// Simulations with the same traffic: of a green like blue, and of a worse one.
    fn simulations(&self) -> String {
        let (file, arguments) = (shell_word(&self.file), &self.arguments);
        let command = format!("verdigris simulate {file} {arguments} --runs 100");
        let worse = self.worse_behaviour().map(|behaviour| {
            format!(
                "  To see how soon a worse green is rolled back:\n    {command} --green {behaviour}\n"
            )
        });
        let worse = worse.unwrap_or_default();
        format!("  To check these figures by simulation:\n    {command}\n{worse}")
    }

    /// Green three times as bad by the first gate, or as bad as it can be.
    fn worse_behaviour(&self) -> Option<String> {
        let metric = self.steps.iter().flat_map(|it| &it.gates).next()?.metric;
        let metric = metric.quantile().map_or(metric, |it| it.time);
        let assumed = self.traffic.metrics.iter().find(|it| it.metric == metric);
        let most = match assumed {
            // Of a pair, one version loses.
            Some(it) if metric.is_of_pairs() => 1.0 / it.blue - 1.0,
            Some(it) if metric.comparison() == Comparison::Rate => 1.0 / it.blue,
            _ => f64::INFINITY,
        };
        // Rounded down, so that the rate stays below 1.
        let times = (most.min(3.0) * 100.0).floor() / 100.0;
        Some(format!("{metric}=x{times}"))
    }
}

/// The text as one word of a shell.
fn shell_word(text: &str) -> String {
    let is_plain = |it: char| it.is_alphanumeric() || "/._-+,:@%".contains(it);
    match text.chars().all(is_plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}
