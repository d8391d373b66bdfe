//! Workers that share a ramp through a store.

use std::cell::RefCell;
use std::pin::pin;

use serde_json::{Value, json};
use verdigris::analysis::{Measurements, Metric, Observation, StepIndex};
use verdigris::assignment::{Epoch, RollbackPolicy, Share, ShareHistory, StartTime, Version};
use verdigris::config::Config;
use verdigris::rollout::lease::LEASE_NS;
use verdigris::rollout::replaced::replace_by_weights;
use verdigris::rollout::store::Record;
use verdigris::rollout::{
    Candidate, Clocks, CommandError, CommandKind, ExpectedStep, OperatorCommand, Phase, RampEvent,
    RampSpec, RampState, RampWorker, ReconcileContext, Snapshot, StoredHistory,
};

use super::memory_store::{MemoryStore, complete, poll};
use super::ramp;

const SECOND_NS: u64 = 1_000_000_000;

/// Some workers, their store and their clock.
struct Workers {
    store: MemoryStore,
    workers: [RampWorker; 2],
    spec: RampSpec,
    history: StoredHistory,
    now_s: u64,
    events: RefCell<Vec<String>>,
}

impl Workers {
    fn new() -> Self {
        Self::with_ramp(ramp())
    }

    fn with_ramp(ramp: Value) -> Self {
        let config = json!({
            "rollout": "r", "unit": {"header": "u"}, "ramp": ramp,
            "versions": {"blue": {"cluster": "b"}, "green": {"cluster": "g"}},
        });
        Self {
            store: MemoryStore::default(),
            workers: [RampWorker::new(1), RampWorker::new(2)],
            spec: Config::parse(config.to_string().as_bytes()).unwrap().ramp.unwrap(),
            history: StoredHistory::new(ShareHistory::default(), 3_600_000, RollbackPolicy::Move),
            now_s: 1000,
            events: RefCell::default(),
        }
    }

    fn now(&self) -> Clocks {
        Clocks { monotonic_ns: self.now_s * SECOND_NS, unix_ms: self.now_s * 1000 }
    }

    fn report(&self, event: RampEvent<'_>) {
        let text = match event {
            RampEvent::StateUnreadable(_) => "unreadable".to_owned(),
            RampEvent::BecameLeader(_) => "leader".to_owned(),
            RampEvent::Transition(transition) => transition.to_string(),
            RampEvent::ThresholdLearned { metric, threshold_ms } => {
                format!("learned {metric} {threshold_ms}")
            }
            RampEvent::Committed(_) => "committed".to_owned(),
        };
        self.events.borrow_mut().push(text);
    }

    /// What was reported since the last call.
    fn events(&self) -> Vec<String> {
        self.events.take()
    }

    /// What a worker gets for a reconcile or a command.
    fn context<'a>(&'a self, report: &'a dyn Fn(RampEvent<'_>)) -> ReconcileContext<'a> {
        ReconcileContext { spec: &self.spec, history: Some(&self.history), now: self.now(), report }
    }

    async fn tick_of(&self, worker: usize) {
        let report = |event: RampEvent<'_>| self.report(event);
        let context = self.context(&report);
        self.workers[worker].tick(&self.store, &context, Candidate::Current).await;
    }

    fn tick(&self, worker: usize) {
        complete(self.tick_of(worker));
    }

    /// Ticks, and returns what `find` finds in the state that was committed.
    fn tick_and_find<R>(&self, worker: usize, find: impl Fn(&RampState) -> R) -> Option<R> {
        let found = RefCell::new(None);
        let report = |event: RampEvent<'_>| {
            if let RampEvent::Committed(state) = &event {
                found.replace(Some(find(state)));
            }
            self.report(event);
        };
        let context = self.context(&report);
        complete(self.workers[worker].tick(&self.store, &context, Candidate::Current));
        found.into_inner()
    }

    fn command(&self, kind: CommandKind, step: Option<usize>) -> Result<Phase, CommandError> {
        let report = |event: RampEvent<'_>| self.report(event);
        let context = self.context(&report);
        let command = OperatorCommand::new(kind, "as asked", 0).unwrap();
        let expected = ExpectedStep { step: step.map(StepIndex::new), is_shadow_step: None };
        complete(self.workers[1].apply(&self.store, &context, &command, expected))
            .map(|transition| transition.to.phase)
    }

    /// A worker observes good responses of these units.
    fn observe(&self, worker: usize, units: std::ops::Range<u64>) {
        for unit in units {
            let assignment = Observation {
                at_ns: self.now().monotonic_ns,
                unit: unit.wrapping_mul(0x9e37_79b9_7f4a_7c15),
                epoch: self.workers[worker].snapshot().epoch,
                version: if unit.is_multiple_of(2) { Version::Green } else { Version::Blue },
                is_newly_exposed: true,
                is_assignment: true,
                shadow: None,
                measurements: Measurements::default(),
            };
            let measurements = Measurements::default().with_rate(Metric::ErrorRate, false);
            let ticket = self.workers[worker].record_assignment(assignment);
            self.workers[worker]
                .record_response(ticket, Observation { measurements, ..assignment });
        }
    }

    fn state(&self) -> RampState {
        complete(self.workers[0].state(&self.store)).unwrap()
    }

    /// The units of the first step that the evidence has.
    fn counted_units(&self) -> u64 {
        let steps = self.state().evidence.steps;
        steps.first().map_or(0, |step| step.units.blue + step.units.green)
    }
}

