//! Traps of a VM. No input is known to cause one, so that these tests use a build that traps on
//! a marked request.

use super::console::{TOKEN, read_view};
use super::ramp_fixture::RAMP_TIMEOUT;
use crate::artifacts;
use crate::envoy::process::{wait_at_most, wait_for};
use crate::envoy::{Envoy, Setup, filter_yaml};
use crate::proxy::{Proxy as _, Request, counter, weights};

/// Enough streams that every worker has one.
const STREAMS: usize = 24;

fn trapping_envoy(workers: u32) -> Envoy {
    let filter = filter_yaml(&weights(0, 1));
    let envoy = Envoy::start_with(&Setup {
        filter: Some(&filter),
        wasm: artifacts::trapping_wasm(),
        workers,
        token: Some(TOKEN),
        ..Setup::default()
    });
    envoy.wait_until_vms_can_be_replaced();
    envoy
}

fn trap(envoy: &Envoy) {
    let marked = Request::from_user("ada").header("x-verdigris-trap", "1");
    let answer = envoy.send_to("/", &marked).unwrap();
    assert_eq!(answer.status(), 503, "the request that traps fails");
}

#[test]
fn a_trap_ends_the_open_streams_of_its_worker_only() {
    let mut envoy = trapping_envoy(2);
    let streams: Vec<_> = (0..STREAMS)
        .map(|user| envoy.send_to("/hold", &Request::from_user(format!("stream-{user}"))).unwrap())
        .collect();
    trap(&envoy);
    for request in 0..50 {
        let answer = envoy.send_on_new_connection();
        let got = (answer.status, answer.version.as_str());
        assert_eq!(got, (200, "green"), "request {request} after the trap");
    }
    for upstream in &envoy.upstreams {
        upstream.release_streams();
    }
    let truncated = streams.into_iter().filter_map(|stream| stream.text().err()).count();
    println!("{truncated} of {STREAMS} open streams on two workers were truncated");
    assert!((1..STREAMS).contains(&truncated), "only the streams of one worker are truncated");
    assert_eq!(envoy.stat("wasm.verdigris.vm_reload_success"), Some(1));
    // The counters keep their values; the request that trapped is not counted.
    let green = envoy.stat(&counter("green", "requests")).unwrap();
    assert_eq!(green, 50 + STREAMS as u64);
}

#[test]
fn requests_fail_after_a_second_trap_until_the_vm_may_be_replaced() {
    let envoy = trapping_envoy(1);
    // On a busy machine the VM may already be a second old at the second trap.
    let failed = (0..20).find_map(|_| {
        trap(&envoy);
        assert_eq!(envoy.send_on_new_connection().status, 200, "Envoy replaces the VM at once");
        trap(&envoy);
        let mut failed = 0;
        wait_for("a new VM", || {
            let served = envoy.send_on_new_connection().status == 200;
            failed += u32::from(!served);
            served.then_some(())
        });
        envoy.wait_until_vms_can_be_replaced();
        (failed > 0).then_some(failed)
    });
    println!("{failed:?} requests of one client failed before the new VM served");
    assert!(failed.is_some());
    assert_eq!(envoy.send_on_new_connection().version, "green");
}

/// The VM that has trapped cannot say that its rollout has ended.
#[test]
fn a_rollout_that_is_taken_out_after_a_trap_is_not_shown() {
    let envoy = trapping_envoy(2);
    trap(&envoy);
    assert_eq!(envoy.send_on_new_connection().status, 200);
    assert_eq!(read_view(&envoy).rollouts.len(), 1);
    let off = std::fs::read_to_string(artifacts::shipped("filter-off.yaml")).unwrap();
    envoy.write_filter(&off).unwrap();
    wait_at_most(RAMP_TIMEOUT, "no rollout", || {
        read_view(&envoy).rollouts.is_empty().then_some(())
    });
}

#[test]
fn the_shipped_filter_does_not_contain_the_trap() {
    let has_trap = |path| {
        let wasm = std::fs::read(path).unwrap();
        wasm.windows(16).any(|bytes| bytes == b"x-verdigris-trap")
    };
    assert!(has_trap(artifacts::trapping_wasm()));
    assert!(!has_trap(artifacts::filter_wasm()));
}
