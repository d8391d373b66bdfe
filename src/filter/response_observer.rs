//! One response, followed up to its outcome.

use std::rc::Rc;

use super::build::IS_ROUTE;
use super::limited_log::limited_error;
use super::pair_half::PairHalf;
use super::routing::{ExposedRequest, ObservedParts};
use super::runtime::RolloutRuntime;
use super::sample_capture::{SampleCandidate, SampleCapture};
use super::sent_request::SentRequest;
use super::{attributes, hostcalls};
use crate::analysis::{Measurements, Observation};
use crate::assignment::{Exposure, Version};
use crate::response::grpc::parse_code;
use crate::response::{
    CapturedText, ClassificationRules, ClassifiedOutcome, ExpectedResponse, ObservedResponse,
    OtherApi, ResponseFlags, ResponseHead, StreamEnd,
};
use crate::rollout::{OpenResponse, OpenTicket, RampSpec, RampWorker, Ticket};
use crate::stats::names::StatScope;

/// The pseudo-header with a response's status.
const STATUS: &str = ":status";

/// Follows one response, counts its outcome, and records it as evidence.
pub struct ResponseObserver {
    runtime: Rc<RolloutRuntime>,
    scope: StatScope,
    evidence: Option<PendingEvidence>,
    /// The half that the response is of a pair, in a shadow step.
    pair: Option<PairHalf>,
    /// Set where the request is sampled.
    sample: Option<Box<SampleCapture>>,
    response: ObservedResponse,
}

/// What is known of a request whose response is observed.
#[derive(Clone, Copy, Default)]
pub struct ObservedRequest {
    /// Set where the assignment is evidence.
    pub exposed: Option<ExposedRequest>,
    /// Whether Envoy sends a copy to green.
    pub is_mirrored: bool,
    /// The analysis hash of the unit that may send feedback on the answer.
    pub feedback_unit: Option<u64>,
    /// When its headers came, on the monotonic clock, if it has waited since; otherwise they have just
    /// come.
    pub began_ns: Option<u64>,
    /// What is observed of its response.
    pub parts: ObservedParts,
    /// Whether the client has not ended it yet.
    pub is_open: bool,
}

/// What a request says about its response.
pub struct Expectation {
    pub response: ExpectedResponse,
    /// Set where the request may be sampled.
    pub sample: Option<Box<SampleCandidate>>,
}

/// An assignment that is evidence, until its response has ended.
struct PendingEvidence {
    exposed: ExposedRequest,
    /// Where the assignment is recorded, until the next tick.
    ticket: Option<Ticket>,
    /// Where the response is remembered while it is open, if slow responses are compared and the client
    /// has ended its request.
    open: Option<OpenTicket>,
    /// Whether it was reported as slow before it was forgotten.
    is_slow_reported: bool,
}

// === impl ResponseObserver ===

impl ResponseObserver {
    /// Observes the response to an assigned request; `None` if outcomes are not counted, or the request
    /// was pinned or forced: such requests are not a sample of a version's users.
    pub fn new(
        runtime: &Rc<RolloutRuntime>,
        scope: StatScope,
        version: Version,
        routed: ObservedRequest,
    ) -> Option<Self> {
        let expected = Self::expect(runtime, version, routed.parts)?;
        Some(Self::with_expected(runtime, scope, routed, expected))
    }

    /// Whether the response to an assigned request is observed, as in [`new`](Self::new).
    pub fn is_observed(runtime: &RolloutRuntime, parts: ObservedParts) -> bool {
        !IS_ROUTE && runtime.config.answers.is_some() && parts != ObservedParts::Nothing
    }

    /// What the request says about its response, as in [`new`](Self::new). Asks the upstream for a
    /// response that can be read, where it is read.
    pub fn expect(
        runtime: &Rc<RolloutRuntime>,
        version: Version,
        parts: ObservedParts,
    ) -> Option<Expectation> {
        let answers = runtime.config.answers.as_ref()?;
        if !Self::is_observed(runtime, parts) {
            return None;
        }
        let reads_answer = parts == ObservedParts::Answer;
        let expected = match answers.read {
            true => Expectation::read(runtime, version, reads_answer),
            false => Expectation { response: ExpectedResponse::default(), sample: None },
        };
        if !reads_answer {
            return Some(expected);
        }
        let response = &expected.response;
        if answers.plain
            && (response.format.is_some() || response.other_api == Some(OtherApi::Embeddings))
        {
            // An upstream may compress unless asked not to, and then the answer is unread.
            let _ = hostcalls::replace_request_header("accept-encoding", "identity");
        }
        Some(expected)
    }

