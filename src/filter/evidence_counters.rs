//! The counters of the evidence that the gates have used, in the VM that leads.

use std::cell::RefCell;

use proxy_wasm::types::MetricType;

use super::hostcalls::{self, MetricId};
use crate::analysis::{AnalysisPlan, Evidence};
use crate::stats::names::evidence_name;
use crate::stats::{EvidenceCounts, EvidenceKey};

/// The evidence counters of one rollout that this VM has defined: each when it is first added to.
#[derive(Debug, Default)]
pub struct EvidenceMetrics(RefCell<Vec<(EvidenceKey, MetricId)>>);

/// What of the evidence is counted, while this VM leads.
pub struct EvidenceCounters {
    rollout: String,
    counts: EvidenceCounts,
}

// === impl EvidenceCounters ===

impl EvidenceCounters {
    /// Counters that continue from this evidence, which is counted already.
    pub fn new(rollout: &str, evidence: &Evidence, plan: &AnalysisPlan) -> Self {
        let counts = EvidenceCounts::new(evidence, plan);
        Self { rollout: rollout.to_owned(), counts }
    }

    /// Counts what is new.
    pub fn count(&mut self, metrics: &EvidenceMetrics, plan: &AnalysisPlan, evidence: &Evidence) {
        let Self { rollout, counts } = self;
        counts.update(evidence, plan, |key, units| {
            if let Some(id) = metrics.find_or_define(rollout, key) {
                let _ = hostcalls::increment(id, units);
            }
        });
    }
}

// === impl EvidenceMetrics ===

impl EvidenceMetrics {
    fn find_or_define(&self, rollout: &str, key: EvidenceKey) -> Option<MetricId> {
        let mut defined = self.0.borrow_mut();
        if let Some((_, id)) = defined.iter().find(|(known, _)| *known == key) {
            return Some(*id);
        }
        let name = evidence_name(rollout, key.version, key.counter, key.step);
        let id = hostcalls::define_metric(MetricType::Counter, &name).ok()?;
        defined.push((key, id));
        Some(id)
    }
}
