//! A rollout's counters and gauges.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::fmt::Display;
use std::rc::Rc;

use super::host::{self, MetricId, MetricKind};
use crate::assignment::{Assignment, EffectiveShare, Version};
use crate::console::view::VersionView;
use crate::feedback::FeedbackEvent;
use crate::response::ClassifiedOutcome;
use crate::rollout::{Phase, Snapshot};
use crate::stats::names::{
    Counter, Gauge, Histogram, PHASE_MANUAL, StatScope, gauge_name, metric_name,
};
use crate::stats::{count_outcome, record_outcome};

thread_local! {
    /// The metrics that this VM has defined. They outlive a configuration: to
    /// define one again would make the host's tables grow with every reload.
    static DEFINED: RefCell<HashMap<String, Rc<RolloutMetrics>>> = RefCell::default();
}

/// The metrics of one rollout.
#[derive(Debug)]
pub struct RolloutMetrics {
    blue: AccountMetrics,
    green: AccountMetrics,
    /// Defined when a configuration first asks for a shadow.
    shadow: OnceCell<AccountMetrics>,
    gauges: Table<Gauge>,
    /// The root contexts that have not ended, each with what it runs on, in the order
    /// in which they were configured.
    roots: RefCell<Vec<(u32, Shown)>>,
    /// The root context of which the gauges show something, and what.
    shown: Cell<Option<(u32, Shown)>>,
}

/// What the gauges show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    green_bp: u64,
    phase: u64,
    step: u64,
    is_overdue: bool,
}

#[derive(Debug)]
struct AccountMetrics {
    decisions: Table<Counter>,
    /// What is counted of feedback, defined when a configuration first asks for it.
    feedback: OnceCell<Table<Counter>>,
    outcomes: OnceCell<OutcomeMetrics>,
}

/// What is counted of responses, defined when a configuration first asks for it.
#[derive(Debug)]
struct OutcomeMetrics {
    counters: Table<Counter>,
    histograms: Table<Histogram>,
}

/// Metrics with the host's ids. One that the host refused to define is not in it,
/// and is then not counted: a request is worth more than its count. It has some
/// twenty entries at most, and is searched faster than hashed.
#[derive(Debug)]
struct Table<M> {
    defined: Vec<(M, MetricId)>,
    /// How many are not.
    refused: usize,
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
        Self {
            blue: AccountMetrics::define(rollout, StatScope::Of(Version::Blue), Counter::DECISIONS),
            green: AccountMetrics::define(
                rollout,
                StatScope::Of(Version::Green),
                Counter::DECISIONS,
            ),
            shadow: OnceCell::new(),
            gauges: Table::define(MetricKind::Gauge, Gauge::ALL, |gauge| {
                gauge_name(rollout, gauge)
            }),
            roots: RefCell::default(),
            shown: Cell::new(None),
        }
    }

    /// Notes that the root context `context_id` has begun, and has the gauges show what it
    /// runs on.
    pub fn begin(&self, context_id: u32, shown: Shown) {
        self.roots.borrow_mut().push((context_id, shown));
        self.show(context_id, shown);
    }

    /// Has the gauges show what the root context `context_id` runs on, unless they do
    /// already.
    ///
    /// Asked at every request too: where a configuration returns while a stream of
    /// its first life is still open, Envoy may take up the old root context again
    /// without configuring it.
    pub fn show(&self, context_id: u32, shown: Shown) {
        if self.shown.replace(Some((context_id, shown))) == Some((context_id, shown)) {
            return;
        }
        for (id, of_root) in self.roots.borrow_mut().iter_mut() {
            if *id == context_id {
                *of_root = shown;
            }
        }
        self.record(shown);
    }

    /// Notes that a root context has ended. If it was the one that the gauges show,
    /// they show the latest that is left, or that the rollout is over.
    pub fn end(&self, context_id: u32) {
        let mut roots = self.roots.borrow_mut();
        roots.retain(|(id, _)| *id != context_id);
        if self.shown.get().is_none_or(|(id, _)| id != context_id) {
            return;
        }
        let left = roots.last().copied();
        self.shown.set(left);
        self.record(left.map_or(Shown::NOTHING, |(_, shown)| shown));
    }

    fn record(&self, shown: Shown) {
        self.gauges.record(Gauge::GreenBp, shown.green_bp);
        self.gauges.record(Gauge::Phase, shown.phase);
        self.gauges.record(Gauge::Step, shown.step);
        self.gauges.record(Gauge::Overdue, shown.is_overdue.into());
    }

    /// Counts one request.
    pub fn count(&self, account: StatScope, decision: Assignment) {
        let Some(AccountMetrics { decisions, .. }) = self.account(account) else { return };
        decisions.add(Counter::Requests, 1);
        decisions.add(Counter::Decisions(decision.reason), 1);
    }

    /// Has what is counted of a shadow's requests ready.
    pub fn define_shadow(&self, rollout: &str) {
        let define = || AccountMetrics::define(rollout, StatScope::Shadow, Counter::SHADOW);
        self.shadow.get_or_init(define);
    }

    /// Has what is counted of feedback ready.
    pub fn define_feedback(&self, rollout: &str) {
        for (version, metrics) in [(Version::Blue, &self.blue), (Version::Green, &self.green)] {
            let name = |counter| metric_name(rollout, StatScope::Of(version), counter);
            let define = || Table::define(MetricKind::Counter, Counter::FEEDBACK, name);
            metrics.feedback.get_or_init(define);
        }
    }

    /// Counts a vote.
    pub fn count_vote(&self, version: Version, vote: FeedbackEvent, is_proved: bool) {
        let Some(counters) = self.feedback_of(version) else { return };
        if let Some(thumb) = vote.thumb {
            let is_down = thumb.is_down();
            counters.add(if is_down { Counter::FeedbackDown } else { Counter::FeedbackUp }, 1);
        }
        if let Some(milli) = vote.score_milli() {
            counters.add(Counter::ScoreMilliSum, milli);
            counters.add(Counter::ScoreCount, 1);
        }
        if !is_proved {
            counters.add(Counter::FeedbackUnproved, 1);
        }
    }

    /// Counts a vote that is not heard.
    pub fn count_limited(&self, version: Version) {
        if let Some(counters) = self.feedback_of(version) {
            counters.add(Counter::FeedbackLimited, 1);
        }
    }

    /// What is counted of each version in the whole process; how many of a rollout's metrics
    /// the host has refused, or does not tell.
    pub fn counted(&self) -> (Vec<VersionView>, usize) {
        let mut refused = self.gauges.refused;
        let mut versions = Vec::new();
        for account in StatScope::ALL {
            let Some(metrics) = self.account(account) else { continue };
            let mut counters = Vec::new();
            let outcomes = metrics.outcomes.get();
            let tables = [Some(&metrics.decisions), outcomes.map(|it| &it.counters)];
            for table in tables.into_iter().chain([metrics.feedback.get()]).flatten() {
                refused += table.refused;
                for (counter, id) in &table.defined {
                    match host::count_of(*id) {
                        Ok(count) => counters.push((counter.to_string(), count)),
                        Err(_) => refused += 1,
                    }
                }
            }
            refused += outcomes.map_or(0, |it| it.histograms.refused);
            versions.push(VersionView { version: account.to_string(), counters });
        }
        (versions, refused)
    }

    fn feedback_of(&self, version: Version) -> Option<&Table<Counter>> {
        self.account(StatScope::Of(version))?.feedback.get()
    }

    /// Has what is counted of responses ready.
    pub fn define_outcomes(&self, rollout: &str) {
        for account in StatScope::ALL {
            if let Some(metrics) = self.account(account) {
                metrics.outcomes.get_or_init(|| OutcomeMetrics::define(rollout, account));
            }
        }
    }

    /// Counts one response.
    pub fn count_outcome(&self, account: StatScope, outcome: &ClassifiedOutcome<'_>) {
        let Some(metrics) = self.account(account).and_then(|it| it.outcomes.get()) else { return };
        count_outcome(outcome, |counter, count| metrics.counters.add(counter, count));
        record_outcome(outcome.outcome(), |histogram, value| {
            metrics.histograms.record(histogram, value);
        });
    }

    fn account(&self, account: StatScope) -> Option<&AccountMetrics> {
        match account {
            StatScope::Of(Version::Blue) => Some(&self.blue),
            StatScope::Of(Version::Green) => Some(&self.green),
            StatScope::Shadow => self.shadow.get(),
        }
    }
}

