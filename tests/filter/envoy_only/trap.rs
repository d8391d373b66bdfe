//! What Envoy does about a trap, which no input is known to cause: a build that
//! traps on a marked request stands in for a bug.

use crate::artifacts;
use crate::envoy::process::wait_for;
use crate::envoy::{Envoy, Setup, filter_yaml};
use crate::proxy::{Proxy as _, Request, counter, weights};

/// So many that no worker is without one.
const STREAMS: usize = 24;

fn trapping_envoy(workers: u32) -> Envoy {
    let filter = filter_yaml(&weights(0, 1));
    let envoy = Envoy::start_with(&Setup {
        filter: Some(&filter),
        wasm: artifacts::trapping_wasm(),
        workers,
        ..Setup::default()
    });
    envoy.wait_until_vms_can_be_replaced();
    envoy
}

fn trap(envoy: &Envoy) {
    let marked = Request::of("ada").header("x-verdigris-trap", "1");
    let answer = envoy.get("/", &marked).unwrap();
    assert_eq!(answer.status(), 503, "the request that traps is lost");
}

#[test]
fn a_trap_costs_its_workers_open_streams_and_nothing_later() {
    let mut envoy = trapping_envoy(2);
    let streams: Vec<_> = (0..STREAMS)
        .map(|user| envoy.get("/hold", &Request::of(format!("stream-{user}"))).unwrap())
        .collect();
    trap(&envoy);
    for request in 0..50 {
        let answer = envoy.answer_on_a_new_connection();
        let got = (answer.status, answer.version.as_str());
        assert_eq!(got, (200, "green"), "request {request} after the trap");
    }
    for upstream in &envoy.upstreams {
        upstream.release();
    }
    let cut = streams.into_iter().filter_map(|stream| stream.text().err()).count();
    println!("{cut} of {STREAMS} open streams on two workers were cut");
    assert!((1..STREAMS).contains(&cut), "a trap is felt by its own worker's streams");
    assert_eq!(envoy.stat("wasm.verdigris.vm_reload_success"), Some(1));
    // The new VM counts on from where the old one was; the trapped request is not
    // in it.
    let green = envoy.stat(&counter("green", "requests")).unwrap();
    assert_eq!(green, 50 + STREAMS as u64);
}

#[test]
fn a_second_trap_within_a_second_fails_requests_until_the_second_is_over() {
    let envoy = trapping_envoy(1);
    // On a machine that is busy a second may pass before the second trap is felt.
    let failed = (0..20).find_map(|_| {
        trap(&envoy);
        assert_eq!(envoy.answer_on_a_new_connection().status, 200, "a new VM at once");
        trap(&envoy);
        let mut failed = 0;
        wait_for("a new VM", || {
            let served = envoy.answer_on_a_new_connection().status == 200;
            failed += u32::from(!served);
            served.then_some(())
        });
        envoy.wait_until_vms_can_be_replaced();
        (failed > 0).then_some(failed)
    });
    println!("{failed:?} requests of one client failed before the new VM served");
    assert!(failed.is_some());
    assert_eq!(envoy.answer_on_a_new_connection().version, "green");
}

#[test]
fn the_shipped_filter_has_no_trap_in_it() {
    let has_trap = |path| {
        let wasm = std::fs::read(path).unwrap();
        wasm.windows(16).any(|bytes| bytes == b"x-verdigris-trap")
    };
    assert!(has_trap(artifacts::trapping_wasm()));
    assert!(!has_trap(artifacts::filter_wasm()));
}
