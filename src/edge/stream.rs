//! One request.

use std::rc::Rc;

use super::arrival::{Decided, Marker, find};
use super::feedback::{self, Taken};
use super::host;
use super::patching::{BodySoFar, Patched};
use super::root::Running;
use super::watch::Watch;
use crate::assignment::{Assignment, Reason, Version};
use crate::config::Role;
use crate::feedback::ExposureStep;
use crate::patch::{PatchScope, RequestHead};
use crate::stats::names::StatScope;

/// The filter state that names the reason: `wasm.verdigris.reason` in the
/// access log's `%FILTER_STATE(…)%`.
const REASON_STATE: &str = "verdigris.reason";

/// The context of one HTTP stream.
pub struct Stream {
    running: Option<Rc<Running>>,
    pub role: Role,
    /// A request whose body is waited for.
    waiting: Option<Box<Waiting>>,
    watch: Option<Watch>,
    /// What the client is to be given with the response.
    marker: Option<Marker>,
    receipt: Option<String>,
    /// The decision, once the request is sent on.
    pub settled: Option<Assignment>,
    is_answered: bool,
}

/// Whether the request goes on, in the host's numbers.
#[derive(Clone, Copy, Debug, Default)]
pub enum Flow {
    #[default]
    Continue = 0,
    Pause = 1,
}

/// A request whose body is waited for.
struct Waiting {
    head: RequestHead,
    awaited: Awaited,
}

/// What a body is waited for.
enum Awaited {
    /// The conversation's id is in it; the unit is known.
    Id(Option<Vec<u8>>),
    /// It is changed.
    Patch(Decided),
    /// It is feedback.
    Vote,
}

// === impl Stream ===

// Where the configuration asks for no answers there is no watch, and where nothing of
// requests is changed or looked for nothing is waited for; then nothing is done after the
// request's headers.
impl Stream {
    pub fn new(running: Option<Rc<Running>>) -> Self {
        Self {
            running,
            role: Role::Release,
            waiting: None,
            watch: None,
            marker: None,
            receipt: None,
            settled: None,
            is_answered: false,
        }
    }

    /// The root context is not the one that was given the last stream.
    pub fn resume(&self) {
        if let Some(running) = &self.running {
            running.follow_weights();
        }
    }

    pub fn request_headers(&mut self, ends: bool) -> Flow {
        #[cfg(feature = "trap-for-tests")]
        trap_if_marked();
        let Some(running) = self.running.clone() else { return Flow::Continue };
        if let Some(before) = running.redirected() {
            // It has been decided, patched and counted, and is on its way to the same cluster.
            *self = before;
            return Flow::Continue;
        }
        let body = if ends { BodySoFar::None } else { BodySoFar::ToCome };
        match running.role() {
            Some(Role::Release) => {}
            Some(role @ (Role::Shadow | Role::Green)) => {
                self.role = role;
                return self.go_on(&running, Decided::of_green(), None, body);
            }
            None => {
                log::error!(
                    "the listener's metadata, verdigris.role: write \"shadow\" or \"green\" there, or \
                     nothing"
                );
                return Flow::Continue;
            }
        }
        running.show();
        if running.is_feedback() {
            if ends {
                return Self::take_vote(&running, Some(&[]));
            }
            let head = RequestHead::default();
            self.waiting = Some(Box::new(Waiting { head, awaited: Awaited::Vote }));
            return Flow::Pause;
        }
        let config = &running.config;
        let forced = config.force_header.as_ref().and_then(|name| {
            let value = host::request_header(name.as_str())?;
            Version::from_bytes(&value)
        });
        let decided = match &config.conversation {
            // It is decided without its unit, which need not be read.
            _ if forced.is_some() => running.decide(None, forced, None),
            None => find(&config.unit, |unit| running.decide(unit, None, None)),
            Some(conversations) => {
                let (unit, id) = running.named_in_headers();
                if id.is_none() && !ends && !conversations.pointers.is_empty() {
                    let head = request_head(true);
                    if let Some(head) = head.filter(|it| it.is_bufferable(config.max_request_body))
                    {
                        let awaited = Awaited::Id(unit);
                        self.waiting = Some(Box::new(Waiting { head, awaited }));
                        return Flow::Pause;
                    }
                }
                running.decide(unit.as_deref(), None, id.as_deref())
            }
        };
        self.go_on(&running, decided, None, body)
    }

