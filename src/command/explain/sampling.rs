//! Whether a request is copied for a judge or an export, as text.

use crate::assignment::{Assignment, Reason, Share};
use crate::command::output::percent;
use crate::config::Config;
use crate::sampling::{ComparedShares, Sampler};

/// Why a request is sampled, or is not.
pub(super) struct SampledBy<'a> {
    pub config: &'a Config,
    /// Green's share in force.
    pub share: Share,
    /// The share of all units that is compared.
    pub analysed: Share,
    pub assignment: Assignment,
    /// Whether the request has what is assigned: a conversation where the rollout keeps these, or else a unit.
    pub has_key: bool,
    /// The request's `x-request-id`, if it is given.
    pub request_id: Option<&'a str>,
}

// === impl SampledBy ===

impl SampledBy<'_> {
    /// The steps of a configuration with `judge` or `samples`: each has a name and a text.
    pub fn steps(&self) -> Vec<(&'static str, String)> {
        let Config { judge, samples, .. } = self.config;
        let mut steps = Vec::new();
        if let Some(judge) = judge.as_ref().filter(|it| it.mode.has_scores()) {
            steps.push(("judge", self.text(&judge.sampler, "judged")));
        }
        if let Some(judge) = judge.as_ref().filter(|it| it.mode.has_pairs()) {
            let share = percent(judge.sampler.share);
            let what = format!(
                "in a shadow step, {share} of mirrored requests are judged, with green's answer to the copy"
            );
            steps.push(("judge", what));
        }
        if let Some(samples) = samples {
            steps.push(("samples", self.text(&samples.sampler, "exported")));
        }
        steps
    }

    fn text(&self, sampler: &Sampler, done: &str) -> String {
        let Assignment { version, reason, .. } = self.assignment;
        if !matches!(reason, Reason::Weight | Reason::Drained | Reason::NoUnit) {
            return format!("not {done}: it is on {version} for another reason than its bucket");
        }
        if self.config.ramp.is_some() && !self.has_key {
            let missing = if self.config.conversation.is_some() { "conversation" } else { "unit" };
            return format!("not {done}: without a {missing} it is no evidence for the ramp");
        }
        let rate = sampler.rate(version, ComparedShares::new(self.share, self.analysed));
        if rate <= 0.0 {
            return format!(
                "not {done}: there are no requests of the other version to compare with"
            );
        }
        let Some(id) = self.request_id else {
            return format!(
                "{} of {version}'s requests are {done}, by x-request-id: --request-id says which",
                percent(rate)
            );
        };
        let place = Sampler::place(self.config.rollout.as_str(), id.as_bytes());
        match place < rate {
            true => {
                format!("{done}: x-request-id is at {}, below {}", percent(place), percent(rate))
            }
            false => {
                format!(
                    "not {done}: x-request-id is at {}, not below {}",
                    percent(place),
                    percent(rate)
                )
            }
        }
    }
}
