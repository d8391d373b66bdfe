//! Who answers a request, by what it brings.

use std::cell::OnceCell;

use super::header_map::HeaderMap;
use super::hostcalls;
use super::hostcalls::HostError;
use super::runtime::RolloutRuntime;
use crate::assignment::unit::{find_later_cookie, find_unit_in_lines};
use crate::assignment::{
    Assignment, AssignmentRequest, Conversation, ConversationStart, EffectiveShare, Exposure,
    Reason, UnitSource, Version, analysis_hash, assign, mirroring,
};
use crate::config::Config;
use crate::json::pointer;

/// Who answers a request, and what follows from it.
pub struct RoutedRequest {
    pub assignment: Assignment,
    /// What a ramp need know of it, if it is evidence.
    pub exposure: Option<Exposure>,
    /// What tells when its conversation began, where the client does not have it yet.
    pub marker: Option<StartMarker>,
    /// Whether green is asked as well, for nobody.
    pub is_mirrored: bool,
    /// The hash of who may vote on the answer.
    pub feedback_unit: Option<u64>,
}

/// When a conversation began, as the client is told it.
pub struct StartMarker(String);

/// All headers of a request, which are read for the cookies in its later `Cookie` lines, once
/// and only where the first line lacks one.
#[derive(Default)]
struct LaterCookies(OnceCell<Option<HeaderMap>>);

/// Finds what one of `sources` has, and gives it to `found`.
pub fn find<T>(sources: &[UnitSource], found: impl FnOnce(Option<&[u8]>) -> T) -> T {
    LaterCookies::default().find(sources, found)
}

// === impl LaterCookies ===

impl LaterCookies {
    fn find<T>(&self, sources: &[UnitSource], found: impl FnOnce(Option<&[u8]>) -> T) -> T {
        let later_cookie = |name: &[u8]| {
            let headers = self.0.get_or_init(|| hostcalls::request_headers().ok()).as_ref()?;
            find_later_cookie(headers.iter(), name).map(<[u8]>::to_vec)
        };
        find_unit_in_lines(sources, hostcalls::request_header, later_cookie, found)
    }
}

// === impl Decided ===

impl RoutedRequest {
    /// Green's, at a listener that has nothing but green's requests: a shadow's, or that of
    /// a green with failover.
    pub fn to_green() -> Self {
        let decision = Assignment::new(Version::Green, Reason::Weight);
        Self {
            assignment: decision,
            exposure: None,
            marker: None,
            is_mirrored: false,
            feedback_unit: None,
        }
    }

    /// Blue answers, as the request came.
    pub fn unpatchable(self) -> Self {
        let decision = Assignment::new(Version::Blue, Reason::Unpatchable);
        Self { assignment: decision, exposure: None, is_mirrored: false, ..self }
    }
}

/// The filter state that names the reason: `wasm.verdigris.reason` in the
/// access log's `%FILTER_STATE(…)%`.
const REASON_STATE: &str = "verdigris.reason";

// === impl RolloutRuntime ===

impl RolloutRuntime {
    /// Names the reason of an assignment in the access log, unless it is the share.
    pub fn set_reason(&self, assignment: Assignment) {
        if assignment.reason != Reason::Weight {
            // A reason that the host refuses is missing from the access log only.
            let _ = hostcalls::set_filter_state(REASON_STATE, assignment.reason.as_str());
        }
    }

    /// Assigns a version by what the request carries, and says what follows from it.
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
        let exposure = self.ramp.as_ref().and_then(|worker| {
            Exposure::find(&rules, &request, assignment, worker.snapshot().step_shares())
        });
        let key = id.or(unit);
        let is_mirrored =
            self.config.shadow.as_ref().is_some_and(|shadow| {
                mirroring::is_mirrored(shadow.share, rollout, assignment, key)
            });
        let feedback_unit = self.feedback.as_ref().and(key).map(|key| match &exposure {
            Some(exposure) => exposure.unit,
            None => analysis_hash(rollout, key),
        });
        RoutedRequest { assignment, exposure, marker: marker.flatten(), is_mirrored, feedback_unit }
    }

    /// The unit, and the conversation's id, as the request's headers carry them.
    pub fn unit_and_conversation(&self) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
        let cookies = LaterCookies::default();
        let find = |sources: &[UnitSource]| cookies.find(sources, |it| it.map(<[u8]>::to_vec));
        let id = self.config.conversation.as_ref().and_then(|it| find(&it.ids));
        (find(&self.config.unit), id)
    }

    /// The conversation's id, as a body carries it.
    pub fn conversation_in_body(&self, body: &[u8]) -> Option<Vec<u8>> {
        let body = str::from_utf8(body).ok()?;
        let pointers = &self.config.conversation.as_ref()?.pointers;
        let id = pointers.iter().find_map(|tokens| pointer::text_at(body, tokens))?;
        Some(id.into_bytes()).filter(|id| !id.is_empty())
    }

    /// The conversation with the share that it keeps, and the marker to send if the client has
    /// none.
    fn conversation<'a>(
        &self,
        id: &'a [u8],
        effective: EffectiveShare,
    ) -> (Conversation<'a>, Option<StartMarker>) {
        let sticky = effective.without_history(self.ramp.is_some());
        let without_history = (Conversation { id, sticky }, None);
        let Some(conversations) = &self.config.conversation else { return without_history };
        let Ok(now_ns) = hostcalls::wall_time_ns() else { return without_history };
        let now_ms = now_ns / 1_000_000;
        let sources = &conversations.markers;
        let marker = find(sources, |marker| marker.map(<[u8]>::to_vec));
        let start = ConversationStart::find(id, marker.as_deref(), now_ms, !sources.is_empty());
        let kept = self.history.as_ref().and_then(|it| it.sticky_share(start.time, now_ms));
        let conversation = Conversation { id, sticky: kept.unwrap_or(sticky) };
        (conversation, start.new_marker.map(StartMarker))
    }

    /// Sends the request to green's own cluster. Without that it goes nowhere.
    pub fn route_to_green(&self) -> Result<(), HostError> {
        let Config { cluster_header, green_cluster, .. } = &self.config;
        hostcalls::replace_request_header(cluster_header.as_str(), green_cluster.as_str())
    }

    /// Gives the client a marker with the response.
    pub fn send_start_marker(&self, marker: &StartMarker) {
        let StartMarker(value) = marker;
        let Some(conversations) = &self.config.conversation else { return };
        for place in &conversations.markers {
            // A client that is not given it now is with its next request.
            if let UnitSource::Header(name) = place {
                let _ = hostcalls::add_response_header(name.as_str(), value);
            }
        }
        for cookie in &conversations.marker_cookies {
            let cookie = cookie.set(value, conversations.max_age_ms / 1000);
            let _ = hostcalls::add_response_header("set-cookie", &cookie);
        }
    }

    /// Writes only what differs from what Envoy's early header mutation has put:
    /// each write of a request header makes Envoy choose the route again.
    pub fn route(&self, version: Version) -> Result<(), HostError> {
        let config = &self.config;
        let names_version = |version: Version| {
            hostcalls::replace_request_header(config.version_header.as_str(), version.as_str())
        };
        if version == Version::Green {
            names_version(version)?;
        }
        let cluster = config.cluster_for_release(version);
        if *cluster == config.default_cluster {
            return Ok(());
        }
        hostcalls::replace_request_header(config.cluster_header.as_str(), cluster.as_str())
            .inspect_err(|_| {
                // The request stays where it was, and must not claim otherwise.
                let _ = names_version(Version::Blue);
            })
    }
}
