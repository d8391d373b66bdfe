//! A rollout's counters and gauges.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use proxy_wasm::types::MetricType;

use super::host::{self, MetricId};
use crate::assign::{Decision, Reason, Share, Version};
use crate::config::Answers;
use crate::observe::Outcome;
use crate::stats::{Counter, Gauge, Histogram, PHASE_BY_HAND, gauge_name, metric_name};

thread_local! {
    /// The metrics that this VM has defined. They outlive a configuration: to
    /// define one again would make the host's tables grow with every reload.
    static DEFINED: RefCell<HashMap<String, Rc<RolloutMetrics>>> = RefCell::default();
}

/// The metrics of one rollout. One that the host refused to define is `None`, and
/// is then not counted: a request is worth more than its count.
#[derive(Debug)]
pub struct RolloutMetrics {
    blue: VersionCounters,
    green: VersionCounters,
    green_bp: Option<MetricId>,
    phase: Option<MetricId>,
    step: Option<MetricId>,
    /// The root contexts that have not ended, each with its weights, in the order
    /// in which they were configured.
    roots: RefCell<Vec<(u32, Share)>>,
    /// The root context whose weights the gauges show.
    shown: Cell<Option<u32>>,
}

#[derive(Debug)]
struct VersionCounters {
    requests: Option<MetricId>,
    weight: Option<MetricId>,
    pinned: Option<MetricId>,
    forced: Option<MetricId>,
    no_unit: Option<MetricId>,
    outcomes: OnceCell<OutcomeMetrics>,
}

/// What is counted of responses, defined when a configuration first asks for it.
#[derive(Debug)]
struct OutcomeMetrics {
    counters: Vec<(Counter, MetricId)>,
    histograms: Vec<(Histogram, MetricId)>,
}

// === impl RolloutMetrics ===

impl RolloutMetrics {
    /// The metrics of `rollout`, defined at the first call in this VM.
    pub fn of(rollout: &str) -> Rc<Self> {
        DEFINED.with_borrow_mut(|defined| {
            if let Some(metrics) = defined.get(rollout) {
                return Rc::clone(metrics);
            }
            let metrics = Rc::new(Self::define(rollout));
            defined.insert(rollout.to_owned(), Rc::clone(&metrics));
            metrics
        })
    }

    fn define(rollout: &str) -> Self {
        let gauge = |gauge| define(MetricType::Gauge, &gauge_name(rollout, gauge));
        Self {
            blue: VersionCounters::define(rollout, Version::Blue),
            green: VersionCounters::define(rollout, Version::Green),
            green_bp: gauge(Gauge::GreenBp),
            phase: gauge(Gauge::Phase),
            step: gauge(Gauge::Step),
            roots: RefCell::default(),
            shown: Cell::new(None),
        }
    }

    /// Notes that the root context `context_id` runs on these weights, and has the
    /// gauges show them.
    pub fn begin(&self, context_id: u32, share: Share) {
        self.roots.borrow_mut().push((context_id, share));
        self.show(context_id, share);
    }

    /// Has the gauges show the weights of the root context `context_id`, unless
    /// they do already.
    ///
    /// Asked at every request too: where a configuration returns while a stream of
    /// its first life is still open, Envoy may take up the old root context again
    /// without configuring it.
    pub fn show(&self, context_id: u32, share: Share) {
        if self.shown.replace(Some(context_id)) != Some(context_id) {
            self.record(share);
        }
    }

    /// Notes that a root context has ended. If it was the one that the gauges show,
    /// they show the latest that is left, or that the rollout is over.
    pub fn end(&self, context_id: u32) {
        let mut roots = self.roots.borrow_mut();
        roots.retain(|(id, _)| *id != context_id);
        if self.shown.get() != Some(context_id) {
            return;
        }
        let left = roots.last().copied();
        self.shown.set(left.map(|(id, _)| id));
        self.record(left.map_or(Share::NONE, |(_, share)| share));
    }

    fn record(&self, share: Share) {
        let gauges = [
            (self.green_bp, u64::from(share.basis_points())),
            (self.phase, PHASE_BY_HAND),
            (self.step, 0),
        ];
        for (gauge, value) in gauges {
            if let Some(gauge) = gauge {
                // A gauge that the host refuses stays as it was.
                let _ = host::record(gauge, value);
            }
        }
    }

    /// Counts one request.
    pub fn count(&self, decision: Decision) {
        let counters = self.of_version(decision.version);
        let reason = match decision.reason {
            Reason::Weight => counters.weight,
            Reason::Pinned => counters.pinned,
            Reason::Forced => counters.forced,
            Reason::NoUnit => counters.no_unit,
        };
        for counter in [counters.requests, reason].into_iter().flatten() {
            // A count that the host refuses is lost, the request is not.
            let _ = host::increment(counter, 1);
        }
    }

    /// Has what is counted of responses ready.
    pub fn define_outcomes(&self, rollout: &str) {
        for version in Version::ALL {
            let outcomes = &self.of_version(version).outcomes;
            outcomes.get_or_init(|| OutcomeMetrics::define(rollout, version));
        }
    }

    /// Counts one response.
    pub fn count_outcome(&self, version: Version, outcome: &Outcome, answers: &Answers) {
        let Some(metrics) = self.of_version(version).outcomes.get() else { return };
        outcome.count(&answers.refusal_phrases, &answers.prices, |counter, count| {
            if let Some(id) = find(&metrics.counters, counter) {
                let _ = host::increment(id, count);
            }
        });
        outcome.record(|histogram, value| {
            if let Some(id) = find(&metrics.histograms, histogram) {
                let _ = host::record(id, value);
            }
        });
    }

    fn of_version(&self, version: Version) -> &VersionCounters {
        match version {
            Version::Blue => &self.blue,
            Version::Green => &self.green,
        }
    }
}

/// A table of some twenty entries is searched faster than it is hashed.
fn find<M: PartialEq>(table: &[(M, MetricId)], metric: M) -> Option<MetricId> {
    table.iter().find(|(entry, _)| *entry == metric).map(|(_, id)| *id)
}

// === impl OutcomeMetrics ===

impl OutcomeMetrics {
    fn define(rollout: &str, version: Version) -> Self {
        let name = |metric: &dyn std::fmt::Display| metric_name(rollout, version, metric);
        let counter = |counter| Some((counter, define(MetricType::Counter, &name(&counter))?));
        let histogram =
            |histogram| Some((histogram, define(MetricType::Histogram, &name(&histogram))?));
        Self {
            counters: Counter::OUTCOMES.into_iter().filter_map(counter).collect(),
            histograms: Histogram::ALL.into_iter().filter_map(histogram).collect(),
        }
    }
}

// === impl VersionCounters ===

impl VersionCounters {
    fn define(rollout: &str, version: Version) -> Self {
        let counter =
            |counter| define(MetricType::Counter, &metric_name(rollout, version, counter));
        let decisions = |reason| counter(Counter::Decisions(reason));
        Self {
            requests: counter(Counter::Requests),
            weight: decisions(Reason::Weight),
            pinned: decisions(Reason::Pinned),
            forced: decisions(Reason::Forced),
            no_unit: decisions(Reason::NoUnit),
            outcomes: OnceCell::new(),
        }
    }
}

fn define(kind: MetricType, name: &str) -> Option<MetricId> {
    host::define_metric(kind, name)
        .inspect_err(|error| log::warn!("{name} is not counted: the host answered {error:?}"))
        .ok()
}
