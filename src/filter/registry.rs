//! Values by rollout that outlive a configuration.
//!
//! A root context ends with its last stream, and what a rollout has in a VM must not: the host's
//! metrics would be defined again at each reload, and observations that are not flushed would be lost.

use std::cell::RefCell;
use std::rc::Rc;

/// One value for each rollout of this VM.
pub struct Registry<T>(RefCell<Vec<(String, Rc<T>)>>);

// === impl Registry ===

impl<T> Registry<T> {
    /// A registry without values, for a `thread_local!`.
    pub const fn new() -> Self {
        Self(RefCell::new(Vec::new()))
    }

    /// The value of `rollout`, made at the first call.
    pub fn get_or_insert(&self, rollout: &str, make: impl FnOnce() -> T) -> Rc<T> {
        let known = self.0.borrow().iter().find(|(name, _)| name == rollout).map(|it| it.1.clone());
        known.unwrap_or_else(|| {
            let value = Rc::new(make());
            self.0.borrow_mut().push((rollout.to_owned(), Rc::clone(&value)));
            value
        })
    }
}
