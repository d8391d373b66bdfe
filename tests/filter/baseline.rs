//! The baseline of a ramp: who gets which version in it, and what is observed. On the host emulator.

use serde_json::json;
use verdigris::assignment::Version;
use verdigris::rollout::HoldReason;

use crate::ramp_vms::{RampVms, long_ramp_with};

const BASELINE_S: u64 = 600;

fn start() -> RampVms {
    let gates = json!([{"metric": "error_rate"}, {"metric": "duration"}]);
    let ramp = json!({"baseline": "10m", "adjust": true, "gates": gates});
    let mut vms = RampVms::start_with(2, &long_ramp_with(&ramp));
    vms.tick_all();
    vms
}

#[test]
fn all_requests_go_to_blue_and_are_observed() {
    let mut vms = start();
    vms.send_from_new_users(1, 40, 0);
    assert_eq!((vms.stat("green_bp"), vms.stat("green.requests")), (0, 0));
    assert_eq!(vms.stat("blue.requests"), 40);
    vms.tick(1);
    let observations = vms.queued_observations();
    assert_eq!(observations.len(), 40);
    let state = vms.state();
    assert!(observations.iter().all(|it| it.version == Version::Blue && it.epoch == state.epoch));
    // They are no evidence of a step.
    vms.tick(0);
    assert_eq!((vms.queued_observations().len(), vms.evidence_units()), (0, 0));
    assert_eq!(vms.state().hold_reason, HoldReason::Baseline);
}

#[test]
fn it_ends_after_its_time_whichever_vm_leads() {
    let mut vms = start();
    vms.send_from_new_users(1, 10, 0);
    vms.advance_clock(BASELINE_S / 2);
    // The first VM does not tick any more, so the other one leads.
    vms.tick(1);
    assert!(vms.state().is_baseline());
    vms.advance_clock(BASELINE_S / 2 + 1);
    vms.tick(1);
    assert!(!vms.state().is_baseline(), "{}", vms.log());
    assert_eq!(vms.stat("green_bp"), 5_000);
    vms.tick_all();
    vms.send_from_new_users(1, 40, 0);
    vms.tick(1);
    assert!(vms.stat("green.requests") > 0 && vms.evidence_units() == 40, "{}", vms.log());
    assert!(vms.log().contains("the baseline has ended"), "{}", vms.log());
}
