//! A request that is exported, until its answer has ended.

use super::hostcalls;
use super::random::random_u64;
use super::runtime::RolloutRuntime;
use super::sent_request::SentRequest;
use crate::assignment::Exposure;
use crate::export::{
    Exchange, ExchangeAnswer, ExchangeRequest, ExchangeText, ExportedContent, SpanId, TraceContext,
};
use crate::response::{CapturedText, ClassifiedOutcome, Format};
use crate::stats::names::StatScope;

/// A request that is exported, until its answer has ended.
pub struct ExportedRequest(ExchangeRequest);

// === impl ExportedRequest ===

impl ExportedRequest {
    /// A request that is sent now. `None` if the host has no clock.
    pub fn begin(
        runtime: &RolloutRuntime,
        sent: SentRequest,
        id: &[u8],
        format: Format,
        trace: Option<TraceContext>,
    ) -> Option<Self> {
        let SentRequest { started_ns, scope, exposure, feedback_unit, is_mirrored, .. } = sent;
        // A request that has waited for its body began before now.
        let age_ns = hostcalls::monotonic_time_ns().ok()?.saturating_sub(started_ns);
        let rollout = runtime.config.rollout.as_str();
        let random = || u128::from(random_u64()) << 64 | u128::from(random_u64());
        let trace = trace.unwrap_or_else(|| match is_mirrored {
            true => TraceContext::of_pair(rollout, id),
            false => TraceContext::root(random()),
        });
        let version = scope.version();
        let patch = runtime.config.request(version);
        let model = patch.and_then(|patch| patch.body.model.as_deref());
        let unit = exposure.map(|it| it.unit).or(feedback_unit);
        Some(Self(ExchangeRequest {
            trace,
            span: SpanId::new(random_u64()),
            pair: is_mirrored.then(|| ExchangeRequest::pair_name(id)),
            step: runtime.exported_step(exposure),
            receipt: unit.and_then(|unit| runtime.sign_receipt(version, unit, exposure)),
            began_unix_ns: hostcalls::wall_time_ns().ok()?.saturating_sub(age_ns),
            format: Some(format),
            patched_model: model.map(str::to_owned),
        }))
    }

    /// The answer has ended: the exchange waits to be sent.
    pub fn complete(
        self,
        runtime: &RolloutRuntime,
        scope: StatScope,
        outcome: &ClassifiedOutcome<'_>,
        request: &CapturedText,
        answer: Option<&CapturedText>,
    ) {
        let (Some(config), Some(exporter)) = (&runtime.config.samples, &runtime.exporter) else {
            return;
        };
        let max_bytes = config.sampler.max_bytes;
        let kept = |text: &CapturedText| {
            let is_kept = !text.is_too_large() && (1..=max_bytes).contains(&text.len());
            is_kept.then(|| text.bytes().to_vec())
        };
        // Of a request that failed over, the answer is the other version's, and a score of it is no evidence.
        let is_of_version = !outcome.outcome().has_failed_over;
        let answer = answer.filter(|_| is_of_version);
        let text = (config.content == ExportedContent::Full)
            .then(|| ExchangeText { request: kept(request), answer: answer.and_then(kept) });
        let answer = ExchangeAnswer::from_outcome(outcome);
        let receipt = self.0.receipt.filter(|_| is_of_version);
        let request = ExchangeRequest { receipt, ..self.0 };
        exporter.add(Exchange { scope, request, answer, text });
    }
}

// === impl RolloutRuntime ===

impl RolloutRuntime {
    /// The ramp's step that an exposure belongs to, if it is the one in force.
    fn exported_step(&self, exposure: Option<Exposure>) -> Option<u64> {
        let snapshot = self.ramp.as_ref()?.snapshot();
        let is_in_force = !snapshot.is_shadow_step && exposure?.epoch == snapshot.epoch;
        is_in_force.then(|| snapshot.step.into())
    }
}
