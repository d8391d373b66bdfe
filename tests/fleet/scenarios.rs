//! What a fleet does, scenario by scenario.

use serde_json::{Value, json};
use verdigris::analysis::Observation;
use verdigris::assignment::{Epoch, Share, Version};
use verdigris::fleet::{FleetRecord, InstanceId};
use verdigris::rollout::store::Record;
use verdigris::rollout::{CommandKind, Phase, RampState};

use super::fleet::{Fleet, SECOND_NS, observation, ramp};
use super::test_store::TestStore;
use super::workers::{ramp_with_tripwire, run_only};

/// Sends requests of new units to all instances in turn, for so many half seconds.
fn traffic<S: TestStore>(
    fleet: &mut Fleet<S>,
    half_seconds: u64,
    each: u64,
    next_unit: &mut u64,
    bad_every: u64,
) {
    for _ in 0..half_seconds {
        for index in 0..fleet.envoys.len() {
            for _ in 0..each {
                *next_unit += 1;
                let is_bad = bad_every > 0 && next_unit.is_multiple_of(bad_every);
                fleet.request(index, *next_unit, is_bad);
            }
        }
        fleet.run(1);
    }
}

/// Sends traffic until the ramp is in this phase; fails if it never is.
fn traffic_until<S: TestStore>(
    fleet: &mut Fleet<S>,
    phase: Phase,
    each: u64,
    next_unit: &mut u64,
    bad_every: u64,
) {
    for _ in 0..1000 {
        traffic(fleet, 1, each, next_unit, bad_every);
        if fleet.state().phase == phase {
            return;
        }
    }
    panic!("the ramp is {}: {:#?}", fleet.state().phase, fleet.events());
}

/// A fleet in which something is in force.
fn begun<S: TestStore>(count: usize) -> Fleet<S> {
    let mut fleet = Fleet::new(count);
    fleet.run(12);
    assert_eq!(fleet.shares(), vec![Some(1000); count], "{:#?}", fleet.events());
    fleet
}

/// The operator starts the ramp of three instances again.
fn start_again<S: TestStore>(fleet: &mut Fleet<S>) {
    let mut again = ramp();
    again["restart"] = json!("2");
    (0..3).for_each(|index| fleet.configure(index, &again));
}

/// The state of an Envoy's own ramp that was rolled back.
fn rolled_back_alone<S: TestStore>() -> RampState {
    let mut alone = begun::<S>(1);
    traffic_until(&mut alone, Phase::RolledBack, 20, &mut 0, 2);
    alone.state()
}

/// How many units count in the current step.
pub fn units<S: TestStore>(fleet: &Fleet<S>) -> u64 {
    let state = fleet.state();
    state.evidence.steps.get(state.step.get()).map_or(0, |it| it.units.blue + it.units.green)
}

fn decisions(events: &[String]) -> Vec<&String> {
    events.iter().filter(|it| it.contains("decided")).collect()
}

/// A fleet whose ramp begins with a shadow step, with these tripwires.
fn in_shadow_step<S: TestStore>(tripwires: &Value) -> Fleet<S> {
    let mut ramp = ramp();
    ramp["steps"] = json!([{"shadow": 10, "pairs": 1000}, 10, 50, 100]);
    ramp["tripwires"] = tripwires.clone();
    let mut fleet = Fleet::<S>::with_ramp(3, ramp);
    fleet.run(12);
    assert_eq!(fleet.shares(), [Some(0); 3], "{:#?}", fleet.events());
    assert!((0..3).all(|index| fleet.snapshot(index).unwrap().is_shadow_step));
    fleet
}

/// Sends a pair of each of these units to an instance.
fn pairs<S: TestStore>(
    fleet: &mut Fleet<S>,
    index: usize,
    units: std::ops::Range<u64>,
    green_is_bad: bool,
) {
    let epoch = fleet.snapshot(index).unwrap().epoch;
    for unit in units {
        let blue = observation(unit, epoch, Version::Blue, false);
        let green = observation(unit, epoch, Version::Green, green_is_bad);
        fleet.observe(index, Observation { shadow: Some(green.measurements), ..blue });
    }
}

