//! The lease: of several VMs that share a ramp one is the leader, and any may disappear. On the
//! host emulator.

use serde_json::json;
use verdigris::assignment::UnitKey;
use verdigris::config::Config;
use verdigris::rollout::lease::Lease;
use verdigris::rollout::{Clocks, Phase, RampState};

use crate::host::Process;
use crate::proxy::{ROLLOUT, config, phase, shared_key};
use crate::ramp_vms::{NS_PER_SECOND, ROOT, RampVms, SECOND_ROOT, long_ramp, long_ramp_with};

#[test]
fn all_users_are_on_blue_until_the_leader_has_decided_and_all_vms_follow() {
    let mut vms = RampVms::start(3);
    vms.send_from_new_users(0, 20, 0);
    assert_eq!(vms.stat("green.requests"), 0);
    vms.tick(0);
    assert_eq!((vms.stat("green_bp"), vms.stat("phase")), (5000, phase::RAMPING));
    // The second VM is not the leader; its tick reads the share.
    vms.tick(1);
    vms.send_from_new_users(1, 20, 0);
    assert!(vms.stat("green.requests") > 0);
    assert_eq!(vms.log().matches("the ramp begins").count(), 1);
}

#[test]
fn a_unit_counts_once_whichever_vms_observe_it() {
    let mut vms = RampVms::start(3);
    vms.tick_all();
    for vm in 0..3 {
        vms.send_from_new_users(vm, 50, 0);
    }
    // Known users, at another VM.
    (1..=20).for_each(|user| vms.send(2, ROOT, user, 0));
    vms.tick_all();
    vms.tick(0);
    assert_eq!(vms.evidence_units(), 150);
}

/// The key of the units' hashes, in the shared data.
fn shared_unit_key(vms: &RampVms) -> Option<UnitKey> {
    let shared = vms.process.shared.lock().unwrap();
    let (bytes, _) = shared.data.get(&shared_key("unit_key"))?;
    UnitKey::from_bytes(bytes)
}

/// Nobody outside the process can compute by which hash the analysis knows a unit.
#[test]
fn all_vms_hash_units_with_one_random_key_of_the_process() {
    // The emulator's randomness depends on the number of VMs that the process has had.
    let keys = [0, 100].map(|vms| {
        let process = Process::default();
        process.shared.lock().unwrap().vms = vms;
        let mut vms = RampVms::start_in(process, 3, &long_ramp());
        let key = shared_unit_key(&vms).unwrap();
        vms.tick_all();
        (1..3).for_each(|vm| vms.send(vm, ROOT, 1, 0));
        (1..3).for_each(|vm| vms.tick(vm));
        let units: Vec<u64> = vms.queued_observations().iter().map(|it| it.unit).collect();
        assert_eq!(units, [key.hash(b"user-1"); 2]);
        key.hash(b"user-1")
    });
    assert_ne!(keys[0], keys[1]);
}

/// Two VMs that find no key at the same time keep the one that was written first.
#[test]
fn a_key_that_another_vm_has_just_written_is_kept() {
    let process = Process::default();
    let theirs = vec![5; UnitKey::LENGTH];
    process.shared.lock().unwrap().overtaking.insert(shared_key("unit_key"), theirs.clone());
    let mut vms = RampVms::start_in(process, 1, &long_ramp());
    assert!(shared_unit_key(&vms) == UnitKey::from_bytes(&theirs));
    vms.tick(0);
    vms.send(0, ROOT, 1, 0);
    vms.vms[0].end(ROOT);
    let units: Vec<u64> = vms.queued_observations().iter().map(|it| it.unit).collect();
    assert_eq!(units, [UnitKey::from_bytes(&theirs).unwrap().hash(b"user-1")]);
}

