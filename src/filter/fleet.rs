//! A ramp that several Envoys share: this VM's link to the store.
//!
//! One VM of a process talks to the store, the one that has the process's lease. It puts what is in
//! force into shared data, where all VMs read it as they read it of a ramp of their own.

use std::rc::Rc;
use std::time::Duration;

use super::attributes;
use super::clock::clocks;
use super::command_answer::CommandAnswer;
use super::fleet_link::FleetLink;
use super::logger::log_transition;
use super::permits::Permit;
use super::random::random_u64;
use super::runtime::RolloutRuntime;
use super::shared_key::random_key;
use super::shared_ramp::SharedRamp;
use super::store::keys::store_name;
use super::store::shared_data::SharedDataStore;
use crate::assignment::UnitKey;
use crate::config::{CommandRequest, FleetConfig};
use crate::feedback::ExposureKey;
use crate::fleet::command::apply_command;
use crate::fleet::decision_context::DecisionContext;
use crate::fleet::{
    FleetEvent, FleetInstance, FleetKeys, FleetStatus, InForce, InstanceId, StepContext,
};
use crate::rollout::store::{Record, RolloutStore as _, poll_once};
use crate::rollout::{
    Candidate, Clocks, CommandError, RampEvent, RampSpec, RampState, Transition, lease,
};

// === impl RolloutRuntime ===

impl RolloutRuntime {
    /// This VM's part in the fleet.
    fn fleet_instance(&self, ramp: &SharedRamp) -> Rc<FleetInstance> {
        ramp.fleet(|| {
            let id = InstanceId { name: self.instance_name(), boot: random_u64() };
            let own_keys = FleetKeys { units: random_key(), receipts: random_key() };
            FleetInstance::new(id, self.interval_ns(), own_keys)
        })
    }

    /// This VM's part in the fleet, with the name and the interval of this configuration, which is the
    /// newest. Another name is taken as soon as all evidence under the one before is handed over.
    fn current_fleet_instance(&self, ramp: &SharedRamp) -> Rc<FleetInstance> {
        let instance = self.fleet_instance(ramp);
        instance.set_interval_ns(self.interval_ns());
        let name = self.instance_name();
        if instance.id().name == name {
            instance.keep_name();
            return instance;
        }
        let Some(renamed) = instance.renamed(InstanceId { name, boot: random_u64() }) else {
            return instance;
        };
        ramp.set_fleet(renamed);
        self.fleet_instance(ramp)
    }

    /// Another worker may have announced the configuration of this Envoy.
    fn note_deciding(&self, ramp: &SharedRamp, link: &FleetLink) {
        let instance = self.fleet_instance(ramp);
        if instance.has_changed_configuration()
            && let Some(in_force) = link.status().and_then(|it| it.in_force)
        {
            instance.note_deciding(in_force.generations.current);
        }
    }

    /// The name of this Envoy in the fleet.
    fn instance_name(&self) -> String {
        let configured = self.config.fleet.as_ref().and_then(|it| it.instance.clone());
        let node_id = || FleetConfig::instance_name(&attributes::node_id().unwrap_or_default());
        configured.unwrap_or_else(node_id)
    }

