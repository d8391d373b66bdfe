//! One request and its response: planned, committed, observed.

use std::rc::Rc;

use proxy_wasm::types::Action;

use super::feedback::{self, FeedbackReply};
use super::request_rewrite::{BodyState, RequestRewrite};
use super::response_observer::ResponseObserver;
use super::routing::{RoutedRequest, StartMarker, find};
use super::runtime::RolloutRuntime;
use super::{attributes, hostcalls};
use crate::assignment::{Assignment, Reason, StepExposure, Version};
use crate::config::Role;
use crate::patch::{PatchScope, RequestHead};
use crate::stats::names::StatScope;

/// One HTTP stream of a release.
pub struct StreamState {
    pub runtime: Option<Rc<RolloutRuntime>>,
    pub role: Role,
    /// A request whose body is waited for.
    pending_body: Option<Box<PendingBody>>,
    observer: Option<ResponseObserver>,
    /// What the client is to be given with the response.
    marker: Option<StartMarker>,
    signed_exposure: Option<String>,
    /// The decision, once the request is sent on.
    pub committed: Option<Assignment>,
    has_response: bool,
}

/// A request whose body is waited for.
struct PendingBody {
    head: RequestHead,
    purpose: BodyPurpose,
}

/// What a body is waited for.
enum BodyPurpose {
    /// The conversation's id is in it; the unit is known.
    ConversationId(Option<Vec<u8>>),
    /// It is changed.
    Patch(RoutedRequest),
    /// It is feedback.
    Feedback,
}

// === impl StreamState ===

// Where the configuration asks for no answers there is no watch, and where nothing of
// requests is changed or looked for nothing is waited for; then nothing is done after the
// request's headers.
impl StreamState {
    pub fn new(runtime: Option<Rc<RolloutRuntime>>) -> Self {
        Self {
            runtime,
            role: Role::Release,
            pending_body: None,
            observer: None,
            marker: None,
            signed_exposure: None,
            committed: None,
            has_response: false,
        }
    }

    pub fn request_headers(&mut self, ends: bool) -> Action {
        let Some(running) = self.runtime.clone() else { return Action::Continue };
        let body = if ends { BodyState::None } else { BodyState::Pending };
        match running.role() {
            Some(Role::Release) => {}
            Some(role @ (Role::Shadow | Role::Green)) => {
                self.role = role;
                return self.plan_request(&running, RoutedRequest::to_green(), None, body);
            }
            None => {
                log::error!(
                    "the listener's metadata, verdigris.role: write \"shadow\" or \"green\" there, or \
                     nothing"
                );
                return Action::Continue;
            }
        }
        running.update_gauges();
        if running.is_feedback() {
            if ends {
                return Self::take_vote(&running, Some(&[]));
            }
            let head = RequestHead::default();
            self.pending_body =
                Some(Box::new(PendingBody { head, purpose: BodyPurpose::Feedback }));
            return Action::Pause;
        }
        let config = &running.config;
        let forced = config.force_header.as_ref().and_then(|name| {
            let value = hostcalls::request_header(name.as_str())?;
            Version::from_bytes(&value)
        });
        let decided = match &config.conversation {
            // It is decided without its unit, which need not be read.
            _ if forced.is_some() => running.route_request(None, forced, None),
            None => find(&config.unit, |unit| running.route_request(unit, None, None)),
            Some(conversations) => {
                let (unit, id) = running.unit_and_conversation();
                if id.is_none() && !ends && !conversations.pointers.is_empty() {
                    let head = request_head(true);
                    if let Some(head) = head.filter(|it| it.is_bufferable(config.max_request_body))
                    {
                        let purpose = BodyPurpose::ConversationId(unit);
                        self.pending_body = Some(Box::new(PendingBody { head, purpose }));
                        return Action::Pause;
                    }
                }
                running.route_request(unit.as_deref(), None, id.as_deref())
            }
        };
        self.plan_request(&running, decided, None, body)
    }

