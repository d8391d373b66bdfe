//! One request and its response: planned, committed, observed.

use std::rc::Rc;

use proxy_wasm::types::Action;

use super::build::IS_ROUTE;
use super::limited_log::limited_error;
use super::pending_body::{BodyPurpose, PendingBody, request_head};
use super::request_rewrite::{can_write_headers, write_body, write_headers};
use super::response_observer::{ObservedRequest, ResponseObserver};
use super::routed_patch::RoutedPatch;
use super::routing::{RoutedRequest, StartMarker, find_unit_value};
use super::runtime::RolloutRuntime;
use super::{attributes, hostcalls};
use crate::assignment::{Assignment, Reason, Version};
use crate::config::{ReadBody, Role};
use crate::feedback::intake::MAX_BODY_BYTES;
use crate::patch::{BodyState, PlanAction, RequestHead, RequestPlan, RequestRewrite};
use crate::stats::names::StatScope;

/// One HTTP stream of a release.
pub struct StreamState {
    context_id: u32,
    pub runtime: Option<Rc<RolloutRuntime>>,
    pub role: Role,
    /// A request whose body has not arrived.
    pub(super) pending_body: Option<Box<PendingBody>>,
    /// When the request's headers came, on the monotonic clock, if it waits for its body.
    pub(super) began_ns: Option<u64>,
    pub(super) observer: Option<ResponseObserver>,
    /// The start marker to send with the response.
    marker: Option<StartMarker>,
    pub(super) signed_exposure: Option<String>,
    /// The assignment, once the request is sent.
    pub committed: Option<Assignment>,
    pub(super) has_response: bool,
    /// Whether the client has not ended its request yet.
    pub(super) is_request_open: bool,
    /// Whether it continues after an internal redirect: Envoy sends its body again, patched.
    pub is_continued: bool,
}

// === impl StreamState ===

// Without `answers` there is no observer, and without patches and conversations no body is needed. Then
// nothing happens after the request's headers.
impl StreamState {
    pub fn new(context_id: u32, runtime: Option<Rc<RolloutRuntime>>) -> Self {
        Self {
            context_id,
            runtime,
            role: Role::Release,
            pending_body: None,
            began_ns: None,
            observer: None,
            marker: None,
            signed_exposure: None,
            committed: None,
            has_response: false,
            is_request_open: true,
            is_continued: false,
        }
    }

    pub fn request_headers(&mut self, end_of_stream: bool) -> Action {
        let Some(runtime) = self.runtime.clone() else { return Action::Continue };
        self.is_request_open = !end_of_stream;
        let body = if end_of_stream { BodyState::None } else { BodyState::Pending };
        match runtime.role() {
            Some(Role::Release) => {}
            Some(role @ (Role::Shadow | Role::Green)) => {
                self.role = role;
                return self.plan_request(&runtime, RoutedRequest::to_green(), None, body);
            }
            None => {
                limited_error!(
                    "the listener's metadata, verdigris.role: write \"shadow\" or \"green\" there, or \
                     nothing"
                );
                runtime.route_unassigned();
                return Action::Continue;
            }
        }
        runtime.update_gauges();
        if !IS_ROUTE && runtime.is_feedback() {
            if end_of_stream {
                return self.receive_feedback(&runtime, Some(&[]), 0);
            }
            return self.wait_for_body(&runtime, RequestHead::default(), BodyPurpose::Feedback);
        }
        let config = &runtime.config;
        let forced = config.force_header.as_ref().and_then(|name| {
            let value = hostcalls::request_header(name.as_str())?;
            Version::from_bytes(&value)
        });
        let routed = match &config.conversation {
            // It is routed without its unit, which need not be read.
            _ if forced.is_some() => runtime.route_request(None, forced, None),
            None => find_unit_value(&config.unit, |unit| runtime.route_request(unit, None, None)),
            Some(conversations) => {
                let (unit, id) = runtime.unit_and_conversation();
                let is_awaited = !IS_ROUTE && !end_of_stream && !conversations.pointers.is_empty();
                if id.is_none() && is_awaited {
                    let head = request_head(true);
                    if let Some(head) = head.filter(|it| it.is_bufferable(config.max_request_body))
                    {
                        if config.answers.is_some() {
                            self.began_ns = hostcalls::monotonic_time_ns().ok();
                        }
                        let purpose = BodyPurpose::ConversationId(unit);
                        return self.wait_for_body(&runtime, head, purpose);
                    }
                }
                runtime.route_request(unit.as_deref(), None, id.as_deref())
            }
        };
        self.plan_request(&runtime, routed, None, body)
    }

