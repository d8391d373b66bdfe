//! How many calls a fleet makes, and how many bytes they have: docs/explanation/sizing.md has the table.
//!
//! The instances and the protocol are those of the filter. Requests are simulated, so that the figures
//! are the same on every machine.

use serde_json::json;

use super::faulty_api::FaultyApi;
use super::faulty_store::FaultyStore;
use super::fleet::{Fleet, SECOND_NS, ramp};
use super::test_store::TestStore;

/// What a fleet costs in a second.
#[derive(Clone, Copy, Debug)]
struct Cost {
    calls: f64,
    sent: f64,
    received: f64,
}

/// The cost of instances with this interval and so many requests a second of all, each user with
/// twenty requests, over a minute in which no step ends.
fn cost<S: TestStore>(instances: usize, interval_s: u64, rate: u64) -> Cost {
    const SECONDS: u64 = 60;
    let mut ramp = ramp();
    ramp["bake"] = json!("24h");
    let mut fleet = Fleet::<S>::with_interval(instances, ramp, interval_s * SECOND_NS);
    fleet.run(interval_s * 12);
    fleet.store.take_calls();
    let mut number = 0_u64;
    for _ in 0..SECONDS * 2 {
        for _ in 0..rate / 2 {
            number += 1;
            fleet.request((number % instances as u64) as usize, number / 20, false);
        }
        fleet.run(1);
    }
    let (calls, sent, received) = fleet.store.take_calls();
    let per_second = |it: u64| it as f64 / SECONDS as f64;
    Cost { calls: per_second(calls), sent: per_second(sent), received: per_second(received) }
}

#[test]
fn calls_and_bytes_of_a_fleet_are_bounded() {
    for (instances, rate) in [(3, 50), (3, 2000), (30, 500)] {
        let etcd = cost::<FaultyStore>(instances, 1, rate);
        let kubernetes = cost::<FaultyApi>(instances, 5, rate);
        println!("{instances} instances, {rate} requests a second: {etcd:.1?}, {kubernetes:.1?}");
        // An instance follows, and writes its outbox; now and then it reads what the page shows. The
        // deciding one lists, and commits.
        let n = instances as f64;
        assert!(etcd.calls < 3.0 * n + 3.0, "{etcd:?}");
        assert!(kubernetes.calls < (2.5 * n + 4.0) / 5.0, "{kubernetes:?}");
        // An observation has 64 bytes at most, in base64 85, written once and listed until it is replaced.
        let observations = rate as f64 * 85.0;
        assert!(kubernetes.sent < 1.5 * observations + 60_000.0, "{kubernetes:?}");
        assert!(kubernetes.received < 2.5 * observations + 20_000.0 * n, "{kubernetes:?}");
    }
}
