//! Envoys whose configuration names another store while their ramp runs.

use verdigris::rollout::{CommandKind, Phase};

use super::fleet::Fleet;
use super::test_store::TestStore;

/// The phase in force in each Envoy, with green's share in basis points.
fn in_force<S: TestStore>(fleet: &Fleet<S>) -> Vec<(Phase, u32)> {
    let of = |index| fleet.snapshot(index).map(|it| (it.phase, it.share.basis_points()));
    (0..fleet.envoys.len()).map(|index| of(index).unwrap()).collect()
}

/// Sends requests to Envoys for so many half seconds, so that each interval has a commit.
fn traffic<S: TestStore>(fleet: &mut Fleet<S>, half_seconds: u64, unit: &mut u64) {
    for _ in 0..half_seconds {
        for index in 0..fleet.envoys.len() {
            *unit += 1;
            fleet.request(index, *unit, false);
        }
        fleet.run(1);
    }
}

#[generic_tests::define]
mod on_a_store {
    use super::*;
    use crate::faulty_api::FaultyApi;
    use crate::faulty_store::FaultyStore;

    /// The first Envoy brings the ramp. The fleet that is left behind goes on, and knows later states.
    #[test]
    fn what_happens_in_the_other_store_stays_while_envoys_move_there_one_by_one<S: TestStore>() {
        for (command, phase) in
            [(CommandKind::Pause, Phase::Paused), (CommandKind::Rollback, Phase::RolledBack)]
        {
            let mut fleet = Fleet::<S>::new(3);
            let mut unit = 0;
            traffic(&mut fleet, 20, &mut unit);
            let (first, other) = (fleet.decider(), S::default());
            fleet.move_to(first, &other);
            traffic(&mut fleet, 40, &mut unit);
            fleet.command(first, command).unwrap();
            traffic(&mut fleet, 20, &mut unit);
            let share = if command == CommandKind::Pause { 1000 } else { 0 };
            let expected = (phase, share);
            assert_eq!(in_force(&fleet)[first], expected);
            for index in (0..3).filter(|it| *it != first) {
                assert_ne!(in_force(&fleet)[index], expected);
                fleet.move_to(index, &other);
                traffic(&mut fleet, 20, &mut unit);
                assert_eq!(in_force(&fleet)[index], expected, "{:#?}", fleet.events());
                assert_eq!(in_force(&fleet)[first], expected, "{:#?}", fleet.events());
            }
        }
    }

    /// A rollback in the store that is left behind counts in the other one, too.
    #[test]
    fn an_envoy_brings_a_rollback_into_the_store_that_it_moves_to<S: TestStore>() {
        let mut fleet = Fleet::<S>::new(2);
        let mut unit = 0;
        traffic(&mut fleet, 20, &mut unit);
        let other = S::default();
        fleet.move_to(0, &other);
        traffic(&mut fleet, 40, &mut unit);
        fleet.command(1, CommandKind::Rollback).unwrap();
        traffic(&mut fleet, 10, &mut unit);
        assert_eq!(in_force(&fleet)[1], (Phase::RolledBack, 0));
        fleet.move_to(1, &other);
        for _ in 0..20 {
            traffic(&mut fleet, 1, &mut unit);
            assert_eq!(in_force(&fleet)[1].1, 0, "{:#?}", fleet.events());
        }
        assert_eq!(in_force(&fleet), [(Phase::RolledBack, 0); 2]);
    }

    /// What a former fleet has left in the other store is older than what the Envoys know.
    #[test]
    fn a_fleet_that_has_ended_in_the_other_store_is_not_joined<S: TestStore>() {
        let mut former = Fleet::<S>::new(1);
        former.run(12);
        former.command(0, CommandKind::Promote).unwrap();
        let mut fleet = Fleet::<S>::new(2);
        fleet.run(60);
        for index in 0..2 {
            fleet.move_to(index, &former.store);
            for _ in 0..20 {
                fleet.run(1);
                assert_eq!(fleet.shares(), [Some(1000); 2], "{:#?}", fleet.events());
            }
        }
    }

    #[instantiate_tests(<FaultyStore>)]
    mod that_orders_writes {}

    #[instantiate_tests(<FaultyApi>)]
    mod in_kubernetes {}
}