/// With a key of its own, a VM would count units of other VMs again.
#[test]
fn a_vm_without_the_key_reports_nothing_until_it_has_it() {
    let mut vms = RampVms::start(2);
    vms.tick_all();
    let without = vms.process.shared.lock().unwrap().data.remove(&shared_key("unit_key")).unwrap();
    vms.vms[1].refuse("proxy_set_shared_data", 2);
    vms.configure(1, SECOND_ROOT, &long_ramp());
    assert!(vms.log().contains("responses are not analysed"), "{}", vms.log());
    (1..=20).for_each(|user| vms.send(1, SECOND_ROOT, user, 0));
    vms.vms[1].tick(SECOND_ROOT);
    vms.tick(0);
    assert_eq!((vms.evidence_units(), vms.stat("blue.requests") > 0), (0, true));
    vms.process.shared.lock().unwrap().data.insert(shared_key("unit_key"), without);
    vms.vms[1].tick(SECOND_ROOT);
    for vm in 0..2 {
        let root = if vm == 0 { ROOT } else { SECOND_ROOT };
        (1..=20).for_each(|user| vms.send(vm, root, user, 0));
        vms.vms[vm].tick(root);
    }
    vms.tick(0);
    assert_eq!(vms.evidence_units(), 20, "{}", vms.log());
}

/// An equal control compares green's new units with as many of blue's.
#[test]
fn an_equal_control_leaves_the_rest_of_blue_out_of_the_evidence() {
    let mut vms = RampVms::start_with(
        1,
        &long_ramp_with(&json!({"control": "equal", "steps": [10, 20, 100]})),
    );
    vms.tick(0);
    vms.send_from_new_users(0, 1000, 0);
    vms.tick(0);
    let [blue, green] =
        ["blue", "green"].map(|version| vms.stat(&format!("{version}.evidence_units.s0")));
    assert_eq!(green, vms.stat("green.requests"));
    // 10 % of 1,000 users each, within four standard errors.
    assert!((62..=138).contains(&blue) && (62..=138).contains(&green), "{blue} {green}");
}

#[test]
fn another_vm_takes_over_from_a_leader_that_has_disappeared() {
    let mut vms = RampVms::start(3);
    vms.tick_all();
    vms.send_from_new_users(1, 100, 0);
    vms.tick(1);
    vms.tick(0);
    assert_eq!(vms.evidence_units(), 100);
    // The leader is not ticked until it returns below.
    vms.send_from_new_users(1, 50, 0);
    vms.tick(1);
    assert_eq!(vms.evidence_units(), 100, "the lease has not expired");
    vms.advance_clock(3);
    // The new leader knows each unit of the old one.
    (1..=100).for_each(|user| vms.send(2, ROOT, user, 0));
    vms.tick(2);
    assert_eq!(vms.evidence_units(), 150);
    assert_eq!((vms.stat("green_bp"), vms.stat("phase")), (5000, phase::RAMPING));
    assert_eq!(vms.log().matches("the ramp begins").count(), 1, "{}", vms.log());
    // The old leader returns and reads the current state.
    vms.advance_clock(3);
    vms.send_from_new_users(0, 50, 0);
    vms.tick(0);
    assert_eq!(vms.evidence_units(), 200);
}

#[test]
fn a_rollback_reaches_every_vm_within_one_tick() {
    let mut vms = RampVms::start(3);
    vms.tick_all();
    vms.send_from_new_users(2, 300, 30);
    (0..3).rev().for_each(|vm| vms.tick(vm));
    assert_eq!((vms.stat("green_bp"), vms.stat("phase")), (0, phase::ROLLED_BACK), "{}", vms.log());
    vms.tick_all();
    let before = vms.stat("green.requests");
    for vm in 0..3 {
        vms.send_from_new_users(vm, 30, 0);
    }
    assert_eq!(vms.stat("green.requests"), before);
    assert_eq!(vms.stat("blue.decisions_rolled_back"), 90);
}

#[test]
fn a_vm_whose_last_root_context_ends_publishes_its_observations() {
    let mut vms = RampVms::start(2);
    vms.tick_all();
    vms.send_from_new_users(1, 20, 0);
    vms.vms[1].end(ROOT);
    vms.tick(0);
    assert_eq!(vms.evidence_units(), 20);
}

