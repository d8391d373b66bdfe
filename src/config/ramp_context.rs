//! What a ramp needs to know of the other sections.

use super::raw::root::RawConfig;

/// The facts of the other sections that a ramp depends on.
pub(super) struct RampContext {
    /// Whether there are weights.
    pub has_weights: bool,
    /// Whether there are prices.
    pub has_prices: bool,
    /// Whether feedback has a thumb.
    pub has_thumbs: bool,
    /// Whether feedback has a score, or a judge gives one.
    pub has_scores: bool,
    /// Whether a judge compares pairs.
    pub judges_pairs: bool,
    /// Whether there is an `answers` section.
    pub has_answers: bool,
    /// Whether the answers of a share of units are read.
    pub has_sample: bool,
    /// Whether the `answers` section disables reading.
    pub disables_reading: bool,
    /// Whether conversations keep their version. They are then the unit of analysis.
    pub has_conversations: bool,
}

// === impl RampContext ===

impl RampContext {
    /// The context of the ramp in this configuration.
    pub fn new(raw: &RawConfig) -> Self {
        let feedback = raw.feedback.as_ref();
        Self {
            has_weights: raw.weights.is_some(),
            has_prices: !raw.prices.is_empty(),
            has_thumbs: feedback.is_some_and(|it| it.thumb.is_some()),
            has_scores: feedback.is_some_and(|it| it.score.is_some())
                || raw.judge.as_ref().is_some_and(|it| it.mode.has_scores()),
            judges_pairs: raw.judge.as_ref().is_some_and(|it| it.mode.has_pairs()),
            has_answers: raw.answers.is_some(),
            has_sample: raw.answers.as_ref().is_some_and(|it| it.sample.is_some()),
            disables_reading: raw.answers.as_ref().is_some_and(|it| it.read == Some(false)),
            has_conversations: raw.conversation.is_some(),
        }
    }
}