    pub fn request_body(&mut self, size: usize, ends: bool) -> Action {
        let (Some(waiting), Some(running)) = (self.pending_body.take(), self.runtime.clone())
        else {
            return Action::Continue;
        };
        let most = match waiting.purpose {
            BodyPurpose::Feedback => feedback::MAX_BODY,
            _ => running.config.max_request_body,
        };
        // Where trailers follow, the body does not end the stream.
        let is_whole = ends || waiting.head.length.is_some_and(|length| size >= length);
        if size <= most && !is_whole {
            self.pending_body = Some(waiting);
            return Action::Pause;
        }
        let body = if size <= most { hostcalls::request_body(size).ok() } else { None };
        let body = body.as_deref();
        let PendingBody { head, purpose } = *waiting;
        let decided = match purpose {
            BodyPurpose::Patch(decided) => decided,
            BodyPurpose::Feedback => return Self::take_vote(&running, body),
            BodyPurpose::ConversationId(unit) => {
                let id = body.and_then(|body| running.conversation_in_body(body));
                running.route_request(unit.as_deref(), None, id.as_deref())
            }
        };
        let body = body.map_or(BodyState::TooLarge, BodyState::Complete);
        self.plan_request(&running, decided, Some(head), body)
    }

    pub fn response_headers(&mut self, ends: bool) {
        self.abandon();
        self.has_response = true;
        if let (Some(running), Some(marker)) = (&self.runtime, self.marker.take()) {
            running.send_start_marker(&marker);
        }
        if let (Some(running), Some(receipt)) = (&self.runtime, self.signed_exposure.take()) {
            running.send_signed_exposure(&receipt);
        }
        if let Some(watch) = &mut self.observer {
            watch.on_headers(ends);
        }
    }

    pub fn response_body(&mut self, size: usize, ends: bool) {
        if let Some(watch) = &mut self.observer {
            watch.on_body(size, ends);
        }
    }

    pub fn response_trailers(&mut self) {
        if let Some(watch) = &mut self.observer {
            watch.on_trailers();
        }
    }

    /// Whether the stream runs on this configuration.
    pub fn runs_on(&self, runtime: &Rc<RolloutRuntime>) -> bool {
        self.runtime.as_ref().is_some_and(|it| Rc::ptr_eq(it, runtime))
    }

    /// Whether Envoy follows a redirect: then the stream has ended without a response, and its request
    /// comes again in a new one. The host is asked only about a request without a response, which is
    /// rare.
    pub fn is_redirected(&self) -> bool {
        self.committed.is_some() && !self.has_response && attributes::is_redirected()
    }

    /// The stream has ended, in whatever way. Counts the outcome of its response.
    pub fn finish(&mut self) {
        self.abandon();
        if let Some(observer) = self.observer.take() {
            observer.finish();
        }
    }

    /// Has the request patched as its version has it, or waits for its body.
    fn plan_request(
        &mut self,
        running: &Rc<RolloutRuntime>,
        mut decided: RoutedRequest,
        head: Option<RequestHead>,
        body: BodyState<'_>,
    ) -> Action {
        let config = &running.config;
        let version = decided.assignment.version;
        let patch = config.request(version);
        let is_weighed = version == Version::Blue && decided.exposure.is_some();
        let required = config.green_requires().filter(|_| is_weighed);
        if patch.is_none() && required.is_none() && !decided.is_mirrored {
            self.commit(running, decided, RequestRewrite::default());
            return Action::Continue;
        }
        let head = head.or_else(|| request_head(body.is_some()));
        let Some(head) = head else {
            decided.is_mirrored = false;
            let is_as_it_came = patch.is_none() && required.is_none();
            let decided = if is_as_it_came { decided } else { decided.unpatchable() };
            self.commit(running, decided, RequestRewrite::default());
            return Action::Continue;
        };
        let format =
            config.formats.configured(version).or_else(|| config.formats.resolve(&head.path));
        let most = config.max_request_body;
        if let Some(required) = required {
            let format = config.formats.configured(Version::Green).or(format);
            if required.patch_scope(&head, format, most) == PatchScope::Unfit {
                // What green is not given is not to be held against blue's.
                decided.exposure = None;
            }
        }
        decided.is_mirrored &= config.may_shadow(&head);
        let Some(patch) = patch else {
            self.commit(running, decided, RequestRewrite::default());
            return Action::Continue;
        };
        let patched = match (patch.patch_scope(&head, format, most), body) {
            (PatchScope::Body(_), BodyState::Pending) => {
                let purpose = BodyPurpose::Patch(decided);
                self.pending_body = Some(Box::new(PendingBody { head, purpose }));
                return Action::Pause;
            }
            (PatchScope::Body(format), BodyState::Complete(bytes)) => {
                RequestRewrite::from_patch(patch, &head, Some(format), Some(bytes))
            }
            (PatchScope::Head, _) => RequestRewrite::from_patch(patch, &head, format, None),
            _ => None,
        };
        match patched {
            Some(patched) => self.commit(running, decided, patched),
            None if !patch.body.is_required() => {
                let patched = RequestRewrite::headers_only(patch);
                self.commit(running, decided, patched);
            }
            None if patch.passes_unpatchable => {
                self.commit(running, decided, RequestRewrite::default())
            }
            None => self.commit(running, decided.unpatchable(), RequestRewrite::default()),
        }
        Action::Continue
    }

