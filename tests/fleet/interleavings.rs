//! Every order in which the calls of two instances take effect while both decide, with what can go wrong
//! with one call: no decision is made twice, and each request counts once.
//!
//! Instances share only the store, and reads do not change it. So two schedules that differ only in the order
//! of reads between two writes have the same result. Of such schedules only the one runs in which the first
//! instance reads first. A step of a schedule lasts from the effect of one call of an instance to the effect of
//! its next call.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use serde_json::json;
use verdigris::rollout::Phase;

use super::faulty_api::FaultyApi;
use super::faulty_store::FaultyStore;
use super::fleet::{Fleet, counts, ramp};
use super::network::{Call, Fate};
use super::test_store::TestStore;

/// The branches of one schedule. [`Self::next_schedule`] has all schedules come one after the other.
#[derive(Default)]
struct Branches {
    /// Each branch that was taken, with how many there are at this point.
    taken: Vec<(usize, usize)>,
    next: usize,
}

impl Branches {
    /// The branch to take where there are so many.
    fn choose(&mut self, count: usize) -> usize {
        if self.next == self.taken.len() {
            self.taken.push((0, count));
        }
        let (branch, known) = self.taken[self.next];
        assert_eq!(known, count, "a schedule runs as it did before");
        self.next += 1;
        branch
    }

    /// Continues with the next schedule. `false` after the last.
    fn next_schedule(&mut self) -> bool {
        // What was not reached is the same in all schedules that begin like this one.
        self.taken.truncate(std::mem::take(&mut self.next));
        while let Some((branch, count)) = self.taken.pop() {
            if branch + 1 < count {
                self.taken.push((branch + 1, count));
                return true;
            }
        }
        false
    }
}

/// What goes wrong in a schedule, at most once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    Nothing,
    /// A call meets one of the fates that it can have.
    Call,
    /// An instance is killed after one of its calls, and starts again.
    Kill,
}

/// The fates of a write. Those of a read differ only in whether there is an answer.
const WRITE_FATES: [Fate; 7] = [
    Fate::Answered,
    Fate::Refused,
    Fate::Lost,
    Fate::AnswerLost,
    Fate::Delayed,
    Fate::Repeated,
    Fate::RepeatedLate,
];
const READ_FATES: [Fate; 2] = [Fate::Answered, Fate::Lost];

/// Two instances that each have evidence to hand over, and of which each takes its turn to decide: the
/// deciding one was silent for long. Returns how many requests the step has had, too.
fn about_to_decide<S: TestStore>(is_bad: bool) -> (Fleet<S>, u64) {
    let mut ramp = ramp();
    (ramp["steps"], ramp["bake"]) = (json!([50, 80, 100]), json!("60s"));
    // So few requests show that green is safe.
    ramp["gates"] = json!([{"metric": "error_rate", "tolerance": 20}]);
    let mut fleet = Fleet::<S>::with_ramp(2, ramp);
    fleet.run(14);
    let mut requests = 0;
    let mut send = |fleet: &mut Fleet<S>, each: u64, is_bad: bool| {
        for unit in requests..requests + 2 * each {
            assert!(fleet.request((unit % 2) as usize, unit, is_bad && unit % 4 < 2));
        }
        requests += 2 * each;
    };
    // What is consumed before is enough to advance, once the bake time is over.
    send(&mut fleet, 30, false);
    fleet.run(6);
    send(&mut fleet, if is_bad { 40 } else { 5 }, is_bad);
    assert_eq!((fleet.state().step.get(), fleet.state().phase), (0, Phase::Ramping));
    fleet.events();
    fleet.now_ms += 62_000;
    (0..2).for_each(|index| fleet.begin_step(index));
    (fleet, requests)
}

/// Runs one schedule until both steps have ended. `false` if it is one that has run in another order.
fn run_schedule<S: TestStore>(
    fleet: &mut Fleet<S>,
    branches: &Rc<RefCell<Branches>>,
    trouble: Trouble,
) -> bool {
    if trouble == Trouble::Call {
        let (branches, mut is_over) = (Rc::clone(branches), false);
        fleet.store.with_fates(move |call| {
            let fates = if call == Call::Read { &READ_FATES[..] } else { &WRITE_FATES };
            let branch = if is_over { 0 } else { branches.borrow_mut().choose(fates.len()) };
            is_over |= branch > 0;
            fates[branch]
        });
    }
    let mut stepping = vec![0, 1];
    let mut may_kill = trouble == Trouble::Kill;
    let mut before = None;
    while !stepping.is_empty() {
        let branch = branches.borrow_mut().choose(stepping.len());
        let index = stepping[branch];
        // The answer arrives, and the next call takes effect.
        fleet.store.network().last.take();
        fleet.poll(index);
        let is_stepping = fleet.poll(index);
        match (before, fleet.store.network().last.take()) {
            (Some((other, Call::Read)), Some(Call::Read)) if other > index => return false,
            // A step ends by itself after its last call.
            (Some((other, _)), None) if other != index => return false,
            (_, None) => {}
            (_, Some(call)) => before = Some((index, call)),
        }
        if !is_stepping {
            stepping.remove(branch);
        } else if may_kill && branches.borrow_mut().choose(2) == 1 {
            may_kill = false;
            fleet.restart(index);
            stepping.remove(branch);
        }
    }
    // A delayed write arrives after both steps, or after the ones that follow.
    if !fleet.store.network().delayed.borrow().is_empty() {
        fleet.store.network().fate.take();
        if branches.borrow_mut().choose(2) == 1 {
            fleet.run(2);
        }
        fleet.store.deliver_delayed(0);
    }
    fleet.store.heal();
    true
}

