//! This VM's link to the judge.

use std::cell::Cell;
use std::rc::Rc;

use super::callout::Callouts;
use super::callout::http::HttpCluster;
use super::permits::Semaphore;
use super::store::keys::versioned;
use super::store::shared_cell::SharedCell;
use crate::config::JudgeConfig;
use crate::judge::Ledger;

/// This VM's link to the judge, under one configuration.
pub struct JudgeLink {
    pub callouts: Rc<Callouts>,
    pub cluster: HttpCluster,
    /// Permits for questions that are open.
    pub questions: Semaphore,
    pub shared_ledger: SharedCell<Ledger>,
    /// Whether the ceiling of the cost is reached, as of the last tick.
    pub is_exhausted: Cell<bool>,
    /// Whether the last answer was no verdict.
    pub is_failing: Cell<bool>,
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
            is_exhausted: Cell::default(),
            is_failing: Cell::default(),
        }
    }

    /// Whether the ceiling of the cost is reached, so that nothing is sampled.
    pub fn is_exhausted(&self) -> bool {
        self.is_exhausted.get()
    }

    /// What the judge has cost today, as all VMs have counted it.
    pub fn ledger(&self) -> Ledger {
        self.shared_ledger.get().unwrap_or_default()
    }
}
