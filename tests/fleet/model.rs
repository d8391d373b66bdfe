//! Random schedules of instances, requests and faults: nothing counts twice, and nothing is lost.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};
use verdigris::rollout::Phase;

use super::faulty_api::FaultyApi;
use super::faulty_store::FaultyStore;
use super::fleet::{Fleet, ramp};
use super::network::Fate;
use super::test_store::TestStore;

/// What happens next.
#[derive(Clone, Debug)]
enum Event {
    /// Half a second passes.
    Time,
    /// An instance begins a step, unless one is under way.
    Begin(usize),
    /// The step of an instance goes on to its next call.
    Continue(usize),
    /// The step of an instance ends at the call at which it is.
    GiveUp(usize),
    /// An instance is killed, and starts again.
    Restart(usize),
    /// Units send requests through an instance.
    Requests(usize, u64),
    /// A delayed write arrives.
    Deliver(usize),
}

const INSTANCES: usize = 3;
const MAX_REQUESTS: u64 = verdigris::analysis::period::MAX_REQUESTS;

fn event() -> impl Strategy<Value = Event> {
    let instance = 0..INSTANCES;
    prop_oneof![
        4 => Just(Event::Time),
        6 => instance.clone().prop_map(Event::Begin),
        24 => instance.clone().prop_map(Event::Continue),
        1 => instance.clone().prop_map(Event::GiveUp),
        4 => (instance, 0..40_u64).prop_map(|(index, unit)| Event::Requests(index, unit)),
        2 => (0..8_usize).prop_map(Event::Deliver),
    ]
}

fn event_or_restart() -> impl Strategy<Value = Event> {
    prop_oneof![40 => event(), 1 => (0..INSTANCES).prop_map(Event::Restart)]
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        10 => Just(Fate::Answered),
        1 => Just(Fate::Refused),
        1 => Just(Fate::Lost),
        2 => Just(Fate::AnswerLost),
        2 => Just(Fate::Delayed),
        1 => Just(Fate::Repeated),
        1 => Just(Fate::RepeatedLate),
    ]
}

/// A ramp that never leaves its first step.
fn long_step() -> Value {
    let mut ramp = ramp();
    ramp["bake"] = json!("24h");
    ramp
}

/// Runs a schedule. Returns how often each unit has sent a request that was assigned.
fn run<S: TestStore>(fleet: &mut Fleet<S>, events: &[Event]) -> BTreeMap<u64, u64> {
    let mut sent = BTreeMap::new();
    for event in events {
        match event {
            Event::Time => fleet.now_ms += 500,
            Event::Begin(index) => fleet.begin_step(*index),
            Event::Continue(index) => drop(fleet.poll(*index)),
            Event::GiveUp(index) => fleet.give_up(*index),
            Event::Restart(index) => fleet.restart(*index),
            Event::Requests(index, first) => {
                for unit in *first..first + 5 {
                    // More of a unit count only as far as the decider remembers the unit.
                    if sent.get(&unit) == Some(&MAX_REQUESTS) {
                        continue;
                    }
                    if fleet.request(*index, unit, unit.is_multiple_of(3)) {
                        *sent.entry(unit).or_default() += 1;
                    }
                }
            }
            Event::Deliver(index) => fleet.store.deliver_delayed(*index),
        }
    }
    sent
}

/// Lets the network recover, all delayed writes arrive, and everything that is pending be handed over.
fn settle<S: TestStore>(fleet: &mut Fleet<S>) {
    fleet.store.heal();
    (0..64).for_each(|index| fleet.store.deliver_delayed(index));
    fleet.run(60);
}

fn with_fates<S: TestStore>(fleet: &Fleet<S>, fates: Vec<Fate>) {
    let mut next = fates.into_iter().cycle();
    fleet.store.with_fates(move |_| next.next().unwrap_or(Fate::Answered));
}

