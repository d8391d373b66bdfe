//! The body of a sampled request, copied while it passes.

use super::hostcalls;
use super::response_observer::ResponseObserver;
use super::stream_state::StreamState;
use crate::patch::BodyState;

// === impl StreamState ===

impl StreamState {
    /// Keeps the receipt of a sampled request, and its body if that was waited for.
    pub(super) fn begin_sample(&mut self, body: BodyState<'_>) {
        let receipt = self.signed_exposure.as_ref();
        let Some(request) = self.observer.as_mut().and_then(ResponseObserver::sampled_request)
        else {
            return;
        };
        request.receipt = receipt.cloned();
        match body {
            BodyState::Complete(body) => request.prompt.push(body),
            BodyState::Unavailable => request.prompt.exceed(),
            BodyState::None | BodyState::Pending => {}
        }
    }

    /// Copies a piece of a sampled request's body.
    pub(super) fn sample_body(&mut self, size: usize) {
        let is_new = !self.is_continued && size > 0;
        let request = self.observer.as_mut().and_then(ResponseObserver::sampled_request);
        let Some(request) = request.filter(|_| is_new) else { return };
        match hostcalls::request_body(size) {
            Ok(piece) => request.prompt.push(&piece),
            Err(_) => request.prompt.exceed(),
        }
    }
}
