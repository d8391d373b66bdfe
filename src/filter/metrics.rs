//! A rollout's metrics, defined once per VM.

use std::cell::{OnceCell, RefCell};
use std::fmt::Display;
use std::rc::Rc;

use proxy_wasm::types::MetricType;

use super::gauges::RolloutGauges;
use super::hostcalls;
use super::metric_table::MetricTable;
use super::registry::Registry;
use crate::analysis::ByVersion;
use crate::assignment::{Assignment, Reason, Version};
use crate::console::view::VersionView;
use crate::feedback::FeedbackEvent;
use crate::response::{Class, ClassifiedOutcome};
use crate::rollout::PairedResponses;
use crate::stats::names::{Counter, Gauge, Histogram, StatScope, gauge_name, metric_name};
use crate::stats::{
    RecentCounts, RecentRequests, RequestTotals, count_feedback, count_limited_feedback,
    count_outcome, count_request, record_outcome,
};

thread_local! {
    /// The host's tables grow when a metric is defined again, so that a configuration does not own them.
    static METRICS: Registry<RolloutMetrics> = const { Registry::new() };
}

/// The metrics of one rollout.
#[derive(Debug)]
pub struct RolloutMetrics {
    blue: ScopeMetrics,
    green: ScopeMetrics,
    /// Defined when a configuration first has a shadow.
    shadow: OnceCell<ScopeMetrics>,
    /// What is in force.
    pub gauges: RolloutGauges,
    /// Defined when a configuration first has a judge.
    judge_gauges: OnceCell<MetricTable<Gauge>>,
    /// Samples of the counters of requests.
    recent: RefCell<RecentRequests>,
}

/// The metrics of a version or of the shadow.
#[derive(Debug)]
struct ScopeMetrics {
    decisions: MetricTable<Counter>,
    /// Defined when a configuration first accepts feedback.
    feedback: OnceCell<MetricTable<Counter>>,
    /// Defined when a configuration first samples requests.
    samples: OnceCell<MetricTable<Counter>>,
    /// Defined when a configuration first has a judge.
    judge: OnceCell<MetricTable<Counter>>,
    /// Defined when a configuration first exports samples.
    exports: OnceCell<MetricTable<Counter>>,
    /// Defined when a configuration first observes answers.
    outcomes: OnceCell<OutcomeMetrics>,
}

/// The metrics of responses.
#[derive(Debug)]
struct OutcomeMetrics {
    counters: MetricTable<Counter>,
    histograms: MetricTable<Histogram>,
}

/// The values of a rollout's counters.
pub struct CounterValues {
    /// The counters of each version, and of the shadow if there is one, in the whole process.
    pub versions: Vec<VersionView>,
    /// How many metrics the host has refused to define or to read.
    pub refused: usize,
}

// === impl RolloutMetrics ===

impl RolloutMetrics {
    /// The metrics of `rollout`, defined at the first call in this VM.
    pub fn for_rollout(rollout: &str) -> Rc<Self> {
        METRICS.with(|metrics| metrics.get_or_insert(rollout, || Self::define(rollout)))
    }

    fn define(rollout: &str) -> Self {
        let define =
            |version| ScopeMetrics::define(rollout, StatScope::Of(version), Counter::DECISIONS);
        Self {
            blue: define(Version::Blue),
            green: define(Version::Green),
            shadow: OnceCell::new(),
            gauges: RolloutGauges::define(rollout),
            judge_gauges: OnceCell::new(),
            recent: RefCell::default(),
        }
    }

    /// Defines the metrics of a shadow, unless they are defined.
    pub fn define_shadow(&self, rollout: &str) {
        let define = || ScopeMetrics::define(rollout, StatScope::Shadow, Counter::SHADOW);
        self.shadow.get_or_init(define);
    }

    /// Defines the metrics of feedback, unless they are defined.
    pub fn define_feedback(&self, rollout: &str) {
        for (version, metrics) in [(Version::Blue, &self.blue), (Version::Green, &self.green)] {
            let name = |counter| metric_name(rollout, StatScope::Of(version), counter);
            let define = || MetricTable::define(MetricType::Counter, Counter::FEEDBACK, name);
            metrics.feedback.get_or_init(define);
        }
    }