#[generic_tests::define]
mod on_a_store {
    use super::*;
    use crate::faulty_api::FaultyApi;
    use crate::faulty_store::FaultyStore;

    #[test]
    fn all_instances_follow_one_ramp_to_its_promotion<S: TestStore>() {
        let mut fleet = begun::<S>(3);
        let first = FleetRecord::SeenUnits { epoch: fleet.state().epoch, chunk: 0 };
        traffic_until(&mut fleet, Phase::Promoted, 20, &mut 0, 0);
        fleet.run(4);
        assert_eq!(fleet.shares(), [Some(10_000); 3]);
        assert_eq!(fleet.store.get(&first), None, "a forgotten step's units stay in the store");
        let events = fleet.events();
        assert_eq!(decisions(&events).len(), fleet.state().log.iter().count(), "{events:#?}");
    }

    #[test]
    fn a_bad_green_is_rolled_back_everywhere_by_the_evidence_of_all<S: TestStore>() {
        let mut fleet = begun::<S>(3);
        let mut unit = 0;
        traffic_until(&mut fleet, Phase::RolledBack, 4, &mut unit, 2);
        fleet.run(4);
        assert_eq!(fleet.shares(), [Some(0); 3]);
        // One of three instances has met a third of that, too little to find green worse alone.
        assert!(units(&fleet) < 300, "it took {} units", units(&fleet));
    }

    #[test]
    fn pairs_of_all_instances_decide_the_shadow_step<S: TestStore>() {
        let mut fleet = in_shadow_step::<S>(&json!([]));
        for round in 0..30_u64 {
            // Each unit is seen by two instances, and counts once.
            for index in 0..3_u64 {
                let first = round * 30 + index * 10;
                pairs(&mut fleet, index as usize, first..first + 10, false);
                pairs(&mut fleet, (index as usize + 1) % 3, first..first + 10, false);
            }
            fleet.run(2);
            if !fleet.state().is_shadow_step() {
                break;
            }
        }
        fleet.run(4);
        assert_eq!(fleet.shares(), [Some(1000); 3], "{:#?}", fleet.events());
        let gathered = fleet.state().pairs;
        assert!(gathered.units > 50 && gathered.pairs > gathered.units, "{gathered:?}");
        assert!(gathered.units * 2 >= gathered.pairs, "{gathered:?}");
    }

    #[test]
    fn a_green_that_fails_the_copies_is_rolled_back_in_the_whole_fleet<S: TestStore>() {
        let mut fleet = in_shadow_step::<S>(&json!([]));
        for round in 0..10 {
            for index in 0..3_u64 {
                let first = round * 6 + index * 2;
                pairs(&mut fleet, index as usize, first..first + 2, true);
            }
            fleet.run(2);
        }
        fleet.run(4);
        assert_eq!((fleet.state().phase, fleet.shares()), (Phase::RolledBack, vec![Some(0); 3]));
        assert!((0..3).all(|index| !fleet.snapshot(index).unwrap().is_shadow_step));
    }

    #[test]
    fn an_instance_stops_its_copies_when_a_tripwire_trips_there<S: TestStore>() {
        let tripwire = json!({"metric": "error_rate", "limit": 0.5, "minimum": 20});
        let mut fleet = in_shadow_step::<S>(&json!([tripwire]));
        pairs(&mut fleet, 0, 0..30, true);
        fleet.begin_step(0);
        fleet.poll(0);
        // Before the fleet has decided.
        let snapshot = fleet.snapshot(0).unwrap();
        assert_eq!((snapshot.phase, snapshot.is_shadow_step), (Phase::RolledBack, false));
        while fleet.poll(0) {}
        fleet.run(8);
        assert_eq!(fleet.state().phase, Phase::RolledBack, "{:#?}", fleet.events());
    }