    pub fn request_body(&mut self, size: usize, ends: bool) -> Flow {
        let (Some(waiting), Some(running)) = (self.waiting.take(), self.running.clone()) else {
            return Flow::Continue;
        };
        let most = match waiting.awaited {
            Awaited::Vote => feedback::MAX_BODY,
            _ => running.config.max_request_body,
        };
        // Where trailers follow, the body does not end the stream.
        let is_whole = ends || waiting.head.length.is_some_and(|length| size >= length);
        if size <= most && !is_whole {
            self.waiting = Some(waiting);
            return Flow::Pause;
        }
        let body = if size <= most { host::request_body(size).ok() } else { None };
        let body = body.as_deref();
        let Waiting { head, awaited } = *waiting;
        let decided = match awaited {
            Awaited::Patch(decided) => decided,
            Awaited::Vote => return Self::take_vote(&running, body),
            Awaited::Id(unit) => {
                let id = body.and_then(|body| running.id_in_body(body));
                running.decide(unit.as_deref(), None, id.as_deref())
            }
        };
        let body = body.map_or(BodySoFar::TooLarge, BodySoFar::Whole);
        self.go_on(&running, decided, Some(head), body)
    }

    pub fn response_headers(&mut self, ends: bool) {
        self.give_up();
        self.is_answered = true;
        if let (Some(running), Some(marker)) = (&self.running, self.marker.take()) {
            running.give(&marker);
        }
        if let (Some(running), Some(receipt)) = (&self.running, self.receipt.take()) {
            running.give_receipt(&receipt);
        }
        if let Some(watch) = &mut self.watch {
            watch.headers(ends);
        }
    }

    pub fn response_body(&mut self, size: usize, ends: bool) {
        if let Some(watch) = &mut self.watch {
            watch.body(size, ends);
        }
    }

    pub fn response_trailers(&mut self) {
        if let Some(watch) = &mut self.watch {
            watch.trailers();
        }
    }

    /// The stream has ended, however it did.
    pub fn end(mut self) {
        self.give_up();
        // The host is asked only of a request without a response, which is rare.
        let is_unanswered = self.settled.is_some() && !self.is_answered;
        if is_unanswered && host::is_redirected() {
            if let Some(running) = self.running.clone() {
                running.redirects.hold(self);
            }
            return;
        }
        if let Some(watch) = self.watch {
            watch.count();
        }
    }

    /// Has the request patched as its version has it, or waits for its body.
    fn go_on(
        &mut self,
        running: &Rc<Running>,
        mut decided: Decided,
        head: Option<RequestHead>,
        body: BodySoFar<'_>,
    ) -> Flow {
        let config = &running.config;
        let version = decided.decision.version;
        let patch = config.request(version);
        let is_weighed = version == Version::Blue && decided.lot.is_some();
        let required = config.green_requires().filter(|_| is_weighed);
        if patch.is_none() && required.is_none() && !decided.is_shadowed {
            self.settle(running, decided, Patched::default());
            return Flow::Continue;
        }
        let head = head.or_else(|| request_head(body.is_some()));
        let Some(head) = head else {
            decided.is_shadowed = false;
            let is_as_it_came = patch.is_none() && required.is_none();
            let decided = if is_as_it_came { decided } else { decided.unpatchable() };
            self.settle(running, decided, Patched::default());
            return Flow::Continue;
        };
        let format = config.formats.resolve(version, &head.path);
        let most = config.max_request_body;
        if let Some(required) = required {
            let format = config.formats.for_version(Version::Green).or(format);
            if required.patch_scope(&head, format, most) == PatchScope::NotPatchable {
                // What green is not given is not to be held against blue's.
                decided.lot = None;
            }
        }
        decided.is_shadowed &= config.may_shadow(&head);
        let Some(patch) = patch else {
            self.settle(running, decided, Patched::default());
            return Flow::Continue;
        };
        let patched = match (patch.patch_scope(&head, format, most), body) {
            (PatchScope::Body(_), BodySoFar::ToCome) => {
                let awaited = Awaited::Patch(decided);
                self.waiting = Some(Box::new(Waiting { head, awaited }));
                return Flow::Pause;
            }
            (PatchScope::Body(format), BodySoFar::Whole(bytes)) => {
                Patched::of(patch, &head, Some(format), Some(bytes))
            }
            (PatchScope::Head, _) => Patched::of(patch, &head, format, None),
            _ => None,
        };
        match patched {
            Some(patched) => self.settle(running, decided, patched),
            None if !patch.body.is_required() => {
                let patched = Patched::of_headers(patch);
                self.settle(running, decided, patched);
            }
            None if patch.passes_unpatchable => self.settle(running, decided, Patched::default()),
            None => self.settle(running, decided.unpatchable(), Patched::default()),
        }
        Flow::Continue
    }

