//! Several workers of one Envoy: one of them talks to the store, and what it has decided stays in force
//! where another one takes over.

use serde_json::{Value, json};
use verdigris::rollout::{CommandKind, Phase};

use super::fleet::{Fleet, ramp};
use super::test_store::TestStore;

/// A ramp in which one Envoy rolls back alone when half of green's answers fail.
pub fn ramp_with_tripwire() -> Value {
    let mut ramp = ramp();
    ramp["tripwires"] =
        json!([{"metric": "error_rate", "limit": 0.5, "window": "30s", "minimum": 5}]);
    ramp
}

/// A fleet of two Envoys that has begun. The second one has another worker, the third index.
fn with_two_workers<S: TestStore>() -> Fleet<S> {
    let mut fleet = Fleet::<S>::with_ramp(2, ramp_with_tripwire());
    fleet.run(12);
    assert_eq!(fleet.start_worker(1), 2);
    fleet
}

/// Green fails requests of one Envoy.
pub fn fail_on_green<S: TestStore>(fleet: &mut Fleet<S>, index: usize) {
    for unit in 1000..1060 {
        fleet.request(index, unit, true);
    }
}

/// Lets some workers tick for half a second, each step until it ends.
pub fn run_only<S: TestStore>(fleet: &mut Fleet<S>, indexes: &[usize]) {
    fleet.now_ms += 500;
    for index in indexes {
        fleet.begin_step(*index);
        while fleet.poll(*index) {}
    }
}

#[generic_tests::define]
mod on_a_store {
    use super::*;
    use crate::faulty_api::FaultyApi;
    use crate::faulty_store::FaultyStore;

    /// A worker that has lost the lease hands over what it has left. It follows the fleet for that, and
    /// knows nothing of the rollback.
    #[test]
    fn a_worker_without_the_lease_does_not_take_a_local_rollback_back<S: TestStore>() {
        let mut fleet = with_two_workers::<S>();
        fleet.hand_over_lease(1, 2);
        fleet.run(4);
        fleet.store.go_down();
        (0..20).for_each(|unit| assert!(fleet.request(1, unit, false)));
        fleet.run(4);
        fleet.hand_over_lease(2, 1);
        fail_on_green(&mut fleet, 1);
        fleet.run(1);
        assert_eq!(fleet.shares(), [Some(1000), Some(0), Some(0)]);
        fleet.store.heal();
        assert!(fleet.envoys[2].instance.has_pending());
        for _ in 0..10 {
            run_only(&mut fleet, &[0, 2]);
            assert_eq!(fleet.shares()[1..], [Some(0); 2], "{:#?}", fleet.events());
        }
        fleet.run(8);
        assert_eq!(fleet.shares(), [Some(0); 3], "{:#?}", fleet.events());
        assert_eq!(fleet.state().phase, Phase::RolledBack);
    }

    #[test]
    fn another_worker_keeps_a_local_rollback_and_hands_it_over<S: TestStore>() {
        let mut fleet = with_two_workers::<S>();
        fleet.store.go_down();
        fail_on_green(&mut fleet, 1);
        fleet.run(1);
        assert_eq!(fleet.shares(), [Some(1000), Some(0), Some(0)]);
        fleet.stop(1);
        fleet.hand_over_lease(1, 2);
        fleet.run(4);
        fleet.store.heal();
        for _ in 0..20 {
            fleet.run(1);
            assert_eq!(fleet.shares()[1..], [Some(0); 2], "{:#?}", fleet.events());
        }
        assert_eq!(fleet.state().phase, Phase::RolledBack);
        // Once the fleet has it, it counts no more after the ramp was started again.
        let mut again = ramp_with_tripwire();
        again["restart"] = json!("2");
        [0, 2].iter().for_each(|index| fleet.configure(*index, &again));
        fleet.run(8);
        assert_eq!(fleet.shares(), [Some(1000); 3], "{:#?}", fleet.events());
        fleet.run(20);
        assert_eq!(fleet.shares(), [Some(1000); 3], "{:#?}", fleet.events());
    }

    /// A worker that takes over publishes what is in force, also where it has followed that before.
    #[test]
    fn a_worker_that_takes_over_publishes_what_it_follows<S: TestStore>() {
        let mut fleet = with_two_workers::<S>();
        fleet.hand_over_lease(1, 2);
        fleet.run(4);
        fleet.hand_over_lease(2, 1);
        fleet.command(0, CommandKind::Pause).unwrap();
        let weights = CommandKind::Weights(verdigris::assignment::Share::ALL);
        fleet.command(0, weights).unwrap();
        // The first worker is gone before it has learned that.
        fleet.stop(1);
        fleet.hand_over_lease(1, 2);
        fleet.run(2);
        assert_eq!(fleet.shares(), [Some(10_000); 3], "{:#?}", fleet.events());
    }

    #[test]
    fn the_rollback_of_an_own_ramp_counts_once_in_an_envoy<S: TestStore>() {
        let mut alone = Fleet::<S>::with_ramp(1, ramp_with_tripwire());
        alone.run(12);
        fail_on_green(&mut alone, 0);
        alone.run(8);
        let own_state = alone.state();
        assert_eq!(own_state.phase, Phase::RolledBack);
        let mut fleet = with_two_workers::<S>();
        fleet.envoys[1].own_state = Some(own_state.clone());
        fleet.envoys[2].own_state = Some(own_state.clone());
        fleet.restart(1);
        fleet.envoys[1].own_state = Some(own_state);
        let local = fleet.envoys[1].local.clone();
        fleet.envoys[2].local = local;
        fleet.run(8);
        assert_eq!(fleet.shares(), [Some(0); 3], "{:#?}", fleet.events());
        // The value of `restart` changes, and returns to what it was. The ramp begins again each time.
        let mut again = ramp_with_tripwire();
        again["restart"] = json!("2");
        for ramp in [again, ramp_with_tripwire()] {
            (0..3).for_each(|index| fleet.configure(index, &ramp));
            fleet.run(8);
            assert_eq!(fleet.shares(), [Some(1000); 3], "{:#?}", fleet.events());
        }
        fleet.hand_over_lease(1, 2);
        fleet.run(20);
        assert_eq!(fleet.shares(), [Some(1000); 3], "{:#?}", fleet.events());
    }

    /// A worker that did not talk to the store when its configuration was announced knows that it was.
    #[test]
    fn a_worker_that_takes_over_does_not_announce_a_replaced_configuration<S: TestStore>() {
        let mut fleet = with_two_workers::<S>();
        let with_first = |percent: u64| {
            let mut ramp = ramp_with_tripwire();
            ramp["steps"] = json!([percent, 50, 100]);
            ramp
        };
        fleet.configure(1, &with_first(20));
        fleet.run(8);
        assert_eq!(fleet.shares(), [Some(2000); 3], "{:#?}", fleet.events());
        fleet.configure(0, &with_first(30));
        fleet.run(8);
        assert_eq!(fleet.shares(), [Some(3000); 3], "{:#?}", fleet.events());
        fleet.hand_over_lease(1, 2);
        fleet.run(20);
        assert_eq!(fleet.shares(), [Some(3000); 3], "{:#?}", fleet.events());
    }

    #[instantiate_tests(<FaultyStore>)]
    mod that_orders_writes {}

    #[instantiate_tests(<FaultyApi>)]
    mod in_kubernetes {}
}
