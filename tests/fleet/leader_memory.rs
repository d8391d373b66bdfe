//! What is in the deciding instance's memory alone: the past of units, and the units of a period. It survives
//! operators' commands and calls that fail, and no value counts twice in it.

use std::cell::Cell;

use serde_json::{Value, json};
use verdigris::analysis::{Measurements, Metric, Observation};
use verdigris::assignment::{Epoch, Version};
use verdigris::fleet::FleetRecord;
use verdigris::fleet::format::decode;
use verdigris::rollout::CommandKind;

use super::fleet::{Fleet, observation};
use super::network::Fate;
use super::test_store::TestStore;
use super::workers::run_only;

const UNITS: u64 = 20;

/// What a round of requests meets.
#[derive(Clone, Copy, Debug)]
enum Disturbance {
    Nothing,
    /// An operator's command comes after so many polls of the step that decides.
    CommandAfter(usize),
    /// The call with this number of that step has a fate.
    Call(usize, Fate),
}

/// Two Envoys. One decides, and the other one gets all requests.
struct Scene<S: TestStore> {
    fleet: Fleet<S>,
    decider: usize,
    round: u64,
    request: fn(&mut Fleet<S>, usize, u64, u64),
}

impl<S: TestStore> Scene<S> {
    fn new(ramp: Value, request: fn(&mut Fleet<S>, usize, u64, u64)) -> Self {
        let mut fleet = Fleet::with_ramp(2, ramp);
        fleet.run(12);
        let decider = fleet.decider();
        Self { fleet, decider, round: 0, request }
    }

    /// A request of each unit, and a decision that meets a disturbance.
    fn round(&mut self, disturbance: Disturbance) {
        let Self { fleet, decider, round, request } = self;
        let other = 1 - *decider;
        (0..UNITS).for_each(|unit| request(fleet, other, unit, *round));
        *round += 1;
        run_only(fleet, &[other]);
        run_only(fleet, &[other]);
        match disturbance {
            Disturbance::Nothing => run_only(fleet, &[*decider]),
            Disturbance::CommandAfter(polls) => {
                fleet.now_ms += 500;
                fleet.begin_step(*decider);
                for _ in 0..polls {
                    fleet.poll(*decider);
                }
                let kinds = [CommandKind::Pause, CommandKind::Resume];
                fleet.command(other, kinds[polls % 2]).unwrap();
                while fleet.poll(*decider) {}
            }
            Disturbance::Call(number, fate) => {
                let calls = Cell::new(0);
                fleet.store.with_fates(move |_| match calls.replace(calls.get() + 1) == number {
                    true => fate,
                    false => Fate::Answered,
                });
                run_only(fleet, &[*decider]);
                fleet.store.heal();
            }
        }
        fleet.run(3);
    }

    /// A round with each of these disturbances, after `before` has run.
    fn with(mut self, disturbances: &[Disturbance], before: impl FnOnce(&mut Self)) -> Self {
        before(&mut self);
        disturbances.iter().for_each(|it| self.round(*it));
        self.fleet.run(6);
        assert_eq!(self.fleet.decider(), self.decider);
        let events = self.fleet.events();
        let took_over = events.iter().filter(|it| it.contains("took over")).count();
        assert_eq!(took_over, 1, "{disturbances:?}: {events:#?}");
        self
    }
}

/// Series of as many disturbances each; the first one has none.
fn series() -> Vec<Vec<Disturbance>> {
    const ROUNDS: usize = 16;
    let fates = [Fate::Refused, Fate::Lost, Fate::AnswerLost, Fate::RepeatedLate];
    let calls = fates.map(|fate| (0..ROUNDS).map(|it| Disturbance::Call(it / 2, fate)).collect());
    let nothing = vec![Disturbance::Nothing; ROUNDS];
    let commands = (0..ROUNDS).map(Disturbance::CommandAfter).collect();
    [nothing, commands].into_iter().chain(calls).collect()
}