    /// Has Envoy route the request as decided, and counts.
    fn settle(&mut self, running: &Rc<Running>, decided: Decided, patched: Patched<'_>) {
        let (mut decided, mut patched) = (decided, patched);
        if self.role == Role::Release && running.config.patches_later(decided.decision.version) {
            // It fits, and if green fails, blue is to be sent the request as it came.
            patched = Patched::default();
        }
        if !patched.write_body() {
            decided = decided.unpatchable();
        }
        let Decided { decision, lot, marker, is_shadowed, voter } = decided;
        let routed = match self.role {
            Role::Release => running.route(decision.version),
            Role::Shadow | Role::Green if decision.reason == Reason::Unpatchable => {
                self.count_unsent(running, decision);
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
        self.settled = Some(decision);
        if decision.reason != Reason::Unpatchable {
            patched.write_headers();
        }
        if let Some(shadow) = running.config.shadow.as_ref().filter(|_| is_shadowed) {
            // A request that cannot be marked has no shadow.
            let _ = host::replace_request_header(shadow.header.as_str(), "1");
        }
        let account = match self.role {
            Role::Release => StatScope::Of(decision.version),
            Role::Shadow => StatScope::Shadow,
            // The release's listener has counted it, and watches it.
            Role::Green => return,
        };
        running.count(account, decision);
        self.marker = marker;
        self.receipt = voter.and_then(|unit| {
            let step = lot
                .as_ref()
                .map(|lot| ExposureStep { epoch: lot.step, is_newly_exposed: lot.is_new });
            running.receipt_of(decision.version, unit, step)
        });
        self.watch = Watch::new(running, account, decision, lot);
    }

    /// Takes a vote. Where the filter answers, the request goes no further.
    fn take_vote(running: &Running, body: Option<&[u8]>) -> Flow {
        match running.take_vote(body) {
            Taken::PassedOn => Flow::Continue,
            Taken::Answered(status, text) => {
                let kind = [("content-type", "text/plain; charset=utf-8")];
                let headers = if text.is_empty() { &[][..] } else { &kind };
                let answered = host::respond(status, "verdigris_feedback", headers, &text);
                // What the host does not let it answer is the upstream's.
                if answered.is_ok() { Flow::Pause } else { Flow::Continue }
            }
        }
    }

    /// A request that only green may be sent, and is not.
    fn count_unsent(&self, running: &Running, decision: Assignment) {
        // Of a green with failover the release's listener counts what became of it.
        if self.role == Role::Shadow {
            running.metrics.count(StatScope::Shadow, decision);
        }
    }

    /// The body that is waited for will not come: blue has the request as it is.
    fn give_up(&mut self) {
        let waiting = self.waiting.take().filter(|it| !matches!(it.awaited, Awaited::Vote));
        if let (Some(_), Some(running)) = (waiting, &self.running) {
            let decision = Assignment { version: Version::Blue, reason: Reason::Unpatchable };
            if self.role != Role::Release {
                self.count_unsent(running, decision);
                return;
            }
            let blue = StatScope::Of(Version::Blue);
            running.count(blue, decision);
            self.watch = Watch::new(running, blue, decision, None);
        }
    }
}

// === impl Running ===

impl Running {
    fn count(&self, account: StatScope, decision: Assignment) {
        self.metrics.count(account, decision);
        Self::show_reason(decision);
    }

    /// Has the access log name the reason.
    pub fn show_reason(decision: Assignment) {
        if decision.reason != Reason::Weight {
            // A reason that the host refuses is missing from the access log only.
            let _ = host::set_filter_state(REASON_STATE, decision.reason.as_str());
        }
    }
}

fn request_head(has_body: bool) -> Option<RequestHead> {
    Some(RequestHead::from_headers(host::request_headers().ok()?.iter(), has_body))
}

/// Traps the VM on a marked request, as a bug in the filter would.
#[cfg(feature = "trap-for-tests")]
fn trap_if_marked() {
    if host::request_header("x-verdigris-trap").is_some() {
        core::arch::wasm32::unreachable();
    }
}
