//! A network that loses, delays and repeats what is sent.

use std::cell::{Cell, RefCell};

/// A call, as the network knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    Read,
    Write,
}

/// What happens to one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is answered.
    Answered,
    /// It never arrives, and the caller learns so.
    Refused,
    /// It never arrives, and the caller does not learn whether it has.
    Lost,
    /// It takes effect, and the answer is lost.
    AnswerLost,
    /// The answer is lost, and a write takes effect later, if its guards hold then.
    Delayed,
    /// It arrives twice, and the caller gets the first answer.
    Repeated,
    /// It arrives twice, and the caller gets the second answer.
    RepeatedLate,
}

type DrawFate = Box<dyn FnMut(Call) -> Fate>;

/// The network between the instances and a store.
pub struct Network<T> {
    /// Draws the fate of the next call.
    pub fate: RefCell<Option<DrawFate>>,
    pub is_down: Cell<bool>,
    /// The call that has arrived last.
    pub last: Cell<Option<Call>>,
    /// What arrives later.
    pub delayed: RefCell<Vec<T>>,
    /// How many calls there were, and the bytes that were sent and received.
    pub calls: Cell<(u64, u64, u64)>,
}

impl<T> Default for Network<T> {
    fn default() -> Self {
        let (fate, is_down, last, delayed, calls) = Default::default();
        Self { fate, is_down, last, delayed, calls }
    }
}

impl<T> Network<T> {
    /// The fate of a call.
    pub fn draw(&self, call: Call) -> Fate {
        self.last.set(Some(call));
        if self.is_down.get() {
            return Fate::Refused;
        }
        self.fate.borrow_mut().as_mut().map_or(Fate::Answered, |fate| fate(call))
    }

    pub fn count(&self, calls: u64, sent: usize, received: usize) {
        let (sent, received) = (sent as u64, received as u64);
        self.calls.update(|(c, s, r)| (c + calls, s + sent, r + received));
    }

    /// Takes one of the delayed.
    pub fn take_delayed(&self, index: usize) -> Option<T> {
        let mut delayed = self.delayed.borrow_mut();
        let index = index.checked_rem(delayed.len())?;
        Some(delayed.remove(index))
    }
}
