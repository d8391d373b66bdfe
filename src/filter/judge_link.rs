//! This VM's link to the judge.

use std::cell::Cell;
use std::rc::Rc;

use super::callout::Callouts;
use super::callout::http::HttpCluster;
use super::failure_log::FailureLog;
use super::permits::Semaphore;
use super::registry::Registry;
use super::store::keys::versioned;
use super::store::shared_cell::{SharedCell, Update};
use crate::config::JudgeConfig;
use crate::judge::Ledger;

thread_local! {
    /// What this VM alone knows of what the judge of a rollout has cost.
    static UNSHARED: Registry<Cell<Ledger>> = const { Registry::new() };
}

/// This VM's link to the judge, under one configuration.
pub struct JudgeLink {
    pub callouts: Rc<Callouts>,
    pub cluster: HttpCluster,
    /// Permits for questions that are open.
    pub questions: Semaphore,
    shared_ledger: SharedCell<Ledger>,
    /// What the host has not taken into shared data. Where it takes nothing, the ceiling is each VM's.
    unshared: Rc<Cell<Ledger>>,
    /// Whether the ceiling of the cost is reached, as of the last tick.
    pub is_exhausted: Cell<bool>,
    /// Whether answers are no verdict.
    pub failures: FailureLog,
}

// === impl JudgeLink ===

impl JudgeLink {
    /// The link to a judge. Nothing is called yet.
    pub fn new(config: &JudgeConfig, rollout: &str, callouts: &Rc<Callouts>) -> Self {
        let cluster = config.cluster.as_str();
        Self {
            callouts: Rc::clone(callouts),
            cluster: HttpCluster::new(Rc::clone(callouts), cluster, &config.host, config.timeout),
            questions: Semaphore::default(),
            shared_ledger: SharedCell::new(versioned(rollout, "judge")),
            unshared: UNSHARED.with(|it| it.get_or_insert(rollout, Cell::default)),
            is_exhausted: Cell::default(),
            failures: FailureLog::default(),
        }
    }

    /// Whether the ceiling of the cost is reached, so that nothing is sampled.
    pub fn is_exhausted(&self) -> bool {
        self.is_exhausted.get()
    }

    /// What the judge has cost on the day of this time, in milliseconds since 1970, as all VMs have
    /// counted it.
    pub fn ledger(&self, unix_ms: u64) -> Ledger {
        let shared = self.shared_ledger.get().unwrap_or_default();
        match self.unshared.get().spent_microusd(unix_ms) {
            0 => shared,
            unshared => shared.with_cost(unshared, unix_ms),
        }
    }

    /// Adds a cost in millionths of a US dollar.
    pub fn book(&self, cost_microusd: u64, unix_ms: u64) {
        let unshared = self.unshared.get().with_cost(cost_microusd, unix_ms);
        let cost = unshared.spent_microusd(unix_ms);
        let is_shared = self
            .shared_ledger
            .update(|found| Update::Write(found.unwrap_or_default().with_cost(cost, unix_ms), ()));
        self.unshared.set(if is_shared.is_some() { Ledger::default() } else { unshared });
    }
}