/// A request of a unit in a baseline. Units differ, and so do the values of one.
fn in_baseline<S: TestStore>(fleet: &mut Fleet<S>, index: usize, unit: u64, round: u64) {
    let Some(epoch) = fleet.snapshot(index).map(|it| it.epoch) else { return };
    let usual_ms = if unit < UNITS / 2 { 1_000.0 } else { 3_000.0 };
    let ms = usual_ms * if round.is_multiple_of(2) { 1.1 } else { 0.9 };
    let measurements = Measurements::default().with_value(Metric::Duration, ms);
    let observed = observation(unit, epoch, Version::Blue, false);
    fleet.observe(index, Observation { measurements, ..observed });
}

/// The units that the current step has seen, with their levels.
fn log_of_units<S: TestStore>(fleet: &Fleet<S>) -> Vec<u8> {
    let epoch: Epoch = fleet.state().epoch;
    let bytes = fleet.store.get(&FleetRecord::SeenUnits { epoch, chunk: 0 }).expect("no units");
    decode(&bytes).unwrap()
}

#[generic_tests::define]
mod on_a_store {
    use super::*;
    use crate::faulty_api::FaultyApi;
    use crate::faulty_store::FaultyStore;

    /// It takes hours to learn.
    #[test]
    fn the_past_of_units_survives<S: TestStore>() {
        let mut logs = Vec::new();
        for disturbances in series() {
            let ramp = json!({
                "steps": [50, 100], "baseline": "10m", "adjust": true, "bake": "24h",
                "warmup": "0s", "gates": [{"metric": "duration"}], "tripwires": [],
            });
            let scene = Scene::<S>::new(ramp, in_baseline);
            let mut fleet = scene
                .with(&disturbances, |it| {
                    (0..30).for_each(|_| it.round(Disturbance::Nothing));
                })
                .fleet;
            assert!(fleet.state().is_baseline());
            fleet.now_ms += 600_000;
            fleet.run(6);
            assert!(!fleet.state().is_baseline(), "{:#?}", fleet.events());
            (0..UNITS).for_each(|unit| in_baseline(&mut fleet, 0, unit, 0));
            fleet.run(6);
            let entries: usize = fleet.state().seen_units.iter().map(|it| it.entries).sum();
            // One entry has the unit, and one has its levels.
            assert_eq!(entries as u64, 2 * UNITS, "{disturbances:?}");
            logs.push((disturbances, log_of_units(&fleet)));
        }
        let (_, undisturbed) = logs[0].clone();
        for (disturbances, log) in logs {
            assert_eq!(log, undisturbed, "{disturbances:?}");
        }
    }

    /// Another one would take its part of alpha.
    #[test]
    fn a_period_survives<S: TestStore>() {
        let mut periods = Vec::new();
        for disturbances in series() {
            let ramp = json!({
                "steps": [50, 100], "bake": "24h", "timeout": "48h", "warmup": "0s",
                "gates": [{"metric": "error_rate", "critical": false}, {"metric": "duration"}],
                "tripwires": [],
            });
            // Each unit comes in two rounds, and counts once.
            let scene = Scene::<S>::new(ramp, |fleet, index, unit, round| {
                fleet.request(index, unit + round * UNITS / 2, true);
            });
            let fleet = scene
                .with(&disturbances, |it| {
                    it.fleet.now_ms += 31 * 60_000;
                    it.fleet.run(4);
                })
                .fleet;
            let evidence = serde_json::to_value(fleet.state().evidence).unwrap();
            periods.push((disturbances, evidence["period"].clone()));
        }
        let (_, undisturbed) = periods[0].clone();
        assert_eq!(undisturbed["number"], 1);
        for (disturbances, period) in periods {
            assert_eq!(period, undisturbed, "{disturbances:?}");
        }
    }

    #[instantiate_tests(<FaultyStore>)]
    mod that_orders_writes {}

    #[instantiate_tests(<FaultyApi>)]
    mod in_kubernetes {}
}
