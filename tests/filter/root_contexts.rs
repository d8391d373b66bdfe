//! Several root contexts share a rollout after a reload, or a VM after a second rollout. On the
//! host emulator.

use serde_json::json;

use crate::host::Stream;
use crate::proxy::{config, phase};
use crate::ramp_vms::{ROOT, RampVms, SECOND_ROOT, long_ramp, long_ramp_with};

/// Two filters with the same `vm_id` share their VMs.
#[test]
fn two_ramps_in_one_vm_both_advance() {
    let mut vms = RampVms::start(1);
    let mut other = long_ramp();
    other["rollout"] = json!("other");
    vms.configure(0, SECOND_ROOT, &other);
    for root in [ROOT, SECOND_ROOT] {
        vms.vms[0].tick(root);
    }
    assert_eq!((vms.stat("green_bp"), vms.stat_of_rollout("other", "green_bp")), (5000, 5000));
    // A later tick of one ramp does not delay the other.
    vms.send_from_new_users(0, 20, 0);
    for root in [SECOND_ROOT, ROOT] {
        vms.vms[0].tick(root);
    }
    assert_eq!(vms.evidence_units(), 20);
}

/// If a configuration returns while a stream of its root context is open, Envoy uses that root
/// context again without configuring it.
#[test]
fn a_reused_root_context_follows_the_ramp() {
    let mut vms = RampVms::start(2);
    vms.tick_all();
    vms.vms[1].begin_stream(9, ROOT, Stream::default());
    vms.configure(1, SECOND_ROOT, &long_ramp_with(&json!({"timeout": "20h"})));
    vms.vms[1].tick(SECOND_ROOT);
    vms.vms[1].end(SECOND_ROOT);
    vms.tick(0);
    vms.send_from_new_users(0, 300, 50);
    vms.tick(0);
    assert_eq!(vms.stat("phase"), phase::ROLLED_BACK, "{}", vms.log());
    // The second VM's tick reads the rollback before its next stream begins.
    vms.tick(1);
    let before = vms.stat("green.requests");
    vms.send_from_new_users(1, 30, 0);
    assert_eq!(vms.stat("green.requests"), before);
}

/// Copies and attempts are on their way while another configuration replaces theirs.
#[test]
fn a_copy_or_an_attempt_is_no_user_s_request_under_the_next_configuration() {
    let next = config(json!({"weights": {"blue": 1, "green": 0}, "answers": {}}));
    let mut with_shadow = next.clone();
    with_shadow["shadow"] = json!({"percent": 100});
    let mut with_failover = next.clone();
    with_failover["versions"]["green"]["failover"] = json!({"cluster": "llm-green-failover"});
    for (before, role) in [(with_shadow, "shadow"), (with_failover, "green")] {
        let mut vms = RampVms::start_with(1, &before);
        vms.configure(0, SECOND_ROOT, &next);
        let request = Stream::request("GET", "/a", &[("x-user-id", "ada")]);
        let request = Stream { role: Some(role), ..request };
        let sent = vms.vms[0].run_stream(10, SECOND_ROOT, request);
        assert_eq!(sent.get("x-verdigris-cluster"), Some(&b"llm-green"[..]), "{role}");
        let requests = (vms.stat("blue.requests"), vms.stat("green.requests"));
        assert_eq!(requests, (0, 0), "{role}");
    }
}

/// Envoy ticks all root contexts.
#[test]
fn only_the_newest_root_context_of_a_rollout_acts() {
    let mut vms = RampVms::start(1);
    vms.tick(0);
    vms.configure(0, SECOND_ROOT, &long_ramp_with(&json!({"paused": true})));
    vms.tick(0);
    assert_eq!(vms.stat("phase"), phase::RAMPING);
    vms.vms[0].tick(SECOND_ROOT);
    assert_eq!(vms.stat("phase"), phase::PAUSED, "{}", vms.log());
    vms.tick(0);
    assert_eq!(vms.stat("phase"), phase::PAUSED, "{}", vms.log());
}

#[test]
fn all_observations_after_a_restart_of_the_ramp_are_counted() {
    let mut vms = RampVms::start(1);
    vms.tick(0);
    vms.send_from_new_users(0, 100, 0);
    vms.tick(0);
    vms.configure(0, SECOND_ROOT, &long_ramp_with(&json!({"restart": "2"})));
    vms.vms[0].tick(SECOND_ROOT);
    // More observations than before the restart, all in one tick.
    for user in 101..=400 {
        vms.send(0, SECOND_ROOT, user, 0);
    }
    vms.vms[0].tick(SECOND_ROOT);
    assert_eq!(vms.evidence_units(), 400);
}