/// Runs a schedule in one step. Returns how often each unit has sent a request, and how many units and
/// requests count in the end.
fn count_in_a_long_step<S: TestStore>(
    events: &[Event],
    fates: Vec<Fate>,
) -> (BTreeMap<u64, u64>, (u64, u64)) {
    let mut fleet = Fleet::<S>::with_ramp(INSTANCES, long_step());
    fleet.run(12);
    with_fates(&fleet, fates);
    let sent = run(&mut fleet, events);
    settle(&mut fleet);
    let stats = fleet.state().evidence.steps.first().cloned();
    (sent, stats.map_or((0, 0), |it| super::fleet::counts(&it)))
}

/// Each decision is made once: the log has no step twice, every decision that is reported is in the
/// log, and in the end all instances assign by the same share.
fn check_decisions<S: TestStore>(
    events: &[Event],
    fates: Vec<Fate>,
    is_bad: bool,
) -> Result<(), TestCaseError> {
    let mut fleet = Fleet::<S>::new(INSTANCES);
    fleet.run(12);
    with_fates(&fleet, fates);
    let mut unit = 100;
    for part in events.chunks(20) {
        run(&mut fleet, part);
        for index in 0..INSTANCES {
            for _ in 0..20 {
                unit += 1;
                fleet.request(index, unit, is_bad);
            }
        }
    }
    settle(&mut fleet);
    let state = fleet.state();
    let log: Vec<_> = state.log.iter().map(ToString::to_string).collect();
    let begins = log.iter().filter(|it| it.ends_with("the ramp begins")).count();
    prop_assert_eq!(begins, 1, "{:#?}", log);
    let mut advanced: Vec<_> =
        state.log.iter().map(|it| (it.from.green_bp, it.to.green_bp)).collect();
    advanced.retain(|(from, to)| from != to);
    let is_rising = advanced.iter().zip(advanced.iter().skip(1)).all(|(a, b)| a.1 == b.0);
    prop_assert!(is_rising, "{:#?}", log);
    let events = fleet.events();
    for decided in events.iter().filter_map(|it| it.split_once(" decided ")) {
        prop_assert!(log.iter().any(|it| it == decided.1), "{} is not in {:#?}", decided.1, log);
    }
    let mut reported: Vec<_> =
        events.iter().filter_map(|it| it.split_once(" decided ")).map(|it| it.1).collect();
    let count = reported.len();
    reported.sort_unstable();
    reported.dedup();
    prop_assert_eq!(reported.len(), count, "{:#?}", events);
    let shares = fleet.shares();
    prop_assert!(shares.iter().all(|it| *it == shares[0]), "{shares:?}");
    if is_bad {
        prop_assert_ne!(state.phase, Phase::Promoted);
    }
    Ok(())
}

/// The properties on a store, each with this many random schedules.
macro_rules! properties {
    ($name:ident, $store:ty, $cases:literal) => {
        mod $name {
            use super::*;

            proptest! {
                #![proptest_config(ProptestConfig { cases: $cases, ..ProptestConfig::default() })]

                /// However calls interleave, fail, are delayed or repeated: each request counts
                /// exactly once.
                #[test]
                fn each_request_counts_once(
                    events in vec(event(), 1..250),
                    fates in vec(fate(), 1..40),
                ) {
                    let (sent, (units, requests)) = count_in_a_long_step::<$store>(&events, fates);
                    prop_assert_eq!(units, sent.len() as u64);
                    prop_assert_eq!(requests, sent.values().sum::<u64>());
                }

                /// The same where instances are killed: what they had not handed over is lost, and
                /// still nothing counts twice.
                #[test]
                fn nothing_counts_twice_where_instances_are_killed(
                    events in vec(event_or_restart(), 1..250),
                    fates in vec(fate(), 1..40),
                ) {
                    let (sent, (units, requests)) = count_in_a_long_step::<$store>(&events, fates);
                    prop_assert!(units <= sent.len() as u64, "{units} of {}", sent.len());
                    prop_assert!(requests <= sent.values().sum::<u64>());
                }

                #[test]
                fn each_decision_is_made_once(
                    events in vec(event_or_restart(), 1..250),
                    fates in vec(fate(), 1..40),
                    is_bad in any::<bool>(),
                ) {
                    check_decisions::<$store>(&events, fates, is_bad)?;
                }
            }
        }
    };
}

properties!(on_a_store_that_orders_writes, FaultyStore, 3_400);
properties!(in_kubernetes, FaultyApi, 3_400);
