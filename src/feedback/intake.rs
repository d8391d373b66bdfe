//! What is done with a request that carries feedback.
//!
//! The filter reads the event from the body, finds the unit or conversation that the request names,
//! verifies the exposure and assigns a version where there is none. A receipt names the unit itself. Each
//! step that fails gives a [`RejectedFeedback`], which is the answer to the client.

use std::borrow::Cow;
use std::fmt;

use super::event::FeedbackEvent;
use super::pointers::FeedbackPointers;
use super::rate_limiter::RateLimiter;
use super::signed_exposure::{ExposureKey, SignedExposure};
use crate::analysis::{Measurements, Metric, Observation};
use crate::assignment::{StepExposure, Version};
use crate::response::format::without_query;

/// The maximum size of the body of a feedback request, in bytes. It leaves room for a comment,
/// which the filter does not read.
pub const MAX_BODY_BYTES: usize = 65_536;

/// Verifies and counts feedback in one VM.
#[derive(Clone, Debug)]
pub struct FeedbackIntake {
    key: ExposureKey,
    limiter: RateLimiter,
    /// That of events with a valid exposure, for which a request must have been answered. Events
    /// without one, which anybody can send for any unit, do not use up this limit.
    limiter_of_proved: RateLimiter,
}

/// A request whose event was read and whose unit is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FeedbackRequest {
    /// The event in the body.
    pub event: FeedbackEvent,
    /// The analysis hash of the unit that the request names, or else of the conversation.
    pub unit: u64,
    /// The exposure that the request returns, if it is valid.
    pub exposure: Option<SignedExposure>,
    /// The version that answered, by the exposure, or else by the assignment of the unit.
    pub version: Version,
}

/// Feedback that counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AcceptedFeedback {
    /// The version that answered.
    pub version: Version,
    /// The event.
    pub event: FeedbackEvent,
    /// Whether the request returned a valid exposure.
    pub is_proved: bool,
    /// The evidence for the ramp; `None` where the answer was not evidence.
    pub observation: Option<Observation>,
}

/// Why feedback does not count. Its [`Display`](fmt::Display) is the message to the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RejectedFeedback {
    /// The body exceeds [`MAX_BODY_BYTES`].
    BodyTooLarge,
    /// The body has no valid event, for this reason.
    InvalidEvent(String),
    /// The body does not come from the host.
    BodyUnreadable,
    /// The request names neither a unit nor a conversation.
    NoUnit {
        /// Whether it returns a text as its receipt, which is not valid.
        has_receipt: bool,
    },
    /// The keys of units and receipts are not known yet.
    Unavailable,
    /// The unit exceeded its rate limit.
    RateLimited {
        /// The version that answered.
        version: Version,
        /// The most events per unit and minute that are accepted.
        max_per_minute: u32,
    },
}

/// Whether a request's `:path` is that of feedback, whatever its query.
pub fn is_feedback_path(path: &[u8], configured_path: &str) -> bool {
    without_query(path) == configured_path.as_bytes()
}

/// Reads the event from a body of `size` bytes; `None` is a body that was not read.
///
/// # Errors
/// [`RejectedFeedback::BodyTooLarge`], [`RejectedFeedback::BodyUnreadable`], or
/// [`RejectedFeedback::InvalidEvent`].
pub fn read_event(
    body: Option<&[u8]>,
    size: usize,
    pointers: &FeedbackPointers,
) -> Result<FeedbackEvent, RejectedFeedback> {
    let body = body.ok_or(match size > MAX_BODY_BYTES {
        true => RejectedFeedback::BodyTooLarge,
        false => RejectedFeedback::BodyUnreadable,
    })?;
    FeedbackEvent::parse(body, pointers).map_err(RejectedFeedback::InvalidEvent)
}

// === impl FeedbackIntake ===

impl FeedbackIntake {
    /// An intake that allows each unit `max_per_minute` events a minute.
    pub fn new(key: ExposureKey, max_per_minute: u32) -> Self {
        let limiter = RateLimiter::new(max_per_minute);
        Self { key, limiter_of_proved: limiter.clone(), limiter }
    }

    /// Signs and verifies with another key from now on.
    pub fn set_key(&mut self, key: ExposureKey) {
        self.key = key;
    }

    /// Signs the exposure that an answer carries. `unit` is the analysis hash.
    pub fn sign(&self, version: Version, unit: u64, step: Option<StepExposure>) -> String {
        self.key.sign(SignedExposure { version, step }, unit)
    }

    /// Signs a receipt, which contains the unit.
    pub fn sign_receipt(
        &self,
        version: Version,
        unit: u64,
        step: Option<StepExposure>,
        random: u64,
    ) -> String {
        self.key.sign_receipt(SignedExposure { version, step }, unit, random)
    }