/// Lets all evidence be handed over, and all instances follow. It takes longest where one takes over from
/// another that was killed.
fn settle<S: TestStore>(fleet: &mut Fleet<S>, share: u32) {
    for _ in 0..60 {
        fleet.run(1);
        let is_pending = fleet.envoys.iter().any(|it| it.instance.has_pending());
        if !is_pending && fleet.shares() == [Some(share); 2] {
            break;
        }
    }
    fleet.run(4);
}

/// The decisions that were reported are those in the log, each once, and all instances agree.
fn check<S: TestStore>(fleet: &Fleet<S>, requests: u64, is_bad: bool, trouble: Trouble) {
    let state = fleet.state();
    let log: Vec<_> = state.log.iter().map(ToString::to_string).collect();
    let events = fleet.events();
    let reported: Vec<_> =
        events.iter().filter_map(|it| Some(it.split_once(" decided ")?.1)).collect();
    let distinct: BTreeSet<_> = reported.iter().collect();
    assert_eq!(distinct.len(), reported.len(), "{events:#?}");
    assert!(reported.iter().all(|it| log.iter().any(|line| line == it)), "{events:#?} {log:#?}");
    // The beginning, and the decision, which is reported unless the instance was killed before.
    assert_eq!(log.len(), 2, "{log:#?}");
    assert!(reported.len() == 1 || trouble == Trouble::Kill, "{events:#?} {log:#?}");
    assert_eq!(state.phase, if is_bad { Phase::RolledBack } else { Phase::Ramping });
    let (units, counted) = counts(state.evidence.steps.first().expect("the step's evidence"));
    assert_eq!(units, counted, "each unit has sent one request");
    if is_bad || trouble == Trouble::Kill {
        // After a rollback nothing counts, and what a killed instance has not handed over is lost.
        assert!(counted <= requests, "{counted} of {requests}");
    } else {
        assert_eq!(counted, requests);
    }
}

/// Runs all schedules. Returns how many there are.
fn run_all<S: TestStore>(is_bad: bool, trouble: Trouble) -> usize {
    let branches = Rc::<RefCell<Branches>>::default();
    let mut schedules = 0;
    loop {
        let (mut fleet, requests) = about_to_decide::<S>(is_bad);
        if run_schedule(&mut fleet, &branches, trouble) {
            schedules += 1;
            let share = if is_bad { 0 } else { 8_000 };
            settle(&mut fleet, share);
            assert_eq!(fleet.shares(), [Some(share); 2], "{:#?}", fleet.events());
            check(&fleet, requests, is_bad, trouble);
        }
        if !branches.borrow_mut().next_schedule() {
            return schedules;
        }
    }
}

/// All schedules of a good and of a bad green. Returns how many there are of each.
fn schedules<S: TestStore>(trouble: Trouble) -> [usize; 2] {
    [false, true].map(|is_bad| run_all::<S>(is_bad, trouble))
}

/// The counts change with the calls that a decision takes; docs/explanation/fleet.md has them.
mod on_a_store_that_orders_writes {
    use super::*;

    #[test]
    fn every_call_is_answered() {
        assert_eq!(schedules::<FaultyStore>(Trouble::Nothing), [102, 102]);
    }

    #[test]
    fn one_call_meets_each_of_its_fates() {
        assert_eq!(schedules::<FaultyStore>(Trouble::Call), [2750, 2750]);
    }

    #[test]
    fn one_instance_is_killed_after_each_of_its_calls() {
        assert_eq!(schedules::<FaultyStore>(Trouble::Kill), [874, 874]);
    }
}

mod in_kubernetes {
    use super::*;

    #[test]
    fn every_call_is_answered() {
        assert_eq!(schedules::<FaultyApi>(Trouble::Nothing), [48, 48]);
    }

    #[test]
    fn one_call_meets_each_of_its_fates() {
        assert_eq!(schedules::<FaultyApi>(Trouble::Call), [1041, 1041]);
    }

    #[test]
    fn one_instance_is_killed_after_each_of_its_calls() {
        assert_eq!(schedules::<FaultyApi>(Trouble::Kill), [252, 252]);
    }
}
