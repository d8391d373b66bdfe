//! Joins blue's response and the shadow's to the same request.
//!
//! Envoy copies a request on the worker that has it, and the copy passes an internal listener on the
//! same worker, so both halves of a pair are seen by one VM. They are joined by the request's id
//! (`x-request-id`), which a copy has from its original. The half that ends last completes the pair.
//!
//! Which requests are paired is decided when they begin, so it does not depend on how they end:
//!
//! - A copy that Envoy drops never begins. Its request is given up some time after blue's response.
//! - A copy that takes much longer than blue's response is not waited for: it counts as one that
//!   lasted at least until then, and as slow if that is longer than the objective. What else it would
//!   have revealed counts as missing where blue's response reveals it, or should.
//! - A request that begins while [`MAX_REQUESTS`] are open is not paired.
//! - Requests that have the same id at the same time are not paired: it is not known which copy
//!   belongs to which of them.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::analysis::{Measurements, Metric, Observation};
use crate::assignment::{Exposure, Version};
use crate::hash::hash_128;

/// The requests of one VM whose halves are being joined.
#[derive(Debug, Default)]
pub struct Pairing {
    requests: BTreeMap<PairTicket, OpenPair>,
    by_id: BTreeMap<u128, PairTicket>,
    last_ticket: u64,
    completed: Vec<Observation>,
    unpaired: u64,
}

/// Identifies a request whose halves are being joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PairTicket(u64);

/// One half of a pair whose response has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndedHalf {
    /// The request.
    pub ticket: PairTicket,
    /// Whether the other half has ended before, and both are a pair.
    pub is_pair_complete: bool,
}

/// What has happened since it was asked last.
#[derive(Debug, Default, PartialEq)]
pub struct PairedResponses {
    /// The pairs that are complete.
    pub pairs: Vec<Observation>,
    /// How many mirrored requests have no pair.
    pub unpaired: u64,
}

/// A request whose halves are being joined.
#[derive(Debug)]
struct OpenPair {
    id: u128,
    exposure: Exposure,
    objective: Option<Duration>,
    blue: Half,
    shadow: Half,
    /// Another request has the same id.
    is_ambiguous: bool,
}

/// A response of a pair.
#[derive(Clone, Copy, Debug)]
enum Half {
    /// Its request has not been seen.
    Unseen,
    /// It is open since then.
    Open {
        began_ns: u64,
    },
    Ended {
        began_ns: u64,
        ended_ns: u64,
        measurements: Measurements,
    },
}

/// How many requests are joined at the same time. Envoy has 64 copies open by default; the others
/// wait for blue's response, or to be given up.
pub const MAX_REQUESTS: usize = 4_096;

/// A copy that has not begun by then, counted from the end of blue's response, never will.
pub const MIN_WAIT: Duration = Duration::from_secs(30);

/// A copy that has begun is waited for until it has lasted longer than blue's response by this many
/// times, and at least for [`MIN_WAIT`]. It counts no more for being even slower.
pub const MAX_TIMES_AS_LONG: u64 = 3;

/// A request is given up after this time even if blue's response is still open.
pub const MAX_AGE: Duration = Duration::from_secs(60 * 60);

/// What a copy that is not waited for does not reveal. Whether it is slow is known if it has lasted longer
/// than the objective.
const REVEALED_AT_THE_END: [Metric; 9] = [
    Metric::ErrorRate,
    Metric::ClientErrorRate,
    Metric::RefusalRate,
    Metric::EmptyRate,
    Metric::TruncationRate,
    Metric::SlowRate,
    Metric::Ttft,
    Metric::OutputTokens,
    Metric::Cost,
];

// === impl Pairing ===

