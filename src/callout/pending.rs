//! Calls without an answer yet.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// The number by which a host identifies a call.
pub type Token = u32;

/// The calls of one context of the host that have not been completed.
pub struct PendingCalls<T> {
    slots: RefCell<BTreeMap<Token, Option<T>>>,
    most: usize,
    cancel: fn(Token),
}

/// A call that was sent. The future completes with the host's answer. Dropping it before cancels
/// the call.
pub struct PendingCall<T> {
    token: Token,
    calls: Rc<PendingCalls<T>>,
}

// === impl PendingCalls ===

impl<T> PendingCalls<T> {
    /// At most this many calls at once. `cancel` cancels a call of the host.
    pub fn new(most: usize, cancel: fn(Token)) -> Rc<Self> {
        Rc::new(Self { slots: RefCell::default(), most, cancel })
    }

    /// Sends a call, if there are not too many already. `send` returns the host's token.
    ///
    /// # Errors
    /// `E` of `send`, or that of `too_many`.
    pub fn send<E>(
        self: &Rc<Self>,
        send: impl FnOnce() -> Result<Token, E>,
        too_many: impl FnOnce(usize) -> E,
    ) -> Result<PendingCall<T>, E> {
        if self.slots.borrow().len() >= self.most {
            return Err(too_many(self.most));
        }
        let token = send()?;
        self.slots.borrow_mut().insert(token, None);
        Ok(PendingCall { token, calls: Rc::clone(self) })
    }

    /// Completes a call with its answer. Returns whether someone waits for it; an answer to a call
    /// that was cancelled is dropped.
    pub fn complete(&self, token: Token, answer: T) -> bool {
        match self.slots.borrow_mut().get_mut(&token) {
            Some(slot) => {
                slot.get_or_insert(answer);
                true
            }
            None => false,
        }
    }

    /// How many calls there are.
    pub fn count(&self) -> usize {
        self.slots.borrow().len()
    }
}

// === impl PendingCall ===

impl<T> Future for PendingCall<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<T> {
        let mut slots = self.calls.slots.borrow_mut();
        match slots.get_mut(&self.token).and_then(Option::take) {
            Some(answer) => {
                slots.remove(&self.token);
                Poll::Ready(answer)
            }
            None => Poll::Pending,
        }
    }
}

impl<T> Drop for PendingCall<T> {
    fn drop(&mut self) {
        let slot = self.calls.slots.borrow_mut().remove(&self.token);
        if let Some(None) = slot {
            (self.calls.cancel)(self.token);
        }
    }
}
