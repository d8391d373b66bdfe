//! The body of a sampled request, copied while it passes.

use super::hostcalls;
use super::response_observer::ResponseObserver;
use super::stream_state::StreamState;
use crate::patch::BodyState;

// === impl StreamState ===

impl StreamState {
    /// Keeps the body of a sampled request that was waited for.
    pub(super) fn begin_sample(&mut self, body: BodyState<'_>) {
        let Some(prompt) = self.observer.as_mut().and_then(ResponseObserver::sampled_prompt) else {
            return;
        };
        match body {
            BodyState::Complete(body) => prompt.push(body),
            BodyState::Unavailable => prompt.exceed(),
            BodyState::None | BodyState::Pending => {}
        }
    }

    /// Copies a piece of a sampled request's body.
    pub(super) fn sample_body(&mut self, size: usize) {
        let is_new = !self.is_continued && size > 0;
        let prompt = self.observer.as_mut().and_then(ResponseObserver::sampled_prompt);
        let Some(prompt) = prompt.filter(|_| is_new) else { return };
        match hostcalls::request_body(size) {
            Ok(piece) => prompt.push(&piece),
            Err(_) => prompt.exceed(),
        }
    }
}
