//! The console shows the configuration that is in force, whichever VM runs it. On the host emulator.

use serde_json::json;
use verdigris::console::View;

use crate::artifacts;
use crate::host::{Process, Stream, Vm};
use crate::proxy::config;

const CONSOLE: u32 = 50;
const OLD: u32 = 1;
const NEW: u32 = 5;

/// The VM of a console, and one of rollouts only.
struct TwoVms {
    process: Process,
    wasm: Vec<u8>,
    console: Vm,
    other: Vm,
}

impl TwoVms {
    fn start() -> Self {
        let wasm = std::fs::read(artifacts::filter_wasm()).unwrap();
        let process = Process::default();
        let mut console = Vm::start(&wasm, &process);
        console.configure_plugin("console", CONSOLE, br#"{"role": "console"}"#).unwrap();
        let other = Vm::start(&wasm, &process);
        Self { process, wasm, console, other }
    }

    /// The first steps of the ramps that the console shows.
    fn first_steps(&mut self) -> Vec<u32> {
        let stream = Stream::request("GET", "/state.json", &[]);
        let (status, text) = self.console.run_stream(100, CONSOLE, stream).reply.unwrap();
        assert_eq!(status, 200, "{text}");
        let view: View = serde_json::from_str(&text).unwrap();
        assert_eq!(view.problems, [], "{view:#?}");
        let ramps = view.rollouts.into_iter().filter_map(|rollout| rollout.ramp);
        ramps.filter_map(|ramp| ramp.steps.first().map(|step| step.green_bp)).collect()
    }
}

/// A ramp that begins with this share, as text.
fn ramp(percent: u32) -> Vec<u8> {
    config(json!({"ramp": {"steps": [percent, 100], "bake": "1h"}})).to_string().into_bytes()
}

fn configure(vm: &mut Vm, root: u32, text: &[u8]) {
    vm.configure_plugin("verdigris", root, text).unwrap();
    vm.tick(root);
}

/// A new `.wasm` in filter.yaml alone, while a stream of the console's VM is open.
#[test]
fn a_root_context_that_only_streams_keep_does_not_hide_a_newer_configuration() {
    let mut vms = TwoVms::start();
    configure(&mut vms.console, OLD, &ramp(20));
    vms.console.begin_stream(9, OLD, Stream::default());
    assert_eq!(vms.first_steps(), [2_000]);
    configure(&mut vms.other, NEW, &ramp(30));
    // Until then the console's VM has the lease.
    vms.process.shared.lock().unwrap().clock += 3_000_000_000;
    vms.console.tick(OLD);
    vms.other.tick(NEW);
    assert_eq!(vms.first_steps(), [3_000]);
    vms.console.end(9);
    vms.console.end(OLD);
    assert_eq!(vms.first_steps(), [3_000]);
}

/// Envoy tries a configuration in a VM of its own, which it ends without a callback. Even if it has
/// passed, Envoy may reject the listener.
#[test]
fn a_configuration_that_was_only_tried_is_not_shown() {
    let mut vms = TwoVms::start();
    configure(&mut vms.other, OLD, &ramp(20));
    let mut trial = Vm::start(&vms.wasm, &vms.process);
    trial.configure_plugin("verdigris", NEW, &ramp(30)).unwrap();
    drop(trial);
    assert_eq!(vms.first_steps(), [2_000]);
}

/// Another VM has begun to run a configuration, and Envoy takes it back.
#[test]
fn a_configuration_that_ends_leaves_the_one_before_shown() {
    let mut vms = TwoVms::start();
    configure(&mut vms.other, OLD, &ramp(20));
    configure(&mut vms.other, NEW, &ramp(30));
    vms.other.end(NEW);
    // Streams begin under it.
    for context in 10..12 {
        vms.other.begin_stream(context, OLD, Stream::default());
        vms.other.tick(OLD);
    }
    assert_eq!(vms.first_steps(), [2_000]);
    vms.other.end(OLD);
    assert_eq!(vms.first_steps(), [0; 0]);
}

/// Envoy goes back to a configuration whose root context open streams have kept, without configuring
/// it: streams begin under it.
#[test]
fn a_configuration_that_returns_is_shown_again() {
    let mut vms = TwoVms::start();
    configure(&mut vms.other, OLD, &ramp(20));
    configure(&mut vms.other, NEW, &ramp(30));
    assert_eq!(vms.first_steps(), [3_000]);
    for context in 10..12 {
        vms.other.begin_stream(context, OLD, Stream::default());
        vms.other.tick(OLD);
    }
    assert_eq!(vms.first_steps(), [2_000]);
}

/// A VM that has trapped ends without a callback.
#[test]
fn a_configuration_whose_vms_have_failed_is_not_shown() {
    let mut vms = TwoVms::start();
    let mut failing = Vm::start(&vms.wasm, &vms.process);
    configure(&mut failing, OLD, &ramp(20));
    configure(&mut vms.other, OLD, &ramp(20));
    drop(failing);
    let advance = |vms: &TwoVms, seconds: u64| {
        vms.process.shared.lock().unwrap().clock += seconds * 1_000_000_000;
    };
    // The other VM runs it, and says so as long as it does.
    for _ in 0..10 {
        advance(&vms, 10);
        vms.other.tick(OLD);
        assert_eq!(vms.first_steps(), [2_000]);
    }
    vms.other.end(OLD);
    assert_eq!(vms.first_steps(), [0; 0]);
}