    #[test]
    fn each_unit_counts_once_also_where_it_moves<S: TestStore>() {
        let mut fleet = begun::<S>(3);
        // Each unit is seen by all instances, in different half seconds.
        for round in 0..12_u64 {
            for index in 0..3 {
                for unit in 0..100 {
                    fleet.request(index, (unit + round * 30 + index as u64 * 10) % 400, false);
                }
            }
            fleet.run(1);
        }
        fleet.run(10);
        assert_eq!(units(&fleet), 400);
    }

    #[test]
    fn another_instance_takes_over_from_a_decider_that_is_killed<S: TestStore>() {
        let mut fleet = begun::<S>(3);
        let decider = fleet.decider();
        let mut unit = 0;
        traffic(&mut fleet, 6, 5, &mut unit, 0);
        fleet.run(6);
        assert_eq!(units(&fleet), unit);
        fleet.stop(decider);
        fleet.events();
        traffic(&mut fleet, 4, 5, &mut unit, 0);
        // Six intervals of silence, and at most four to spread the instances.
        fleet.run(30);
        assert_ne!(fleet.decider(), decider);
        assert_eq!(units(&fleet), unit - 20, "the killed one had 20 requests, and lost them");
        let took_over = fleet.events().iter().filter(|it| it.contains("took over")).count();
        assert_eq!(took_over, 1);
    }

    #[test]
    fn while_the_store_is_away_nothing_advances_and_nothing_is_lost<S: TestStore>() {
        let mut fleet = begun::<S>(2);
        let mut unit = 0;
        traffic(&mut fleet, 4, 5, &mut unit, 0);
        fleet.store.go_down();
        traffic(&mut fleet, 100, 20, &mut unit, 0);
        assert_eq!(fleet.shares(), [Some(1000); 2]);
        assert_eq!(fleet.state().step.get(), 0);
        fleet.store.heal();
        fleet.events();
        fleet.run(8);
        // The evidence of that time is there, and more than enough to advance.
        let total: u64 =
            fleet.state().evidence.steps.iter().map(|it| it.units.blue + it.units.green).sum();
        assert_eq!(total, unit);
        assert_eq!(fleet.state().step.get(), 1);
    }

    #[test]
    fn a_store_that_is_wiped_gets_back_what_the_decider_knows<S: TestStore>() {
        let mut fleet = begun::<S>(3);
        let mut unit = 0;
        traffic(&mut fleet, 6, 5, &mut unit, 0);
        fleet.run(6);
        let before = fleet.state();
        fleet.store.wipe();
        traffic(&mut fleet, 2, 5, &mut unit, 0);
        fleet.run(8);
        assert_eq!(fleet.state().epoch, before.epoch);
        assert_eq!(units(&fleet), unit);
    }

    #[test]
    fn a_store_that_is_wiped_gets_back_the_step_if_the_decider_is_gone<S: TestStore>() {
        let mut fleet = begun::<S>(3);
        let mut unit = 0;
        for _ in 0..200 {
            traffic(&mut fleet, 1, 20, &mut unit, 0);
            if fleet.state().step.get() == 1 {
                break;
            }
        }
        fleet.run(12);
        fleet.stop(fleet.decider());
        fleet.store.wipe();
        fleet.run(40);
        let state = fleet.state();
        assert_eq!((state.step.get(), state.phase), (1, Phase::Holding));
        assert_eq!(fleet.shares().into_iter().flatten().max(), Some(5000));
    }

    /// Others would hash units differently, and refuse its receipts.
    #[test]
    fn a_new_instance_leaves_the_keys_to_those_that_know_them<S: TestStore>() {
        let mut fleet = begun::<S>(2);
        let keys = fleet.envoys[0].instance.status().keys;
        assert!(keys.is_some());
        fleet.store.wipe();
        fleet.start();
        run_only(&mut fleet, &[2]);
        fleet.run(20);
        let found: Vec<_> = fleet.envoys.iter().map(|it| it.instance.status().keys).collect();
        assert!(found.iter().all(|it| *it == keys));
    }

