//! Who answers a request, by what it brings.

use std::cell::OnceCell;

use super::host::{self, HostError};
use super::pairs::Pairs;
use super::root::Running;
use super::watch::Lot;
use crate::assignment::unit::{find_later_cookie, find_unit_in_lines};
use crate::assignment::{
    Assignment, AssignmentRequest, EffectiveShare, Reason, Share, StartTime, StickyShare,
    UnitSource, Version, analysis_hash, assign, bucket_hash, mirroring, start_marker,
};
use crate::config::Config;

/// Who answers a request, and what follows from it.
pub struct Decided {
    pub decision: Assignment,
    /// What a ramp need know of it, if it is evidence.
    pub lot: Option<Lot>,
    /// What tells when its conversation began, where the client does not have it yet.
    pub marker: Option<Marker>,
    /// Whether green is asked as well, for nobody.
    pub is_shadowed: bool,
    /// The hash of who may vote on the answer.
    pub voter: Option<u64>,
}

/// When a conversation began, as the client is told it.
pub struct Marker(String);

/// All headers of a request, which are read for the cookies in its later `Cookie` lines, once
/// and only where the first line lacks one.
#[derive(Default)]
struct LaterCookies(OnceCell<Option<Pairs>>);

/// Finds what one of `sources` has, and gives it to `found`.
pub fn find<T>(sources: &[UnitSource], found: impl FnOnce(Option<&[u8]>) -> T) -> T {
    LaterCookies::default().find(sources, found)
}

// === impl LaterCookies ===

impl LaterCookies {
    fn find<T>(&self, sources: &[UnitSource], found: impl FnOnce(Option<&[u8]>) -> T) -> T {
        let later_cookie = |name: &[u8]| {
            let headers = self.0.get_or_init(|| host::request_headers().ok()).as_ref()?;
            find_later_cookie(headers.iter(), name).map(<[u8]>::to_vec)
        };
        find_unit_in_lines(sources, host::request_header, later_cookie, found)
    }
}

// === impl Decided ===

impl Decided {
    /// Green's, at a listener that has nothing but green's requests: a shadow's, or that of
    /// a green with failover.
    pub fn of_green() -> Self {
        let decision = Assignment { version: Version::Green, reason: Reason::Weight };
        Self { decision, lot: None, marker: None, is_shadowed: false, voter: None }
    }

    /// Blue answers, as the request came.
    pub fn unpatchable(self) -> Self {
        let decision = Assignment { version: Version::Blue, reason: Reason::Unpatchable };
        Self { decision, lot: None, is_shadowed: false, ..self }
    }
}

// === impl Running ===

impl Running {
    /// Decides, by what the request brings.
    pub fn decide(
        &self,
        unit: Option<&[u8]>,
        forced: Option<Version>,
        id: Option<&[u8]>,
    ) -> Decided {
        let standing = self.standing();
        let known = id.map(|id| self.conversation(id, standing));
        let conversation = match (id, &known) {
            (Some(id), Some((claim, _))) => Some((id, *claim)),
            _ => None,
        };
        let ask = AssignmentRequest { unit, forced, conversation };
        let decision = assign(&self.config, standing, ask, || self.random.draw());
        let lot = match conversation {
            Some((id, claim)) => self.lot_of_conversation(decision, id, claim),
            None => unit.and_then(|unit| self.lot(decision, unit)),
        };
        let is_shadowed = self.config.shadow.as_ref().is_some_and(|it| {
            mirroring::is_mirrored(it.share, self.config.rollout.as_str(), decision, id.or(unit))
        });
        let voter = self.feedback.as_ref().and(id.or(unit)).map(|key| match &lot {
            Some(lot) => lot.unit,
            None => analysis_hash(self.config.rollout.as_str(), key),
        });
        let marker = known.and_then(|(_, marker)| marker);
        Decided { decision, lot, marker, is_shadowed, voter }
    }

