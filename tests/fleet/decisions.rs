//! What one decision takes in, who decides where the store or the network is in the way, and what a rollback
//! and an operator's command mean to it.

use std::rc::Rc;

use serde_json::{Value, json};
use verdigris::analysis::{Measurements, Metric, Observation};
use verdigris::assignment::{Epoch, Version};
use verdigris::fleet::FleetRecord;
use verdigris::rollout::{
    Clocks, CommandError, CommandKind, LocalGuard, Phase, RampSpec, Snapshot,
};

use super::faulty_store::FaultyStore;
use super::fleet::{Fleet, SECOND_NS, ramp, spec, spec_with_interval};
use super::network::{Call, Fate};
use super::scenarios::units;
use super::test_store::TestStore;
use super::workers::{fail_on_green, ramp_with_tripwire, run_only};

/// A member of etcd that lags delivers by the watch what was in force before.
#[test]
fn a_late_delivery_of_a_watch_is_ignored() {
    let mut fleet = Fleet::<FaultyStore>::new(1);
    fleet.run(12);
    let before = fleet.store.found(&FleetRecord::InForce).unwrap();
    fleet.command(0, CommandKind::Pause).unwrap();
    fleet.command(0, CommandKind::Resume).unwrap();
    fleet.run(10);
    fleet.store.push(before.clone());
    fleet.run(1);
    let committed = |fleet: &Fleet<FaultyStore>| {
        fleet.events().iter().filter(|it| it.contains("committed")).count()
    };
    fleet.events();
    for _ in 0..5 {
        fleet.run(20);
        assert!(committed(&fleet) >= 2, "nothing is decided any more");
        fleet.store.push(before.clone());
    }
}

/// The sums of a gate were read as those of the gate that has its place now.
#[test]
fn an_envoy_reads_no_sums_of_former_gates() {
    let with = |gates: Value| {
        let mut ramp = ramp();
        ramp["gates"] = gates;
        spec(&ramp)
    };
    let (errors, aborts) = (
        json!({"metric": "error_rate", "tolerance": 1}),
        json!({"metric": "abort_rate", "critical": false}),
    );
    let former = with(json!([aborts, errors]));
    let in_force = Snapshot { phase: Phase::Ramping, epoch: Epoch::new(1), ..Snapshot::UNKNOWN };
    let at = |second: u64| Clocks { monotonic_ns: second * SECOND_NS, unix_ms: 0 };
    // Half of green's users abort. The gate on errors decides alone.
    let responses = |second: u64, aborted: Metric| -> Vec<Observation> {
        let respond = |unit: u64| {
            let is_green = unit.is_multiple_of(5);
            Observation {
                at_ns: at(second).monotonic_ns,
                unit: unit.wrapping_mul(0x9e37_79b9_7f4a_7c15),
                epoch: in_force.epoch,
                version: if is_green { Version::Green } else { Version::Blue },
                is_newly_exposed: true,
                is_assignment: true,
                shadow: None,
                measurements: Measurements::default()
                    .with_rate(Metric::AbortRate, false)
                    .with_rate(Metric::ErrorRate, false)
                    .with_rate(aborted, is_green && unit.is_multiple_of(2)),
            }
        };
        (0..1000).map(respond).collect()
    };
    for (gates, aborted) in [
        (json!([errors, aborts]), Metric::AbortRate),
        (json!([{"metric": "error_rate", "margin": 5, "tolerance": 6}, aborts]), Metric::AbortRate),
    ] {
        let mut guard = LocalGuard::default();
        let mut observe = |spec: &RampSpec, second: u64, responses: &[Observation]| {
            guard.observe(spec, &in_force, at(second), responses);
            guard.reason_to_roll_back(spec, in_force.step, Some(1))
        };
        assert_eq!(observe(&former, 10, &responses(10, aborted)), None);
        let other = with(gates);
        assert_eq!(observe(&other, 11, &[]), None);
        // It judges by what it sees from then on.
        assert!(observe(&other, 12, &responses(12, Metric::ErrorRate)).is_some());
    }
}

