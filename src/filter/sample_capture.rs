//! The prompt and the answer of a sampled request, copied while they pass.

use std::rc::Rc;

use super::exported_request::ExportedRequest;
use super::runtime::RolloutRuntime;
use super::sent_request::SentRequest;
use super::shared_samples::OpenPermits;
use crate::assignment::{Exposure, Share};
use crate::export::TraceContext;
use crate::judge::JudgeTask;
use crate::response::{CapturedText, ClassifiedOutcome, ExpectedResponse, Format, Outcome};
use crate::rollout::EndedHalf;
use crate::sampling::{ComparedShares, Sample, Sampler};
use crate::stats::names::{Counter, StatScope};

/// The header with a request's id. Envoy makes one if there is none, and a copy has it too.
pub const REQUEST_ID: &[u8] = b"x-request-id";

/// The header that names the trace of a request. Source: W3C Trace Context.
const TRACE_PARENT: &[u8] = b"traceparent";

/// A request that is sampled, unless its version has too many samples.
pub struct SampleCandidate {
    /// The request's id. It is not kept any longer, because a client may choose its length.
    id: Box<[u8]>,
    place: f64,
    is_format_guessed: bool,
    /// The trace that the request names.
    trace: Option<TraceContext>,
}

/// A sampled request whose answer has not ended.
pub struct SampleCapture {
    /// The body as the client has sent it.
    prompt: CapturedText,
    exposure: Option<Exposure>,
    /// Whether the path may be an application's own.
    is_format_guessed: bool,
    max_bytes: usize,
    /// How many bytes of each text the judge gets; `None` where it is not judged.
    judge_max_bytes: Option<usize>,
    /// Set where it is exported.
    export: Option<ExportedRequest>,
    _permits: OpenPermits,
}

// === impl SampleCandidate ===

impl SampleCandidate {
    /// The request with these headers; `None` where it is not sampled, whatever its version.
    pub fn find<'a>(
        runtime: &RolloutRuntime,
        expected: &ExpectedResponse,
        headers: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Option<Self> {
        let samplers = runtime.samplers();
        if samplers.iter().all(Option::is_none)
            || !expected.is_model_path
            || expected.format.is_none()
        {
            return None;
        }
        let (mut id, mut trace) = (None, None);
        for (name, value) in headers {
            match name {
                REQUEST_ID if !value.is_empty() => id = id.or(Some(value)),
                TRACE_PARENT => trace = trace.or_else(|| TraceContext::parse(value)),
                _ => {}
            }
        }
        let id = id?;
        let place = Sampler::place(runtime.config.rollout.as_str(), id);
        let samplers = samplers.into_iter().flatten().filter(|it| it.may_sample(place));
        samplers.map(|it| it.max_bytes).max()?;
        let is_format_guessed = expected.is_format_guessed;
        Some(Self { id: id.into(), place, is_format_guessed, trace })
    }

    /// Begins to copy the request; `None` if it is not sampled.
    pub fn begin(
        self,
        runtime: &RolloutRuntime,
        sent: SentRequest,
        format: Option<Format>,
    ) -> Option<SampleCapture> {
        let Self { id, place, is_format_guessed, trace } = self;
        let SentRequest { scope, exposure, is_mirrored, is_paired, .. } = sent;
        let samples_version = |sampler: &Sampler| match scope {
            StatScope::Of(version) => runtime
                .compared_shares(exposure)
                .is_some_and(|it| sampler.samples(place, version, it)),
            StatScope::Shadow => false,
        };
        let [judged, exported] = runtime.samplers();
        let judge = runtime.config.judge.as_ref().filter(|_| judged.is_some());
        let is_for_judge = judge.is_some_and(|judge| match is_paired {
            true => judge.sampler.may_sample(place) && judge.mode.has_pairs(),
            false => judge.mode.has_scores() && samples_version(&judge.sampler),
        });
        // Of a mirrored request, both halves are exported.
        let exported = exported.filter(|sampler| match is_mirrored {
            true => sampler.may_sample(place),
            false => samples_version(sampler),
        });
        let samplers = [judged.filter(|_| is_for_judge), exported];
        let max_bytes = samplers.into_iter().flatten().map(|it| it.max_bytes).max()?;
        let open = runtime.samples.as_ref()?.open(max_bytes);
        if open.is_none() {
            if is_for_judge {
                runtime.metrics.count_sample(scope, false);
            }
            if exported.is_some() {
                runtime.metrics.count_exports(scope, Counter::SamplesDropped, 1);
            }
        }
        let (open, format) = (open?, format?);
        let export =
            exported.and_then(|_| ExportedRequest::begin(runtime, sent, &id, format, trace));
        Some(SampleCapture {
            prompt: CapturedText::new(max_bytes),
            exposure,
            is_format_guessed,
            max_bytes,
            judge_max_bytes: judged.filter(|_| is_for_judge).map(|it| it.max_bytes),
            export,
            _permits: open,
        })
    }
}

