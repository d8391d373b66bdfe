//! When a configuration comes into force.
//!
//! Envoy configures the filter in each VM before it uses it, and may never use it: it tries a
//! configuration out in a VM that it discards, it rejects the listener for another reason, or the
//! listener waits for its routes. So a configuration changes what all VMs share with the first of
//!
//! - its configuration, where no other one of the rollout is in force,
//! - its first stream,
//! - the end of the root context before it,
//! - a tick at which it is in force in another VM, or at which it counts as used
//!   ([`AwaitedUse`](crate::rollout::AwaitedUse)).

use super::build::IS_ROUTE;
use super::exporter::Exporter;
use super::manual_worker::ManualWorker;
use super::runtime::RolloutRuntime;
use super::shared_ramp::SharedRamp;
use super::shared_samples::SharedSamples;
use crate::sampling::Unjudged;
use crate::stats::names::Counter;

// === impl RolloutRuntime ===

impl RolloutRuntime {
    /// Called when Envoy configures the filter in this VM. Activates the configuration, unless another
    /// configuration of the rollout is in force; then it waits for its first use.
    pub fn configure(&self) {
        // A shadow changes nothing that others use.
        if self.revisions().is_none() || self.is_newest() {
            return self.activate();
        }
        let state = self.manual_worker.as_ref().and_then(|it| it.state());
        self.activation.wait(self.metrics.request_count(), state.and_then(|it| it.command));
    }

    /// Called on each tick if the root context is the newest of its rollout and role in this VM. Activates the
    /// configuration once it counts as used or is active in another VM.
    pub fn activate_on_tick(&self) {
        if self.activation.is_active() {
            return;
        }
        if self.activation.tick(self.metrics.request_count()) || self.is_newest() {
            self.activate();
        }
    }

    /// Makes the configuration active in this VM; does nothing if it is active already. Publishes its
    /// revision, records the share in force, and shows it in the gauges.
    pub fn activate(&self) {
        if !self.activation.activate() {
            return;
        }
        let before = self.activation.take_command();
        if let Some(ramp) = &self.ramp {
            ramp.begin(self.revision);
        }
        match &self.manual_worker {
            Some(worker) => {
                worker.begin(self.revision, self.config.share, before.as_ref());
                SharedRamp::replace_by_weights(self.config.rollout.as_str());
            }
            None if self.ramp.is_some() => ManualWorker::clear(self.config.rollout.as_str()),
            None => {}
        }
        self.configure_fleet();
        let dropped = Counter::Unjudged(Unjudged::Dropped);
        let on_drop = |scope| self.metrics.count_judge(scope, dropped, 1);
        SharedSamples::begin(&self.config, on_drop);
        if !IS_ROUTE {
            Exporter::begin(&self.config, &self.metrics);
        }
        self.sample_requests();
        self.record_weights();
        if !self.is_shadow() {
            self.metrics.gauges.add_root(self.context_id, self.gauge_values());
        }
    }
}
