//! The state of a ramp: lost, and stored.

use serde_json::json;
use verdigris::assignment::{Epoch, Share};
use verdigris::rollout::{HoldReason, Phase};

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
