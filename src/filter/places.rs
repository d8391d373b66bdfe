//! A bounded number of places, such as for calls that are open at the same time.

use std::cell::Cell;
use std::rc::Rc;

/// How much of a bound is taken.
#[derive(Debug, Default)]
pub struct Places(Rc<Cell<usize>>);

/// A part of the bound that is taken. Dropping it gives it back, also where its owner was given up.
#[derive(Debug)]
pub struct Place {
    taken: Rc<Cell<usize>>,
    size: usize,
}

// === impl Places ===

impl Places {
    /// Takes a place of this size; `None` if more than `most` would be taken then.
    pub fn take(&self, size: usize, most: usize) -> Option<Place> {
        let after = self.0.get().checked_add(size).filter(|after| *after <= most)?;
        self.0.set(after);
        Some(Place { taken: Rc::clone(&self.0), size })
    }
}

// === impl Place ===

impl Drop for Place {
    fn drop(&mut self) {
        self.taken.update(|taken| taken.saturating_sub(self.size));
    }
}