    /// Defines the metrics of responses, unless they are defined.
    pub fn define_outcomes(&self, rollout: &str) {
        for scope in StatScope::ALL {
            if let Some(metrics) = self.scope(scope) {
                metrics.outcomes.get_or_init(|| OutcomeMetrics::define(rollout, scope));
            }
        }
    }

    /// Defines the metrics of samples, unless they are defined.
    pub fn define_samples(&self, rollout: &str) {
        for scope in StatScope::ALL {
            let name = |counter| metric_name(rollout, scope, counter);
            let define = || MetricTable::define(MetricType::Counter, Counter::SAMPLES, name);
            if let Some(metrics) = self.scope(scope) {
                metrics.samples.get_or_init(define);
            }
        }
    }

    /// Defines the metrics of the judge, unless they are defined.
    pub fn define_judge(&self, rollout: &str) {
        let name = |gauge| gauge_name(rollout, gauge);
        let define = || MetricTable::define(MetricType::Gauge, [Gauge::JudgeSpentMicrousd], name);
        self.judge_gauges.get_or_init(define);
        for scope in StatScope::ALL {
            let Some(metrics) = self.scope(scope) else { continue };
            let name = |counter| metric_name(rollout, scope, counter);
            let counters = || match scope {
                StatScope::Of(_) => MetricTable::define(MetricType::Counter, Counter::JUDGE, name),
                StatScope::Shadow => {
                    let counters = Counter::judge_of_shadow();
                    MetricTable::define(MetricType::Counter, counters, name)
                }
            };
            metrics.judge.get_or_init(counters);
        }
    }

    /// Shows what the judge has cost today, in millionths of a dollar.
    pub fn record_judge_spent(&self, microusd: u64) {
        if let Some(gauges) = self.judge_gauges.get() {
            gauges.record(Gauge::JudgeSpentMicrousd, microusd);
        }
    }

    /// Adds to a counter of the judge.
    pub fn count_judge(&self, scope: StatScope, counter: Counter, count: u64) {
        if let Some(counters) = self.scope(scope).and_then(|it| it.judge.get()) {
            counters.add(counter, count);
        }
    }

    /// Defines the metrics of exported samples, unless they are defined.
    pub fn define_exports(&self, rollout: &str) {
        for scope in StatScope::ALL {
            let name = |counter| metric_name(rollout, scope, counter);
            let define = || MetricTable::define(MetricType::Counter, Counter::EXPORTS, name);
            if let Some(metrics) = self.scope(scope) {
                metrics.exports.get_or_init(define);
            }
        }
    }

    /// Counts samples that were exported, or could not be. `counter` is one of [`Counter::EXPORTS`].
    pub fn count_exports(&self, scope: StatScope, counter: Counter, count: u64) {
        let counters = self.scope(scope).and_then(|it| it.exports.get()).filter(|_| count > 0);
        if let Some(counters) = counters {
            counters.add(counter, count);
        }
    }

    /// Counts a request that was sampled, or that was chosen and could not be.
    pub fn count_sample(&self, scope: StatScope, is_sampled: bool) {
        let counter = if is_sampled { Counter::Sampled } else { Counter::Unsampled };
        if let Some(counters) = self.scope(scope).and_then(|it| it.samples.get()) {
            counters.add(counter, 1);
        }
    }

    /// Counts an assigned request.
    pub fn count(&self, scope: StatScope, assignment: Assignment) {
        if let Some(ScopeMetrics { decisions, .. }) = self.scope(scope) {
            count_request(assignment.reason, |counter, count| decisions.add(counter, count));
        }
    }

    /// Counts a response.
    pub fn count_outcome(&self, scope: StatScope, outcome: &ClassifiedOutcome<'_>) {
        let Some(metrics) = self.scope(scope).and_then(|it| it.outcomes.get()) else { return };
        count_outcome(outcome, |counter, count| metrics.counters.add(counter, count));
        if outcome.class() == Class::NoAnswerExpected && outcome.outcome().status.is_none() {
            // Nothing of the response is known, nor how long it took.
            return;
        }
        record_outcome(outcome.outcome(), |histogram, value| {
            metrics.histograms.record(histogram, value);
        });
    }

    /// Counts pairs, and mirrored requests without one.
    pub fn count_pairs(&self, found: &PairedResponses) {
        let Some(ScopeMetrics { decisions, .. }) = self.shadow.get() else { return };
        let counts =
            [(Counter::Pairs, found.pairs.len() as u64), (Counter::Unpaired, found.unpaired)];
        for (counter, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            decisions.add(counter, count);
        }
    }

