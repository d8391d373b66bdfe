//! The state of a ramp: lost, and stored.

use serde_json::json;
use verdigris::assignment::{Epoch, Share};
use verdigris::rollout::{CommandKind, HoldReason, Phase};

use super::apply_command::weights;
use super::harness::RampHarness;
use super::{GOOD, ramp, ramp_with};

#[test]
fn a_ramp_without_the_state_it_should_have_waits_on_blue() {
    // One minute after its start a ramp has not lost anything: Envoy may just have started.
    let table = [("1970-01-01T00:59:00Z", Phase::Ramping), ("1970-01-01T00:57:00Z", Phase::Paused)];
    for (started, phase) in table {
        let mut ramp = RampHarness::new(ramp_with(json!({"started": started})));
        ramp.run(600, GOOD);
        if phase == Phase::Ramping {
            assert_eq!(ramp.phase(), Phase::Promoted);
            continue;
        }
        assert_eq!((ramp.phase(), ramp.state.hold_reason), (phase, HoldReason::StateLost));
        assert_eq!(ramp.share(), Share::ZERO);
        ramp.configure(ramp_with(json!({"started": started, "restart": "2"})));
        ramp.run(1, GOOD);
        assert_eq!((ramp.phase(), ramp.state.step.get()), (Phase::Ramping, 0));
    }
}

/// The instances of a fleet whose store has lost the ramp bring back a copy of its state.
#[test]
fn a_restored_state_waits_for_what_it_has_waited_for() {
    let restored = |ramp: &mut RampHarness| {
        let in_force = ramp.state.snapshot(ramp.spec());
        ramp.state = ramp.state.clone().restored(ramp.spec(), &in_force, ramp.now());
    };
    let lost = json!({"started": "1970-01-01T00:57:00Z"});
    for kind in [None, Some(weights(9, 1))] {
        let mut ramp = RampHarness::new(ramp_with(lost.clone()));
        ramp.run(10, GOOD);
        if let Some(kind) = kind {
            ramp.command(kind).unwrap();
        }
        let share = ramp.share();
        restored(&mut ramp);
        ramp.run(600, GOOD);
        assert_eq!((ramp.phase(), ramp.share()), (Phase::Paused, share), "{:#?}", ramp.log());
        if kind.is_some() {
            ramp.command(CommandKind::Resume).unwrap();
            ramp.run(10, GOOD);
        }
        assert_eq!(ramp.state.hold_reason, HoldReason::StateLost);
        assert_eq!(ramp.share(), Share::ZERO);
    }
    // The ramp has begun again since the copy was made.
    let mut ramp = RampHarness::new(ramp_with(lost));
    let old = ramp.state.clone();
    ramp.configure(ramp_with(json!({"restart": "2"})));
    ramp.run(1, GOOD);
    let in_force = ramp.state.snapshot(ramp.spec());
    ramp.state = old.restored(ramp.spec(), &in_force, ramp.now());
    assert_eq!((ramp.phase(), ramp.state.hold_reason), (Phase::Ramping, HoldReason::Bake));
}

#[test]
fn the_clock_of_a_restored_step_is_stopped_while_an_operators_share_is_in_force() {
    for (kind, counted_s) in [(weights(9, 1), 0), (CommandKind::Pause, 1000)] {
        let mut ramp = RampHarness::new(ramp());
        ramp.run(30, GOOD);
        ramp.command(kind).unwrap();
        let (in_force, hold_reason) = (ramp.state.snapshot(ramp.spec()), ramp.state.hold_reason);
        ramp.state = ramp.state.clone().restored(ramp.spec(), &in_force, ramp.now());
        assert_eq!(ramp.state.hold_reason, hold_reason);
        ramp.run(1000, GOOD);
        ramp.command(CommandKind::Resume).unwrap();
        let in_step_ns = ramp.state.time_in_step_ns(ramp.now());
        assert_eq!(in_step_ns, counted_s * 1_000_000_000, "{kind:?}");
    }
}

#[test]
fn a_decoded_state_continues_like_the_original() {
    let mut original = RampHarness::new(ramp());
    original.run(30, GOOD);
    let bytes = postcard::to_allocvec(&original.state).unwrap();
    let mut decoded = original.clone();
    decoded.state = postcard::from_bytes(&bytes).unwrap();
    original.run(700, GOOD);
    decoded.run(700, GOOD);
    assert_eq!(decoded.log(), original.log());
    assert_eq!(decoded.phase(), Phase::Promoted);
}

/// A ramp that a script restarts every few minutes reaches such numbers within a year.
#[test]
fn each_step_has_an_epoch_of_its_own_after_many_restarts() {
    let mut ramp = RampHarness::new(ramp());
    ramp.state.epoch = Epoch::new(u16::MAX.into());
    let first = ramp.state.epoch;
    ramp.run(61, GOOD);
    assert_eq!(ramp.state.step.get(), 1, "{:#?}", ramp.log());
    assert_ne!(ramp.state.epoch, first);
    let step_of = |epoch| ramp.state.step_of_epoch(epoch).map(|it| it.get());
    assert_eq!((step_of(first), step_of(ramp.state.epoch)), (Some(0), Some(1)));
}
