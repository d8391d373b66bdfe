//! What becomes of one request.

use std::rc::Rc;
use std::time::Duration;

use super::runtime::RolloutRuntime;
use super::{attributes, hostcalls};
use crate::analysis::{Measurements, Observation};
use crate::assignment::{Assignment, Exposure, Reason, Version};
use crate::config::{AnswersConfig, Formats};
use crate::response::grpc::{GrpcFraming, WebTrailers, parse_code};
use crate::response::{
    AnswerParser, Format, Framing, Method, Outcome, Protocol, ResponseFlags, ResponseHead,
    StreamEnd, UnreadReason,
};
use crate::rollout::MeasurementContext;
use crate::rollout::Ticket;
use crate::stats::names::StatScope;

/// Watches one response.
pub struct ResponseObserver {
    running: Rc<RolloutRuntime>,
    scope: StatScope,
    evidence: Option<PendingObservation>,
    /// When the request's headers came, in nanoseconds of the monotonic clock.
    started_ns: u64,
    format: Option<Format>,
    is_model_path: bool,
    method: Method,
    status: Option<u16>,
    grpc_status: Option<u32>,
    is_grpc: bool,
    has_body: bool,
    body: BodyReading,
    ttft: Option<Duration>,
    is_complete: bool,
    has_failed_over: bool,
}

/// What a request lets expect of its response.
#[derive(Default)]
struct ExpectedResponse {
    /// The format of answers at its path.
    format: Option<Format>,
    /// Whether a model answers it, whichever the version.
    is_model_path: bool,
    method: Method,
    is_grpc: bool,
}

/// A request that is evidence for a ramp.
struct PendingObservation {
    version: Version,
    lot: Exposure,
    /// Where the assignment is told, until the next tick.
    ticket: Option<Ticket>,
}

/// What is done with the body.
enum BodyReading {
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

impl ResponseObserver {
    /// A watch over the response to a request that was given its version, if its
    /// outcome counts: pinned and forced requests tell nothing of a version's users.
    pub fn new(
        running: &Rc<RolloutRuntime>,
        account: StatScope,
        decision: Assignment,
        lot: Option<Exposure>,
    ) -> Option<Self> {
        let answers = running.config.answers.as_ref()?;
        let Assignment { version, reason, .. } = decision;
        if matches!(reason, Reason::Pinned | Reason::Forced) {
            return None;
        }
        let ExpectedResponse { format, is_model_path, method, is_grpc } = match answers.read {
            true => ExpectedResponse::of(&running.config.formats, version),
            false => ExpectedResponse::default(),
        };
        if answers.plain && format.is_some() {
            // An upstream that is not asked may compress, and the answer is unread.
            let _ = hostcalls::replace_request_header("accept-encoding", "identity");
        }
        let began = now();
        let evidence = match (account, lot, &running.ramp) {
            (StatScope::Of(version), Some(lot), Some(ramp)) => {
                let ticket = ramp.worker().record_assignment(observation(
                    lot,
                    version,
                    began,
                    Measurements::default(),
                ));
                Some(PendingObservation { version, lot, ticket })
            }
            _ => None,
        };
        Some(Self {
            running: Rc::clone(running),
            scope: account,
            evidence,
            started_ns: began,
            format,
            is_model_path,
            method,
            status: None,
            grpc_status: None,
            is_grpc,
            has_body: false,
            body: BodyReading::Ignored,
            ttft: None,
            is_complete: false,
            has_failed_over: false,
        })
    }

    /// The response's headers have come.
    pub fn on_headers(&mut self, end_of_stream: bool) {
        self.is_complete |= end_of_stream;
        self.has_failed_over = self.running.has_failed_over(self.scope);
        let Some(answers) = &self.running.config.answers else { return };
        let Ok(headers) = hostcalls::response_headers() else { return };
        let head = ResponseHead::from_headers(headers.iter());
        drop(headers);
        self.status = head.status;
        self.is_grpc |= head.grpc.is_some();
        self.grpc_status = head.grpc_status.filter(|_| self.is_grpc);
        self.body = match (head.grpc, head.status) {
            (Some(GrpcFraming::Native), _) => BodyReading::Ignored,
            (Some(_), _) if head.is_encoded => BodyReading::Unread(UnreadReason::Encoded),
            (Some(framing), _) => {
                BodyReading::GrpcWeb(WebTrailers::new(framing == GrpcFraming::WebText))
            }
            // Other statuses of success have no answer to read.
            (None, Some(200 | 201 | 203 | 206..=299)) if answers.read => {
                BodyReading::of(head, self.format, answers)
            }
            (None, _) => BodyReading::Ignored,
        };
    }

