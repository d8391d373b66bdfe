//! What becomes of one request.

use std::rc::Rc;
use std::time::Duration;

use super::host;
use super::root::Running;
use super::walker::Ticket;
use crate::analysis::{Measurements, Observation};
use crate::assignment::{Assignment, Reason, Version};
use crate::config::AnswersConfig;
use crate::response::grpc::{GrpcFraming, WebTrailers, parse_code};
use crate::response::{
    AnswerParser, ClassificationRules, ExpectedResponse, Format, Framing, Method, Outcome,
    Protocol, ResponseFlags, ResponseHead, StreamEnd, UnreadReason,
};
use crate::stats::names::StatScope;

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
    account: StatScope,
    evidence: Option<Evidence>,
    /// When the request's headers came, in nanoseconds of the monotonic clock.
    began: u64,
    format: Option<Format>,
    is_model_path: bool,
    method: Method,
    status: Option<u16>,
    grpc_status: Option<u32>,
    is_grpc: bool,
    has_body: bool,
    body: Body,
    ttft: Option<Duration>,
    is_complete: bool,
    has_failed_over: bool,
}

/// A request that is evidence for a ramp.
struct Evidence {
    version: Version,
    lot: Lot,
    /// Where the assignment is told, until the next tick.
    ticket: Option<Ticket>,
}

/// What is done with the body.
enum Body {
    /// It is no answer.
    Ignored,
    /// It is one that cannot be read.
    Unread(UnreadReason),
    /// It is read; whether it streams.
    Read(Box<AnswerParser>, bool),
    /// It is gRPC-Web's, whose status is looked for.
    GrpcWeb(WebTrailers),
}

// === impl Watch ===

impl Watch {
    /// A watch over the response to a request that was given its version, if its
    /// outcome counts: pinned and forced requests tell nothing of a version's users.
    pub fn new(
        running: &Rc<Running>,
        account: StatScope,
        decision: Assignment,
        lot: Option<Lot>,
    ) -> Option<Self> {
        let answers = running.config.answers.as_ref()?;
        let Assignment { version, reason } = decision;
        if matches!(reason, Reason::Pinned | Reason::Forced) {
            return None;
        }
        let ExpectedResponse { format, is_model_path, method, is_grpc } = match answers.read {
            true => expected_response(running, version),
            false => ExpectedResponse::default(),
        };
        if answers.plain && format.is_some() {
            // An upstream that is not asked may compress, and the answer is unread.
            let _ = host::replace_request_header("accept-encoding", "identity");
        }
        let began = now();
        let evidence = match (account, lot, &running.walker) {
            (StatScope::Of(version), Some(lot), Some(walker)) => {
                let ticket =
                    walker.assign(lot.observation(version, began, Measurements::default()));
                Some(Evidence { version, lot, ticket })
            }
            _ => None,
        };
        Some(Self {
            running: Rc::clone(running),
            account,
            evidence,
            began,
            format,
            is_model_path,
            method,
            status: None,
            grpc_status: None,
            is_grpc,
            has_body: false,
            body: Body::Ignored,
            ttft: None,
            is_complete: false,
            has_failed_over: false,
        })
    }

    /// The response's headers have come.
    pub fn headers(&mut self, end_of_stream: bool) {
        self.is_complete |= end_of_stream;
        self.has_failed_over = self.running.has_failed_over(self.account);
        let Some(answers) = &self.running.config.answers else { return };
        let Ok(headers) = host::response_headers() else { return };
        let head = ResponseHead::from_headers(headers.iter());
        drop(headers);
        self.status = head.status;
        self.is_grpc |= head.grpc.is_some();
        self.grpc_status = head.grpc_status.filter(|_| self.is_grpc);
        self.body = match (head.grpc, head.status) {
            (Some(GrpcFraming::Native), _) => Body::Ignored,
            (Some(_), _) if head.is_encoded => Body::Unread(UnreadReason::Encoded),
            (Some(framing), _) => Body::GrpcWeb(WebTrailers::new(framing == GrpcFraming::WebText)),
            // Other statuses of success have no answer to read.
            (None, Some(200 | 201 | 203 | 206..=299)) if answers.read => {
                Body::of(head, self.format, answers)
            }
            (None, _) => Body::Ignored,
        };
    }

    /// Some of the response's body is passing.
    pub fn body(&mut self, size: usize, end_of_stream: bool) {
        self.is_complete |= end_of_stream;
        self.has_body |= size > 0;
        if size == 0 || matches!(self.body, Body::Ignored | Body::Unread(_)) {
            return;
        }
        let bytes = match host::response_body(size) {
            Ok(bytes) => bytes,
            Err(error) => {
                log::error!("an answer is not read: the host answered {error:?}");
                self.body = Body::Unread(UnreadReason::Malformed);
                return;
            }
        };
        match &mut self.body {
            Body::Ignored | Body::Unread(_) => {}
            Body::GrpcWeb(trailers) => trailers.feed(&bytes),
            Body::Read(reader, streams) => {
                reader.feed(&bytes);
                if *streams && self.ttft.is_none() && reader.has_content() {
                    self.ttft = Some(since(self.began, now()));
                }
            }
        }
    }

