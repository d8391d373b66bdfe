//! The verdict: worse, safe, or not yet known.

/// The verdict on a gate, or on green as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Green is safe: it is not worse by the tolerance.
    Pass,
    /// Green is worse than the margin allows.
    Fail,
    /// There is not enough evidence.
    Inconclusive,
}
