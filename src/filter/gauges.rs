//! A rollout's gauges: what is in force.

use std::cell::{Cell, RefCell};

use proxy_wasm::types::MetricType;

use super::metric_table::MetricTable;
use super::store::gauge_owner::GaugeOwner;
use crate::stats::GaugeValues;
use crate::stats::names::{Gauge, gauge_name};

/// The gauges of one rollout in this VM.
#[derive(Debug)]
pub struct RolloutGauges {
    table: MetricTable<Gauge>,
    owner: GaugeOwner,
    /// The root contexts of the rollout that have begun, in that order, each with the values that it has
    /// shown last.
    roots: RefCell<Vec<(u32, GaugeValues)>>,
    /// The root context whose values the gauges have, and the values.
    shown: Cell<Option<(u32, GaugeValues)>>,
}

// === impl RolloutGauges ===

impl RolloutGauges {
    /// Defines the gauges of `rollout`.
    pub fn define(rollout: &str) -> Self {
        let table =
            MetricTable::define(MetricType::Gauge, Gauge::ALL, |gauge| gauge_name(rollout, gauge));
        let owner = GaugeOwner::new(rollout);
        Self { table, owner, roots: RefCell::default(), shown: Cell::default() }
    }

    /// How many gauges the host has refused to define.
    pub fn refused(&self) -> usize {
        self.table.refused()
    }

    /// Adds a root context whose configuration has begun, and shows its values.
    pub fn add_root(&self, context_id: u32, values: GaugeValues) {
        self.owner.claim();
        self.roots.borrow_mut().push((context_id, values));
        self.show(context_id, values);
    }

    /// Shows the values of a root context, unless the gauges have them already.
    ///
    /// This is called at every request too: Envoy may go back to an older root context, one that still
    /// has a stream, without configuring it.
    pub fn show(&self, context_id: u32, values: GaugeValues) {
        let shown = Some((context_id, values));
        if self.shown.replace(shown) == shown {
            return;
        }
        for (root, shown) in self.roots.borrow_mut().iter_mut() {
            if *root == context_id {
                *shown = values;
            }
        }
        self.record(values);
    }

    /// Removes a root context. If the gauges have its values, they get those of the latest root context
    /// that is left, or show that the rollout has ended; unless another VM owns the gauges by now, and
    /// the rollout still runs: `is_over` says whether it does not.
    pub fn remove_root(&self, context_id: u32, is_over: impl FnOnce() -> bool) {
        let mut roots = self.roots.borrow_mut();
        roots.retain(|(root, _)| *root != context_id);
        if self.shown.get().is_none_or(|(root, _)| root != context_id) {
            return;
        }
        let latest = roots.last().copied();
        self.shown.set(latest);
        // The owner may have ended before this VM, which has gone on with a stream.
        if self.owner.is_this_vm() || (latest.is_none() && is_over()) {
            self.record(latest.map_or(GaugeValues::INACTIVE, |(_, values)| values));
        }
    }

    fn record(&self, values: GaugeValues) {
        for (gauge, value) in values.entries() {
            self.table.record(gauge, value);
        }
    }
}