impl Pairing {
    /// A request of blue's that Envoy mirrors has begun. [`Self::end_blue`] takes the ticket. `None`
    /// if it is not paired: it has no id, or there are too many. `objective` is the duration above which
    /// a response is slow, where that is compared. It holds for both halves.
    pub fn begin_blue(
        &mut self,
        id: Option<&[u8]>,
        exposure: Exposure,
        objective: Option<Duration>,
        now_ns: u64,
    ) -> Option<PairTicket> {
        let id = id.filter(|id| !id.is_empty()).map(hash);
        let other = id.and_then(|id| self.by_id.get(&id));
        if let Some(other) = other.and_then(|ticket| self.requests.get_mut(ticket)) {
            other.is_ambiguous = true;
        }
        let is_taken = other.is_some();
        let Some(id) = id.filter(|_| !is_taken && self.requests.len() < MAX_REQUESTS) else {
            self.unpaired += 1;
            return None;
        };
        self.last_ticket += 1;
        let ticket = PairTicket(self.last_ticket);
        let blue = Half::Open { began_ns: now_ns };
        let (shadow, is_ambiguous) = (Half::Unseen, false);
        let pair = OpenPair { id, exposure, objective, blue, shadow, is_ambiguous };
        self.requests.insert(ticket, pair);
        self.by_id.insert(id, ticket);
        Some(ticket)
    }

    /// A copy has begun. [`Self::end_shadow`] takes the ticket. `None` if no request waits for it.
    pub fn begin_shadow(&mut self, id: &[u8], now_ns: u64) -> Option<PairTicket> {
        let ticket = *self.by_id.get(&hash(id))?;
        let pair = self.requests.get_mut(&ticket)?;
        if !matches!(pair.shadow, Half::Unseen) {
            pair.is_ambiguous = true;
            return None;
        }
        pair.shadow = Half::Open { began_ns: now_ns };
        Some(ticket)
    }

    /// Blue's response has ended. Returns whether the pair is complete.
    pub fn end_blue(
        &mut self,
        ticket: PairTicket,
        now_ns: u64,
        measurements: Measurements,
    ) -> bool {
        self.end(ticket, now_ns, measurements, |pair| &mut pair.blue)
    }

    /// The copy's response has ended. Does nothing if it is not waited for any more. Returns whether
    /// the pair is complete.
    pub fn end_shadow(
        &mut self,
        ticket: PairTicket,
        now_ns: u64,
        measurements: Measurements,
    ) -> bool {
        self.end(ticket, now_ns, measurements, |pair| &mut pair.shadow)
    }

    /// Whether the request with this ticket is being joined.
    pub fn contains(&self, ticket: PairTicket) -> bool {
        self.requests.contains_key(&ticket)
    }

    /// The duration above which the responses of a request are slow, where that is compared. The shadow's
    /// configuration may not know it.
    pub fn objective(&self, ticket: PairTicket) -> Option<Duration> {
        self.requests.get(&ticket)?.objective
    }

    /// Gives up all requests. Returns how many have no pair.
    pub fn clear(&mut self) -> PairedResponses {
        // A half that ends later must not find the ticket of another request.
        let without = Self { last_ticket: self.last_ticket, ..Self::default() };
        let Self { requests, completed, unpaired, .. } = std::mem::replace(self, without);
        let open = requests.len() + completed.len();
        PairedResponses { pairs: Vec::new(), unpaired: unpaired.saturating_add(open as u64) }
    }

    /// Gives up what is not waited for any more. Takes the pairs that were completed.
    pub fn take(&mut self, now_ns: u64) -> PairedResponses {
        let due: Vec<PairTicket> = self
            .requests
            .iter()
            .filter(|(_, pair)| pair.is_due(now_ns))
            .map(|(ticket, _)| *ticket)
            .collect();
        for ticket in due {
            let Some(pair) = self.remove(ticket) else { continue };
            match pair.cut(now_ns) {
                Some(observation) => self.completed.push(observation),
                None => self.unpaired += 1,
            }
        }
        PairedResponses {
            pairs: std::mem::take(&mut self.completed),
            unpaired: std::mem::take(&mut self.unpaired),
        }
    }

    /// The number of requests that are being joined.
    pub fn len(&self) -> usize {
        self.requests.len()
    }