    #[test]
    fn a_rollback_survives_a_wiped_and_a_restored_store<S: TestStore>() {
        for is_wiped in [true, false] {
            for (decider_is_gone, is_joined) in
                [(true, false), (false, false), (true, true), (false, true)]
            {
                let mut fleet = begun::<S>(3);
                let backup = fleet.store.backup();
                traffic_until(&mut fleet, Phase::RolledBack, 20, &mut 0, 2);
                // The others have followed, and may not have read the state yet.
                fleet.run(3);
                if decider_is_gone {
                    fleet.stop(fleet.decider());
                }
                match is_wiped {
                    true => fleet.store.wipe(),
                    false => fleet.store.restore(backup),
                }
                if is_joined {
                    fleet.start();
                }
                for _ in 0..60 {
                    fleet.run(1);
                    let shares = &fleet.shares()[..3];
                    let case = (is_wiped, decider_is_gone, is_joined);
                    assert_eq!(shares, [Some(0); 3], "{case:?}: {:#?}", fleet.events());
                }
                assert_eq!(fleet.state().phase, Phase::RolledBack);
                assert_eq!(fleet.shares().last(), Some(&Some(0)));
            }
        }
    }

    /// It finds nothing, and those that know better do not reach the store for long.
    #[test]
    fn a_rollback_is_brought_into_a_wiped_store_in_which_a_new_instance_has_begun<S: TestStore>() {
        let mut fleet = begun::<S>(2);
        traffic_until(&mut fleet, Phase::RolledBack, 20, &mut 0, 2);
        fleet.run(3);
        fleet.store.wipe();
        fleet.start();
        (0..12).for_each(|_| run_only(&mut fleet, &[2]));
        assert_eq!(fleet.shares(), [Some(0), Some(0), Some(1000)]);
        for _ in 0..20 {
            fleet.run(1);
            assert_eq!(fleet.shares()[..2], [Some(0); 2], "{:#?}", fleet.events());
        }
        assert_eq!((fleet.shares(), fleet.state().phase), (vec![Some(0); 3], Phase::RolledBack));
        start_again(&mut fleet);
        fleet.run(20);
        assert_eq!(fleet.shares(), [Some(1000); 3], "{:#?}", fleet.events());
    }

    /// It has not learned of the rollback, and those that have do not reach the store for long.
    #[test]
    fn a_rollback_is_brought_into_a_wiped_store_that_another_instance_has_restored<S: TestStore>() {
        let mut fleet = begun::<S>(3);
        start_again(&mut fleet);
        fleet.run(30);
        assert_eq!(fleet.shares(), [Some(1000); 3]);
        let mut unit = 0;
        while fleet.state().phase != Phase::RolledBack {
            for index in [0, 1] {
                for _ in 0..20 {
                    unit += 1;
                    fleet.request(index, unit, unit.is_multiple_of(2));
                }
            }
            run_only(&mut fleet, &[0, 1]);
            assert!(unit < 40_000);
        }
        (0..6).for_each(|_| run_only(&mut fleet, &[0, 1]));
        fleet.store.wipe();
        (0..16).for_each(|_| run_only(&mut fleet, &[2]));
        assert_eq!(fleet.shares(), [Some(0), Some(0), Some(1000)]);
        assert_ne!(fleet.state().phase, Phase::RolledBack);
        for _ in 0..20 {
            fleet.run(1);
            assert_eq!(fleet.shares()[..2], [Some(0); 2], "{:#?}", fleet.events());
        }
        assert_eq!((fleet.shares(), fleet.state().phase), (vec![Some(0); 3], Phase::RolledBack));
    }