/// How many Envoys fill their outboxes while the store is down, and with how many units each.
const ENVOYS: usize = 16;
const UNITS: usize = 4000;

/// A fleet whose store is down, and whose outboxes together have more than one decision takes in.
fn with_full_outboxes<S: TestStore>() -> Fleet<S> {
    let mut long = ramp();
    long["bake"] = json!("24h");
    let mut fleet = Fleet::<S>::with_ramp(ENVOYS, long);
    fleet.run(12);
    fleet.store.go_down();
    for index in 0..ENVOYS {
        for unit in 0..UNITS {
            fleet.request(index, (index * UNITS + unit) as u64, false);
        }
    }
    fleet.run(4);
    fleet
}

#[generic_tests::define]
mod on_a_store {
    use super::*;
    use crate::faulty_api::FaultyApi;

    /// The evidence is forgotten where the operator changes a gate. A rollback is not evidence.
    #[test]
    fn a_rollback_from_before_a_change_of_the_gates_counts<S: TestStore>() {
        let mut fleet = Fleet::<S>::with_ramp(2, ramp_with_tripwire());
        fleet.run(12);
        let decider = fleet.decider();
        let other = 1 - decider;
        fail_on_green(&mut fleet, other);
        run_only(&mut fleet, &[other]);
        let mut changed = ramp_with_tripwire();
        changed["gates"] = json!([{"metric": "error_rate", "tolerance": 2}]);
        (0..2).for_each(|index| fleet.configure(index, &changed));
        fleet.run(8);
        assert_eq!(fleet.shares(), [Some(0); 2], "{:#?}", fleet.events());
        assert_eq!(fleet.state().phase, Phase::RolledBack);
    }

    #[test]
    fn a_command_that_a_proxy_sends_twice_is_answered_with_its_transition<S: TestStore>() {
        let mut fleet = Fleet::<S>::new(2);
        fleet.run(12);
        fleet.store.with_fates(|call| match call {
            Call::Read => Fate::Answered,
            Call::Write => Fate::RepeatedLate,
        });
        let transition = fleet.command(0, CommandKind::Rollback).unwrap();
        fleet.store.heal();
        assert_eq!(transition.to.phase, Phase::RolledBack);
        let state = fleet.state();
        assert_eq!(state.log.iter().filter(|it| **it == transition).count(), 1);
        let again = fleet.command(1, CommandKind::Rollback);
        assert_eq!(again, Err(CommandError::AlreadyRolledBack));
        fleet.run(4);
        assert_eq!(fleet.shares(), [Some(0); 2]);
    }

    /// Such a store is full, or has become read-only. Without a decision each Envoy watches the gates itself.
    #[test]
    fn where_the_store_refuses_writes_an_envoy_rolls_back_by_its_own_evidence<S: TestStore>() {
        let mut fleet = Fleet::<S>::new(2);
        fleet.run(12);
        fleet.store.with_fates(|call| match call {
            Call::Read => Fate::Answered,
            Call::Write => Fate::Refused,
        });
        let mut unit = 0;
        for _ in 0..200 {
            for index in 0..2 {
                for _ in 0..20 {
                    unit += 1;
                    fleet.request(index, unit, unit.is_multiple_of(3));
                }
            }
            fleet.run(1);
        }
        assert_eq!(fleet.shares(), [Some(0); 2], "{:#?}", fleet.events());
        assert_eq!(fleet.state().phase, Phase::Ramping);
        fleet.store.heal();
        fleet.run(8);
        assert_eq!(fleet.state().phase, Phase::RolledBack);
    }

