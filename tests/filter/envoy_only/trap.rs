//! What Envoy does about a trap, which no input is known to cause: a build that
//! traps on a marked request stands in for a bug.

use reqwest::blocking::Client;

use crate::artifacts;
use crate::envoy::process::wait_for;
use crate::envoy::{Envoy, filter_yaml};
use crate::proxy::{Proxy as _, Request, counter, weights};

/// So many that no worker is without one.
const STREAMS: usize = 24;

/// A request over a connection of its own, so that in turn each worker gets one.
fn is_served_by_green(envoy: &Envoy) -> bool {
    let client = Client::builder().no_proxy().build().unwrap();
    let answer = client.get(&envoy.url).header("x-user-id", "ada").send();
    answer.is_ok_and(|answer| {
        answer.status() == 200 && answer.headers()["x-verdigris-version"] == "green"
    })
}

fn trap(envoy: &Envoy) {
    let marked = Request::of("ada").header("x-verdigris-trap", "1");
    let answer = envoy.get("/", &marked).unwrap();
    assert_eq!(answer.status(), 503, "the request that traps is lost");
}

#[test]
fn a_trap_costs_its_workers_open_streams_and_nothing_later() {
    let filter = filter_yaml(&weights(0, 1));
    let mut envoy = Envoy::start_with(Some(&filter), &artifacts::trapping_wasm());
    let streams: Vec<_> = (0..STREAMS)
        .map(|user| envoy.get("/hold", &Request::of(format!("stream-{user}"))).unwrap())
        .collect();

    // A VM is not made anew within a second of its making: see the next test.
    wait_for("the VMs to be older than that", || {
        (envoy.stat("server.uptime").unwrap() >= 3).then_some(())
    });
    trap(&envoy);
    for request in 0..50 {
        assert!(is_served_by_green(&envoy), "request {request} after the trap");
    }
    for upstream in &envoy.upstreams {
        upstream.release();
    }
    let cut = streams.into_iter().filter_map(|stream| stream.text().err()).count();
    println!("{cut} of {STREAMS} open streams were cut");
    assert!(cut > 0, "a trap is felt by its worker's streams");
    assert_eq!(envoy.stat("wasm.verdigris.vm_reload_success"), Some(1));
    // The new VM counts on from where the old one was; the trapped request is not
    // in it.
    let green = envoy.stat(&counter("green", "requests")).unwrap();
    assert_eq!(green, 50 + STREAMS as u64);
}

#[test]
fn a_second_trap_within_a_second_fails_requests_until_the_second_is_over() {
    let filter = filter_yaml(&weights(0, 1));
    let mut envoy = Envoy::start_with(Some(&filter), &artifacts::trapping_wasm());
    trap(&envoy);
    let mut failed = 0;
    wait_for("every worker to serve green again", || {
        let served = (0..20).filter(|_| is_served_by_green(&envoy)).count();
        failed += 20 - served;
        (served == 20).then_some(())
    });
    println!("{failed} requests failed before the new VM served");
    assert_eq!(envoy.stat("wasm.verdigris.vm_reload_success"), Some(1));
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