    #[test]
    fn a_restart_of_all_instances_keeps_the_ramp<S: TestStore>() {
        let mut fleet = begun::<S>(3);
        let mut unit = 0;
        traffic(&mut fleet, 6, 5, &mut unit, 0);
        fleet.run(6);
        let before = fleet.state();
        (0..3).for_each(|index| fleet.restart(index));
        fleet.run(30);
        let after = fleet.state();
        assert_eq!(after.epoch, before.epoch);
        assert_eq!(units(&fleet), unit);
        assert_eq!(fleet.shares(), [Some(1000); 3]);
    }

    #[test]
    fn an_instance_rolls_back_alone_at_once_and_the_fleet_follows<S: TestStore>() {
        let mut fleet = Fleet::<S>::with_ramp(3, ramp_with_tripwire());
        fleet.run(12);
        fleet.store.go_down();
        let mut unit = 0;
        for _ in 0..60 {
            unit += 1;
            fleet.request(1, unit, true);
        }
        fleet.run(1);
        assert_eq!(fleet.shares(), [Some(1000), Some(0), Some(1000)]);
        fleet.run(20);
        assert_eq!(fleet.shares(), [Some(1000), Some(0), Some(1000)]);
        fleet.store.heal();
        fleet.run(8);
        assert_eq!(fleet.shares(), [Some(0); 3]);
        assert_eq!(fleet.state().phase, Phase::RolledBack);
        let events = fleet.events();
        let alone = events.iter().filter(|it| it.contains("rolled back alone: tripwire")).count();
        assert_eq!(alone, 1, "{events:#?}");
        // It does not come back by itself.
        fleet.run(100);
        assert_eq!(fleet.shares(), [Some(0); 3]);
    }

    /// Until the fleet follows, and afterwards: new ones are on blue.
    #[test]
    fn conversations_finish_on_green_where_an_instance_rolls_back_alone<S: TestStore>() {
        let mut fleet = Fleet::<S>::with_ramp(3, ramp_with_tripwire());
        fleet.keep_conversations();
        fleet.run(20);
        let before_ms = fleet.unix_ms();
        fleet.store.go_down();
        (1..60).for_each(|unit| assert!(fleet.request(1, unit, true)));
        fleet.run(1);
        assert_eq!(fleet.shares(), [Some(1000), Some(0), Some(1000)]);
        let after_ms = fleet.unix_ms() + 1;
        let check = |fleet: &Fleet<S>, when: &str| {
            let before = fleet.sticky_share(1, before_ms);
            assert_eq!((before.share.basis_points(), before.is_drained), (1000, true), "{when}");
            assert_eq!(fleet.sticky_share(1, after_ms).share, Share::ZERO, "{when}");
        };
        fleet.run(1);
        check(&fleet, "at once");
        fleet.run(20);
        check(&fleet, "while the store is away");
        fleet.store.heal();
        fleet.run(20);
        assert_eq!(fleet.shares(), [Some(0); 3]);
        let before = fleet.sticky_share(1, before_ms);
        assert_eq!((before.share.basis_points(), before.is_drained), (1000, true));
        let now_ms = fleet.unix_ms();
        assert_eq!(fleet.sticky_share(1, now_ms).share, Share::ZERO);
    }

    /// Others would show it after five intervals at the latest.
    #[test]
    fn an_instance_shows_what_it_follows<S: TestStore>() {
        let mut fleet = begun::<S>(3);
        fleet.command(0, CommandKind::Rollback).unwrap();
        fleet.run(3);
        assert_eq!(fleet.shares(), [Some(0); 3]);
        for envoy in &fleet.envoys {
            let state = envoy.local.get(Record::State).unwrap();
            let state: RampState = postcard::from_bytes(&state).unwrap();
            assert_eq!(state.phase, Phase::RolledBack);
        }
    }

