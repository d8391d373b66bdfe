//! This VM's link to the store of a fleet.

use std::cell::Cell;
use std::rc::Rc;

use super::callout::Callouts;
use super::fleet_store::StoreOfFleet;
use super::permits::{Permit, Semaphore};
use super::store::keys::versioned;
use super::store::shared_cell::{SharedCell, Update};
use crate::config::FleetConfig;
use crate::fleet::FleetStatus;
use crate::rollout::{RampSpec, SpecFingerprint};

/// This VM's link to the store of a fleet, under one configuration.
pub struct FleetLink {
    pub store: Rc<StoreOfFleet>,
    pub callouts: Rc<Callouts>,
    status: SharedCell<FleetStatus>,
    /// The fingerprint of the ramp's specification.
    pub fingerprint: u64,
    /// Distinguishes the store from those that other configurations name.
    pub store_id: u64,
    /// Whether the store was away at the last tick, for the gauge.
    pub is_away: Cell<bool>,
    is_stepping: Rc<Cell<bool>>,
    /// Permits for commands that wait for the store.
    commands: Semaphore,
}

/// How many commands of a VM wait for the store at once.
///
/// The store may answer all in one callback. After a callback, Envoy continues the streams that it has
/// let continue: each one within the callbacks of the one before, on the same stack. 500 are too many
/// for it, and the VM traps.
///
/// Source: proxy-wasm-cpp-host, `doAfterVmCallActions` in `include/proxy-wasm/wasm.h`.
const MAX_COMMANDS: usize = 32;

/// A step that is under way. Dropping it ends the step, also where it was given up.
pub struct StepTurn(Rc<Cell<bool>>);

// === impl FleetLink ===

impl FleetLink {
    /// The link to the store of a rollout's fleet. Nothing is called yet.
    pub fn new(
        config: &FleetConfig,
        rollout: &str,
        spec: &RampSpec,
        callouts: &Rc<Callouts>,
    ) -> Self {
        Self {
            store: Rc::new(StoreOfFleet::new(config, rollout, callouts)),
            callouts: Rc::clone(callouts),
            status: SharedCell::new(versioned(rollout, "fleet")),
            fingerprint: SpecFingerprint::number(spec),
            store_id: config.store_id(),
            is_away: Cell::default(),
            is_stepping: Rc::default(),
            commands: Semaphore::default(),
        }
    }

    /// What this Envoy knows of the fleet.
    pub fn status(&self) -> Option<FleetStatus> {
        self.status.get()
    }

    /// Lets all VMs of this process know what this one knows of the fleet after a step. Logs once for
    /// the process that the store is away, and once that it is back.
    pub fn publish_status(&self, rollout: &str, status: &FleetStatus) {
        // Another VM may have talked to the store before.
        let was_away = self.status.update(|before| {
            let was_away = before.is_some_and(|it| it.error.is_some());
            Update::Write(status.clone(), was_away)
        });
        let was_away = was_away.unwrap_or_default();
        match &status.error {
            Some(error) if !was_away => log::warn!(
                "rollout {rollout}: the fleet's store is away: {error}; requests are assigned as \
                 before, and the ramp does not advance"
            ),
            None if was_away => log::info!("rollout {rollout}: the fleet's store is back"),
            Some(_) | None => {}
        }
    }

    /// Begins a command; `None` while too many wait.
    pub fn begin_command(&self) -> Option<Permit> {
        self.commands.acquire(1, MAX_COMMANDS)
    }

    /// Begins a step; `None` while one is under way.
    pub fn begin_step(&self) -> Option<StepTurn> {
        let is_free = !self.is_stepping.replace(true);
        is_free.then(|| StepTurn(Rc::clone(&self.is_stepping)))
    }
}

// === impl StepTurn ===

impl Drop for StepTurn {
    fn drop(&mut self) {
        self.0.set(false);
    }
}