    /// The first decision waits for an instance that may know the ramp.
    #[test]
    fn a_ramp_that_has_just_started_has_not_lost_its_state<S: TestStore>() {
        // Two minutes before the instances start, and an hour before.
        for (started, is_lost) in [("2023-11-14T22:28:01Z", false), ("2023-11-14T21:30:00Z", true)]
        {
            for interval_s in [1, 30, 60] {
                let mut ramp = ramp();
                ramp["started"] = json!(started);
                let mut fleet = Fleet::<S>::with_interval(3, ramp.clone(), interval_s * SECOND_NS);
                let spec = Rc::new(spec_with_interval(&ramp, &format!("{interval_s}s")));
                fleet.envoys.iter_mut().for_each(|it| it.spec = Rc::clone(&spec));
                fleet.run(12 * interval_s);
                let is_paused = fleet.state().phase == Phase::Paused;
                assert_eq!(is_paused, is_lost, "{started}, {interval_s} s");
            }
        }
    }

    /// An Envoy with a replaced configuration told the operator for ever to repeat the command in a second.
    #[test]
    fn a_command_needs_the_configuration_that_decides<S: TestStore>() {
        let mut fleet = Fleet::<S>::new(3);
        fleet.run(12);
        let mut other = ramp();
        other["restart"] = json!("2");
        fleet.configure(1, &other);
        assert_eq!(fleet.command(1, CommandKind::Pause), Err(CommandError::ConfigChanging));
        fleet.run(6);
        assert_eq!(fleet.command(0, CommandKind::Pause), Err(CommandError::ConfigReplaced));
        fleet.command(1, CommandKind::Pause).unwrap();
        fleet.configure(0, &other);
        fleet.command(0, CommandKind::Resume).unwrap();
    }

    /// A fleet runs many ramps under one name, such as one for each prompt.
    #[test]
    fn an_old_configuration_stays_superseded_after_many_others<S: TestStore>() {
        let mut fleet = Fleet::<S>::new(2);
        fleet.run(12);
        for number in 0..40 {
            let mut other = ramp();
            other["restart"] = json!(number.to_string());
            other["rolled_back"] = json!(true);
            fleet.configure(1, &other);
            fleet.run(6);
            assert_eq!((fleet.shares(), fleet.decider()), (vec![Some(0); 2], 1), "{number}");
        }
    }

    /// etcd is out of space. Between two decisions there are steps that only read, with success.
    #[test]
    fn a_store_that_refuses_writes_is_away_until_a_decision_succeeds<S: TestStore>() {
        let mut fleet = Fleet::<S>::new(1);
        fleet.run(12);
        let is_away = |fleet: &Fleet<S>| fleet.envoys[0].instance.status().error.is_some();
        let now_ns = |fleet: &Fleet<S>| (fleet.now_ms + 3_600_000) * 1_000_000;
        let is_undecided = |fleet: &Fleet<S>| fleet.envoys[0].instance.is_undecided(now_ns(fleet));
        fleet.store.with_fates(|call| match call {
            Call::Read => Fate::Answered,
            Call::Write => Fate::Refused,
        });
        let mut changes = vec![is_away(&fleet)];
        for _ in 0..18 {
            fleet.run(1);
            changes.push(is_away(&fleet));
        }
        changes.dedup();
        assert_eq!(changes, [false, true]);
        // After five intervals; another instance would take over after 14.
        assert!(is_undecided(&fleet));
        fleet.store.heal();
        for _ in 0..8 {
            fleet.run(1);
            changes.push(is_away(&fleet));
        }
        changes.dedup();
        assert_eq!(changes, [false, true, false]);
        assert!(!is_undecided(&fleet));
    }

    /// Each of them hands over all that its outbox holds. That is more than one commit can have.
    #[test]
    fn the_evidence_of_many_envoys_after_an_outage_is_consumed_in_several_commits<S: TestStore>() {
        let mut fleet = with_full_outboxes::<S>();
        fleet.store.heal();
        fleet.run(60);
        assert_eq!(units(&fleet), (ENVOYS * UNITS) as u64);
    }

    /// None of them was heard of for so long that it may have gone. More of them wait than one decision takes in.
    #[test]
    fn the_evidence_of_many_envoys_after_ten_minutes_without_a_decision_counts<S: TestStore>() {
        let mut fleet = with_full_outboxes::<S>();
        fleet.now_ms += 600_000;
        fleet.store.heal();
        // All write before one of them decides.
        fleet.now_ms += 500;
        (0..ENVOYS).for_each(|index| fleet.begin_step(index));
        while (0..ENVOYS).filter(|index| fleet.poll(*index)).count() > 0 {}
        fleet.run(60);
        assert_eq!(units(&fleet), (ENVOYS * UNITS) as u64);
    }