    /// The unit, and the conversation's id, as the request's headers carry them.
    pub fn named_in_headers(&self) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
        let cookies = LaterCookies::default();
        let find = |sources: &[UnitSource]| cookies.find(sources, |it| it.map(<[u8]>::to_vec));
        let id = self.config.conversation.as_ref().and_then(|it| find(&it.ids));
        (find(&self.config.unit), id)
    }

    /// The conversation's id, as a body carries it.
    pub fn id_in_body(&self, body: &[u8]) -> Option<Vec<u8>> {
        let body = str::from_utf8(body).ok()?;
        let pointers = &self.config.conversation.as_ref()?.pointers;
        let id = pointers.iter().find_map(|pointer| pointer.find_string(body))?;
        Some(id.into_bytes()).filter(|id| !id.is_empty())
    }

    /// The share that a conversation has a claim to, and the marker that it lacks.
    fn conversation(&self, id: &[u8], standing: EffectiveShare) -> (StickyShare, Option<Marker>) {
        let share = match standing {
            // A ramp's first share is not known here yet, and will be of later times.
            EffectiveShare::Share(_) if self.walker.is_some() => Share::ZERO,
            EffectiveShare::Share(share) => share,
            EffectiveShare::RolledBack => Share::ZERO,
        };
        let unknown = StickyShare { share, is_drained: false, step: None };
        let Some(conversations) = &self.config.conversation else { return (unknown, None) };
        let Ok(now) = host::wall_time() else { return (unknown, None) };
        let now = now / 1_000_000;
        let owned = |it: Option<&[u8]>| it.map(<[u8]>::to_vec);
        let held = find(&conversations.markers, owned);
        let began = StartTime::find(id, held.as_deref(), now);
        let claim = self.chronicle.as_ref().and_then(|chronicle| chronicle.claim(began, now));
        let lacks_marker = began == StartTime::Unknown && !conversations.markers.is_empty();
        let marker = lacks_marker.then(|| {
            Marker(start_marker::with_start_ms(held.as_deref().unwrap_or_default(), id, now))
        });
        (claim.unwrap_or(unknown), marker)
    }

    /// Sends the request to green's own cluster. Without that it goes nowhere.
    pub fn route_to_green(&self) -> Result<(), HostError> {
        let Config { cluster_header, green_cluster, .. } = &self.config;
        host::replace_request_header(cluster_header.as_str(), green_cluster.as_str())
    }

    /// Gives the client a marker with the response.
    pub fn give(&self, marker: &Marker) {
        let Marker(value) = marker;
        let Some(conversations) = &self.config.conversation else { return };
        for place in &conversations.markers {
            // A client that is not given it now is with its next request.
            if let UnitSource::Header(name) = place {
                let _ = host::add_response_header(name.as_str(), value);
            }
        }
        for cookie in &conversations.marker_cookies {
            let cookie = cookie.set(value, conversations.max_age_ms / 1000);
            let _ = host::add_response_header("set-cookie", &cookie);
        }
    }

    fn lot(&self, decision: Assignment, unit: &[u8]) -> Option<Lot> {
        let in_force = self.walker.as_ref()?.in_force();
        if decision.reason != Reason::Weight || self.config.conversation.is_some() {
            return None;
        }
        let rollout = self.config.rollout.as_str();
        let place = bucket_hash(rollout, unit);
        in_force.analysed_share.contains(place).then(|| Lot {
            unit: analysis_hash(rollout, unit),
            step: in_force.epoch,
            is_new: !in_force.previous_share.contains(place),
        })
    }

    /// Evidence is of conversations that began in a step; all of them are new to it.
    fn lot_of_conversation(
        &self,
        decision: Assignment,
        id: &[u8],
        claim: StickyShare,
    ) -> Option<Lot> {
        self.walker.as_ref()?;
        if !matches!(decision.reason, Reason::Weight | Reason::Drained) {
            return None;
        }
        let (step, compared) = claim.step?;
        let rollout = self.config.rollout.as_str();
        let is_compared = compared.contains(bucket_hash(rollout, id));
        is_compared.then(|| Lot { unit: analysis_hash(rollout, id), step, is_new: true })
    }

    /// Writes only what differs from what Envoy's early header mutation has put:
    /// each write of a request header makes Envoy choose the route again.
    pub fn route(&self, version: Version) -> Result<(), HostError> {
        let config = &self.config;
        let names_version = |version: Version| {
            host::replace_request_header(config.version_header.as_str(), version.as_str())
        };
        if version == Version::Green {
            names_version(version)?;
        }
        let cluster = config.cluster_for_release(version);
        if *cluster == config.default_cluster {
            return Ok(());
        }
        host::replace_request_header(config.cluster_header.as_str(), cluster.as_str()).inspect_err(
            |_| {
                // The request stays where it was, and must not claim otherwise.
                let _ = names_version(Version::Blue);
            },
        )
    }
}