    fn interval_ns(&self) -> u64 {
        let interval = self.config.fleet.as_ref().map_or(Duration::from_secs(1), |it| it.interval);
        u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX)
    }

    /// Notes in the fleet's instance that the configuration is active in this VM.
    pub(super) fn configure_fleet(&self) {
        if let (Some(ramp), Some(link)) = (&self.ramp, &self.fleet) {
            self.fleet_instance(ramp).note_configuration(link.fingerprint);
            // Without them, nothing that comes before the first tick is evidence.
            self.adopt_keys(link.status().as_ref());
        }
    }

    /// Called on each tick of a fleet's rollout: hands over observations, and runs a step with the store if
    /// this VM has the lease.
    pub(super) fn tick_fleet(self: &Rc<Self>, link: &FleetLink, last_use: u64) {
        let (Some(ramp), Some(spec)) = (&self.ramp, &self.config.ramp) else { return };
        let local = ramp.store();
        let now = clocks();
        self.note_deciding(ramp, link);
        if let Some(now) = now {
            ramp.worker().record_slow_responses(spec, now);
        }
        poll_once(ramp.worker().flush(local));
        if let Some(now) = now {
            let candidate = match ramp.revisions().check(self.revision, last_use) {
                true => Candidate::Current,
                false => Candidate::Outdated,
            };
            let id = ramp.worker().id();
            let lease = lease::try_acquire(local, id, candidate, now.monotonic_ns);
            let is_agent = poll_once(lease).unwrap_or_default();
            let instance = match candidate {
                Candidate::Current => self.current_fleet_instance(ramp),
                Candidate::Outdated => self.fleet_instance(ramp),
            };
            if is_agent {
                let report = |event: FleetEvent<'_>| self.report_fleet(ramp, spec, event);
                let own_state = || self.own_state();
                let is_agent = || true;
                let context = self.step_context(spec, link, now, &own_state, &is_agent, &report);
                instance.collect(local, &context);
                let now_ms = now.monotonic_ns / 1_000_000;
                if let Err(why) = link.store.drive_watch(now_ms) {
                    log::debug!(
                        "rollout {}: the watch has ended: {why}",
                        self.config.rollout.as_str()
                    );
                }
            } else {
                link.store.close_watch();
            }
            if (is_agent || instance.has_pending())
                && let Some(turn) = link.begin_step()
            {
                ramp.use_link(&link.callouts);
                let runtime = Rc::clone(self);
                link.callouts.spawn(async move {
                    runtime.step_fleet(now, is_agent).await;
                    drop(turn);
                });
            }
        }
        poll_once(ramp.worker().refresh(local));
        let status = link.status();
        self.adopt_keys(status.as_ref());
        if let Some(now) = now {
            let is_away = |it: FleetStatus| it.is_store_away(now.monotonic_ns, self.interval_ns());
            link.is_away.set(status.is_none_or(is_away));
        }
    }

    async fn step_fleet(&self, now: Clocks, is_agent: bool) {
        let (Some(ramp), Some(spec), Some(link)) = (&self.ramp, &self.config.ramp, &self.fleet)
        else {
            return;
        };
        let instance = self.fleet_instance(ramp);
        let report = |event: FleetEvent<'_>| self.report_fleet(ramp, spec, event);
        let own_state = || self.own_state();
        let holds_lease = || {
            let holds = lease::is_held(ramp.store(), ramp.worker().id());
            is_agent && poll_once(holds).unwrap_or_default()
        };
        let mut context = self.step_context(spec, link, now, &own_state, &holds_lease, &report);
        context.may_decide &= is_agent;
        // The status has the error.
        let _ = instance.step(&*link.store, ramp.store(), &context).await;
        if holds_lease() {
            link.publish_status(self.config.rollout.as_str(), &instance.status());
        }
    }

    fn step_context<'a>(
        &'a self,
        spec: &'a RampSpec,
        link: &FleetLink,
        now: Clocks,
        own_state: &'a dyn Fn() -> Option<RampState>,
        is_agent: &'a dyn Fn() -> bool,
        report: &'a dyn Fn(FleetEvent<'_>),
    ) -> StepContext<'a> {
        let history = self.history.as_ref();
        let may_decide = self.is_newest();
        let (fingerprint, store_id) = (link.fingerprint, link.store_id);
        StepContext {
            spec,
            fingerprint,
            store_id,
            history,
            now,
            may_decide,
            is_agent,
            own_state,
            report,
        }
    }

    /// The state of the ramp that this Envoy ran alone before it joined the fleet.
    fn own_state(&self) -> Option<RampState> {
        let own = SharedDataStore::new(&store_name(self.config.rollout.as_str(), false));
        let state = poll_once(own.read(Record::State))?.ok()??;
        postcard::from_bytes(&state.value).ok()
    }

    /// Uses the fleet's keys, as soon as this Envoy knows them. A fleet whose store was lost may have others.
    fn adopt_keys(&self, status: Option<&FleetStatus>) {
        let Some(keys) = status.and_then(|it| it.keys) else { return };
        let unit_key = UnitKey::from_bytes(&keys.units);
        if self.unit_key.get() == unit_key {
            return;
        }
        self.unit_key.set(unit_key);
        let key = ExposureKey::from_bytes(&keys.receipts);
        if let (Some(feedback), Some(key)) = (&self.feedback, key)
            && let Ok(mut feedback) = feedback.try_borrow_mut()
        {
            feedback.set_key(key);
        }
    }

    /// Logs and counts what happens in the fleet.
    fn report_fleet(&self, ramp: &SharedRamp, spec: &RampSpec, event: FleetEvent<'_>) {
        let rollout = self.config.rollout.as_str();
        match event {
            FleetEvent::Decided(transition) => log_transition(rollout, transition),
            FleetEvent::ThresholdLearned { metric, threshold_ms } => {
                ramp.report(spec, RampEvent::ThresholdLearned { metric, threshold_ms });
            }
            FleetEvent::Follows(snapshot) => log::info!(
                "rollout {rollout}: follows the fleet: {}, green has {} basis points",
                snapshot.phase,
                snapshot.share.basis_points()
            ),
            FleetEvent::TookOver(state) => {
                log::info!("rollout {rollout}: this instance decides for the fleet");
                ramp.report(spec, RampEvent::BecameLeader(state));
            }
            FleetEvent::Committed(state) => ramp.report(spec, RampEvent::Committed(state)),
            FleetEvent::RolledBackAlone(why) => log::error!(
                "rollout {rollout}: this instance rolls back by itself, before the fleet: {why}"
            ),
            FleetEvent::StoreReplaced(why) => log::warn!("rollout {rollout}: {why}"),
            FleetEvent::Unreadable(record, error) => log::error!(
                "rollout {rollout}: the record {} in the fleet's store is left alone: {error}",
                record.path()
            ),
        }
    }

    /// Commits an operator's command for the whole fleet. `answer` gets the result.
    pub fn command_fleet(
        self: &Rc<Self>,
        link: &FleetLink,
        turn: Permit,
        request: CommandRequest,
        answer: CommandAnswer,
    ) {
        let runtime = Rc::clone(self);
        link.callouts.spawn(async move {
            let (Some(link), Some(spec)) = (&runtime.fleet, &runtime.config.ramp) else { return };
            let result = runtime.commit_command(link, spec, &request).await;
            answer.give(result);
            drop(turn);
        });
    }

    async fn commit_command(
        &self,
        link: &FleetLink,
        spec: &RampSpec,
        request: &CommandRequest,
    ) -> Result<Transition, CommandError> {
        let now = clocks().ok_or(CommandError::StoreUnavailable)?;
        let status = link.status().ok_or(CommandError::StoreUnavailable)?;
        let in_force = status.in_force.as_ref().ok_or(CommandError::StoreUnavailable)?;
        let context = DecisionContext {
            id: &in_force.decider,
            spec,
            history: self.history.as_ref(),
            now,
            fingerprint: link.fingerprint,
            idle_ns: 0,
        };
        let fleet_ns = |it: &InForce| status.fleet_ns(now.monotonic_ns).max(it.clock_ns);
        let step = request.expected_step()?;
        let applied = apply_command(&*link.store, &context, fleet_ns, &request.command, step).await;
        if let Ok(transition) = &applied {
            log_transition(self.config.rollout.as_str(), transition);
        }
        applied
    }
}