    /// Observes a response, which is expected to be this.
    pub fn with_expected(
        runtime: &Rc<RolloutRuntime>,
        scope: StatScope,
        routed: ObservedRequest,
        expected: Expectation,
    ) -> Self {
        let ObservedRequest { exposed, is_mirrored, feedback_unit, began_ns, is_open, .. } = routed;
        let Expectation { response: expected, sample } = expected;
        // The copy of a mirrored request begins when the request is sent. Both halves of a pair have to
        // be timed alike.
        let is_paired = is_mirrored && runtime.is_shadow_step();
        let started_ns = began_ns.filter(|_| !is_paired).unwrap_or_else(now_ns);
        let is_of_release = matches!(scope, StatScope::Of(_));
        let evidence = exposed
            .filter(|_| is_of_release)
            .and_then(|it| PendingEvidence::record(runtime, it, started_ns));
        // An answer of another version than the one that was assigned is not judged for it.
        let answered = exposed.filter(|it| scope == StatScope::Of(it.version));
        let exposure = answered.map(|it| it.exposure);
        let pair = match scope {
            StatScope::Of(_) if is_mirrored => PairHalf::of_blue(runtime, exposure, started_ns),
            StatScope::Of(_) => None,
            StatScope::Shadow => PairHalf::of_shadow(runtime, started_ns),
        };
        let mut response = ObservedResponse::new(expected, started_ns);
        let sample = sample.and_then(|it| {
            let sent = SentRequest {
                started_ns,
                scope,
                exposure,
                feedback_unit,
                is_mirrored: is_mirrored || scope == StatScope::Shadow,
                is_paired: pair.is_some(),
            };
            let capture = it.begin(runtime, sent, expected.format)?;
            if capture.max_bytes() > 0 {
                response.capture_text(capture.max_bytes());
            }
            Some(Box::new(capture))
        });
        let runtime = Rc::clone(runtime);
        let mut observer = Self { runtime, scope, evidence, pair, sample, response };
        match is_open {
            true => observer.response.await_request(),
            false => observer.request_ended(),
        }
        observer
    }

    /// The client has ended its request: from now on the version is timed.
    pub fn request_ended(&mut self) {
        let Self { runtime, evidence, response, .. } = self;
        let ramp = runtime.ramp.as_ref().map(|it| it.worker());
        let now_ns = ramp.map_or(0, RampWorker::last_tick_ns).max(response.started_ns());
        response.on_request_end(now_ns);
        if let (Some(worker), Some(spec), Some(evidence)) = (ramp, &runtime.config.ramp, evidence)
            && spec.watches_slow_responses()
            && !response.is_complete()
            && !response.is_held_open()
        {
            let ExposedRequest { version, exposure, .. } = evidence.exposed;
            evidence.open =
                worker.open_response(OpenResponse { began_ns: now_ns, version, exposure });
        }
    }

    /// The request's body, if it is copied.
    pub fn sampled_prompt(&mut self) -> Option<&mut CapturedText> {
        self.sample.as_mut().filter(|it| it.max_bytes() > 0).map(|it| it.prompt())
    }

    /// The response's headers have arrived.
    pub fn response_headers(&mut self, end_of_stream: bool) {
        let has_failed_over = self.runtime.has_failed_over(self.scope);
        let Some(answers) = &self.runtime.config.answers else { return };
        let head = response_head();
        let phrases = answers.read.then_some(&answers.refusal_phrases);
        if !answers.read && head.as_ref().is_some_and(|it| it.grpc.is_some()) {
            // Nothing else of the request was needed so far.
            let timeout = hostcalls::request_header("grpc-timeout");
            self.response.set_deadline(timeout.as_deref());
        }
        self.response.on_headers(head, phrases, has_failed_over, end_of_stream);
        if self.response.is_held_open() {
            self.stop_timing();
        }
    }

    /// The response is not reported as slow while it is open: it has no duration that counts, or
    /// nobody says when it ends.
    pub fn stop_timing(&mut self) {
        if let (Some(ramp), Some(evidence)) = (&self.runtime.ramp, &mut self.evidence)
            && let Some(open) = evidence.open.take()
        {
            evidence.is_slow_reported = ramp.worker().close_response(open);
        }
    }

    /// A piece of the response's body has arrived.
    pub fn response_body(&mut self, size: usize, end_of_stream: bool) {
        let is_read = self.response.on_body(size, end_of_stream);
        if self.response.is_held_open() {
            self.stop_timing();
        }
        if !is_read {
            return;
        }
        match hostcalls::response_body(size) {
            Ok(bytes) => self.response.read_body(&bytes, now_ns),
            Err(error) => {
                limited_error!("an answer is not read: the host answered {error:?}");
                self.response.on_unreadable_body();
            }
        }
    }

    /// The response's trailers have arrived.
    pub fn response_trailers(&mut self) {
        let grpc_status = || parse_code(&hostcalls::response_trailer("grpc-status")?);
        self.response.on_trailers(grpc_status);
    }

    /// The stream has ended, and how is not known. The host is not asked: it would answer for another
    /// stream.
    pub fn finish_unknown(mut self) {
        self.stop_timing();
        self.response.on_headers(None, None, false, true);
        self.sample = None;
        self.finish();
    }