    #[test]
    fn a_configuration_that_was_replaced_does_not_take_the_decision_back<S: TestStore>() {
        let mut fleet = begun::<S>(3);
        let mut changed = ramp();
        changed["steps"] = json!([20, 50, 100]);
        // The operator's change reaches one instance after the other.
        fleet.configure(2, &changed);
        fleet.run(6);
        assert_eq!(fleet.shares(), [Some(2000); 3]);
        assert_eq!(fleet.decider(), 2);
        fleet.run(60);
        assert_eq!(fleet.shares(), [Some(2000); 3]);
        assert_eq!(fleet.decider(), 2);
        fleet.configure(0, &changed);
        fleet.configure(1, &changed);
        fleet.run(6);
        assert_eq!(fleet.shares(), [Some(2000); 3]);
        // And back.
        fleet.configure(1, &ramp());
        fleet.run(6);
        assert_eq!(fleet.shares(), [Some(1000); 3]);
        fleet.configure(0, &ramp());
        fleet.configure(2, &ramp());
        fleet.run(6);
        assert_eq!(fleet.shares(), [Some(1000); 3]);
    }

    #[test]
    fn a_replaced_configuration_decides_once_no_other_is_left<S: TestStore>() {
        let mut fleet = begun::<S>(2);
        let mut changed = ramp();
        changed["steps"] = json!([20, 50, 100]);
        fleet.configure(1, &changed);
        fleet.run(6);
        assert_eq!(fleet.shares(), [Some(2000); 2]);
        // The operator goes back by new instances.
        fleet.stop(1);
        fleet.run(30);
        assert_eq!(fleet.shares()[0], Some(2000));
        fleet.run(60);
        assert_eq!(fleet.shares()[0], Some(1000));
    }

    #[test]
    fn what_another_program_writes_is_reported_and_not_adopted<S: TestStore>() {
        let mut fleet = begun::<S>(2);
        let id = InstanceId { name: "other".into(), boot: 7 };
        for bytes in
            [&b""[..], b"\x0a", b"\xff\x00", b"<html>", b"\x0a\xff\xff\xff\xff\xff\xff\xff"]
        {
            fleet.store.put(FleetRecord::Outbox(id.clone()), bytes.to_vec());
            fleet.run(4);
            let events = fleet.events();
            assert!(events.iter().any(|it| it.contains("unreadable outbox/other")), "{events:#?}");
            assert_eq!(fleet.shares(), [Some(1000); 2]);
        }
        fleet.store.put(FleetRecord::InForce, b"\x63new".to_vec());
        fleet.run(40);
        assert_eq!(fleet.shares(), [Some(1000); 2]);
        let events = fleet.events();
        let reports =
            events.iter().filter(|it| it.contains("unreadable in_force: it has the form 99"));
        assert_eq!(reports.count(), 2, "each instance reports it once: {events:#?}");
    }

    #[test]
    fn an_instance_that_starts_with_a_store_of_another_format_writes_nothing<S: TestStore>() {
        let mut fleet = Fleet::<S>::new(2);
        let newer = b"\x63what a newer filter has written".to_vec();
        let records = [FleetRecord::InForce, FleetRecord::Keys];
        for record in &records {
            fleet.store.put(record.clone(), newer.clone());
        }
        traffic(&mut fleet, 120, 5, &mut 0, 0);
        // Users are on blue: what is in force is not known.
        assert_eq!(fleet.shares(), [None; 2]);
        for record in &records {
            assert_eq!(fleet.store.get(record), Some(newer.clone()), "{record:?}");
        }
        let events = fleet.events();
        assert_eq!(events.len(), 2, "{events:#?}");
        // The operator removes the records, or the newer filters are gone and their state is deleted.
        fleet.store.wipe();
        fleet.run(16);
        assert_eq!(fleet.shares(), [Some(1000); 2], "{:#?}", fleet.events());
    }

    #[test]
    fn evidence_of_another_epoch_does_not_count<S: TestStore>() {
        let mut fleet = begun::<S>(2);
        for unit in 0..50 {
            fleet.observe(0, observation(unit, Epoch::new(77), Version::Green, true));
            fleet.observe(0, observation(unit, Epoch::MANUAL, Version::Green, true));
        }
        fleet.run(8);
        assert_eq!(units(&fleet), 0);
        assert_eq!(fleet.shares(), [Some(1000); 2]);
    }

