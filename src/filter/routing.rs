//! Which version a request gets, and its route.

use std::cell::OnceCell;
use std::rc::Rc;

use proxy_wasm::types::Action;

use super::header_map::HeaderMap;
use super::host_error::HostError;
use super::limited_log::limited_error;
use super::runtime::RolloutRuntime;
use super::waiting_streams::WaitingStream;
use super::{clock, hostcalls};
use crate::analysis::RequestClass;
use crate::assignment::unit::{find_later_cookie, find_unit};
use crate::assignment::{
    Assignment, AssignmentRequest, Conversation, ConversationStart, EffectiveShare, Exposure,
    ReadAnswers, Reason, Share, UnitSource, Version, assign, mirroring,
};
use crate::config::{Config, Role, RouteBy};
use crate::json::JsonPointer;
use crate::stats::names::StatScope;

/// The filter state that names the reason of an assignment: `wasm.verdigris.reason` in the access log's
/// `%FILTER_STATE(…)%`.
const REASON_STATE: &str = "verdigris.reason";

/// The assignment of a request, and what follows from it.
pub struct RoutedRequest {
    pub assignment: Assignment,
    /// What the analysis must know, if the assignment is evidence for a ramp.
    pub exposed: Option<ExposedRequest>,
    /// The marker that the response gives to the client, if its conversation lacks one.
    pub marker: Option<StartMarker>,
    /// Whether Envoy mirrors the request to green.
    pub is_mirrored: bool,
    /// The analysis hash of the unit that may send feedback on the answer; of the conversation, where the
    /// request has no unit.
    pub feedback_unit: Option<u64>,
    /// What is observed of the response.
    pub observed: ObservedParts,
}

/// What is observed of a response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ObservedParts {
    /// Nothing, because the request was pinned or forced: such requests are no random sample of a version's
    /// users. This also holds if the request then goes to blue because it cannot be patched.
    #[default]
    Nothing,
    /// How it ends, without its body.
    Outcome,
    /// The outcome, and the answer in the body.
    Answer,
}

/// A request whose response is evidence for a ramp.
#[derive(Clone, Copy)]
pub struct ExposedRequest {
    /// The version that was assigned first, for which the response is evidence. Blue may answer instead.
    pub version: Version,
    pub exposure: Exposure,
    /// The class of the request, if values are adjusted by it.
    pub class: RequestClass,
}

/// The text that tells, in later requests of a conversation, when the conversation began.
pub struct StartMarker(String);

/// The headers of a request, read once and only if its first `Cookie` line lacks a cookie: browsers may
/// split cookies into several lines over HTTP/2.
#[derive(Default)]
struct LaterCookies(OnceCell<Option<HeaderMap>>);

/// Finds the first value that one of `sources` has in the request, and passes it to `use_value`.
pub fn find_unit_value<T>(sources: &[UnitSource], use_value: impl FnOnce(Option<&[u8]>) -> T) -> T {
    LaterCookies::default().find(sources, use_value)
}

// === impl LaterCookies ===

impl LaterCookies {
    fn find<T>(&self, sources: &[UnitSource], use_value: impl FnOnce(Option<&[u8]>) -> T) -> T {
        let later_cookie = |name: &[u8]| {
            let headers = self.0.get_or_init(|| hostcalls::request_headers().ok()).as_ref()?;
            find_later_cookie(headers.iter(), name).map(<[u8]>::to_vec)
        };
        find_unit(sources, hostcalls::request_header, later_cookie, use_value)
    }
}

// === impl RoutedRequest ===

impl RoutedRequest {
    /// A request at a listener that has only green's requests: a shadow's, or that of a green with
    /// failover.
    pub fn to_green() -> Self {
        Self {
            assignment: Assignment::new(Version::Green, Reason::Weight),
            exposed: None,
            marker: None,
            is_mirrored: false,
            feedback_unit: None,
            observed: ObservedParts::Answer,
        }
    }

    /// The same request, answered by blue as it came, since it cannot be patched for its version. If it
    /// is evidence, then for the version that was assigned first.
    pub fn unpatchable(self) -> Self {
        let assignment = Assignment::new(Version::Blue, Reason::Unpatchable);
        Self { assignment, is_mirrored: false, ..self }
    }
}

// === impl RolloutRuntime ===

impl RolloutRuntime {
    /// Counts a request, and names its reason in the access log.
    pub fn count(&self, scope: StatScope, assignment: Assignment) {
        self.metrics.count(scope, assignment);
        self.set_reason(assignment);
    }

    /// Names the reason of an assignment in the access log, unless the share has decided.
    pub fn set_reason(&self, assignment: Assignment) {
        if assignment.reason != Reason::Weight {
            // If the host refuses it, only the access log lacks the reason.
            let _ = hostcalls::set_filter_state(REASON_STATE, assignment.reason.as_str());
        }
    }