    /// The exposure that a request returns, by its header or else by its body; `None` where it
    /// is missing or not valid for this unit.
    pub fn verify(
        &self,
        header: Option<&[u8]>,
        body: &[u8],
        pointers: &FeedbackPointers,
        unit: u64,
    ) -> Option<SignedExposure> {
        self.key.verify(&returned_text(header, body, pointers)?, unit)
    }

    /// Whether a request returns a text as its exposure or receipt, valid or not.
    pub fn returns_text(header: Option<&[u8]>, body: &[u8], pointers: &FeedbackPointers) -> bool {
        returned_text(header, body, pointers).is_some()
    }

    /// The exposure and the unit of the receipt that a request returns, as in
    /// [`verify`](Self::verify); `None` where it returns no valid receipt.
    pub fn open_receipt(
        &self,
        header: Option<&[u8]>,
        body: &[u8],
        pointers: &FeedbackPointers,
    ) -> Option<(SignedExposure, u64)> {
        self.key.open_receipt(&returned_text(header, body, pointers)?)
    }

    /// Counts the feedback of a request at `now_ns`, in nanoseconds of a monotonic clock.
    ///
    /// # Errors
    /// [`RejectedFeedback::RateLimited`].
    pub fn accept(
        &mut self,
        request: FeedbackRequest,
        now_ns: u64,
    ) -> Result<AcceptedFeedback, RejectedFeedback> {
        let FeedbackRequest { event, unit, exposure, version } = request;
        let is_allowed = self.limiter.allow(unit, now_ns);
        let is_allowed = match exposure {
            Some(_) => self.limiter_of_proved.allow(unit, now_ns),
            None => is_allowed,
        };
        if !is_allowed {
            let max_per_minute = self.limiter.max_per_minute();
            return Err(RejectedFeedback::RateLimited { version, max_per_minute });
        }
        let observation = exposure.and_then(|exposure| exposure.step).map(|step| Observation {
            at_ns: now_ns,
            unit,
            epoch: step.epoch,
            version,
            is_newly_exposed: step.is_newly_exposed,
            is_assignment: false,
            shadow: None,
            measurements: measurements(event),
        });
        Ok(AcceptedFeedback { version, event, is_proved: exposure.is_some(), observation })
    }
}

/// The signed exposure or the receipt that a request returns.
fn returned_text<'a>(
    header: Option<&'a [u8]>,
    body: &[u8],
    pointers: &FeedbackPointers,
) -> Option<Cow<'a, [u8]>> {
    if let Some(text) = header {
        return Some(Cow::Borrowed(text));
    }
    let text = pointers.step.as_ref()?.find_string(str::from_utf8(body).ok()?)?;
    Some(Cow::Owned(text.into_bytes()))
}

fn measurements(event: FeedbackEvent) -> Measurements {
    let mut measurements = Measurements::default();
    if let Some(thumb) = event.thumb {
        measurements = measurements.with_rate(Metric::ThumbsDownRate, thumb.is_down());
    }
    if let Some(score) = event.score {
        measurements = measurements.with_value(Metric::Score, score);
    }
    measurements
}

// === impl RejectedFeedback ===

impl RejectedFeedback {
    /// The HTTP status of the answer to the client.
    pub fn status(&self) -> u32 {
        match self {
            Self::BodyTooLarge | Self::InvalidEvent(_) | Self::NoUnit { .. } => 400,
            Self::RateLimited { .. } => 429,
            Self::BodyUnreadable | Self::Unavailable => 503,
        }
    }
}

impl fmt::Display for RejectedFeedback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BodyTooLarge => write!(f, "the body is larger than {MAX_BODY_BYTES} bytes"),
            Self::InvalidEvent(reason) => f.write_str(reason),
            Self::BodyUnreadable => f.write_str(
                "Envoy does not give the body to the filter: allow proxy_get_buffer_bytes in \
                 capability_restriction_config",
            ),
            Self::NoUnit { has_receipt: true } => f.write_str(
                "the receipt names no unit that is known here: it is not that of an exported sample, was \
                 changed, or is from before a restart of Envoy; send the exported one as it is, or the \
                 header or cookie that the rated request had",
            ),
            Self::NoUnit { has_receipt: false } => f.write_str(
                "the request names no unit: send the header or cookie that the rated request had",
            ),
            Self::Unavailable => {
                f.write_str("this Envoy cannot count feedback yet: send it again later")
            }
            Self::RateLimited { max_per_minute, .. } => {
                write!(f, "at most {max_per_minute} events a minute count for one unit")
            }
        }
    }
}
