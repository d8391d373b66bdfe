//! A future that completes when it is polled again.

use std::pin::Pin;
use std::task::{Context, Poll};

/// Is pending when it is polled first.
#[derive(Default)]
pub struct PendingOnce {
    was_polled: bool,
}

impl Future for PendingOnce {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        match std::mem::replace(&mut self.was_polled, true) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}
