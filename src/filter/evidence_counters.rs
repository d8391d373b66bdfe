//! The counters of the evidence that the gates have used, in the VM that leads.

use proxy_wasm::types::MetricType;

use super::hostcalls::{self, MetricId};
use crate::analysis::{AnalysisPlan, Evidence};
use crate::stats::names::evidence_name;
use crate::stats::{EvidenceCounts, EvidenceKey};

/// The evidence counters of one rollout. Each is defined when it is first added to.
pub struct EvidenceCounters {
    rollout: String,
    counts: EvidenceCounts,
    defined: Vec<(EvidenceKey, MetricId)>,
}

// === impl EvidenceCounters ===

impl EvidenceCounters {
    /// Counters that continue from this evidence, which is counted already.
    pub fn new(rollout: &str, evidence: &Evidence, plan: &AnalysisPlan) -> Self {
        let counts = EvidenceCounts::new(evidence, plan);
        Self { rollout: rollout.to_owned(), counts, defined: Vec::new() }
    }

    /// Counts what is new.
    pub fn count(&mut self, plan: &AnalysisPlan, evidence: &Evidence) {
        let Self { rollout, counts, defined } = self;
        counts.update(evidence, plan, |key, units| {
            if let Some(id) = find_or_define(defined, rollout, key) {
                let _ = hostcalls::increment(id, units);
            }
        });
    }
}

fn find_or_define(
    defined: &mut Vec<(EvidenceKey, MetricId)>,
    rollout: &str,
    key: EvidenceKey,
) -> Option<MetricId> {
    if let Some((_, id)) = defined.iter().find(|(known, _)| *known == key) {
        return Some(*id);
    }
    let name = evidence_name(rollout, key.version, key.counter, key.step);
    let id = hostcalls::define_metric(MetricType::Counter, &name).ok()?;
    defined.push((key, id));
    Some(id)
}