// === impl Shown ===

impl Shown {
    const NOTHING: Self = Self { green_bp: 0, phase: PHASE_MANUAL, step: 0, is_overdue: false };

    /// Weights by hand.
    pub fn by_hand(standing: EffectiveShare) -> Self {
        match standing {
            EffectiveShare::Share(share) => {
                Self { green_bp: share.basis_points().into(), ..Self::NOTHING }
            }
            EffectiveShare::RolledBack => {
                Self { phase: Phase::RolledBack.gauge_value(), ..Self::NOTHING }
            }
        }
    }

    /// A ramp.
    pub fn ramp(in_force: Snapshot) -> Self {
        Self {
            green_bp: in_force.share.basis_points().into(),
            phase: in_force.phase.gauge_value(),
            step: in_force.step.into(),
            is_overdue: in_force.is_overdue,
        }
    }
}

// === impl AccountMetrics ===

impl AccountMetrics {
    fn define<const N: usize>(rollout: &str, account: StatScope, decisions: [Counter; N]) -> Self {
        let name = |counter| metric_name(rollout, account, counter);
        Self {
            decisions: Table::define(MetricKind::Counter, decisions, name),
            feedback: OnceCell::new(),
            outcomes: OnceCell::new(),
        }
    }
}

// === impl OutcomeMetrics ===

impl OutcomeMetrics {
    fn define(rollout: &str, account: StatScope) -> Self {
        let name = |metric: &dyn Display| metric_name(rollout, account, metric);
        Self {
            counters: Table::define(MetricKind::Counter, Counter::OUTCOMES, |it| name(&it)),
            histograms: Table::define(MetricKind::Histogram, Histogram::ALL, |it| name(&it)),
        }
    }
}

// === impl Table ===

impl<M: Copy + PartialEq> Table<M> {
    fn define<const N: usize>(
        kind: MetricKind,
        metrics: [M; N],
        name: impl Fn(M) -> String,
    ) -> Self {
        let define = |metric| {
            let name = name(metric);
            let id = host::define_metric(kind, &name).inspect_err(|error| {
                log::warn!("{name} is not counted: the host answered {error:?}");
            });
            Some((metric, id.ok()?))
        };
        let defined: Vec<_> = metrics.into_iter().filter_map(define).collect();
        let refused = N - defined.len();
        Self { defined, refused }
    }

    fn find(&self, metric: M) -> Option<MetricId> {
        self.defined.iter().find(|(entry, _)| *entry == metric).map(|(_, id)| *id)
    }

    /// Adds to a counter. A count that the host refuses is lost, the request is not.
    fn add(&self, counter: M, count: u64) {
        if let Some(id) = self.find(counter) {
            let _ = host::increment(id, count);
        }
    }

    /// Sets a gauge, or adds to a histogram. What the host refuses stays as it was.
    fn record(&self, metric: M, value: u64) {
        if let Some(id) = self.find(metric) {
            let _ = host::record(id, value);
        }
    }
}