/// The first attempt may write the state and not the snapshot, which a later one then writes.
#[test]
fn a_replacement_that_was_interrupted_is_completed() {
    let it = Workers::new();
    it.tick(0);
    it.command(CommandKind::Promote, None).unwrap();
    it.tick(0);
    let before = it.store.get(Record::Snapshot).unwrap();
    complete(replace_by_weights(&it.store)).unwrap();
    it.store.put(Record::Snapshot, &before);
    complete(it.workers[1].refresh(&it.store));
    assert_eq!(it.workers[1].snapshot().share, Share::ALL);
    complete(replace_by_weights(&it.store)).unwrap();
    complete(it.workers[1].refresh(&it.store));
    assert_eq!(it.workers[1].snapshot().share, Share::ZERO);
}

/// A ramp that comes back after weights begins again, in whichever worker leads; a rollback stays.
#[test]
fn weights_in_place_of_a_ramp_end_what_it_has_reached() {
    let table = [
        (None, Phase::Ramping, "ramping"),
        (Some(CommandKind::Promote), Phase::Ramping, "promoted"),
        (Some(CommandKind::Rollback), Phase::RolledBack, "rolled back"),
    ];
    for (command, expected, before) in table {
        for leader in 0..2 {
            let mut it = Workers::new();
            it.tick(0);
            if let Some(kind) = command {
                it.command(kind, None).unwrap();
            }
            it.tick(0);
            let epoch = complete(it.workers[0].state(&it.store)).unwrap().epoch;
            complete(replace_by_weights(&it.store)).unwrap();
            complete(it.workers[1].refresh(&it.store));
            assert_eq!(it.workers[1].snapshot().share, Share::ZERO, "{before}");
            // The lease of a worker that has stopped ends.
            it.now_s += LEASE_NS / SECOND_NS + 1;
            it.events();
            it.tick(leader);
            let state = complete(it.workers[leader].state(&it.store)).unwrap();
            assert_eq!(
                (state.phase, state.command.is_some()),
                (expected, expected == Phase::RolledBack)
            );
            assert_eq!(state.epoch > epoch, expected == Phase::Ramping, "{before}");
            let begins = |it: &Workers| {
                let events = it.events();
                events.iter().filter(|it| it.contains("begins again after weights")).count()
            };
            assert_eq!(begins(&it), usize::from(expected == Phase::Ramping), "{before}");
            let share = it.workers[leader].snapshot().share;
            assert_eq!(share == Share::ZERO, expected == Phase::RolledBack, "{before}");
            it.tick(leader);
            assert_eq!(begins(&it), 0, "{before}: it begins once");
        }
    }
}

