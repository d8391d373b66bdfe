//! Metrics of one kind that this VM has defined.

use proxy_wasm::types::MetricType;

use super::hostcalls;
use super::hostcalls::MetricId;

/// Metrics with the host's ids.
///
/// A metric that the host refuses to define is not in the table, and is not counted: no request fails
/// for it. A table has some twenty entries at most, which are searched faster than hashed.
#[derive(Debug)]
pub struct MetricTable<M> {
    defined: Vec<(M, MetricId)>,
    refused: usize,
}

// === impl MetricTable ===

impl<M: Copy + PartialEq> MetricTable<M> {
    /// Defines metrics of a kind with the host.
    pub fn define(
        kind: MetricType,
        metrics: impl IntoIterator<Item = M>,
        name: impl Fn(M) -> String,
    ) -> Self {
        let define = |metric| {
            let name = name(metric);
            let id = hostcalls::define_metric(kind, &name).inspect_err(|error| {
                log::warn!("{name} is not counted: the host answered {error:?}");
            });
            Some((metric, id.ok()?))
        };
        let found: Vec<_> = metrics.into_iter().map(define).collect();
        let refused = found.iter().filter(|it| it.is_none()).count();
        Self { defined: found.into_iter().flatten().collect(), refused }
    }

    /// The metrics that the host has defined.
    pub fn defined(&self) -> &[(M, MetricId)] {
        &self.defined
    }

    /// How many metrics the host has refused to define.
    pub fn refused(&self) -> usize {
        self.refused
    }

    /// The value of a counter in the whole process; 0 if the host refuses it.
    pub fn value(&self, counter: M) -> u64 {
        let value = self.find(counter).map(hostcalls::counter_value);
        value.and_then(Result::ok).unwrap_or_default()
    }

    /// Adds to a counter. If the host refuses it, only the count is lost.
    pub fn add(&self, counter: M, count: u64) {
        if let Some(id) = self.find(counter) {
            let _ = hostcalls::increment(id, count);
        }
    }

    /// Sets a gauge, or adds a value to a histogram. If the host refuses it, the metric does not change.
    pub fn record(&self, metric: M, value: u64) {
        if let Some(id) = self.find(metric) {
            let _ = hostcalls::record(id, value);
        }
    }

    fn find(&self, metric: M) -> Option<MetricId> {
        self.defined.iter().find(|(defined, _)| *defined == metric).map(|(_, id)| *id)
    }
}
