//! The prompt and the answer of a sampled request, copied while they pass.

use std::rc::Rc;

use super::runtime::RolloutRuntime;
use super::shared_samples::OpenPlace;
use crate::assignment::{Exposure, Share, Version};
use crate::judge::JudgeTask;
use crate::response::{CapturedText, ExpectedResponse, Format, Outcome};
use crate::rollout::EndedHalf;
use crate::sampling::{ComparedShares, Sample, SampledRequest, Sampler};
use crate::stats::names::StatScope;

/// The header with a request's id. Envoy makes one if there is none, and a copy has it too.
pub const REQUEST_ID: &[u8] = b"x-request-id";

/// A request that is sampled, unless its version has too many samples.
pub struct SampleCandidate {
    request: SampledRequest,
    place: f64,
}

/// A sampled request whose answer has not ended.
pub struct SampleCapture {
    request: SampledRequest,
    exposure: Option<Exposure>,
    format: Format,
    max_bytes: usize,
    _place: OpenPlace,
}

// === impl SampleCandidate ===

impl SampleCandidate {
    /// The request with these headers; `None` where it is not sampled, whatever its version.
    pub fn find<'a>(
        runtime: &RolloutRuntime,
        expected: &ExpectedResponse,
        mut headers: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Option<Self> {
        let judge = runtime.config.judge.as_ref()?;
        let is_stopped = runtime.judge.as_ref().is_some_and(|it| it.is_exhausted());
        if is_stopped || !expected.is_model_path || expected.format.is_none() {
            return None;
        }
        let (_, id) = headers.find(|(name, value)| *name == REQUEST_ID && !value.is_empty())?;
        let place = Sampler::place(runtime.config.rollout.as_str(), id);
        let request = || SampledRequest::new(id, judge.sampler.max_bytes);
        judge.sampler.may_sample(place).then(|| Self { request: request(), place })
    }

    /// Begins to copy the request; `None` if it is not sampled. `is_paired` is whether its answer is one
    /// half of a pair.
    pub fn begin(
        self,
        runtime: &RolloutRuntime,
        scope: StatScope,
        exposure: Option<Exposure>,
        is_paired: bool,
        format: Option<Format>,
    ) -> Option<SampleCapture> {
        let judge = runtime.config.judge.as_ref()?;
        let is_sampled = match scope {
            _ if is_paired => judge.mode.has_pairs(),
            StatScope::Of(version) => {
                let shares = runtime.compared_shares(exposure);
                judge.mode.has_scores()
                    && shares.is_some_and(|it| judge.sampler.samples(self.place, version, it))
            }
            StatScope::Shadow => false,
        };
        let samples = runtime.samples.as_ref().filter(|_| is_sampled)?;
        let max_bytes = judge.sampler.max_bytes;
        let place = samples.open(max_bytes);
        if place.is_none() {
            runtime.metrics.count_sample(scope, false);
        }
        let (request, format) = (self.request, format?);
        Some(SampleCapture { request, exposure, format, max_bytes, _place: place? })
    }
}

// === impl SampleCapture ===

impl SampleCapture {
    /// The request, to which its body is added.
    pub fn request(&mut self) -> &mut SampledRequest {
        &mut self.request
    }

    /// How many bytes of the answer are kept.
    pub fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// The response has ended.
    pub fn complete(
        self,
        scope: StatScope,
        answer: Option<CapturedText>,
        outcome: Outcome,
        ended_ns: u64,
    ) -> Sample {
        let Self { request, exposure, format, .. } = self;
        let (version, is_shadow) = match scope {
            StatScope::Of(version) => (version, false),
            StatScope::Shadow => (Version::Green, true),
        };
        let answer = answer.unwrap_or_default();
        Sample { request, version, is_shadow, exposure, format, answer, outcome, ended_ns }
    }
}

// === impl RolloutRuntime ===

impl RolloutRuntime {
    /// Adds a sample, which waits for the judge, or for the other half of its pair.
    pub fn add_sample(&self, scope: StatScope, sample: Sample, half: Option<EndedHalf>) {
        let Some(samples) = &self.samples else { return };
        let sample = Rc::new(sample);
        let is_waiting = match half {
            None => samples.add(JudgeTask::Score(sample)),
            Some(half) => samples.add_half(half, sample),
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
