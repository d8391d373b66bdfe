//! What becomes of one request.

use std::rc::Rc;
use std::time::Instant;

use super::host;
use super::root::Running;
use crate::assign::{Decision, Reason, Version};
use crate::config::{Answers, Formats};
use crate::judge::Observation;
use crate::observe::head::parse_status;
use crate::observe::{Ending, Format, Framing, Head, Outcome, Reader, Unread};
use crate::ramp::told;
use crate::stats::Account;

/// Envoy's flags of a client that left: its connection ended, or it reset the
/// stream (`DownstreamConnectionTermination`, `DownstreamRemoteReset`).
const CLIENT_LEFT: u64 = 1 << 14 | 1 << 28;

/// What a ramp need know of a request's decision.
#[derive(Clone, Copy)]
pub struct Lot {
    /// The unit's hash for the judge.
    pub unit: u64,
    /// The number of the step whose weight decided.
    pub step: u16,
    /// Whether the unit was on blue before the step.
    pub is_new: bool,
}

/// Watches one response.
pub struct Watch {
    running: Rc<Running>,
    account: Account,
    lot: Option<Lot>,
    began: Instant,
    format: Option<Format>,
    status: Option<u16>,
    body: Body,
    ttft_ms: Option<u64>,
    is_complete: bool,
    has_failed_over: bool,
}

/// What is done with the body.
enum Body {
    /// It is no answer.
    Ignored,
    /// It is one that cannot be read.
    Unread(Unread),
    /// It is read; whether it streams.
    Read(Box<Reader>, bool),
}

// === impl Watch ===

impl Watch {
    /// A watch over the response to a request that was given its version, if its
    /// outcome counts: pinned and forced requests tell nothing of a version's users.
    pub fn new(
        running: &Rc<Running>,
        account: Account,
        decision: Decision,
        lot: Option<Lot>,
    ) -> Option<Self> {
        let answers = running.config.answers.as_ref()?;
        let Decision { version, reason } = decision;
        if matches!(reason, Reason::Pinned | Reason::Forced) {
            return None;
        }
        let formats = &running.config.formats;
        let format = if answers.read { format_of(formats, version) } else { None };
        if answers.plain && format.is_some() {
            // An upstream that is not asked may compress, and the answer is unread.
            let _ = host::replace_request_header("accept-encoding", "identity");
        }
        Some(Self {
            running: Rc::clone(running),
            account,
            lot,
            began: Instant::now(),
            format,
            status: None,
            body: Body::Ignored,
            ttft_ms: None,
            is_complete: false,
            has_failed_over: false,
        })
    }

    /// The response's headers have come.
    pub fn headers(&mut self, end_of_stream: bool) {
        self.is_complete |= end_of_stream;
        self.has_failed_over = self.running.has_failed_over(self.account);
        let Some(answers) = &self.running.config.answers else { return };
        if self.has_failed_over || !answers.read {
            self.status = host::response_status().and_then(|status| parse_status(&status));
            return;
        }
        let Ok(headers) = host::response_headers() else { return };
        let head = Head::of(headers.iter());
        drop(headers);
        self.status = head.status;
        if matches!(head.status, Some(200..=299)) {
            self.body = Body::of(head, self.format, answers);
        }
    }

    /// Some of the response's body is passing.
    pub fn body(&mut self, size: usize, end_of_stream: bool) {
        self.is_complete |= end_of_stream;
        let Body::Read(reader, streams) = &mut self.body else { return };
        if size == 0 {
            return;
        }
        match host::response_body(size) {
            Ok(bytes) => reader.feed(&bytes),
            Err(error) => {
                log::error!("an answer is not read: the host answered {error:?}");
                self.body = Body::Unread(Unread::Malformed);
                return;
            }
        }
        if *streams && self.ttft_ms.is_none() && reader.has_content() {
            self.ttft_ms = Some(self.elapsed_ms());
        }
    }

    /// The response's trailers have come, and with them its end.
    pub fn trailers(&mut self) {
        self.is_complete = true;
    }

    /// The stream has ended, however it did.
    pub fn count(self) {
        let duration_ms = self.elapsed_ms();
        let is_stream = matches!(self.body, Body::Read(_, true));
        let answer = match self.body {
            Body::Ignored => None,
            Body::Unread(reason) => Some(Err(reason)),
            Body::Read(reader, _) => Some(Ok(reader.finish())),
        };
        let is_finished = matches!(&answer, Some(Ok(answer)) if answer.finished);
        let ending = if self.is_complete || is_finished {
            Ending::Complete
        } else if host::response_flags().unwrap_or_default() & CLIENT_LEFT != 0 {
            Ending::Aborted
        } else {
            Ending::Cut
        };
        let outcome = Outcome {
            status: self.status,
            has_failed_over: self.has_failed_over,
            ending,
            is_stream,
            answer,
            duration_ms,
            ttft_ms: self.ttft_ms,
        };
        let Running { config, metrics, walker, .. } = &*self.running;
        let Some(answers) = &config.answers else { return };
        metrics.count_outcome(self.account, &outcome, answers);
        let Account::Of(version) = self.account else { return };
        if let (Some(lot), Some(walker), Some(ramp)) = (self.lot, walker, &config.ramp) {
            let Answers { refusal_phrases, prices, .. } = answers;
            let told = told(&outcome, refusal_phrases, prices, ramp.objective);
            // The end is now: the clock that the ramp goes by is asked once more.
            let at = host::monotonic_time().unwrap_or_default();
            let Lot { unit, step, is_new } = lot;
            walker.note(Observation { at, unit, step, version, is_new, told });
        }
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

// === impl Body ===

impl Body {
    /// What is to be done with the body after this head.
    fn of(head: Head, format: Option<Format>, answers: &Answers) -> Self {
        let Some(format) = format else {
            // A stream of events where none was known of; other bodies are no answers.
            let is_stream = head.is_event_stream;
            return if is_stream { Self::Unread(Unread::UnknownFormat) } else { Self::Ignored };
        };
        if head.is_encoded {
            return Self::Unread(Unread::Encoded);
        }
        if head.framing == Framing::Amazon && format != Format::Bedrock {
            // Another API of Bedrock's has the model's own format within its messages.
            return Self::Unread(Unread::UnknownFormat);
        }
        let reader = Reader::new(format, head.framing, answers.refusal_phrases.opening());
        Self::Read(Box::new(reader), head.framing.is_stream())
    }
}

/// The format of the version's answers to this request.
///
/// Asked before Envoy routes the request, since a route may rewrite the path.
fn format_of(formats: &Formats, version: Version) -> Option<Format> {
    formats.of(version).or_else(|| {
        let path = host::request_header(":path")?;
        formats.at(&path)
    })
}
