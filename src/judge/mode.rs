//! Which questions a judge gets.

/// Which questions a judge gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JudgeMode {
    /// How good an answer is, from 0 to 1.
    #[default]
    Score,
    /// Which of two answers to the same request is better, in a shadow step.
    Pairwise,
    /// Which of two is better in a shadow step, and how good an answer is in the other steps.
    Both,
}

// === impl JudgeMode ===

impl JudgeMode {
    /// All modes.
    pub const ALL: [Self; 3] = [Self::Score, Self::Pairwise, Self::Both];

    /// The mode's name in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Score => "score",
            Self::Pairwise => "pairwise",
            Self::Both => "both",
        }
    }

    /// Whether single answers get a score.
    pub fn has_scores(self) -> bool {
        matches!(self, Self::Score | Self::Both)
    }

    /// Whether pairs of answers are compared.
    pub fn has_pairs(self) -> bool {
        matches!(self, Self::Pairwise | Self::Both)
    }
}
