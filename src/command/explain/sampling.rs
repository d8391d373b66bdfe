//! Whether a request is copied for a judge or an export, as text.

use crate::assignment::{Assignment, ReadAnswers, Reason, Share, mirroring};
use crate::command::output::{percent, share_percent};
use crate::config::Config;
use crate::sampling::{ComparedShares, Sampler};

/// Why a request is sampled, or is not.
pub(super) struct SampledBy<'a> {
    pub config: &'a Config,
    /// Green's share in force.
    pub share: Share,
    /// The share of all units that is compared.
    pub analysed: Share,
    /// The share of all units whose requests are mirrored.
    pub mirrored: Share,
    pub assignment: Assignment,
    /// What is hashed: the conversation's id, or else the unit.
    pub key: Option<&'a str>,
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
            let why = match self.is_mirrored() {
                // Of a mirrored request, both halves are exported, whatever the shares.
                true => self.by_place(samples.sampler.share, "mirrored requests", "exported"),
                false => self.text(&samples.sampler, "exported"),
            };
            steps.push(("samples", why));
        }
        steps
    }

    fn is_mirrored(&self) -> bool {
        let (rollout, key) = (self.config.rollout.as_str(), self.key.map(str::as_bytes));
        mirroring::is_mirrored(self.mirrored, rollout, self.assignment, key)
    }

    /// Why the answer is not read, which everything that is sampled needs; `None` if it is read.
    fn unread(&self) -> Option<String> {
        let share = self.config.answers.as_ref().map_or(Share::ALL, |answers| answers.sample);
        let (rollout, key) = (self.config.rollout.as_str(), self.key.map(str::as_bytes));
        let reads = ReadAnswers::OfUnits(share);
        let is_read = self.is_mirrored() || reads.contains(rollout, self.assignment, None, key);
        (!is_read).then(|| {
            let share = share_percent(share);
            format!("its answer is not among the {share} that are read by answers.sample")
        })
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
        let is_compared = |bucket| self.analysed.contains(bucket);
        if self.config.ramp.is_some()
            && reason == Reason::Weight
            && !self.assignment.bucket.is_none_or(is_compared)
            && !self.analysed.is_zero()
        {
            return format!("not {done}: its unit is not among those that ramp.control compares");
        }
        if let Some(why) = self.unread() {
            return format!("not {done}: {why}");
        }
        let rate = sampler.rate(version, ComparedShares::new(self.share, self.analysed));
        if rate <= 0.0 {
            return format!(
                "not {done}: there are no requests of the other version to compare with"
            );
        }
        self.by_place(rate, &format!("{version}'s requests"), done)
    }

    /// Whether the request is sampled where this share of `requests` is.
    fn by_place(&self, rate: f64, requests: &str, done: &str) -> String {
        let Some(id) = self.request_id else {
            return format!(
                "{} of {requests} are {done}, by x-request-id: --request-id says which",
                percent(rate)
            );
        };
        let place = Sampler::place(self.config.rollout.as_str(), id.as_bytes());
        let (place_shown, rate_shown) = (percent(place), percent(rate));
        match place < rate {
            true => format!("{done}: x-request-id is at {place_shown}, below {rate_shown}"),
            false => {
                format!("not {done}: x-request-id is at {place_shown}, not below {rate_shown}")
            }
        }
    }
}