/// The leader that begins the ramp again ends the command in effect, and would end this one too.
#[test]
fn a_ramp_that_comes_back_after_weights_takes_a_rollback_alone_before_it_begins() {
    let it = Workers::new();
    it.tick(0);
    complete(replace_by_weights(&it.store)).unwrap();
    let half = CommandKind::Weights(Share::new(1, 1).unwrap());
    for kind in [CommandKind::Pause, CommandKind::Promote, half] {
        assert_eq!(it.command(kind, None), Err(CommandError::ConfigChanging), "{kind:?}");
    }
    assert_eq!(it.command(CommandKind::Rollback, None), Ok(Phase::RolledBack));
    it.tick(0);
    assert_eq!(it.state().phase, Phase::RolledBack);
    assert_eq!(it.command(CommandKind::Promote, None), Err(CommandError::RolledBack));
}

#[test]
fn the_first_worker_begins_the_ramp_and_all_know_it() {
    let workers = Workers::new();
    complete(workers.workers[1].refresh(&workers.store));
    assert_eq!(workers.workers[1].snapshot(), Snapshot::UNKNOWN);
    workers.tick(0);
    assert_eq!(
        workers.events(),
        ["ramping at 0 % -> ramping at 50 %: the ramp begins", "leader", "committed"]
    );
    workers.tick(1);
    assert_eq!(workers.events(), [""; 0], "only the leader reconciles");
    for worker in &workers.workers {
        assert_eq!(worker.snapshot().share.basis_points(), 5_000);
    }
}

#[test]
fn the_leader_counts_the_observations_of_all_workers() {
    let mut workers = Workers::new();
    workers.tick(0);
    workers.tick(1);
    workers.observe(0, 0..10);
    workers.observe(1, 10..30);
    workers.tick(1);
    assert_eq!(workers.counted_units(), 0);
    workers.now_s += 1;
    workers.tick(0);
    assert_eq!(workers.counted_units(), 30);
    assert_eq!(workers.store.queue(), [[0; 0]; 0]);
}

#[test]
fn another_worker_takes_over_when_the_lease_expires() {
    let mut workers = Workers::new();
    workers.tick(0);
    workers.tick(1);
    workers.observe(0, 0..10);
    workers.tick(0);
    workers.now_s += LEASE_NS.div_ceil(SECOND_NS);
    // Units that the former leader has counted do not count again.
    workers.observe(1, 5..20);
    workers.events();
    workers.tick(1);
    assert_eq!(workers.events(), ["leader", "committed"]);
    assert_eq!(workers.counted_units(), 20);
    workers.tick(0);
    assert_eq!(workers.events(), [""; 0]);
}

/// The next leader continues the history, and begins a new one where it cannot be decoded.
#[test]
fn all_workers_know_how_the_differences_developed() {
    let mut workers = Workers::new();
    let samples = |workers: &Workers, worker: usize| {
        let history = complete(workers.workers[worker].differences(&workers.store));
        history.samples().len()
    };
    for round in 0..4 {
        workers.now_s += 5;
        workers.tick(0);
        workers.observe(0, round * 10..round * 10 + 10);
        workers.tick(0);
    }
    assert_eq!([samples(&workers, 0), samples(&workers, 1)], [3, 3]);
    workers.now_s += LEASE_NS.div_ceil(SECOND_NS).max(5);
    workers.tick(1);
    assert_eq!(samples(&workers, 0), 4);
    workers.store.put(Record::Differences, b"\xff");
    assert_eq!(samples(&workers, 0), 0);
    workers.now_s += LEASE_NS.div_ceil(SECOND_NS).max(5);
    workers.tick(0);
    assert_eq!(samples(&workers, 1), 1);
}

#[test]
fn after_a_lost_race_the_winners_state_is_adopted_and_nothing_is_lost() {
    let workers = Workers::new();
    workers.tick(0);
    workers.observe(0, 0..10);
    let mut winner = workers.state();
    winner.revision += 1;
    winner.epoch = winner.epoch.plus(0);
    winner.is_overdue = true;
    let bytes = postcard::to_allocvec(&winner).unwrap();
    workers.store.before_write(Record::State, move |store| store.put(Record::State, &bytes));
    workers.events();
    workers.tick(0);
    assert_eq!(workers.events(), [""; 0], "nothing is committed, and nothing is reported");
    assert_eq!((workers.counted_units(), workers.store.queue().len()), (0, 1));
    workers.tick(0);
    assert_eq!(workers.events(), ["leader", "committed"]);
    assert!(workers.state().is_overdue, "the winner's state continues");
    assert_eq!((workers.counted_units(), workers.store.queue().len()), (10, 0));
}

