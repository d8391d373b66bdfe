//! Sampled requests, sent to an OTLP receiver on ticks.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use super::callout::Callouts;
use super::callout::http::HttpCluster;
use super::failure_log::FailureLog;
use super::metrics::RolloutMetrics;
use super::registry::Registry;
use super::removed_section::RemovedSection;
use crate::callout::authority;
use crate::config::Config;
use crate::export::{Exchange, ExportQueue, SentExchanges, send_exchanges};
use crate::stats::names::{Counter, StatScope};

thread_local! {
    /// An exchange may end under an older configuration than the one that sends it.
    static EXPORTS: Registry<SharedExports> = const { Registry::new() };
}

/// How long the receiver may take for an answer. Source: OpenTelemetry's "OTLP Exporter
/// Configuration", the default of `OTEL_EXPORTER_OTLP_TIMEOUT`.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The export of a configuration in this VM.
pub struct Exporter {
    receiver: Rc<HttpCluster>,
    path: Box<str>,
    max_bytes: usize,
    rollout: String,
    callouts: Rc<Callouts>,
    metrics: Rc<RolloutMetrics>,
    shared: Rc<SharedExports>,
}

/// The exchanges of a rollout that wait in this VM.
#[derive(Default)]
struct SharedExports {
    waiting: RefCell<ExportQueue>,
    section: RemovedSection,
    is_sending: Cell<bool>,
    /// Whether the receiver does not take all.
    failures: FailureLog,
}

/// A batch that is being sent. Dropping it ends that. What is left then was given up with the
/// configuration, and is no failure of the receiver.
struct Sending {
    shared: Rc<SharedExports>,
    metrics: Rc<RolloutMetrics>,
    rollout: String,
    /// How many exchanges of each version have not been sent.
    left: RefCell<[(StatScope, u64); 3]>,
}

// === impl Exporter ===

impl Exporter {
    /// The export of a configuration; `None` if it exports nothing. Nothing is sent yet.
    pub fn for_config(
        config: &Config,
        callouts: &Rc<Callouts>,
        metrics: &Rc<RolloutMetrics>,
    ) -> Option<Self> {
        let rollout = config.rollout.as_str();
        let config = config.samples.as_ref()?;
        metrics.define_exports(rollout);
        let cluster = config.cluster.as_str();
        let receiver = HttpCluster::new(Rc::clone(callouts), cluster, &authority(cluster), TIMEOUT);
        Some(Self {
            receiver: Rc::new(receiver),
            path: config.path.clone(),
            max_bytes: config.sampler.max_bytes,
            rollout: rollout.to_owned(),
            callouts: Rc::clone(callouts),
            metrics: Rc::clone(metrics),
            shared: SharedExports::for_rollout(rollout),
        })
    }

    /// A configuration has begun. If it exports nothing, drops the exchanges that wait, and those that
    /// end under an older configuration: they must not go to the receiver of a later one.
    pub fn begin(config: &Config, metrics: &RolloutMetrics) {
        let shared = SharedExports::for_rollout(config.rollout.as_str());
        if shared.section.note_configuration(config, config.samples.is_some()) {
            shared.drop_waiting(metrics);
        }
    }

    /// No configuration of the rollout is left. Drops the exchanges that wait.
    pub fn end(config: &Config, metrics: &RolloutMetrics) {
        SharedExports::for_rollout(config.rollout.as_str()).drop_waiting(metrics);
    }

    /// Adds an exchange, which waits for the next tick.
    pub fn add(&self, exchange: Exchange) {
        let (scope, shared) = (exchange.scope, &self.shared);
        let is_waiting = !shared.section.is_removed()
            && shared.waiting.borrow_mut().push(exchange, self.max_bytes);
        if !is_waiting {
            self.metrics.count_exports(scope, Counter::SamplesDropped, 1);
        }
    }

    /// Drops the exchanges that wait.
    pub fn drop_waiting(&self) {
        self.shared.drop_waiting(&self.metrics);
    }

    /// Sends the exchanges that wait, unless others are being sent. Called on the ticks of a configuration
    /// that is in force.
    pub fn send(&self) {
        let shared = &self.shared;
        shared.section.resume();
        if shared.is_sending.get() || shared.waiting.borrow().is_empty() {
            return;
        }
        let batch = shared.waiting.borrow_mut().take_batch();
        let count = |scope| batch.iter().filter(|it| it.scope == scope).count() as u64;
        let sending = Sending {
            shared: Rc::clone(shared),
            metrics: Rc::clone(&self.metrics),
            rollout: self.rollout.clone(),
            left: RefCell::new(StatScope::ALL.map(|scope| (scope, count(scope)))),
        };
        shared.is_sending.set(true);
        let (receiver, path) = (Rc::clone(&self.receiver), self.path.clone());
        self.callouts.spawn(async move {
            let report = |sent| sending.report(sent);
            send_exchanges(&*receiver, &path, &sending.rollout, batch, report).await;
        });
    }
}

// === impl SharedExports ===

impl SharedExports {
    fn for_rollout(rollout: &str) -> Rc<Self> {
        EXPORTS.with(|exports| exports.get_or_insert(rollout, Self::default))
    }

    /// Drops the exchanges that wait: the release was rolled back or has ended, or its configuration
    /// exports no more.
    fn drop_waiting(&self, metrics: &RolloutMetrics) {
        let mut waiting = self.waiting.borrow_mut();
        while !waiting.is_empty() {
            for exchange in waiting.take_batch() {
                metrics.count_exports(exchange.scope, Counter::SamplesDropped, 1);
            }
        }
    }
}

// === impl Sending ===

impl Sending {
    fn report(&self, result: SentExchanges) {
        let SentExchanges { scope, sent, failed, problem } = result;
        self.metrics.count_exports(scope, Counter::SamplesSent, sent);
        self.metrics.count_exports(scope, Counter::SamplesFailed, failed);
        for (_, left) in self.left.borrow_mut().iter_mut().filter(|it| it.0 == scope) {
            *left = left.saturating_sub(sent + failed);
        }
        let rollout = &self.rollout;
        let failures = &self.shared.failures;
        match problem {
            Some(problem) if failures.fail() => log::warn!(
                "rollout {rollout}: samples are not exported: {problem}; those that fail are dropped, \
                 and requests are not affected"
            ),
            None if failures.succeed() => {
                log::info!("rollout {rollout}: samples are exported again")
            }
            Some(_) | None => {}
        }
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.shared.is_sending.set(false);
        for (scope, left) in self.left.borrow().iter() {
            self.metrics.count_exports(*scope, Counter::SamplesDropped, *left);
        }
    }
}