/// Requests are answered whichever call of the shared data fails.
#[test]
fn without_shared_data_all_users_are_on_blue() {
    let calls = ["proxy_set_shared_data", "proxy_get_shared_data", "proxy_register_shared_queue"];
    for call in calls {
        let mut vms = RampVms::start(1);
        vms.vms[0].refuse(call, 2);
        vms.tick(0);
        vms.send_from_new_users(0, 20, 0);
        vms.tick(0);
        if call != "proxy_register_shared_queue" {
            assert_eq!(vms.stat("green.requests"), 0, "{call}");
        }
        assert_eq!(vms.stat("blue.requests") + vms.stat("green.requests"), 20, "{call}");
    }
}

#[test]
fn a_vm_without_a_clock_follows_the_share_in_force() {
    let mut vms = RampVms::start(2);
    vms.vms[1].refuse("proxy_get_current_time_nanoseconds", 2);
    vms.tick(0);
    vms.tick(1);
    vms.send_from_new_users(1, 20, 0);
    assert!(vms.stat("green.requests") > 0);
}

/// The test replays the queued observations into a native controller. After each tick the
/// native state has the same bytes as the state in the shared data.
#[test]
fn a_native_controller_makes_the_same_decisions_from_the_same_observations() {
    for (green_failure_percent, phase) in [(0, Phase::Promoted), (30, Phase::RolledBack)] {
        let config = config(json!({"ramp": {
            "steps": [25, 50, 100], "bake": "2s", "warmup": "0s", "timeout": "10s",
            "gates": [{"metric": "error_rate"}, {"metric": "duration"}],
        }}));
        let spec = Config::parse(config.to_string().as_bytes()).unwrap().ramp.unwrap();
        let mut vms = RampVms::start_with(3, &config);
        // The VM that is ticked first becomes the leader.
        vms.set_clock(NS_PER_SECOND / 2, true);
        vms.tick(0);
        let now = Clocks { monotonic_ns: NS_PER_SECOND / 2, unix_ms: 0 };
        let mut native = RampState::new(&spec, now);
        native.reconcile(&spec, now, &[]);
        for second in 1..=14 {
            vms.set_clock(second * NS_PER_SECOND, false);
            // The leader gets no requests, like a VM on Envoy's main thread.
            vms.send_from_new_users(1, 200, green_failure_percent);
            vms.send_from_new_users(2, 200, green_failure_percent);
            vms.set_clock(second * NS_PER_SECOND + NS_PER_SECOND / 2, true);
            (1..3).for_each(|vm| vms.tick(vm));
            let observations = vms.queued_observations();
            vms.tick(0);
            let monotonic_ns = second * NS_PER_SECOND + NS_PER_SECOND / 2;
            let now = Clocks { monotonic_ns, unix_ms: second * 1000 };
            native.reconcile(&spec, now, &observations);
            // Only the VMs store seen units in pieces of shared data.
            let mut shared = vms.state();
            shared.seen_units.clear();
            if observations.is_empty() {
                // The leader keeps the revision of a state that has not changed.
                native.revision = shared.revision;
            }
            let expected = postcard::to_allocvec(&native).unwrap();
            assert!(postcard::to_allocvec(&shared).unwrap() == expected, "{second}\n{}", vms.log());
            (1..3).for_each(|vm| vms.tick(vm));
        }
        assert_eq!(native.phase, phase, "{}", vms.log());
    }
}

/// Of two VMs that find no lease, one gets it.
#[test]
fn a_lease_that_another_vm_has_just_written_is_kept() {
    let process = Process::default();
    let theirs = Lease::new(7, NS_PER_SECOND).encode().to_vec();
    let key = format!("verdigris.{ROLLOUT}.lease");
    process.shared.lock().unwrap().overtaking.insert(key, theirs);
    let mut vms = RampVms::start_in(process, 1, &long_ramp());
    vms.tick(0);
    let has_state =
        |vms: &RampVms| vms.process.shared.lock().unwrap().data.contains_key(&shared_key("state"));
    assert!(!has_state(&vms), "{}", vms.log());
    vms.advance_clock(4);
    vms.tick(0);
    assert!(has_state(&vms), "{}", vms.log());
}
