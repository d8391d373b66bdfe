//! A rollout's gauges: what is in force.

use std::cell::{Cell, RefCell};

use proxy_wasm::types::MetricType;

use super::metric_table::MetricTable;
use crate::assignment::EffectiveShare;
use crate::rollout::{Phase, Snapshot};
use crate::stats::names::{Gauge, PHASE_MANUAL, gauge_name};

/// The gauges of one rollout in this VM.
#[derive(Debug)]
pub struct RolloutGauges {
    table: MetricTable<Gauge>,
    /// The root contexts of the rollout that exist, in the order of their configuration, each with the
    /// values that it has shown last.
    roots: RefCell<Vec<(u32, GaugeValues)>>,
    /// The root context whose values the gauges have, and the values.
    shown: Cell<Option<(u32, GaugeValues)>>,
}

/// The values of all gauges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GaugeValues {
    green_bp: u64,
    phase: u64,
    step: u64,
    is_overdue: bool,
}

// === impl RolloutGauges ===

impl RolloutGauges {
    /// Defines the gauges of `rollout`.
    pub fn define(rollout: &str) -> Self {
        let table =
            MetricTable::define(MetricType::Gauge, Gauge::ALL, |gauge| gauge_name(rollout, gauge));
        Self { table, roots: RefCell::default(), shown: Cell::default() }
    }

    /// How many gauges the host has refused to define.
    pub fn refused(&self) -> usize {
        self.table.refused()
    }

    /// Adds a root context that has been configured, and shows its values.
    pub fn add_root(&self, context_id: u32, values: GaugeValues) {
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
    /// that is left, or show that the rollout has ended.
    pub fn remove_root(&self, context_id: u32) {
        let mut roots = self.roots.borrow_mut();
        roots.retain(|(root, _)| *root != context_id);
        if self.shown.get().is_none_or(|(root, _)| root != context_id) {
            return;
        }
        let latest = roots.last().copied();
        self.shown.set(latest);
        self.record(latest.map_or(GaugeValues::ENDED, |(_, values)| values));
    }

    fn record(&self, values: GaugeValues) {
        self.table.record(Gauge::GreenBp, values.green_bp);
        self.table.record(Gauge::Phase, values.phase);
        self.table.record(Gauge::Step, values.step);
        self.table.record(Gauge::Overdue, values.is_overdue.into());
    }
}

// === impl GaugeValues ===

impl GaugeValues {
    /// No configuration runs the rollout.
    const ENDED: Self = Self { green_bp: 0, phase: PHASE_MANUAL, step: 0, is_overdue: false };

    /// The values of a rollout without a ramp.
    pub fn manual(share: EffectiveShare) -> Self {
        match share {
            EffectiveShare::Share(share) => {
                Self { green_bp: share.basis_points().into(), ..Self::ENDED }
            }
            EffectiveShare::RolledBack => {
                Self { phase: Phase::RolledBack.gauge_value(), ..Self::ENDED }
            }
        }
    }

    /// The values of a ramp.
    pub fn ramp(snapshot: Snapshot) -> Self {
        Self {
            green_bp: snapshot.share.basis_points().into(),
            phase: snapshot.phase.gauge_value(),
            step: snapshot.step.into(),
            is_overdue: snapshot.is_overdue,
        }
    }
}