    /// Some of the response's body is passing.
    pub fn on_body(&mut self, size: usize, end_of_stream: bool) {
        self.is_complete |= end_of_stream;
        self.has_body |= size > 0;
        if size == 0 || matches!(self.body, BodyReading::Ignored | BodyReading::Unread(_)) {
            return;
        }
        let bytes = match hostcalls::response_body(size) {
            Ok(bytes) => bytes,
            Err(error) => {
                log::error!("an answer is not read: the host answered {error:?}");
                self.body = BodyReading::Unread(UnreadReason::Malformed);
                return;
            }
        };
        match &mut self.body {
            BodyReading::Ignored | BodyReading::Unread(_) => {}
            BodyReading::GrpcWeb(trailers) => trailers.feed(&bytes),
            BodyReading::Read(reader, streams) => {
                reader.feed(&bytes);
                if *streams && self.ttft.is_none() && reader.has_content() {
                    self.ttft = Some(since(self.started_ns, now()));
                }
            }
        }
    }

    /// The response's trailers have come, and with them its end.
    pub fn on_trailers(&mut self) {
        self.is_complete = true;
        if self.is_grpc {
            let status = hostcalls::response_trailer("grpc-status");
            self.grpc_status = status.and_then(|it| parse_code(&it)).or(self.grpc_status);
        }
    }

    /// The stream has ended, however it did.
    pub fn finish(mut self) {
        let now = now();
        let evidence = self.evidence.take();
        let running = Rc::clone(&self.running);
        let RolloutRuntime { config, metrics, ramp, .. } = &*running;
        let account = self.scope;
        let Some(answers) = &config.answers else { return };
        let outcome = self.outcome(now);
        metrics.count_outcome(account, &outcome, answers);
        if let (Some(evidence), Some(ramp), Some(spec)) = (evidence, ramp, &config.ramp) {
            let AnswersConfig { refusal_phrases: phrases, prices, limits, .. } = answers;
            let (limits, objective) = (*limits, spec.objective);
            let told = Measurements::from_outcome(
                &outcome,
                MeasurementContext { phrases, prices, limits, objective },
            );
            let PendingObservation { version, lot, ticket } = evidence;
            ramp.worker().record_response(ticket, observation(lot, version, now, told));
        }
    }

    /// What is known of the exchange. What costs a call to the host and matters only where
    /// something is not as it should be is asked only then.
    fn outcome(self, now: u64) -> Outcome {
        let is_stream = matches!(self.body, BodyReading::Read(_, true));
        let mut grpc_status = self.grpc_status;
        let answer = match self.body {
            BodyReading::Ignored => None,
            BodyReading::GrpcWeb(trailers) => {
                grpc_status = trailers.status().or(grpc_status);
                None
            }
            BodyReading::Unread(reason) => Some(Err(reason)),
            BodyReading::Read(reader, _) => Some(Ok(reader.finish())),
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
            attributes::response_flags().map(ResponseFlags)
        };
        let has_other_cause =
            || attributes::response_details().is_some_and(|details| StreamEnd::is_cause(&details));
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
            duration: since(self.started_ns, now),
            ttft: self.ttft,
        }
    }
}

/// What the analysis is told of an exposed request.
fn observation(
    exposure: Exposure,
    version: Version,
    at_ns: u64,
    measurements: Measurements,
) -> Observation {
    let Exposure { unit, epoch, is_newly_exposed } = exposure;
    let is_assignment = true;
    Observation { at_ns, unit, epoch, version, is_newly_exposed, is_assignment, measurements }
}

/// The monotonic clock, in nanoseconds. A host that refuses to tell it has no times.
fn now() -> u64 {
    hostcalls::monotonic_time_ns().unwrap_or_default()
}

fn since(began: u64, now: u64) -> Duration {
    Duration::from_nanos(now.saturating_sub(began))
}

// === impl Body ===

impl BodyReading {
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
        if head.framing == Framing::Amazon && format != Format::Bedrock {
            // Another API of Bedrock's has the model's own format within its messages.
            return Self::Unread(UnreadReason::UnknownFormat);
        }
        let reader = AnswerParser::new(format, head.framing, answers.refusal_phrases.longest());
        Self::Read(Box::new(reader), head.framing.is_stream())
    }
}

// === impl Expected ===

impl ExpectedResponse {
    /// What this request's headers let expect of the version's response.
    ///
    /// Asked before Envoy routes the request, since a route may rewrite the path, and since
    /// nothing tells of the request when its stream has ended.
    fn of(formats: &Formats, version: Version) -> Self {
        let of_version = formats.configured(version);
        let Ok(headers) = hostcalls::request_headers() else {
            return Self { format: of_version, ..Self::default() };
        };
        let find = |name: &[u8]| headers.iter().find(|(it, _)| *it == name).map(|(_, value)| value);
        let path = find(b":path").unwrap_or_default();
        let format = of_version.or_else(|| formats.resolve(path));
        let is_model_path = find(b":method") == Some(b"POST") && formats.is_model_at(path);
        let kind = find(b"content-type").unwrap_or_default();
        // A model's path is no gRPC method's.
        let is_grpc = format.is_none() && GrpcFraming::from_content_type(kind).is_some();
        Self { format, is_model_path, method: Method::from_headers(headers.iter()), is_grpc }
    }
}
