//! A request that Envoy routes before its body has arrived, because the plugin may not let the headers
//! wait: the version is chosen, the headers are patched, and the body follows.

use std::rc::Rc;

use super::hostcalls;
use super::limited_log::limited_error;
use super::request_rewrite::{can_write_headers, log_unpatched, write_body, write_headers};
use super::response_observer::{Expectation, ResponseObserver};
use super::routing::RoutedRequest;
use super::runtime::RolloutRuntime;
use crate::assignment::{Assignment, Reason};
use crate::config::Role;
use crate::patch::{BodyState, PlanAction, PlanContext, RequestHead, RequestPlan};

/// A routed request whose body has not arrived.
pub struct RoutedPatch {
    routed: RoutedRequest,
    expected: Option<Expectation>,
}

/// A request whose body has arrived, or will not.
pub struct CompletedPatch {
    pub routed: RoutedRequest,
    /// What the response is expected to be, if it is observed.
    pub expected: Option<Expectation>,
}

// === impl RoutedPatch ===

impl RoutedPatch {
    /// Writes all changes but that of the body, and the route.
    ///
    /// # Errors
    /// The request itself, if it cannot be patched without its body.
    pub fn begin(
        runtime: &Rc<RolloutRuntime>,
        routed: RoutedRequest,
        head: &RequestHead,
    ) -> Result<Self, RoutedRequest> {
        let Some(rewrite) = plan_context(runtime, &routed).head_rewrite(head) else {
            return Err(routed);
        };
        // Envoy shows the listener of a release alone its requests before their bodies.
        if !can_write_headers(runtime, Role::Release, &rewrite) {
            return Err(routed.unpatchable());
        }
        // Without it Envoy sends the body in chunks, of any length.
        if let Err(error) = hostcalls::remove_request_header("content-length") {
            log_unpatched(&error);
            return Err(routed);
        }
        if let Err(error) = runtime.route(routed.assignment.version) {
            limited_error!("{:?} not applied: the host answered {error:?}", routed.assignment);
            return Err(routed.unpatchable());
        }
        write_headers(&rewrite);
        if routed.is_mirrored {
            runtime.mark_mirrored();
        }
        let expected =
            ResponseObserver::expect(runtime, routed.assignment.version, routed.observed);
        Ok(Self { routed, expected })
    }

    /// Patches the body.
    pub fn complete(
        self,
        runtime: &Rc<RolloutRuntime>,
        head: &RequestHead,
        body: BodyState<'_>,
    ) -> CompletedPatch {
        let plan = plan_context(runtime, &self.routed).plan(Some(head), body);
        let RequestPlan { action, is_evidence, .. } = plan;
        let is_sent = match action {
            PlanAction::Send(rewrite) => write_body(&rewrite),
            PlanAction::AwaitBody | PlanAction::FallBackToBlue(_) => false,
        };
        if !is_sent {
            return self.give_up();
        }
        let Self { mut routed, expected } = self;
        routed.exposed = routed.exposed.filter(|_| is_evidence);
        CompletedPatch { routed, expected }
    }

    /// The client has left while the body was on its way.
    pub fn abort_upload(self) -> CompletedPatch {
        let Self { routed, expected } = self;
        CompletedPatch { routed, expected }
    }

    /// The request keeps its body. It is on its way to its version, whose response counts as that of any
    /// version would, but is no answer to a patched request: it counts as unpatchable.
    pub fn give_up(self) -> CompletedPatch {
        let version = self.routed.assignment.version;
        let assignment = Assignment::new(version, Reason::Unpatchable);
        let routed = RoutedRequest { assignment, ..self.routed };
        CompletedPatch { routed, expected: self.expected }
    }
}

fn plan_context<'a>(runtime: &'a RolloutRuntime, routed: &RoutedRequest) -> PlanContext<'a> {
    runtime.config.plan_context(routed.assignment.version, routed.exposed.is_some(), false)
}
