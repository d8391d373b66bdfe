//! A bounded number of permits, such as for calls that are open at the same time.

use std::cell::Cell;
use std::rc::Rc;

/// Permits up to a bound, of which this many are taken.
#[derive(Debug, Default)]
pub struct Semaphore(Rc<Cell<usize>>);

/// Permits that are taken. Dropping it returns them, also where its owner was cancelled.
#[derive(Debug)]
pub struct Permit {
    taken: Rc<Cell<usize>>,
    size: usize,
}

// === impl Semaphore ===

impl Semaphore {
    /// Takes `size` permits; `None` if more than `most` would be taken then.
    pub fn acquire(&self, size: usize, most: usize) -> Option<Permit> {
        let after = self.0.get().checked_add(size).filter(|after| *after <= most)?;
        self.0.set(after);
        Some(Permit { taken: Rc::clone(&self.0), size })
    }
}

// === impl Permit ===

impl Drop for Permit {
    fn drop(&mut self) {
        self.taken.update(|taken| taken.saturating_sub(self.size));
    }
}