    /// The worker is replaced, or its configuration is, while the store commits.
    #[test]
    fn a_decision_whose_step_is_given_up_in_its_commit_is_reported_once<S: TestStore>() {
        let mut fleet = Fleet::<S>::new(1);
        fleet.run(12);
        let mut unit = 0;
        'advance: for _ in 0..400 {
            for _ in 0..20 {
                unit += 1;
                fleet.request(0, unit, false);
            }
            fleet.events();
            fleet.now_ms += 500;
            fleet.begin_step(0);
            while fleet.poll(0) {
                if fleet.state().step.get() == 1 {
                    fleet.give_up(0);
                    break 'advance;
                }
            }
        }
        assert_eq!(fleet.state().step.get(), 1);
        let decided =
            |fleet: &Fleet<S>| fleet.events().iter().filter(|it| it.contains("decided")).count();
        assert_eq!(decided(&fleet), 0);
        fleet.run(8);
        assert_eq!(decided(&fleet), 1);
    }

    #[test]
    fn hundreds_of_envoys_may_go_at_once<S: TestStore>() {
        const GONE: usize = 150;
        let mut fleet = Fleet::<S>::new(GONE + 2);
        fleet.run(40);
        (2..GONE + 2).for_each(|index| fleet.stop(index));
        // They take part for ten minutes more.
        fleet.now_ms += 600_000;
        fleet.run(60);
        let outboxes = (2..GONE + 2).filter(|index| {
            let id = fleet.envoys[*index].instance.id().clone();
            fleet.store.get(&FleetRecord::Outbox(id)).is_some()
        });
        assert_eq!(outboxes.count(), 0);
        fleet.command(0, CommandKind::Rollback).unwrap();
        fleet.run(4);
        assert_eq!(fleet.shares()[..2], [Some(0); 2]);
    }

    /// What the first decision of an instance consumes is counted by the instance.
    #[test]
    fn the_evidence_of_a_first_decision_is_reported<S: TestStore>() {
        let mut fleet = Fleet::<S>::new(2);
        fleet.run(12);
        let decider = fleet.decider();
        let other = 1 - decider;
        (0..30).for_each(|unit| assert!(fleet.request(other, unit, false)));
        fleet.stop(decider);
        fleet.events();
        fleet.run(40);
        let events = fleet.events();
        let took_over = format!("{other} took over with 0 units");
        let at = events.iter().position(|it| *it == took_over).expect("nobody took over");
        assert_eq!(events[at + 1], format!("{other} committed 30 units"), "{events:#?}");
    }

    /// Two intervals after a decision, all instances assign by it.
    #[test]
    fn all_instances_follow_within_two_intervals<S: TestStore>() {
        for (interval_s, kinds) in [
            (1, [CommandKind::Promote, CommandKind::Resume, CommandKind::Rollback]),
            (5, [CommandKind::Pause, CommandKind::Promote, CommandKind::Rollback]),
        ] {
            let interval_ns = interval_s * SECOND_NS;
            let mut fleet = Fleet::<S>::with_interval(5, ramp(), interval_ns);
            fleet.run(30 * interval_s);
            for (index, kind) in kinds.into_iter().enumerate() {
                // So that the decisions come at different times of the interval.
                fleet.run(index as u64 + 1);
                let transition = fleet.command(index, kind).unwrap();
                fleet.run(4 * interval_s);
                assert_eq!(fleet.shares(), [Some(transition.to.green_bp); 5], "{kind:?}");
            }
        }
    }

    #[instantiate_tests(<FaultyStore>)]
    mod that_orders_writes {}

    #[instantiate_tests(<FaultyApi>)]
    mod in_kubernetes {}
}
