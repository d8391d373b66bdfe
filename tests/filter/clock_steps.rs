//! The wall clock is set while conversations are open. On the host emulator, whose monotonic clock
//! goes on.

use serde_json::json;

use crate::host::Stream;
use crate::proxy::config;
use crate::ramp_vms::{ROOT, RampVms, SECOND_ROOT};

const CONVERSATIONS: usize = 27;
const HOUR_NS: i64 = 3_600_000_000_000;

/// An open conversation: its version, and the marker that its client has.
#[derive(Clone, Debug)]
struct Open {
    id: String,
    is_green: bool,
    marker: Vec<u8>,
}

/// Two VMs with these weights. Conversations keep theirs for half an hour.
fn start(blue: u64, green: u64) -> RampVms {
    RampVms::start_with(2, &weights(blue, green))
}

fn weights(blue: u64, green: u64) -> serde_json::Value {
    config(json!({
        "weights": {"blue": blue, "green": green},
        "conversation": {"drain": {"max_age": "30m"}},
    }))
}

/// Sends a request of a conversation. Returns whether green got it, and the new marker, if any.
fn send(
    vms: &mut RampVms,
    vm: usize,
    root: u32,
    id: &str,
    marker: &[u8],
) -> (bool, Option<Vec<u8>>) {
    let mut headers = vec![
        ("x-user-id".to_owned(), b"ada".to_vec()),
        ("x-conversation-id".to_owned(), id.as_bytes().to_vec()),
    ];
    if !marker.is_empty() {
        headers.push(("x-verdigris-began".to_owned(), marker.to_vec()));
    }
    let sent = vms.vms[vm].run_stream(100, root, Stream { headers, ..Stream::default() });
    let marker = sent.response.headers.iter().find(|(name, _)| name == "x-verdigris-began");
    let is_green = sent.get("x-verdigris-version") == Some(b"green");
    (is_green, marker.map(|(_, value)| value.clone()))
}

fn open(vms: &mut RampVms, root: u32, name: &str) -> Vec<Open> {
    let open = |number| {
        let id = format!("{name}-{number}");
        let (is_green, marker) = send(vms, number % 2, root, &id, b"");
        Open { id, is_green, marker: marker.expect("a new conversation gets a marker") }
    };
    (0..CONVERSATIONS).map(open).collect()
}

/// The conversations that another version answers now, in either VM.
fn moved(vms: &mut RampVms, root: u32, open: &[Open]) -> Vec<String> {
    let moves = |it: &&Open| {
        (0..2).any(|vm| send(vms, vm, root, &it.id, &it.marker) != (it.is_green, None))
    };
    open.iter().filter(moves).map(|it| it.id.clone()).collect()
}

/// The new weights are in force from their first stream on.
fn reload(vms: &mut RampVms, root: u32, blue: u64, green: u64) {
    (0..2).for_each(|vm| vms.configure(vm, root, &weights(blue, green)));
    send(vms, 0, root, "first", b"");
    vms.advance_clock(5);
}

fn green(open: &[Open]) -> usize {
    open.iter().filter(|it| it.is_green).count()
}

#[test]
fn no_conversation_moves_when_the_wall_clock_is_set() {
    for step_ns in [-HOUR_NS, HOUR_NS, -400 * 24 * HOUR_NS] {
        let mut vms = start(50, 50);
        vms.advance_clock(500 * 24 * 3600);
        let before = open(&mut vms, ROOT, "before");
        assert!((5..CONVERSATIONS - 5).contains(&green(&before)), "{before:?}");
        vms.process.shared.lock().unwrap().wall_step_ns = step_ns;
        assert_eq!(moved(&mut vms, ROOT, &before), [] as [&str; 0], "set by {step_ns} ns");
        // What begins after the step follows the share in force, and keeps it as well.
        let after = open(&mut vms, ROOT, "after");
        assert!((5..CONVERSATIONS - 5).contains(&green(&after)), "{after:?}");
        reload(&mut vms, SECOND_ROOT, 0, 1);
        let all = [before, after].concat();
        assert_eq!(moved(&mut vms, SECOND_ROOT, &all), [] as [&str; 0], "weights after the step");
        let newest = open(&mut vms, SECOND_ROOT, "newest");
        assert_eq!(green(&newest), CONVERSATIONS, "set by {step_ns} ns");
        // They are open for half an hour of real time.
        vms.advance_clock(1800);
        assert_eq!(moved(&mut vms, SECOND_ROOT, &all).len(), 2 * CONVERSATIONS - green(&all));
    }
}

/// A VM that Envoy makes after the step has the same time as those before.
#[test]
fn a_new_vm_dates_conversations_as_the_others_do() {
    let mut vms = start(50, 50);
    vms.advance_clock(500 * 24 * 3600);
    let before = open(&mut vms, ROOT, "before");
    vms.process.shared.lock().unwrap().wall_step_ns = -HOUR_NS;
    let mut new = RampVms::start_in(vms.process.clone(), 2, &weights(50, 50));
    assert_eq!(moved(&mut new, ROOT, &before), [] as [&str; 0]);
}