    /// Assigns a version by what the request carries: its unit, a forced version, the id of its
    /// conversation.
    pub fn route_request(
        &self,
        unit: Option<&[u8]>,
        forced: Option<Version>,
        id: Option<&[u8]>,
    ) -> RoutedRequest {
        let effective = self.effective_share();
        let rollout = self.config.rollout.as_str();
        let (conversation, marker) = id.map(|id| self.conversation(id, effective)).unzip();
        let request = AssignmentRequest { unit, forced, conversation };
        let rules = self.config.assignment_rules();
        let assignment = assign(&rules, effective, request, || self.random.draw());
        let unit_key = self.unit_key.get();
        let exposure = self.ramp.as_ref().zip(unit_key).and_then(|(worker, unit_key)| {
            let shares = worker.snapshot().step_shares();
            Exposure::find(unit_key, &rules, &request, assignment, shares)
        });
        let key = id.or(unit);
        let is_mirrored = self
            .mirrored_share()
            .is_some_and(|share| mirroring::is_mirrored(share, rollout, assignment, key));
        let feedback_unit = self.feedback.as_ref().and_then(|_| Some(unit_key?.hash(unit.or(id)?)));
        let marker = marker.flatten();
        // Both answers of a pair are read.
        let reads_answer = || {
            is_mirrored || self.read_answers().contains(rollout, assignment, exposure.as_ref(), key)
        };
        let observed = match assignment.reason {
            Reason::Pinned | Reason::Forced => ObservedParts::Nothing,
            _ if reads_answer() => ObservedParts::Answer,
            _ => ObservedParts::Outcome,
        };
        let exposed = exposure.map(|exposure| ExposedRequest {
            version: assignment.version,
            exposure,
            class: self.request_class(),
        });
        RoutedRequest { assignment, exposed, marker, is_mirrored, feedback_unit, observed }
    }

    /// The class of the request, which its version has not changed yet.
    fn request_class(&self) -> RequestClass {
        let adjusts = self.config.ramp.as_ref().is_some_and(|ramp| ramp.analysis.adjusts);
        let headers = adjusts.then(|| hostcalls::request_headers().ok()).flatten();
        headers.map_or_else(RequestClass::default, |it| RequestClass::from_headers(it.iter()))
    }

    /// Whose answers are read.
    fn read_answers(&self) -> ReadAnswers {
        if let (Some(ramp), Some(spec)) = (&self.ramp, &self.config.ramp)
            && spec.reads_compared_only
            && ramp.snapshot().analysed_share != Share::ALL
        {
            return ReadAnswers::Compared;
        }
        let sample = self.config.answers.as_ref().map(|answers| answers.sample);
        ReadAnswers::OfUnits(sample.unwrap_or(Share::ALL))
    }

    /// The share of all units whose requests are mirrored; `None` without a shadow.
    fn mirrored_share(&self) -> Option<Share> {
        let shadow = self.config.shadow.as_ref()?;
        let step = self.config.ramp.as_ref().and_then(|ramp| ramp.shadow);
        let step = step.filter(|_| self.is_shadow_step());
        Some(step.map_or(shadow.share, |step| step.share))
    }

