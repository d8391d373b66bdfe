//! A question that waits for the judge.

use std::rc::Rc;

use crate::sampling::{Sample, Unjudged};

/// A question that waits for the judge.
#[derive(Clone, Debug)]
pub enum JudgeTask {
    /// How good an answer is.
    Score(Rc<Sample>),
    /// Which of both versions' answers to one request is better.
    Pair {
        /// Blue's.
        blue: Rc<Sample>,
        /// Green's, to a copy of the request.
        green: Rc<Sample>,
    },
}

// === impl JudgeTask ===

impl JudgeTask {
    /// How many bytes of texts it has.
    pub fn text_bytes(&self) -> usize {
        match self {
            Self::Score(sample) => sample.text_bytes(),
            Self::Pair { blue, green } => blue.text_bytes() + green.text_bytes(),
        }
    }

    /// Why it cannot be judged, where that is known before the request is read.
    pub fn unjudged(&self) -> Option<Unjudged> {
        match self {
            Self::Score(sample) => sample.unjudged(),
            Self::Pair { blue, green } => blue.unjudged().or_else(|| green.unjudged()),
        }
    }
}
