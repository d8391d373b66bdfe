//! Feedback: signed exposures sent with answers, feedback received with requests.

use super::hostcalls;
use super::runtime::RolloutRuntime;
use crate::analysis::{Measurements, Metric, Observation};
use crate::assignment::{StepExposure, Version, analysis_hash};
use crate::feedback::{FeedbackEvent, SignedExposure};
use crate::json::pointer;
use crate::response::format::without_query;

/// The header that carries a signed exposure, of a response and of feedback on it.
const EXPOSURE_HEADER: &str = "x-verdigris-step";

/// How large the body of feedback may be, in bytes. It may have a comment in it that is not read.
pub const MAX_BODY: usize = 65_536;

/// What becomes of a request that carries feedback.
pub enum FeedbackReply {
    /// It is forwarded as it came.
    PassedOn,
    /// It is answered with this status and text.
    Answered(u32, String),
}

// === impl RolloutRuntime ===

impl RolloutRuntime {
    /// Whether the request at hand carries feedback.
    pub fn is_feedback(&self) -> bool {
        let Some(config) = &self.config.feedback else { return false };
        let is_there = hostcalls::request_header(":path")
            .is_some_and(|path| without_query(&path) == config.path.as_bytes());
        is_there && hostcalls::request_header(":method").is_some_and(|method| &*method == b"POST")
    }

    /// Takes the vote that a request's body has; `None` is a body that is too large.
    pub fn accept_feedback(&self, body: Option<&[u8]>) -> FeedbackReply {
        let (Some(config), Some(feedback)) = (&self.config.feedback, &self.feedback) else {
            return FeedbackReply::PassedOn;
        };
        let bad = |why: String| FeedbackReply::Answered(400, why);
        let Some(body) = body else {
            return bad(format!("the body is larger than {MAX_BODY} bytes"));
        };
        let vote = match FeedbackEvent::parse(body, &config.pointers) {
            Ok(vote) => vote,
            Err(why) => return bad(why),
        };
        let (unit, id) = self.unit_and_conversation();
        let id = id.or_else(|| self.conversation_in_body(body));
        let Some(key) = id.as_deref().or(unit.as_deref()) else {
            return bad(
                "it says nobody's name: send what the requests carry that it is about".into()
            );
        };
        let hash = analysis_hash(self.config.rollout.as_str(), key);
        let at = hostcalls::monotonic_time_ns().unwrap_or_default();
        let receipt =
            self.signed_exposure_of_request(body).and_then(|text| feedback.key.verify(&text, hash));
        let version = receipt.map_or_else(
            || self.route_request(unit.as_deref(), None, id.as_deref()).assignment.version,
            |receipt| receipt.version,
        );
        if !feedback.allow(hash, at) {
            self.metrics.count_rate_limited(version);
            let most = config.max_per_minute;
            return FeedbackReply::Answered(429, format!("one is heard {most} times a minute"));
        }
        self.metrics.count_feedback(version, vote, receipt.is_some());
        let exposure = receipt.and_then(|it| it.step);
        if let (Some(exposure), Some(ramp)) = (exposure, &self.ramp) {
            ramp.worker().record(Observation {
                at_ns: at,
                unit: hash,
                epoch: exposure.epoch,
                version,
                is_newly_exposed: exposure.is_newly_exposed,
                is_assignment: false,
                measurements: told(vote),
            });
        }
        if config.passes_on {
            FeedbackReply::PassedOn
        } else {
            FeedbackReply::Answered(204, String::new())
        }
    }

    /// The receipt of an answer: who gave it to whom, and whether it is evidence.
    pub fn sign_exposure(
        &self,
        version: Version,
        unit: u64,
        step: Option<StepExposure>,
    ) -> Option<String> {
        Some(self.feedback.as_ref()?.key.sign(SignedExposure { version, step }, unit))
    }

    /// Gives the client a receipt with the response.
    pub fn send_signed_exposure(&self, receipt: &str) {
        // A client that is not given it can still vote, and is no evidence.
        let _ = hostcalls::add_response_header(EXPOSURE_HEADER, receipt);
    }

    fn signed_exposure_of_request(&self, body: &[u8]) -> Option<Vec<u8>> {
        if let Some(text) = hostcalls::request_header(EXPOSURE_HEADER) {
            return Some(text.to_vec());
        }
        let place = self.config.feedback.as_ref()?.pointers.step.as_ref()?;
        Some(pointer::text_at(str::from_utf8(body).ok()?, place)?.into_bytes())
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
