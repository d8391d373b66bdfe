//! A body that was waited for: it has arrived after the request was routed, or it will not arrive.

use std::rc::Rc;

use super::pending_body::{BodyPurpose, PendingBody};
use super::response_observer::{ObservedRequest, ResponseObserver};
use super::routed_patch::CompletedPatch;
use super::routing::{ObservedParts, RoutedRequest};
use super::runtime::RolloutRuntime;
use super::stream_state::StreamState;
use crate::assignment::{Assignment, Reason, Version};
use crate::config::Role;
use crate::patch::BodyState;
use crate::stats::names::StatScope;

// === impl StreamState ===

impl StreamState {
    /// Counts a request that was routed before its body, and observes its response.
    pub(super) fn record_completed(
        &mut self,
        runtime: &Rc<RolloutRuntime>,
        completed: CompletedPatch,
    ) {
        let CompletedPatch { routed, expected } = completed;
        let scope = StatScope::Of(routed.assignment.version);
        let observed = self.record(runtime, scope, routed);
        self.observer = expected
            .map(|expected| ResponseObserver::with_expected(runtime, scope, observed, expected));
    }

    /// The client has ended its request.
    pub(super) fn on_request_end(&mut self) {
        let was_open = std::mem::take(&mut self.is_request_open);
        if let Some(observer) = self.observer.as_mut().filter(|_| was_open) {
            observer.request_ended();
        }
    }

    /// The stream has ended without a response while its body was on its way: the client has left. It
    /// counts for its version, as it does for a version that does not wait for bodies.
    pub(super) fn count_aborted_upload(&mut self) {
        let is_upload = |purpose: &BodyPurpose| {
            matches!(purpose, BodyPurpose::Patch(_) | BodyPurpose::RoutedPatch(_))
        };
        let is_open = !self.has_response && self.role == Role::Release;
        let pending = self.pending_body.take_if(|it| {
            is_open
                && is_upload(&it.purpose)
                && !it.wait.as_ref().is_some_and(|it| it.is_released())
        });
        let (Some(pending), Some(runtime)) = (pending, self.runtime.clone()) else { return };
        let completed = match pending.purpose {
            BodyPurpose::RoutedPatch(routed) => routed.abort_upload(),
            BodyPurpose::Patch(routed) => {
                // It was not sent, and neither was a copy.
                let routed = RoutedRequest { is_mirrored: false, ..routed };
                let version = routed.assignment.version;
                let expected = ResponseObserver::expect(&runtime, version, routed.observed);
                CompletedPatch { routed, expected }
            }
            BodyPurpose::ConversationId(_) | BodyPurpose::Feedback => return,
        };
        self.record_completed(&runtime, completed);
        self.begin_sample(BodyState::Unavailable);
    }

    /// The body that is waited for will not arrive: blue gets the request unchanged.
    pub(super) fn give_up_body(&mut self) {
        let (Some(pending), Some(runtime)) = (self.pending_body.take(), self.runtime.clone())
        else {
            return;
        };
        let PendingBody { purpose, wait, .. } = *pending;
        let is_released = wait.is_some_and(|it| it.is_released());
        if let BodyPurpose::Feedback = purpose {
            if is_released {
                self.commit_unassigned();
            }
            return;
        }
        if let BodyPurpose::RoutedPatch(routed) = purpose {
            self.record_completed(&runtime, routed.give_up());
            return;
        }
        let assignment = Assignment::new(Version::Blue, Reason::Unpatchable);
        if self.role != Role::Release {
            self.count_unpatchable(&runtime, assignment);
            return;
        }
        if is_released {
            // The request has gone to blue without its body, and may be redirected.
            self.committed = Some(assignment);
        }
        let blue = StatScope::Of(Version::Blue);
        let observed = match purpose {
            // It was routed before its response: the response is evidence as on a version that does not
            // wait for bodies.
            BodyPurpose::Patch(routed) if !is_released => {
                self.record(&runtime, blue, routed.unpatchable())
            }
            purpose => {
                runtime.count(blue, assignment);
                ObservedRequest {
                    began_ns: self.began_ns,
                    parts: parts_of_given_up(&runtime, purpose),
                    is_open: self.is_request_open,
                    ..ObservedRequest::default()
                }
            }
        };
        self.observer = ResponseObserver::new(&runtime, blue, assignment.version, observed);
        self.begin_sample(BodyState::Unavailable);
    }

    /// Counts a request that only green may get, and that cannot be patched.
    pub(super) fn count_unpatchable(&self, runtime: &RolloutRuntime, assignment: Assignment) {
        // With failover, the release's listener counts the outcome.
        if self.role == Role::Shadow {
            runtime.metrics.count(StatScope::Shadow, assignment);
        }
    }
}

/// What is observed of the response to a request whose body was not read.
fn parts_of_given_up(runtime: &RolloutRuntime, purpose: BodyPurpose) -> ObservedParts {
    let parts = match purpose {
        BodyPurpose::Patch(routed) => routed.observed,
        // A pin does not depend on the conversation.
        BodyPurpose::ConversationId(unit) => {
            runtime.route_request(unit.as_deref(), None, None).observed
        }
        BodyPurpose::RoutedPatch(_) | BodyPurpose::Feedback => ObservedParts::Nothing,
    };
    match parts {
        ObservedParts::Nothing => ObservedParts::Nothing,
        ObservedParts::Outcome | ObservedParts::Answer => ObservedParts::Answer,
    }
}