// === impl SampleCapture ===

impl SampleCapture {
    /// The request's body, to which each piece is added.
    pub fn prompt(&mut self) -> &mut CapturedText {
        &mut self.prompt
    }

    /// How many bytes of each text are kept.
    pub fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// Exports the request with its answer, where it is exported.
    pub fn export(
        &mut self,
        runtime: &RolloutRuntime,
        scope: StatScope,
        outcome: &ClassifiedOutcome<'_>,
        answer: Option<&CapturedText>,
    ) {
        // Without an answer of a model, it may be a request to an application.
        let is_of_model = !self.is_format_guessed || outcome.answer().is_some();
        if let Some(export) = self.export.take().filter(|_| is_of_model) {
            export.complete(runtime, scope, outcome, &self.prompt, answer);
        }
    }

    /// The response has ended. `None` unless it is judged.
    pub fn complete(
        self,
        scope: StatScope,
        answer: Option<CapturedText>,
        outcome: Outcome,
    ) -> Option<Sample> {
        let Self { mut prompt, exposure, judge_max_bytes, .. } = self;
        let judge_max_bytes = judge_max_bytes?;
        let (version, is_shadow) = (scope.version(), scope == StatScope::Shadow);
        let mut answer = answer.unwrap_or_default();
        if is_shadow {
            // The judge gets the request from blue's half.
            prompt = CapturedText::default();
        }
        // The export may keep more.
        prompt.limit(judge_max_bytes);
        answer.limit(judge_max_bytes);
        Some(Sample { prompt, version, is_shadow, exposure, answer, outcome })
    }
}

// === impl RolloutRuntime ===

impl RolloutRuntime {
    /// Which requests are judged, and which are exported.
    fn samplers(&self) -> [Option<&Sampler>; 2] {
        let is_stopped = self.judge.as_ref().is_some_and(|it| it.is_exhausted());
        let judged = self.config.judge.as_ref().filter(|_| !is_stopped).map(|it| &it.sampler);
        [judged, self.config.samples.as_ref().map(|it| &it.sampler)]
    }

    /// Adds a sample, which waits for the judge, or for the other half of its pair.
    pub fn add_sample(&self, scope: StatScope, sample: Sample, half: Option<EndedHalf>) {
        let Some(samples) = &self.samples else { return };
        let sample = Rc::new(sample);
        let on_unjudged = |scope, why| self.count_unjudged(scope, why, 1);
        let is_waiting = match half {
            None => samples.add(JudgeTask::Score(sample), on_unjudged),
            Some(half) => samples.add_half(half, sample, on_unjudged),
        };
        self.metrics.count_sample(scope, is_waiting);
    }

    /// The shares that are compared; `None` where a request with this exposure is not compared, because
    /// it is no evidence for the ramp, or the ramp is in its shadow step.
    fn compared_shares(&self, exposure: Option<Exposure>) -> Option<ComparedShares> {
        match &self.ramp {
            None => Some(ComparedShares::new(self.green_share(), Share::ALL)),
            Some(ramp) => {
                let snapshot = ramp.snapshot();
                let is_compared = exposure.is_some() && !snapshot.is_shadow_step;
                is_compared.then(|| ComparedShares::new(snapshot.share, snapshot.analysed_share))
            }
        }
    }
}