    /// Has Envoy route the request as decided, and counts.
    fn commit(
        &mut self,
        running: &Rc<RolloutRuntime>,
        decided: RoutedRequest,
        patched: RequestRewrite<'_>,
    ) {
        let (mut decided, mut patched) = (decided, patched);
        if self.role == Role::Release && running.config.patches_later(decided.assignment.version) {
            // It fits, and if green fails, blue is to be sent the request as it came.
            patched = RequestRewrite::default();
        }
        if !patched.write_body() {
            decided = decided.unpatchable();
        }
        let RoutedRequest {
            assignment: decision,
            exposure: lot,
            marker,
            is_mirrored: is_shadowed,
            feedback_unit: voter,
        } = decided;
        let routed = match self.role {
            Role::Release => running.route(decision.version),
            Role::Shadow | Role::Green if decision.reason == Reason::Unpatchable => {
                self.count_unpatchable(running, decision);
                return;
            }
            Role::Shadow | Role::Green => running.route_to_green(),
        };
        if let Err(error) = routed {
            // Envoy goes on with what early header mutation put, and that is not
            // to be booked on the version that was meant.
            log::error!("{decision:?} not applied: the host answered {error:?}");
            return;
        }
        self.committed = Some(decision);
        if decision.reason != Reason::Unpatchable {
            patched.write_headers();
        }
        if let Some(shadow) = running.config.shadow.as_ref().filter(|_| is_shadowed) {
            // A request that cannot be marked has no shadow.
            let _ = hostcalls::replace_request_header(shadow.header.as_str(), "1");
        }
        let account = match self.role {
            Role::Release => StatScope::Of(decision.version),
            Role::Shadow => StatScope::Shadow,
            // The release's listener has counted it, and watches it.
            Role::Green => return,
        };
        running.count(account, decision);
        self.marker = marker;
        self.signed_exposure = voter.and_then(|unit| {
            let step = lot.as_ref().map(|exposure| StepExposure {
                epoch: exposure.epoch,
                is_newly_exposed: exposure.is_newly_exposed,
            });
            running.sign_exposure(decision.version, unit, step)
        });
        self.observer = ResponseObserver::new(running, account, decision, lot);
    }

    /// Takes a vote. Where the filter answers, the request goes no further.
    fn take_vote(running: &RolloutRuntime, body: Option<&[u8]>) -> Action {
        match running.accept_feedback(body) {
            FeedbackReply::PassedOn => Action::Continue,
            FeedbackReply::Answered(status, text) => {
                let kind = [("content-type", "text/plain; charset=utf-8")];
                let headers = if text.is_empty() { &[][..] } else { &kind };
                let answered =
                    hostcalls::send_local_response(status, "verdigris_feedback", headers, &text);
                // What the host does not let it answer is the upstream's.
                if answered.is_ok() { Action::Pause } else { Action::Continue }
            }
        }
    }

    /// A request that only green may be sent, and is not.
    fn count_unpatchable(&self, running: &RolloutRuntime, decision: Assignment) {
        // Of a green with failover the release's listener counts what became of it.
        if self.role == Role::Shadow {
            running.metrics.count(StatScope::Shadow, decision);
        }
    }

    /// The body that is waited for will not come: blue has the request as it is.
    fn abandon(&mut self) {
        let waiting =
            self.pending_body.take().filter(|it| !matches!(it.purpose, BodyPurpose::Feedback));
        if let (Some(_), Some(running)) = (waiting, &self.runtime) {
            let decision = Assignment::new(Version::Blue, Reason::Unpatchable);
            if self.role != Role::Release {
                self.count_unpatchable(running, decision);
                return;
            }
            let blue = StatScope::Of(Version::Blue);
            running.count(blue, decision);
            self.observer = ResponseObserver::new(running, blue, decision, None);
        }
    }
}

// === impl RolloutRuntime ===

impl RolloutRuntime {
    fn count(&self, account: StatScope, decision: Assignment) {
        self.metrics.count(account, decision);
        self.set_reason(decision);
    }
}

fn request_head(has_body: bool) -> Option<RequestHead> {
    Some(RequestHead::from_headers(hostcalls::request_headers().ok()?.iter(), has_body))
}