#[test]
fn the_leader_adopts_a_command_of_another_worker() {
    let workers = Workers::new();
    workers.tick(0);
    workers.tick(1);
    let weights = CommandKind::Weights(Share::new(9, 1).unwrap());
    assert_eq!(workers.command(weights, None), Ok(Phase::Paused));
    assert_eq!(workers.workers[1].snapshot().share.basis_points(), 1_000);
    workers.events();
    workers.tick(0);
    assert_eq!(workers.events(), ["leader", "committed"]);
    assert_eq!(workers.workers[0].snapshot().share.basis_points(), 1_000);
    assert_eq!(workers.state().phase, Phase::Paused);
}

/// The past of units is in the leader's memory alone, and takes hours to learn.
#[test]
fn the_past_of_units_survives_what_other_workers_write() {
    fn pause(workers: &Workers) {
        workers.command(CommandKind::Pause, None).unwrap();
        workers.tick(0);
        workers.command(CommandKind::Resume, None).unwrap();
    }
    fn share(workers: &Workers) {
        workers.command(CommandKind::Weights(Share::new(9, 1).unwrap()), None).unwrap();
        workers.command(CommandKind::Resume, None).unwrap();
    }
    fn lost_race(workers: &Workers) {
        let bytes = workers.store.get(Record::State).unwrap();
        workers.store.before_write(Record::State, move |it| it.put(Record::State, &bytes));
        workers.observe(0, 0..1);
    }
    let disturbances: [fn(&Workers); 4] = [|_| (), pause, share, lost_race];
    for (index, disturb) in disturbances.into_iter().enumerate() {
        let mut ramp = ramp();
        let baseline =
            json!({"baseline": "10m", "adjust": true, "gates": [{"metric": "duration"}]});
        ramp.as_object_mut().unwrap().extend(baseline.as_object().unwrap().clone());
        let mut workers = Workers::with_ramp(ramp);
        workers.tick(0);
        workers.tick(1);
        for index in 0..600_u64 {
            let (unit, is_high) = (index % 20, index / 20 % 2 == 0);
            let usual_ms = if unit < 10 { 1_000.0 } else { 3_000.0 };
            let ms = usual_ms * if is_high { 1.1 } else { 0.9 };
            workers.workers[0].record(Observation {
                at_ns: workers.now().monotonic_ns + index,
                unit,
                epoch: workers.workers[0].snapshot().epoch,
                version: Version::Blue,
                is_newly_exposed: true,
                is_assignment: true,
                shadow: None,
                measurements: Measurements::default().with_value(Metric::Duration, ms),
            });
        }
        workers.tick(0);
        disturb(&workers);
        for _ in 0..3 {
            workers.tick(0);
        }
        workers.now_s += 601;
        let factor =
            workers.tick_and_find(0, |state| state.evidence.pasts().factor(Metric::Duration, 0));
        assert!(!workers.state().is_baseline(), "{index}");
        assert!(factor.is_some_and(|it| it > 1.2), "{index}: {factor:?}");
        let is_new_leader = workers.events().iter().filter(|it| *it == "leader").count() > 1;
        assert_eq!(is_new_leader, index > 0);
    }
}

/// One Envoy of a fleet has rolled back by itself. It may have done so while an operator's share was in
/// force, which has no epoch of a step.
#[test]
fn a_rollback_of_one_envoy_is_adopted_in_a_step_and_under_an_operators_share() {
    let weights = CommandKind::Weights(Share::new(9, 1).unwrap());
    for (command, is_of_step, adopted) in [
        (None, false, Phase::Ramping),
        (None, true, Phase::RolledBack),
        (Some(weights), false, Phase::RolledBack),
        (Some(CommandKind::Promote), false, Phase::RolledBack),
        (Some(CommandKind::Pause), false, Phase::Paused),
    ] {
        let workers = Workers::new();
        workers.tick(0);
        if let Some(kind) = command {
            workers.command(kind, None).unwrap();
        }
        let epoch = if is_of_step { workers.state().epoch } else { Epoch::MANUAL };
        let report = |event: RampEvent<'_>| workers.report(event);
        let context = workers.context(&report);
        complete(workers.workers[0].adopt_rollback(&workers.store, &context, epoch, "worse"));
        assert_eq!(workers.state().phase, adopted, "{command:?} {epoch:?}");
    }
}