    /// The unit and the conversation's id in the request's headers.
    pub fn unit_and_conversation(&self) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
        let cookies = LaterCookies::default();
        let find =
            |sources: &[UnitSource]| cookies.find(sources, |value| value.map(<[u8]>::to_vec));
        let id = self.config.conversation.as_ref().and_then(|config| find(&config.ids));
        (find(&self.config.unit), id)
    }

    /// The conversation's id in the request's body.
    pub fn conversation_in_body(&self, body: &[u8]) -> Option<Vec<u8>> {
        let body = str::from_utf8(body).ok()?;
        let pointers = &self.config.conversation.as_ref()?.pointers;
        // An empty one is none: clients send it in the first request of a conversation.
        let find = |it: &JsonPointer| it.find_string(body).filter(|id| !id.is_empty());
        pointers.iter().find_map(find).map(String::into_bytes)
    }

    /// The conversation with the share that it keeps, and the marker for its client if it lacks one.
    fn conversation<'a>(
        &self,
        id: &'a [u8],
        effective: EffectiveShare,
    ) -> (Conversation<'a>, Option<StartMarker>) {
        let sticky = effective.without_history(self.ramp.is_some());
        let without_history = (Conversation { id, sticky }, None);
        let Some(config) = &self.config.conversation else { return without_history };
        let Some(now_ms) = clock::steady_ms() else { return without_history };
        let sources = &config.markers;
        let marker = find_unit_value(sources, |marker| marker.map(<[u8]>::to_vec));
        let start = ConversationStart::find(id, marker.as_deref(), now_ms, !sources.is_empty());
        let kept = self.history.as_ref().and_then(|it| it.sticky_share(start.time, now_ms));
        let conversation = Conversation { id, sticky: kept.unwrap_or(sticky) };
        (conversation, start.new_marker.map(StartMarker))
    }

    /// Routes a request at the release's listener to its version.
    ///
    /// Envoy resolves the route again at each write of a request header. So only what differs from the
    /// early header mutation, which means blue, is written.
    ///
    /// # Errors
    /// The host refuses a write; then the request goes where early header mutation has sent it.
    pub fn route(&self, version: Version) -> Result<(), HostError> {
        let config = &self.config;
        if config.route_by == RouteBy::VersionHeader {
            return self.own_version_header(version);
        }
        let set_version = |version: Version| {
            hostcalls::replace_request_header(config.version_header.as_str(), version.as_str())
        };
        if version == Version::Green {
            set_version(version)?;
        }
        let cluster = config.cluster_for_release(version);
        if *cluster == config.default_cluster {
            return Ok(());
        }
        hostcalls::replace_request_header(config.cluster_header.as_str(), cluster.as_str())
            .inspect_err(|_| {
                // The request stays on blue, and its header must say so.
                let _ = set_version(Version::Blue);
            })
    }

    /// Writes the version header that the routes match, whatever the client has sent in it. A
    /// cluster header of the client is removed, so that no upstream takes it for the filter's.
    ///
    /// # Errors
    /// The host refuses the write. A header of the client is then removed, so that the request goes
    /// to blue.
    fn own_version_header(&self, version: Version) -> Result<(), HostError> {
        let _ = hostcalls::remove_request_header(self.config.cluster_header.as_str());
        let name = self.config.version_header.as_str();
        hostcalls::replace_request_header(name, version.as_str()).inspect_err(|_| {
            if let Err(error) = hostcalls::remove_request_header(name) {
                limited_error!(
                    "the host refuses changes of {name} ({error:?}), so clients can choose their \
                     version: allow proxy_replace_header_map_value"
                );
            }
        })
    }

    /// Marks a request of which Envoy is to send a copy to green. A request that cannot be marked is
    /// not mirrored.
    pub fn mark_mirrored(&self) {
        if let Some(shadow) = &self.config.shadow {
            let _ = hostcalls::replace_request_header(shadow.header.as_str(), "1");
        }
    }

    /// Sends a request to blue that gets no version assigned. At a listener that has only green's
    /// requests, and at one whose role is not known, it goes where it would go without the filter.
    pub fn route_unassigned(&self) {
        if self.role() == Some(Role::Release) {
            // If the host refuses it, the request goes where early header mutation has sent it.
            let _ = self.route(Version::Blue);
        } else if self.config.route_by == RouteBy::VersionHeader {
            let _ = self.own_version_header(Version::Blue);
        }
    }

    /// Lets the headers of a request wait for its body, which began at `began_ns` if that is known. Where
    /// too many wait for a body that does not arrive, routes the request to blue instead.
    pub fn begin_wait(
        &self,
        context_id: u32,
        began_ns: Option<u64>,
    ) -> (Option<Rc<WaitingStream>>, Action) {
        let wait = self.waiting.add(context_id, began_ns);
        if wait.as_ref().is_some_and(|it| it.is_released()) {
            self.route_unassigned();
            return (wait, Action::Continue);
        }
        (wait, Action::Pause)
    }

    /// Lets requests continue that have waited for their body too long.
    pub fn release_waiting(&self) {
        self.waiting.release_late(self.context_id, || self.route_unassigned());
    }

    /// Routes a request at another listener to green's own cluster.
    ///
    /// # Errors
    /// The host refuses the write; then the request has no route.
    pub fn route_to_green(&self) -> Result<(), HostError> {
        let Config { cluster_header, green_cluster, .. } = &self.config;
        hostcalls::replace_request_header(cluster_header.as_str(), green_cluster.as_str())
    }

    /// Sends a start marker to the client with the response.
    pub fn send_start_marker(&self, marker: &StartMarker) {
        let StartMarker(value) = marker;
        let Some(config) = &self.config.conversation else { return };
        for source in &config.markers {
            // If the host refuses it, the client gets a marker with its next response.
            if let UnitSource::Header(name) = source {
                let _ = hostcalls::replace_response_header(name.as_str(), value);
            }
        }
        for cookie in &config.marker_cookies {
            let cookie = cookie.set(value, config.max_age_ms / 1000);
            let _ = hostcalls::add_response_header("set-cookie", &cookie);
        }
    }
}