    /// Whether no request is being joined.
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    fn end(
        &mut self,
        ticket: PairTicket,
        now_ns: u64,
        measurements: Measurements,
        half: fn(&mut OpenPair) -> &mut Half,
    ) -> bool {
        let Some(pair) = self.requests.get_mut(&ticket) else { return false };
        let half = half(pair);
        if let Half::Open { began_ns } = *half {
            *half = Half::Ended { began_ns, ended_ns: now_ns, measurements };
        }
        let observation = pair.observation(now_ns);
        if let Some(observation) = observation {
            self.remove(ticket);
            self.completed.push(observation);
        }
        observation.is_some()
    }

    fn remove(&mut self, ticket: PairTicket) -> Option<OpenPair> {
        let pair = self.requests.remove(&ticket)?;
        self.by_id.remove(&pair.id);
        Some(pair)
    }
}

// === impl OpenPair ===

impl OpenPair {
    /// The pair, once both responses have ended.
    fn observation(&self, now_ns: u64) -> Option<Observation> {
        match (self.blue, self.shadow) {
            (Half::Ended { measurements: blue, .. }, Half::Ended { measurements: shadow, .. })
                if !self.is_ambiguous =>
            {
                Some(self.pair(blue, shadow, now_ns))
            }
            _ => None,
        }
    }

    /// Whether the request is not waited for any more.
    fn is_due(&self, now_ns: u64) -> bool {
        let wait_until_ns = match (self.blue, self.shadow) {
            (Half::Ended { ended_ns, .. }, Half::Unseen) => {
                ended_ns.saturating_add(nanoseconds(MIN_WAIT))
            }
            (Half::Ended { began_ns, ended_ns, .. }, Half::Open { .. }) => {
                let took_ns = ended_ns.saturating_sub(began_ns);
                let wait_ns = took_ns.saturating_mul(MAX_TIMES_AS_LONG).max(nanoseconds(MIN_WAIT));
                ended_ns.saturating_add(wait_ns)
            }
            // They were not joined, because another request has the same id.
            (Half::Ended { ended_ns, .. }, Half::Ended { .. }) => ended_ns,
            (Half::Open { began_ns }, _) => began_ns.saturating_add(nanoseconds(MAX_AGE)),
            (Half::Unseen, _) => 0,
        };
        now_ns >= wait_until_ns
    }

    /// The pair, if the copy has begun and is only not waited for any more.
    fn cut(&self, now_ns: u64) -> Option<Observation> {
        match (self.blue, self.shadow) {
            (Half::Ended { measurements: blue, .. }, Half::Open { began_ns })
                if !self.is_ambiguous =>
            {
                let lasted = Duration::from_nanos(now_ns.saturating_sub(began_ns));
                let lasted_ms = (lasted.as_secs_f64() * 1e3) as f32;
                let is_slow = self.objective.is_some_and(|objective| lasted > objective);
                // What blue's response has not revealed either is not missing on green alone: a client
                // that aborts ends blue's response only.
                let is_missing = |metric: &Metric| {
                    (blue.is_known(*metric) || blue.is_missing(*metric))
                        && !(is_slow && *metric == Metric::SlowRate)
                };
                let shadow = Measurements::default()
                    .with_censored_time(Metric::Duration, lasted_ms)
                    .with_all_missing(REVEALED_AT_THE_END.into_iter().filter(is_missing));
                let shadow = match is_slow {
                    true => shadow.with_rate(Metric::SlowRate, true),
                    false => shadow,
                };
                Some(self.pair(blue, shadow, now_ns))
            }
            _ => None,
        }
    }

    fn pair(&self, blue: Measurements, shadow: Measurements, now_ns: u64) -> Observation {
        let Exposure { unit, epoch, is_newly_exposed } = self.exposure;
        Observation {
            at_ns: now_ns,
            unit,
            epoch,
            version: Version::Blue,
            is_newly_exposed,
            is_assignment: true,
            measurements: blue,
            shadow: Some(shadow),
        }
    }
}

/// A hash of a request's id, so that ids of any length take the same memory.
fn hash(id: &[u8]) -> u128 {
    hash_128(id, 0)
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