    #[test]
    fn a_rollback_by_the_configuration_reaches_all<S: TestStore>() {
        let mut fleet = begun::<S>(3);
        let mut rolled_back = ramp();
        rolled_back["rolled_back"] = json!(true);
        fleet.configure(1, &rolled_back);
        fleet.run(6);
        assert_eq!(fleet.shares(), [Some(0); 3]);
    }

    /// The outbox that the instance has written is consumed, and deleted once the instance is gone. When
    /// it comes back, it does not know either.
    #[test]
    fn an_instance_that_comes_back_after_a_long_time_hands_nothing_over_twice<S: TestStore>() {
        let mut fleet = begun::<S>(2);
        let decider = fleet.decider();
        let other = 1 - decider;
        for unit in 0..50 {
            fleet.request(other, unit, false);
        }
        while !fleet.envoys[other].instance.has_pending() {
            fleet.now_ms += 500;
            fleet.begin_step(other);
            while fleet.poll(other) {}
        }
        // More than ten minutes.
        for half_second in 0..1300 {
            fleet.now_ms += 500;
            if half_second % 4 == 0 {
                fleet.request(decider, 1000 + half_second, false);
            }
            fleet.begin_step(decider);
            while fleet.poll(decider) {}
        }
        fleet.run(60);
        let state = fleet.state();
        let total = |counts: (u64, u64)| counts.1;
        let requests: u64 =
            state.evidence.steps.iter().map(|it| total(super::super::fleet::counts(it))).sum();
        assert_eq!(requests, 50 + 325, "{:#?}", fleet.events());
        assert!(!fleet.envoys[other].instance.has_pending());
    }

    #[test]
    fn a_rollback_of_an_envoys_own_ramp_is_carried_over_into_a_new_fleet<S: TestStore>() {
        let mut fleet = Fleet::<S>::new(2);
        let state = rolled_back_alone::<S>();
        fleet.envoys.iter_mut().for_each(|envoy| envoy.own_state = Some(state.clone()));
        fleet.run(12);
        assert_eq!(fleet.shares(), [Some(0); 2], "{:#?}", fleet.events());
        assert_eq!(fleet.state().phase, Phase::RolledBack);
        traffic(&mut fleet, 60, 5, &mut 0, 0);
        assert_eq!(fleet.shares(), [Some(0); 2]);
    }

    #[test]
    fn a_rollback_of_an_own_ramp_is_carried_over_by_an_envoy_that_joins_later<S: TestStore>() {
        let state = rolled_back_alone::<S>();
        let mut fleet = begun::<S>(2);
        fleet.start();
        fleet.envoys[2].own_state = Some(state.clone());
        fleet.begin_step(2);
        while fleet.poll(2) {}
        assert_eq!(fleet.shares(), [Some(1000), Some(1000), Some(0)], "{:#?}", fleet.events());
        fleet.run(8);
        assert_eq!((fleet.shares(), fleet.state().phase), (vec![Some(0); 3], Phase::RolledBack));
        // The operator starts the ramp again. The rollback from before counts no more, also for a worker
        // that takes over in that Envoy.
        start_again(&mut fleet);
        fleet.run(8);
        assert_eq!(fleet.shares(), [Some(1000); 3], "{:#?}", fleet.events());
        fleet.restart(2);
        fleet.envoys[2].own_state = Some(state);
        fleet.run(8);
        assert_eq!(fleet.shares(), [Some(1000); 3], "{:#?}", fleet.events());
    }

