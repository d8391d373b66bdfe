//! Feedback: receipts given with answers, votes taken with requests.

use std::cell::RefCell;
use std::hash::{BuildHasher as _, RandomState};

use super::host::{self, Cas, set_shared, shared};
use super::root::Running;
use super::walker::key_of_format;
use crate::analysis::{Measurements, Metric, Observation};
use crate::assignment::{Version, analysis_hash};
use crate::config;
use crate::feedback::{ExposureKey, ExposureStep, FeedbackEvent, RateLimiter, SignedExposure};
use crate::response::format::without_query;

/// The header that carries a receipt, of a response and of feedback on it.
const STEP: &str = "x-verdigris-step";

/// How large a vote may be, in bytes. It may have a comment in it that nobody reads here.
pub const MAX_BODY: usize = 65_536;

/// What a VM needs to take votes.
pub struct Feedback {
    key: ExposureKey,
    limiter: RefCell<RateLimiter>,
}

/// What becomes of a request that carries feedback.
pub enum Taken {
    /// It goes on as it came.
    PassedOn,
    /// It is answered with this status and text.
    Answered(u32, String),
}

// === impl Feedback ===

impl Feedback {
    pub fn of(rollout: &str, config: &config::FeedbackConfig) -> Self {
        let limiter = RefCell::new(RateLimiter::new(config.max_per_minute));
        Self { key: key_of(rollout), limiter }
    }
}

/// The key that all workers share. Envoy configures the main thread's VM before it does the
/// workers', so that no two of them make one; and if two did, votes would be unproved.
fn key_of(rollout: &str) -> ExposureKey {
    let name = key_of_format(rollout, "receipts");
    let known = || shared(&name).and_then(|(bytes, _)| ExposureKey::from_bytes(&bytes));
    if let Some(key) = known() {
        return key;
    }
    let mut new = [0; ExposureKey::LENGTH];
    for half in new.chunks_exact_mut(8) {
        half.copy_from_slice(&RandomState::new().hash_one(rollout).to_le_bytes());
    }
    let _ = set_shared(&name, &new, Cas::ANY);
    known().or_else(|| ExposureKey::from_bytes(&new)).unwrap_or_default()
}

// === impl Running ===

impl Running {
    /// Whether the request at hand carries feedback.
    pub fn is_feedback(&self) -> bool {
        let Some(config) = &self.config.feedback else { return false };
        let is_there = host::request_header(":path")
            .is_some_and(|path| without_query(&path) == config.path.as_bytes());
        is_there && host::request_header(":method").is_some_and(|method| &*method == b"POST")
    }

    /// Takes the vote that a request's body has; `None` is a body that is too large.
    pub fn take_vote(&self, body: Option<&[u8]>) -> Taken {
        let (Some(config), Some(feedback)) = (&self.config.feedback, &self.feedback) else {
            return Taken::PassedOn;
        };
        let bad = |why: String| Taken::Answered(400, why);
        let Some(body) = body else {
            return bad(format!("the body is larger than {MAX_BODY} bytes"));
        };
        let vote = match FeedbackEvent::parse(body, &config.pointers) {
            Ok(vote) => vote,
            Err(why) => return bad(why),
        };
        let (unit, id) = self.named_in_headers();
        let id = id.or_else(|| self.id_in_body(body));
        let Some(key) = id.as_deref().or(unit.as_deref()) else {
            return bad(
                "it says nobody's name: send what the requests carry that it is about".into()
            );
        };
        let hash = analysis_hash(self.config.rollout.as_str(), key);
        let at = host::monotonic_time().unwrap_or_default();
        let receipt = self.receipt(body).and_then(|text| feedback.key.verify(&text, hash));
        let version = receipt.map_or_else(
            || self.decide(unit.as_deref(), None, id.as_deref()).decision.version,
            |receipt| receipt.version,
        );
        let is_heard = feedback.limiter.try_borrow_mut().is_ok_and(|mut it| it.allow(hash, at));
        if !is_heard {
            self.metrics.count_limited(version);
            let most = config.max_per_minute;
            return Taken::Answered(429, format!("one is heard {most} times a minute"));
        }
        self.metrics.count_vote(version, vote, receipt.is_some());
        if let (Some(step), Some(walker)) = (receipt.and_then(|it| it.step), &self.walker) {
            let told = told(vote);
            let is_assignment = false;
            let observation = Observation {
                at_ns: at,
                unit: hash,
                epoch: step.epoch,
                version,
                is_newly_exposed: step.is_newly_exposed,
                is_assignment,
                measurements: told,
            };
            walker.note(observation);
        }
        if config.passes_on { Taken::PassedOn } else { Taken::Answered(204, String::new()) }
    }

    /// The receipt of an answer: who gave it to whom, and whether it is evidence.
    pub fn receipt_of(
        &self,
        version: Version,
        unit: u64,
        step: Option<ExposureStep>,
    ) -> Option<String> {
        Some(self.feedback.as_ref()?.key.sign(SignedExposure { version, step }, unit))
    }

    /// Gives the client a receipt with the response.
    pub fn give_receipt(&self, receipt: &str) {
        // A client that is not given it can still vote, and is no evidence.
        let _ = host::add_response_header(STEP, receipt);
    }

    fn receipt(&self, body: &[u8]) -> Option<Vec<u8>> {
        if let Some(text) = host::request_header(STEP) {
            return Some(text.to_vec());
        }
        let place = self.config.feedback.as_ref()?.pointers.step.as_ref()?;
        Some(place.find_string(str::from_utf8(body).ok()?)?.into_bytes())
    }
}

fn told(vote: FeedbackEvent) -> Measurements {
    let mut told = Measurements::default();
    if let Some(thumb) = vote.thumb {
        told = told.with_rate(Metric::ThumbsDownRate, thumb.is_down());
    }
    if let Some(score) = vote.score {
        told = told.with_value(Metric::Score, score);
    }
    told
}
