//! Feedback: signed exposures sent with answers, feedback received with requests.

use proxy_wasm::types::Action;

use super::hostcalls;
use super::random::random_u64;
use super::runtime::RolloutRuntime;
use super::stream_state::StreamState;
use crate::assignment::{Assignment, Exposure, Reason, StepExposure, Version};
use crate::config::FeedbackConfig;
use crate::feedback::intake::{FeedbackRequest, RejectedFeedback, is_feedback_path, read_event};
use crate::feedback::signed_exposure::EXPOSURE_HEADER;
use crate::feedback::{FeedbackEvent, FeedbackIntake, SignedExposure};

/// What becomes of a request that carries feedback.
enum FeedbackReply {
    /// It is forwarded as it came.
    PassedOn,
    /// It is answered with this status and text.
    Answered(u32, String),
}

/// What is signed of an exposure.
fn step(exposure: Exposure) -> StepExposure {
    let Exposure { epoch, is_newly_exposed, .. } = exposure;
    StepExposure { epoch, is_newly_exposed }
}

// === impl StreamState ===

impl StreamState {
    /// Receives the feedback of a request with this body of `size` bytes; `None` is a body that was not read.
    /// A request that the filter answers is not forwarded.
    pub(super) fn receive_feedback(
        &mut self,
        runtime: &RolloutRuntime,
        body: Option<&[u8]>,
        size: usize,
    ) -> Action {
        if runtime.answer_feedback(body, size) {
            return Action::Pause;
        }
        runtime.route_unassigned();
        self.commit_unassigned();
        Action::Continue
    }

    /// The request is on its way to blue, without an assignment. The upstream may redirect it.
    pub(super) fn commit_unassigned(&mut self) {
        self.committed = Some(Assignment::new(Version::Blue, Reason::Weight));
    }
}

// === impl RolloutRuntime ===

impl RolloutRuntime {
    /// Whether the request at hand carries feedback.
    pub fn is_feedback(&self) -> bool {
        let Some(config) = &self.config.feedback else { return false };
        let path = hostcalls::request_header(":path");
        path.is_some_and(|path| is_feedback_path(&path, &config.path))
            && hostcalls::request_header(":method").is_some_and(|method| *method == *b"POST")
    }

    /// Answers the feedback of a request with this body, as [`StreamState::receive_feedback`]. Returns whether
    /// it did: a request that it does not answer is for the upstream.
    fn answer_feedback(&self, body: Option<&[u8]>, size: usize) -> bool {
        let FeedbackReply::Answered(status, text) = self.reply_to_feedback(body, size) else {
            return false;
        };
        let content_type = [("content-type", "text/plain; charset=utf-8")];
        let headers = if text.is_empty() { &[][..] } else { &content_type };
        hostcalls::send_local_response(status, "verdigris_feedback", headers, &text).is_ok()
    }

    /// Accepts or rejects feedback.
    fn reply_to_feedback(&self, body: Option<&[u8]>, size: usize) -> FeedbackReply {
        let Some(config) = &self.config.feedback else { return FeedbackReply::PassedOn };
        match self.accept_feedback(config, body, size) {
            Ok(()) if config.passes_on => FeedbackReply::PassedOn,
            Ok(()) => FeedbackReply::Answered(204, String::new()),
            // The upstream can use it all the same.
            Err(RejectedFeedback::Unavailable | RejectedFeedback::BodyUnreadable)
                if config.passes_on =>
            {
                FeedbackReply::PassedOn
            }
            Err(rejected) => {
                if let RejectedFeedback::RateLimited { version, .. } = &rejected {
                    self.metrics.count_limited_feedback(*version);
                }
                FeedbackReply::Answered(rejected.status(), rejected.to_string())
            }
        }
    }

    fn accept_feedback(
        &self,
        config: &FeedbackConfig,
        body: Option<&[u8]>,
        size: usize,
    ) -> Result<(), RejectedFeedback> {
        let event = read_event(body, size, &config.pointers)?;
        let body = body.unwrap_or_default();
        let header = hostcalls::request_header(EXPOSURE_HEADER);
        let now_ns = hostcalls::monotonic_time_ns().unwrap_or_default();
        let intake = self.feedback.as_ref().and_then(|it| it.try_borrow_mut().ok());
        let Some(mut intake) = intake else { return Ok(()) };
        let receipt = intake.open_receipt(header.as_deref(), body, &config.pointers);
        let request = match receipt {
            Some((exposure, unit)) => {
                let version = exposure.version;
                FeedbackRequest { event, unit, exposure: Some(exposure), version }
            }
            None => {
                let (header, pointers) = (header.as_deref(), &config.pointers);
                let verify = |unit| intake.verify(header, body, pointers, unit);
                let found = self.feedback_of_unit(event, body, verify)?;
                let has_receipt = || FeedbackIntake::returns_text(header, body, pointers);
                found.ok_or_else(|| RejectedFeedback::NoUnit { has_receipt: has_receipt() })?
            }
        };
        let accepted = intake.accept(request, now_ns)?;
        self.metrics.count_feedback(accepted.version, accepted.event, accepted.is_proved);
        if let (Some(observation), Some(ramp)) = (accepted.observation, &self.ramp) {
            ramp.worker().record(observation);
        }
        Ok(())
    }

    /// The feedback of a request without the receipt of a sample: the unit is the one that the request names;
    /// `None` where it names none.
    fn feedback_of_unit(
        &self,
        event: FeedbackEvent,
        body: &[u8],
        verify: impl FnOnce(u64) -> Option<SignedExposure>,
    ) -> Result<Option<FeedbackRequest>, RejectedFeedback> {
        // Until then, the receipt of a sample cannot be verified either.
        let unit_key = self.unit_key.get().ok_or(RejectedFeedback::Unavailable)?;
        let (unit, id) = self.unit_and_conversation();
        let id = id.or_else(|| self.conversation_in_body(body));
        // As for responses, a conversation's feedback counts for its unit where that is known.
        let Some(key) = unit.as_deref().or(id.as_deref()) else { return Ok(None) };
        let hash = unit_key.hash(key);
        let exposure = verify(hash);
        let version = exposure.map_or_else(
            || self.route_request(unit.as_deref(), None, id.as_deref()).assignment.version,
            |exposure| exposure.version,
        );
        Ok(Some(FeedbackRequest { event, unit: hash, exposure, version }))
    }

    /// Signs the exposure of an answer; `None` without feedback.
    pub fn sign_exposure(
        &self,
        version: Version,
        unit: u64,
        exposure: Option<Exposure>,
    ) -> Option<String> {
        Some(self.feedback.as_ref()?.try_borrow().ok()?.sign(version, unit, exposure.map(step)))
    }

    /// Signs the receipt of an answer, which names its unit; `None` without feedback.
    pub fn sign_receipt(
        &self,
        version: Version,
        unit: u64,
        exposure: Option<Exposure>,
    ) -> Option<String> {
        let intake = self.feedback.as_ref()?.try_borrow().ok()?;
        Some(intake.sign_receipt(version, unit, exposure.map(step), random_u64()))
    }

    /// Sends a signed exposure with the response, in the place of what the upstream has sent as one.
    pub fn send_signed_exposure(&self, signed: &str) {
        // Without it a client can still send feedback, which then is no evidence.
        let _ = hostcalls::replace_response_header(EXPOSURE_HEADER, signed);
    }
}