    pub fn request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        if end_of_stream {
            self.on_request_end();
        }
        let (Some(mut pending), Some(runtime)) = (self.pending_body.take(), self.runtime.clone())
        else {
            self.sample_body(size);
            return Action::Continue;
        };
        if pending.wait.as_ref().is_some_and(|it| it.is_released()) {
            self.pending_body = Some(pending);
            self.give_up_body();
            return Action::Continue;
        }
        if !matches!(pending.purpose, BodyPurpose::RoutedPatch(_)) {
            runtime.waiting.record_body();
        }
        let max_bytes = match pending.purpose {
            BodyPurpose::Feedback => MAX_BODY_BYTES,
            _ => runtime.config.max_request_body,
        };
        // If trailers follow, the body does not end the stream.
        let is_complete = end_of_stream || pending.head.length.is_some_and(|length| size >= length);
        if size <= max_bytes && !is_complete {
            pending.received = size;
            self.pending_body = Some(pending);
            return Action::Pause;
        }
        let body = match size {
            0 => Some(Vec::new()),
            _ if size > max_bytes => None,
            _ => hostcalls::request_body(size).ok(),
        };
        let body = body.as_deref();
        let PendingBody { head, purpose, .. } = *pending;
        let routed = match purpose {
            BodyPurpose::Patch(routed) => routed,
            BodyPurpose::RoutedPatch(routed) => {
                let body = body.map_or(BodyState::Unavailable, BodyState::Complete);
                let completed = routed.complete(&runtime, &head, body);
                self.record_completed(&runtime, completed);
                self.begin_sample(body);
                return Action::Continue;
            }
            BodyPurpose::Feedback => return self.receive_feedback(&runtime, body, size),
            BodyPurpose::ConversationId(unit) => {
                let id = body.and_then(|body| runtime.conversation_in_body(body));
                runtime.route_request(unit.as_deref(), None, id.as_deref())
            }
        };
        let body = body.map_or(BodyState::Unavailable, BodyState::Complete);
        self.plan_request(&runtime, routed, Some(head), body)
    }

    /// Trailers end a body that does not end the stream.
    pub fn request_trailers(&mut self) -> Action {
        self.on_request_end();
        match self.pending_body.as_ref().map(|pending| pending.received) {
            Some(received) => self.request_body(received, true),
            None => Action::Continue,
        }
    }

    pub fn response_headers(&mut self, end_of_stream: bool) {
        self.give_up_body();
        self.has_response = true;
        if let (Some(runtime), Some(marker)) = (&self.runtime, self.marker.take()) {
            runtime.send_start_marker(&marker);
        }
        if let (Some(runtime), Some(signed)) = (&self.runtime, self.signed_exposure.take()) {
            // It names the version that was assigned, and a vote is on the answer.
            let assigned = self.committed.map(|it| StatScope::Of(it.version));
            if !assigned.is_some_and(|scope| runtime.has_failed_over(scope)) {
                runtime.send_signed_exposure(&signed);
            }
        }
        if let Some(observer) = &mut self.observer {
            observer.response_headers(end_of_stream);
        }
    }

    pub fn response_body(&mut self, size: usize, end_of_stream: bool) {
        if let Some(observer) = &mut self.observer {
            observer.response_body(size, end_of_stream);
        }
    }

    pub fn response_trailers(&mut self) {
        if let Some(observer) = &mut self.observer {
            observer.response_trailers();
        }
    }

    /// Whether the stream runs on this configuration.
    pub fn runs_on(&self, runtime: &Rc<RolloutRuntime>) -> bool {
        self.runtime.as_ref().is_some_and(|it| Rc::ptr_eq(it, runtime))
    }

    /// Whether the stream runs on this configuration, or an earlier one, of the rollout.
    pub fn has_rollout_of(&self, runtime: &RolloutRuntime) -> bool {
        self.runtime.as_ref().is_some_and(|it| it.has_same_rollout_and_role(runtime))
    }

    /// Whether Envoy follows a redirect: then the stream has ended without a response, and its request
    /// comes again in a new one. The host is asked only about a request without a response, which is
    /// rare. A build that sees no responses would have to ask about each request.
    pub fn is_redirected(&self) -> bool {
        !IS_ROUTE && self.committed.is_some() && !self.has_response && attributes::is_redirected()
    }

    /// The stream waits for another one that continues it, which may never come.
    pub fn stop_timing(&mut self) {
        if let Some(observer) = &mut self.observer {
            observer.stop_timing();
        }
    }

    /// The stream has ended by a redirect, and nothing continues it. Its response counts as one that is not
    /// known.
    pub fn finish_unknown(&mut self) {
        if let Some(observer) = self.observer.take() {
            observer.finish_unknown();
        }
    }

    /// The stream has ended, in whatever way. Counts the outcome of its response.
    pub fn finish(&mut self) {
        self.count_aborted_upload();
        self.give_up_body();
        if let Some(observer) = self.observer.take() {
            observer.finish();
        }
    }

    /// Plans a routed request: sends it, or waits for its body.
    fn plan_request(
        &mut self,
        runtime: &Rc<RolloutRuntime>,
        mut routed: RoutedRequest,
        head: Option<RequestHead>,
        body: BodyState<'_>,
    ) -> Action {
        let (version, is_evidence) = (routed.assignment.version, routed.exposed.is_some());
        let context = runtime.config.plan_context(version, is_evidence, routed.is_mirrored);
        let read_head = || if context.needs_head() { request_head(body.is_some()) } else { None };
        let head = head.or_else(read_head);
        let RequestPlan { action, is_evidence, is_mirrored } = context.plan(head.as_ref(), body);
        routed.exposed = routed.exposed.filter(|_| is_evidence);
        routed.is_mirrored = is_mirrored;
        match (action, head) {
            (PlanAction::AwaitBody, Some(head)) => {
                if ResponseObserver::is_observed(runtime, routed.observed) {
                    self.began_ns = self.began_ns.or_else(|| hostcalls::monotonic_time_ns().ok());
                }
                return match runtime.config.read_body {
                    ReadBody::AfterRouting if self.role == Role::Release => {
                        if context.awaits_for_blue(&head) {
                            routed = routed.unpatchable();
                        }
                        self.route_before_body(runtime, routed, head)
                    }
                    ReadBody::BeforeRouting | ReadBody::AfterRouting => {
                        self.wait_for_body(runtime, head, BodyPurpose::Patch(routed))
                    }
                };
            }
            (PlanAction::Send(rewrite), _) => self.commit(runtime, routed, rewrite),
            (PlanAction::FallBackToBlue(rewrite), _) => {
                // A copy that only green may get does not go to blue.
                let rewrite = Some(rewrite).filter(|_| self.role == Role::Release);
                self.commit(runtime, routed.unpatchable(), rewrite.unwrap_or_default());
            }
            (PlanAction::AwaitBody, None) => {
                self.commit(runtime, routed.unpatchable(), RequestRewrite::default());
            }
        }
        self.begin_sample(body);
        Action::Continue
    }

    /// Lets the headers wait for the body.
    fn wait_for_body(
        &mut self,
        runtime: &RolloutRuntime,
        head: RequestHead,
        purpose: BodyPurpose,
    ) -> Action {
        let (wait, action) = runtime.begin_wait(self.context_id, self.began_ns);
        self.pending_body = Some(Box::new(PendingBody::new(head, purpose, wait)));
        action
    }

    /// Lets the headers continue, patched and routed, before the body.
    fn route_before_body(
        &mut self,
        runtime: &Rc<RolloutRuntime>,
        routed: RoutedRequest,
        head: RequestHead,
    ) -> Action {
        let assignment = routed.assignment;
        match RoutedPatch::begin(runtime, routed, &head) {
            Ok(routed) => {
                self.committed = Some(assignment);
                let purpose = BodyPurpose::RoutedPatch(routed);
                self.pending_body = Some(Box::new(PendingBody::new(head, purpose, None)));
                Action::Continue
            }
            Err(routed) => self.plan_request(runtime, routed, Some(head), BodyState::Unavailable),
        }
    }

    /// Writes the request's changes and its route, counts it, and observes its response.
    fn commit(
        &mut self,
        runtime: &Rc<RolloutRuntime>,
        mut routed: RoutedRequest,
        mut rewrite: RequestRewrite<'_>,
    ) {
        if self.role == Role::Release && runtime.config.patches_later(routed.assignment.version) {
            // The patch can be applied. If green fails, blue gets the request unchanged.
            rewrite = RequestRewrite::default();
        }
        // The body is written last of what may be refused: no host takes it back.
        if !can_write_headers(runtime, self.role, &rewrite) || !write_body(&rewrite) {
            routed = routed.unpatchable();
            rewrite = RequestRewrite::default();
        }
        let assignment = routed.assignment;
        let written = match self.role {
            Role::Release => runtime.route(assignment.version),
            Role::Shadow | Role::Green if assignment.reason == Reason::Unpatchable => {
                self.count_unpatchable(runtime, assignment);
                return;
            }
            Role::Shadow | Role::Green => runtime.route_to_green(),
        };
        if let Err(error) = written {
            // Envoy routes by what early header mutation wrote, so the request must not be counted for
            // the assigned version.
            limited_error!("{assignment:?} not applied: the host answered {error:?}");
            return;
        }
        self.committed = Some(assignment);
        write_headers(&rewrite);
        if routed.is_mirrored {
            runtime.mark_mirrored();
        }
        let scope = match self.role {
            Role::Release => StatScope::Of(assignment.version),
            Role::Shadow => StatScope::Shadow,
            // The release's listener counts and observes it.
            Role::Green => return,
        };
        let observed = self.record(runtime, scope, routed);
        self.observer = ResponseObserver::new(runtime, scope, assignment.version, observed);
    }

    /// Counts a request, and keeps what its response needs.
    pub(super) fn record(
        &mut self,
        runtime: &RolloutRuntime,
        scope: StatScope,
        routed: RoutedRequest,
    ) -> ObservedRequest {
        let RoutedRequest { assignment, exposed, marker, is_mirrored, feedback_unit, .. } = routed;
        self.committed = Some(assignment);
        runtime.count(scope, assignment);
        self.marker = marker;
        // A vote on an answer of another version than the one that was assigned is no evidence.
        let proved = exposed.filter(|it| it.version == assignment.version).map(|it| it.exposure);
        self.signed_exposure =
            feedback_unit.and_then(|unit| runtime.sign_exposure(assignment.version, unit, proved));
        let (began_ns, parts, is_open) = (self.began_ns, routed.observed, self.is_request_open);
        ObservedRequest { exposed, is_mirrored, feedback_unit, began_ns, parts, is_open }
    }
}