#[test]
fn a_command_that_is_slower_than_the_leader_is_applied_to_its_state() {
    let workers = Workers::new();
    workers.tick(0);
    let mut winner = workers.state();
    winner.revision += 1;
    winner.is_overdue = true;
    let bytes = postcard::to_allocvec(&winner).unwrap();
    workers.store.before_write(Record::State, move |store| store.put(Record::State, &bytes));
    assert_eq!(workers.command(CommandKind::Pause, Some(0)), Ok(Phase::Paused));
    assert!(workers.state().is_overdue);
}

#[test]
fn a_command_can_be_rejected() {
    let workers = Workers::new();
    assert_eq!(workers.command(CommandKind::Pause, None), Err(CommandError::StoreUnavailable));
    workers.tick(0);
    assert_eq!(workers.command(CommandKind::Pause, Some(1)), Err(CommandError::StepChanged));
    assert_eq!(workers.command(CommandKind::Resume, None), Err(CommandError::NothingPaused));
    workers.store.is_down.set(true);
    assert_eq!(workers.command(CommandKind::Pause, None), Err(CommandError::StoreUnavailable));
}

#[test]
fn while_the_store_is_down_workers_keep_what_they_know() {
    let workers = Workers::new();
    workers.tick(0);
    workers.observe(0, 0..10);
    workers.store.is_down.set(true);
    workers.events();
    (0..3).for_each(|_| workers.tick(0));
    assert_eq!(workers.events(), [""; 0]);
    assert_eq!(workers.workers[0].snapshot().share.basis_points(), 5_000);
    workers.store.is_down.set(false);
    workers.tick(0);
    assert_eq!(workers.counted_units(), 10);
}

#[test]
fn a_store_that_answers_late_changes_nothing_but_the_time() {
    let [at_once, late] = [0, 2].map(|latency| {
        let mut workers = Workers::new();
        workers.store.latency.set(latency);
        for round in 0..20 {
            workers.now_s += 1;
            workers.observe(0, round * 10..round * 10 + 5);
            workers.observe(1, round * 10 + 5..round * 10 + 10);
            workers.tick(1);
            workers.tick(0);
        }
        workers.store.latency.set(0);
        (workers.state(), workers.events())
    });
    assert_eq!(at_once, late);
}

#[test]
fn a_tick_during_a_reconcile_does_not_start_another_one() {
    let mut workers = Workers::new();
    workers.tick(0);
    workers.events();
    workers.now_s += 1;
    workers.store.latency.set(2);
    workers.observe(0, 0..10);
    {
        let mut first = pin!(workers.tick_of(0));
        // Far enough to have taken the observations out of the queue.
        while workers.store.queue().is_empty() {
            assert!(poll(first.as_mut()).is_pending());
        }
        while !workers.store.queue().is_empty() {
            assert!(poll(first.as_mut()).is_pending());
        }
        workers.observe(0, 10..15);
        complete(workers.tick_of(0));
        assert_eq!(workers.events(), [""; 0], "the second tick leaves the ramp alone");
        assert_eq!(workers.store.queue().len(), 1, "and sends its observations");
        complete(first);
    }
    assert_eq!(workers.events(), ["committed"]);
    workers.tick(0);
    workers.store.latency.set(0);
    assert_eq!(workers.counted_units(), 15);
}

#[test]
fn a_newer_snapshot_is_not_overwritten() {
    let workers = Workers::new();
    workers.tick(0);
    let newer = Snapshot { share: Share::ALL, ..workers.workers[0].snapshot() };
    let bytes = postcard::to_allocvec(&(u64::MAX, newer)).unwrap();
    workers.store.put(Record::Snapshot, &bytes);
    workers.tick(0);
    assert_eq!(workers.store.get(Record::Snapshot), Some(bytes));
    assert_eq!(workers.workers[0].snapshot(), newer);
}

#[test]
fn a_state_that_cannot_be_decoded_is_replaced_by_a_new_one() {
    let workers = Workers::new();
    workers.store.put(Record::State, b"nonsense");
    workers.tick(0);
    let events = workers.events();
    assert_eq!((events.len(), events[0].as_str()), (4, "unreadable"), "{events:#?}");
    assert!(events[1].ends_with("the ramp begins"), "{events:#?}");
}