    /// Counts feedback. `is_proved` says whether it came with a valid signed exposure.
    pub fn count_feedback(&self, version: Version, event: FeedbackEvent, is_proved: bool) {
        if let Some(counters) = self.feedback_counters(version) {
            count_feedback(event, is_proved, |counter, count| counters.add(counter, count));
        }
    }

    /// Counts feedback that exceeds its rate limit.
    pub fn count_limited_feedback(&self, version: Version) {
        if let Some(counters) = self.feedback_counters(version) {
            count_limited_feedback(|counter, count| counters.add(counter, count));
        }
    }

    /// Reads all counters.
    pub fn counter_values(&self) -> CounterValues {
        let mut values = CounterValues { versions: Vec::new(), refused: self.gauges.refused() };
        for scope in StatScope::ALL {
            let Some(metrics) = self.scope(scope) else { continue };
            let outcomes = metrics.outcomes.get();
            let decisions = [Some(&metrics.decisions), outcomes.map(|it| &it.counters)];
            let others = [
                metrics.feedback.get(),
                metrics.samples.get(),
                metrics.judge.get(),
                metrics.exports.get(),
            ];
            let mut counters = Vec::new();
            for table in decisions.into_iter().chain(others).flatten() {
                values.refused += table.refused();
                for (counter, id) in table.defined() {
                    match hostcalls::counter_value(*id) {
                        Ok(value) => counters.push((counter.to_string(), value)),
                        Err(_) => values.refused += 1,
                    }
                }
            }
            values.refused += outcomes.map_or(0, |it| it.histograms.refused());
            let version = scope.to_string();
            values.versions.push(VersionView { version, counters, about: None });
        }
        values
    }

    /// Samples the counters of requests every few seconds.
    pub fn sample_requests(&self, now_s: u64) {
        if self.recent.borrow().is_due(now_s) {
            let totals = self.request_totals();
            self.recent.borrow_mut().record(now_s, totals);
        }
    }

    /// The requests of the last minute, or since the share changed; `None` if this VM does not
    /// sample them.
    pub fn recent_requests(&self, now_s: u64, changed_s_ago: u64) -> Option<RecentCounts> {
        self.recent.borrow().counts(now_s, self.request_totals(), changed_s_ago)
    }

    /// How many requests all workers have assigned.
    pub fn request_count(&self) -> u64 {
        let count = |scope: &ScopeMetrics| scope.decisions.value(Counter::Requests);
        count(&self.blue).wrapping_add(count(&self.green))
    }

    fn request_totals(&self) -> RequestTotals {
        let of_both = |counter| ByVersion {
            blue: self.blue.decisions.value(counter),
            green: self.green.decisions.value(counter),
        };
        RequestTotals {
            all: of_both(Counter::Requests),
            by_share: of_both(Counter::Decisions(Reason::Weight)),
        }
    }

    fn feedback_counters(&self, version: Version) -> Option<&MetricTable<Counter>> {
        self.scope(StatScope::Of(version))?.feedback.get()
    }

    fn scope(&self, scope: StatScope) -> Option<&ScopeMetrics> {
        match scope {
            StatScope::Of(Version::Blue) => Some(&self.blue),
            StatScope::Of(Version::Green) => Some(&self.green),
            StatScope::Shadow => self.shadow.get(),
        }
    }
}

// === impl ScopeMetrics ===

impl ScopeMetrics {
    fn define<const N: usize>(rollout: &str, scope: StatScope, decisions: [Counter; N]) -> Self {
        let name = |counter| metric_name(rollout, scope, counter);
        Self {
            decisions: MetricTable::define(MetricType::Counter, decisions, name),
            feedback: OnceCell::new(),
            samples: OnceCell::new(),
            judge: OnceCell::new(),
            exports: OnceCell::new(),
            outcomes: OnceCell::new(),
        }
    }
}

// === impl OutcomeMetrics ===

impl OutcomeMetrics {
    fn define(rollout: &str, scope: StatScope) -> Self {
        let name = |metric: &dyn Display| metric_name(rollout, scope, metric);
        Self {
            counters: MetricTable::define(MetricType::Counter, Counter::OUTCOMES, |it| name(&it)),
            histograms: MetricTable::define(MetricType::Histogram, Histogram::ALL, |it| name(&it)),
        }
    }
}