#[test]
fn evidence_of_one_gate_does_not_count_for_another() {
    let mut vms = RampVms::start(1);
    vms.tick(0);
    vms.send_from_new_users(0, 300, 50);
    vms.tick(0);
    assert_eq!(vms.stat("phase"), phase::ROLLED_BACK, "{}", vms.log());
    let errors = vms.stat("green.evidence_errors.s0");
    let gates = json!([{"metric": "abort_rate"}]);
    vms.configure(0, SECOND_ROOT, &long_ramp_with(&json!({"gates": gates})));
    (0..2).for_each(|_| vms.vms[0].tick(SECOND_ROOT));
    assert_eq!(vms.stat("green.evidence_errors.s0"), errors);
    assert_eq!(vms.stat("green.evidence_aborts.s0"), 0);
}

/// Two VMs. The first is the leader and keeps the previous configuration, as does a VM of an
/// older module or one with an open stream; the second has a configuration that pauses the ramp.
fn vms_with_an_outdated_leader() -> RampVms {
    let mut vms = RampVms::start(2);
    vms.tick_all();
    vms.configure(1, SECOND_ROOT, &long_ramp_with(&json!({"paused": true})));
    vms
}

#[test]
fn a_vm_with_an_outdated_configuration_does_not_decide() {
    let mut vms = vms_with_an_outdated_leader();
    for _ in 0..20 {
        vms.advance_clock(1);
        vms.tick(0);
        vms.vms[1].tick(SECOND_ROOT);
    }
    assert_eq!(vms.stat("phase"), phase::PAUSED, "{}", vms.log());
    let log = vms.log();
    assert_eq!(log.matches(" -> ").count(), 2, "the two VMs decide in turn: {log}");
}

/// A configuration can return in a VM in which it was never replaced. New streams of that VM
/// show that its configuration is the current one.
#[test]
fn a_vm_with_an_outdated_configuration_decides_once_new_streams_begin_in_it() {
    let mut vms = vms_with_an_outdated_leader();
    vms.advance_clock(3);
    vms.vms[1].tick(SECOND_ROOT);
    for _ in 0..2 {
        vms.tick(0);
        assert_eq!(vms.stat("phase"), phase::PAUSED, "{}", vms.log());
        vms.send_from_new_users(0, 1, 0);
    }
    vms.tick(0);
    // Now the other VM is the outdated one, and no longer renews its lease.
    for _ in 0..3 {
        vms.advance_clock(1);
        vms.vms[1].tick(SECOND_ROOT);
        vms.tick(0);
    }
    assert_eq!(vms.stat("phase"), phase::RAMPING, "{}", vms.log());
}

#[test]
fn a_vm_with_an_outdated_configuration_decides_if_no_other_vm_does() {
    let mut vms = vms_with_an_outdated_leader();
    vms.advance_clock(3);
    vms.vms[1].tick(SECOND_ROOT);
    vms.advance_clock(3);
    vms.tick(0);
    assert_eq!(vms.stat("phase"), phase::PAUSED, "{}", vms.log());
    vms.advance_clock(3);
    vms.tick(0);
    assert_eq!(vms.stat("phase"), phase::RAMPING, "{}", vms.log());
}

/// Envoy keeps the timer of a root context that it has deleted. So each reload would cost CPU until
/// Envoy ends.
#[test]
fn a_deleted_root_context_is_not_ticked() {
    const RELOADS: u32 = 50;
    let mut vms = RampVms::start(1);
    for reload in 1..=RELOADS {
        let (before, root) = (ROOT + 10 * (reload - 1), ROOT + 10 * reload);
        vms.configure(0, root, &long_ramp_with(&json!({"timeout": format!("{reload}h")})));
        vms.vms[0].end(before);
        assert_eq!(vms.vms[0].ticked_roots(), [root]);
    }
}

/// Streams of another rollout do not mean that Envoy has gone back to an earlier configuration.
#[test]
fn streams_of_two_rollouts_in_turn_do_not_read_shared_data() {
    let release = config(json!({"weights": {"blue": 1, "green": 1}, "conversation": {}}));
    let mut other = release.clone();
    other["rollout"] = json!("other");
    let mut vms = RampVms::start_with(1, &release);
    vms.configure(0, SECOND_ROOT, &other);
    for _ in 0..3 {
        for root in [ROOT, SECOND_ROOT] {
            vms.vms[0].take_calls();
            let request = Stream::request("GET", "/a", &[("x-user-id", "ada")]);
            vms.vms[0].run_stream(10, root, request);
        }
    }
    let calls = vms.vms[0].take_calls();
    assert!(!calls.contains(&"proxy_get_shared_data"), "{calls:?}");
}