/// A tick of the second worker, which runs an older configuration.
fn tick_as_outdated(workers: &Workers) {
    let report = |event: RampEvent<'_>| workers.report(event);
    let context = workers.context(&report);
    complete(workers.workers[1].tick(&workers.store, &context, Candidate::Outdated));
}

/// The VM of an older module still has a stream while the new one has weights.
#[test]
fn an_outdated_worker_does_not_begin_a_ramp_that_weights_have_replaced() {
    let mut workers = Workers::new();
    workers.tick(0);
    complete(replace_by_weights(&workers.store)).unwrap();
    let history = workers.store.get(Record::History);
    workers.events();
    for _ in 0..10 {
        workers.now_s += LEASE_NS.div_ceil(SECOND_NS);
        tick_as_outdated(&workers);
    }
    assert_eq!(workers.events(), [""; 0]);
    assert_eq!(workers.store.get(Record::History), history);
    assert_eq!(workers.workers[1].snapshot(), Snapshot::UNKNOWN);
    // The configuration that brings the ramp back begins it.
    workers.tick(0);
    let events = workers.events();
    assert!(events.iter().any(|it| it.contains("begins again after weights")), "{events:?}");
}

#[test]
fn an_outdated_worker_leads_only_if_no_other_does() {
    let mut workers = Workers::new();
    workers.tick(0);
    workers.events();
    workers.now_s += LEASE_NS.div_ceil(SECOND_NS);
    tick_as_outdated(&workers);
    assert_eq!(workers.events(), [""; 0]);
    workers.now_s += LEASE_NS.div_ceil(SECOND_NS);
    tick_as_outdated(&workers);
    assert_eq!(workers.events(), ["leader", "committed"]);
}

#[test]
fn the_leader_records_what_is_in_force_in_the_history() {
    let mut workers = Workers::new();
    workers.tick(0);
    workers.now_s += 10;
    let now_ms = workers.now().unix_ms;
    let share = workers.history.sticky_share(StartTime::Known(now_ms), now_ms).unwrap().share;
    assert_eq!(share.basis_points(), 5_000);
}

#[test]
fn a_stopped_worker_sends_its_observations_and_forgets_the_state() {
    let workers = Workers::new();
    workers.tick(0);
    workers.observe(0, 0..10);
    complete(workers.workers[0].stop(&workers.store));
    assert_eq!(workers.store.queue().len(), 1);
    workers.events();
    workers.tick(0);
    assert_eq!(workers.events(), ["leader", "committed"]);
    assert_eq!(workers.counted_units(), 10);
}

/// A tick of a ramp without traffic reads the state, and writes nothing but the lease.
#[test]
fn the_leader_of_a_ramp_without_traffic_writes_nothing() {
    let mut workers = Workers::new();
    workers.tick(0);
    workers.tick(1);
    workers.observe(1, 0..60);
    workers.tick(1);
    (0..4).for_each(|_| workers.tick(0));
    let records = [Record::State, Record::Snapshot];
    let revisions = |workers: &Workers| records.map(|it| workers.store.revision(it));
    let (before, share) = (revisions(&workers), workers.workers[0].snapshot().share);
    workers.events();
    for _ in 0..8 {
        workers.now_s += 1;
        workers.tick(0);
    }
    assert_eq!(revisions(&workers), before);
    assert_eq!(workers.events(), [""; 0]);
    assert_eq!(workers.workers[0].snapshot().share, share);
    // Observations, a command and a new specification are followed at once.
    workers.observe(0, 60..80);
    workers.tick(0);
    assert_eq!(workers.counted_units(), 80);
    (0..4).for_each(|_| workers.tick(0));
    workers.events();
    assert_eq!(workers.command(CommandKind::Pause, None), Ok(Phase::Paused));
    workers.tick(0);
    assert_eq!(workers.workers[0].snapshot().phase, Phase::Paused);
    (0..4).for_each(|_| workers.tick(0));
    workers.spec.is_rolled_back = true;
    workers.tick(0);
    assert_eq!(workers.workers[0].snapshot().phase, Phase::RolledBack);
}