    /// The stream has ended, in whatever way.
    pub fn finish(self) {
        let Self { runtime, scope, evidence, pair, mut sample, response } = self;
        let answers = runtime.config.answers.as_ref().filter(|_| !IS_ROUTE);
        let Some(answers) = answers else { return };
        let ended_ns = now_ns();
        let mut ended = response.finish(
            ended_ns,
            || attributes::response_flags().map(ResponseFlags),
            || attributes::response_details().is_some_and(|details| StreamEnd::is_cause(&details)),
        );
        let text = sample.as_ref().and_then(|_| ended.take_text());
        let outcome = ended.classify(ClassificationRules {
            phrases: &answers.refusal_phrases,
            prices: &answers.prices,
            limits: answers.limits,
        });
        runtime.metrics.count_outcome(scope, &outcome);
        if let (Some(evidence), Some(spec)) = (evidence, &runtime.config.ramp) {
            evidence.complete(&runtime, spec, ended_ns, &outcome);
        }
        let half = pair.and_then(|pair| {
            let measurements = Measurements::from_outcome(&outcome, pair.objective);
            pair.complete(&runtime, ended_ns, measurements)
        });
        if let Some(sample) = &mut sample {
            sample.export(&runtime, scope, &outcome, text.as_ref());
        }
        if let Some(sample) = sample.and_then(|it| it.complete(scope, text, ended)) {
            runtime.add_sample(scope, sample, half);
        }
    }
}

// === impl Expectation ===

impl Expectation {
    /// Reads what the request says. Envoy has not routed it yet.
    fn read(runtime: &RolloutRuntime, version: Version, reads_answer: bool) -> Self {
        let formats = &runtime.config.formats;
        let mut expected = match hostcalls::request_headers() {
            Ok(headers) => {
                let response = ExpectedResponse::from_headers(formats, version, headers.iter());
                let sample =
                    reads_answer.then(|| SampleCandidate::find(runtime, &response, headers.iter()));
                Self { response, sample: sample.flatten().map(Box::new) }
            }
            Err(_) => {
                let response = ExpectedResponse::without_headers(formats, version);
                Self { response, sample: None }
            }
        };
        expected.response.is_left_out = !reads_answer;
        expected
    }
}

/// The headers of the response; the status alone where the host does not return all, and `None` where it
/// does not return the status either.
fn response_head() -> Option<ResponseHead> {
    if let Ok(headers) = hostcalls::response_headers() {
        return Some(ResponseHead::from_headers(headers.iter()));
    }
    let status = hostcalls::response_header(STATUS)?;
    Some(ResponseHead::from_headers([(STATUS.as_bytes(), &*status)].into_iter()))
}

/// The monotonic clock, in nanoseconds; 0 if the host refuses.
fn now_ns() -> u64 {
    hostcalls::monotonic_time_ns().unwrap_or_default()
}

// === impl PendingEvidence ===

impl PendingEvidence {
    /// Records an assignment as evidence; `None` without a ramp, and in its shadow step, where only
    /// pairs are evidence.
    fn record(runtime: &RolloutRuntime, exposed: ExposedRequest, at_ns: u64) -> Option<Self> {
        let ramp = runtime.ramp.as_ref()?;
        if runtime.is_shadow_step() {
            return None;
        }
        let ExposedRequest { version, exposure, .. } = exposed;
        let assignment = observation(version, exposure, at_ns, Measurements::default());
        let ticket = ramp.worker().record_assignment(assignment);
        Some(Self { exposed, ticket, open: None, is_slow_reported: false })
    }

    /// Records what the response was.
    fn complete(
        self,
        runtime: &RolloutRuntime,
        spec: &RampSpec,
        at_ns: u64,
        outcome: &ClassifiedOutcome<'_>,
    ) {
        let Self { exposed, ticket, open, is_slow_reported } = self;
        let ExposedRequest { version, exposure, class } = exposed;
        let Some(ramp) = &runtime.ramp else { return };
        let measurements =
            Measurements::from_outcome(outcome, spec.objective_in_force(&ramp.snapshot()));
        let is_reported = |open| ramp.worker().close_response(open);
        let measurements = match open.map_or(is_slow_reported, is_reported) {
            true => measurements.without_reported_slowness(),
            false => measurements,
        };
        let measurements = match measurements.is_response() {
            true => measurements.with_request_class(class),
            false => measurements,
        };
        let response = observation(version, exposure, at_ns, measurements);
        ramp.worker().record_response(ticket, response);
    }
}

fn observation(
    version: Version,
    exposure: Exposure,
    at_ns: u64,
    measurements: Measurements,
) -> Observation {
    let Exposure { unit, epoch, is_newly_exposed } = exposure;
    let (is_assignment, shadow) = (true, None);
    Observation {
        at_ns,
        unit,
        epoch,
        version,
        is_newly_exposed,
        is_assignment,
        measurements,
        shadow,
    }
}