    /// The response's trailers have come, and with them its end.
    pub fn trailers(&mut self) {
        self.is_complete = true;
        if self.is_grpc {
            let status = host::response_trailer("grpc-status");
            self.grpc_status = status.and_then(|it| parse_code(&it)).or(self.grpc_status);
        }
    }

    /// The stream has ended, however it did.
    pub fn count(mut self) {
        let now = now();
        let evidence = self.evidence.take();
        let running = Rc::clone(&self.running);
        let Running { config, metrics, walker, .. } = &*running;
        let account = self.account;
        let Some(answers) = &config.answers else { return };
        let outcome = self.outcome(now);
        let AnswersConfig { refusal_phrases: phrases, prices, limits, .. } = answers;
        let outcome = outcome.classify(ClassificationRules { phrases, prices, limits: *limits });
        metrics.count_outcome(account, &outcome);
        if let (Some(evidence), Some(walker), Some(ramp)) = (evidence, walker, &config.ramp) {
            let told = Measurements::from_outcome(&outcome, ramp.objective);
            let Evidence { version, lot, ticket } = evidence;
            walker.answer(ticket, lot.observation(version, now, told));
        }
    }

    /// What is known of the exchange. What costs a call to the host and matters only where
    /// something is not as it should be is asked only then.
    fn outcome(self, now: u64) -> Outcome {
        let is_stream = matches!(self.body, Body::Read(_, true));
        let mut grpc_status = self.grpc_status;
        let answer = match self.body {
            Body::Ignored => None,
            Body::GrpcWeb(trailers) => {
                grpc_status = trailers.status().or(grpc_status);
                None
            }
            Body::Unread(reason) => Some(Err(reason)),
            Body::Read(reader, _) => Some(Ok(reader.finish())),
        };
        let is_finished = matches!(&answer, Some(Ok(answer)) if answer.finished);
        let is_tunnel = match self.status {
            Some(101) => true,
            Some(200..=299) => self.method == Method::Connect,
            _ => false,
        };
        let is_over = self.is_complete || is_finished || is_tunnel;
        let is_failure = self.status.is_some_and(|status| status >= 400)
            || grpc_status.is_some_and(|code| code != 0);
        let flags = if is_over && !is_failure {
            Some(ResponseFlags::default())
        } else {
            host::response_flags().map(ResponseFlags)
        };
        let has_other_cause =
            || host::response_details().is_some_and(|details| StreamEnd::is_cause(&details));
        Outcome {
            protocol: match () {
                () if is_tunnel => Protocol::Tunnel,
                () if self.is_grpc => Protocol::Grpc,
                () => Protocol::Http,
            },
            method: self.method,
            status: self.status,
            grpc_status,
            ending: StreamEnd::new(is_over, flags, has_other_cause),
            flags: flags.unwrap_or_default(),
            has_failed_over: self.has_failed_over,
            is_model_path: self.is_model_path,
            has_body: self.has_body,
            is_stream,
            answer,
            duration: since(self.began, now),
            ttft: self.ttft,
        }
    }
}

// === impl Lot ===

impl Lot {
    /// The first that is told of its request.
    fn observation(self, version: Version, at: u64, told: Measurements) -> Observation {
        let Self { unit, step, is_new } = self;
        Observation {
            at_ns: at,
            unit,
            epoch: step,
            version,
            is_newly_exposed: is_new,
            is_assignment: true,
            measurements: told,
        }
    }
}

/// The monotonic clock, in nanoseconds. A host that refuses to tell it has no times.
fn now() -> u64 {
    host::monotonic_time().unwrap_or_default()
}

fn since(began: u64, now: u64) -> Duration {
    Duration::from_nanos(now.saturating_sub(began))
}

// === impl Body ===

impl Body {
    /// What is to be done with the body after this head.
    fn of(head: ResponseHead, format: Option<Format>, answers: &AnswersConfig) -> Self {
        let Some(format) = format else {
            // A stream of events where none was known of; other bodies are no answers.
            let is_stream = head.is_event_stream;
            return if is_stream {
                Self::Unread(UnreadReason::UnknownFormat)
            } else {
                Self::Ignored
            };
        };
        if head.is_encoded {
            return Self::Unread(UnreadReason::Encoded);
        }
        if head.framing == Framing::AwsEventStream && format != Format::Bedrock {
            // Another API of Bedrock's has the model's own format within its messages.
            return Self::Unread(UnreadReason::UnknownFormat);
        }
        let reader = AnswerParser::new(format, head.framing, answers.refusal_phrases.longest());
        Self::Read(Box::new(reader), head.framing.is_stream())
    }
}

/// What this request's headers let expect of the version's response.
fn expected_response(running: &Running, version: Version) -> ExpectedResponse {
    let formats = &running.config.formats;
    match host::request_headers() {
        Ok(headers) => ExpectedResponse::from_headers(formats, version, headers.iter()),
        Err(_) => ExpectedResponse::without_headers(formats, version),
    }
}