    #[test]
    fn an_instance_that_gets_another_name_hands_over_all_of_its_evidence_once<S: TestStore>() {
        let mut fleet = begun::<S>(2);
        let mut unit = 0;
        traffic(&mut fleet, 4, 5, &mut unit, 0);
        for number in 0..4 {
            // What is gathered and not handed over yet goes with it.
            for _ in 0..10 {
                unit += 1;
                fleet.request(1, unit, false);
            }
            fleet.collect(1);
            let id = InstanceId { name: format!("renamed-{number}"), boot: 100 + number };
            // New evidence keeps the outbox busy.
            let mut is_renamed = false;
            for _ in 0..20 {
                is_renamed |= !is_renamed && fleet.rename(1, &id);
                unit += 1;
                fleet.request(1, unit, false);
                fleet.run(1);
            }
            assert!(is_renamed, "{number}");
            fleet.run(20);
            assert_eq!(units(&fleet), unit, "{:#?}", fleet.events());
        }
        assert_eq!(fleet.shares(), [Some(1000); 2]);
    }

    /// It knows what its former name knew: a store that has lost the rollback does not begin the ramp again.
    #[test]
    fn an_instance_that_gets_another_name_keeps_a_rollback_that_the_store_loses<S: TestStore>() {
        let mut fleet = begun::<S>(1);
        traffic_until(&mut fleet, Phase::RolledBack, 20, &mut 0, 2);
        let id = InstanceId { name: "renamed".to_owned(), boot: 100 };
        let mut is_renamed = false;
        for _ in 0..20 {
            is_renamed = is_renamed || fleet.rename(0, &id);
            if is_renamed {
                break;
            }
            fleet.run(1);
        }
        assert!(is_renamed);
        fleet.store.wipe();
        for _ in 0..60 {
            fleet.run(1);
            assert_eq!(fleet.shares(), [Some(0)], "{:#?}", fleet.events());
        }
        assert_eq!(fleet.state().phase, Phase::RolledBack);
    }

    /// Another worker of the Envoy talks to the store from then on. What this one has gathered is not lost.
    #[test]
    fn a_worker_that_does_not_talk_to_the_store_any_more_hands_over_what_it_has<S: TestStore>() {
        let mut fleet = begun::<S>(2);
        let decider = fleet.decider();
        let other = 1 - decider;
        for unit in 0..30 {
            fleet.request(other, unit, false);
        }
        fleet.collect(other);
        for _ in 0..20 {
            fleet.now_ms += 500;
            for index in [decider, other] {
                if index == decider || fleet.envoys[other].instance.has_pending() {
                    fleet.begin_step(index);
                }
                while fleet.poll(index) {}
            }
        }
        assert_eq!(units(&fleet), 30, "{:#?}", fleet.events());
    }

    #[test]
    fn another_interval_is_in_force_at_once<S: TestStore>() {
        let mut fleet = begun::<S>(2);
        let calls = |fleet: &mut Fleet<S>| {
            fleet.store.take_calls();
            fleet.run(240);
            fleet.store.take_calls().0
        };
        let before = calls(&mut fleet);
        for envoy in &fleet.envoys {
            envoy.instance.set_interval_ns(10 * SECOND_NS);
        }
        let after = calls(&mut fleet);
        assert!(after * 5 < before && after > 0, "{after} after {before}");
        for envoy in &fleet.envoys {
            envoy.instance.set_interval_ns(SECOND_NS);
        }
        assert!(calls(&mut fleet) > before / 2);
    }

    #[test]
    fn all_agree_on_the_time_although_their_clocks_differ<S: TestStore>() {
        let mut fleet = begun::<S>(3);
        let began = fleet.now_ms;
        traffic(&mut fleet, 16, 20, &mut 0, 0);
        assert_eq!(fleet.state().step.get(), 0, "the bake time of ten seconds is not over");
        for index in [0, 1, 2] {
            if index == fleet.decider() {
                fleet.stop(index);
                break;
            }
        }
        let mut unit = 1_000_000;
        while fleet.state().step.get() == 0 {
            traffic(&mut fleet, 1, 20, &mut unit, 0);
            assert!(fleet.now_ms - began < 60_000);
        }
        assert_eq!(Share::ALL.basis_points(), 10_000);
    }

    #[instantiate_tests(<FaultyStore>)]
    mod that_orders_writes {}

    #[instantiate_tests(<FaultyApi>)]
    mod in_kubernetes {}
}
