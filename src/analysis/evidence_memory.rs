//! What a leader has of the evidence only in its memory, and what it undoes of that.

use super::evidence::Evidence;

// === impl Evidence ===

impl Evidence {
    /// Takes over what is not stored, from the same step's evidence in a leader's memory: the past of
    /// units, and the units of the newest period.
    pub fn take_memory_of(&mut self, former: &mut Self) {
        self.pasts = std::mem::take(&mut former.pasts);
        self.period.take_units_of(&mut former.period);
    }

    /// Takes over the past of units from the evidence of the step before, and freezes it.
    pub fn take_past_of(&mut self, former: &mut Self) {
        self.pasts = std::mem::take(&mut former.pasts);
        self.pasts.freeze();
    }

    /// Begins a commit: [`Self::forget_commit`] returns to what is known now.
    pub fn begin_commit(&mut self) {
        self.pasts.begin_undo();
        self.period.begin_undo();
    }

    /// Returns to what [`Self::take_memory_of`] took at [`Self::begin_commit`], because what was added since was
    /// not committed, and is added again. Where the evidence was reset since, nothing is left of it.
    pub fn forget_commit(&mut self) {
        self.pasts.undo();
        self.period.undo();
    }
}
