//! Requests whose headers wait for a body that cannot come. On the host emulator.

use serde_json::json;

use crate::host::Stream;
use crate::patching::CHAT;
use crate::proxy::config;
use crate::ramp_vms::{NS_PER_SECOND, ROOT, RampVms};

/// As many as `src/filter/waiting_streams.rs` lets wait.
const MAX_WAITING: u32 = 1280;
/// How many of those a tick releases.
const MAX_RELEASED: usize = 128;

/// Begins a request; whether its headers wait for the body.
fn waits(vms: &mut RampVms, context: u32) -> bool {
    let headers =
        [("x-user-id", "ada"), ("content-type", "application/json"), ("content-length", "9")];
    let stream = Stream::request("POST", CHAT, &headers);
    let (waits, stream) = vms.vms[0].headers_may_wait(context, ROOT, stream);
    // Without a cluster of its own, the route sends it to blue.
    assert_eq!(stream.get("x-verdigris-cluster"), None);
    waits
}

fn start() -> RampVms {
    let release = config(json!({
        "weights": {"blue": 0, "green": 1},
        "conversation": {"id": {"pointer": "/conversation"}},
    }));
    RampVms::start_with(1, &release)
}

/// How many requests the next tick lets continue.
fn released(vms: &mut RampVms) -> usize {
    vms.vms[0].take_calls();
    vms.tick(0);
    let calls = vms.vms[0].take_calls();
    calls.iter().filter(|call| **call == "proxy_continue_stream").count()
}

fn lines(vms: &RampVms) -> usize {
    vms.log().matches("set allow_on_headers_stop_iteration: true").count()
}

#[test]
fn requests_that_wait_in_vain_do_not_pile_up() {
    let mut vms = start();
    vms.set_clock(NS_PER_SECOND, true);
    // Nothing is known yet: however many come at once, they wait.
    let first = 100..100 + 2 * MAX_WAITING;
    assert!(first.clone().all(|context| waits(&mut vms, context)));
    vms.set_clock(7 * NS_PER_SECOND, true);
    assert_eq!(released(&mut vms), MAX_RELEASED);
    // From now on, further ones go to blue at once.
    assert!(!waits(&mut vms, 9_000));
    for _ in 2..=20 {
        assert_eq!(released(&mut vms), MAX_RELEASED);
    }
    assert_eq!(lines(&vms), 1, "a line a minute");
    // All of them have continued: as many may wait as are released within the time that each waits.
    let later = 10_000..10_000 + MAX_WAITING;
    assert!(later.clone().all(|context| waits(&mut vms, context)));
    assert!(!waits(&mut vms, 20_000));
    // Once a body has come, it is known that bodies come.
    vms.vms[0].pass_request_piece(later.start, 5);
    assert!((30_000..30_100).all(|context| waits(&mut vms, context)));
    vms.set_clock(20 * NS_PER_SECOND, true);
    assert_eq!(released(&mut vms), 0);
}

/// docs/how-to/promote.md: the bootstrap still writes the cluster of the version before blue.
#[test]
fn a_request_that_has_waited_in_vain_goes_to_blue_whatever_the_bootstrap_writes() {
    let release = config(json!({
        "weights": {"blue": 0, "green": 1},
        "conversation": {"id": {"pointer": "/conversation"}},
        "default_cluster": "llm-old",
    }));
    let mut vms = RampVms::start_with(1, &release);
    vms.set_clock(NS_PER_SECOND, true);
    assert!(waits(&mut vms, 100));
    vms.set_clock(7 * NS_PER_SECOND, true);
    assert_eq!(released(&mut vms), 1);
    assert_eq!(vms.vms[0].stream().get("x-verdigris-cluster"), Some(&b"llm-blue"[..]));
}
