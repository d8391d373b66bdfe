//! Several VMs share a ramp, one decides, and any may go away. On the host emulator,
//! where each can be ticked alone.

use serde_json::json;
use verdigris::assign::{Share, bucket_hash};

use crate::artifacts;
use crate::host::{Process, Response, Stream, Vm};
use crate::proxy::{ROLLOUT, config};

/// VMs of one process, each with the same ramp.
struct Vms {
    process: Process,
    vms: Vec<Vm>,
    users: u64,
}

const ROOT: u32 = 1;
const SECOND: u64 = 1_000_000_000;

impl Vms {
    fn start(count: usize) -> Self {
        let wasm = std::fs::read(artifacts::filter_wasm()).unwrap();
        let ramp = json!({
            "steps": [50, 100], "bake": "1h", "gates": [{"metric": "error_rate"}], "tripwires": [],
        });
        let config = config(json!({"ramp": ramp})).to_string();
        let process = Process::default();
        let vm = |_| {
            let mut vm = Vm::start(&wasm, &process);
            vm.configure(ROOT, config.as_bytes()).unwrap();
            vm
        };
        let vms = (0..count).map(vm).collect();
        Self { process, vms, users: 0 }
    }

    fn tick(&mut self, vm: usize) {
        self.vms[vm].tick(ROOT);
    }

    fn pass(&self, seconds: u64) {
        self.process.shared.lock().unwrap().clock += seconds * SECOND;
    }

    /// New users ask a VM, whose green fails for so many of a hundred.
    fn ask(&mut self, vm: usize, count: u64, green_fails: u64) {
        for _ in 0..count {
            self.users += 1;
            self.ask_as(vm, self.users, green_fails);
        }
    }

    fn ask_as(&mut self, vm: usize, user: u64, green_fails: u64) {
        let headers = vec![("x-user-id".to_owned(), format!("user-{user}").into_bytes())];
        let is_green = is_green(user);
        let status: &[u8] = if is_green && user % 100 < green_fails { b"503" } else { b"200" };
        let headers_of_response = vec![(":status".to_owned(), status.to_vec())];
        let response = Response { headers: headers_of_response, ..Response::default() };
        let stream = Stream { headers, response, ..Stream::default() };
        self.vms[vm].run_stream(2, ROOT, stream);
    }

    fn stat(&self, name: &str) -> u64 {
        let name = format!("verdigris.{ROLLOUT}.{name}");
        self.process.stats.lock().unwrap().get(&name).copied().unwrap_or_default()
    }

    fn units(&self) -> u64 {
        ["blue", "green"].map(|it| self.stat(&format!("{it}.evidence_units.s0"))).iter().sum()
    }

    fn log(&self) -> String {
        self.vms.iter().map(Vm::log_text).collect()
    }
}

/// Whether half of the weight makes the user green's.
fn is_green(user: u64) -> bool {
    let unit = format!("user-{user}");
    Share::new(1, 1).unwrap().contains(bucket_hash(ROLLOUT, unit.as_bytes()))
}

#[test]
fn all_is_blue_until_one_has_decided_and_all_follow() {
    let mut vms = Vms::start(3);
    vms.ask(0, 20, 0);
    assert_eq!(vms.stat("green.requests"), 0);
    vms.tick(0);
    assert_eq!((vms.stat("green_bp"), vms.stat("phase")), (5000, 0));
    // The second does not decide, but learns.
    vms.tick(1);
    vms.ask(1, 20, 0);
    assert!(vms.stat("green.requests") > 0);
    assert_eq!(vms.log().matches("the ramp begins").count(), 1);
}

#[test]
fn what_any_vm_has_seen_counts_once() {
    let mut vms = Vms::start(3);
    (0..3).for_each(|vm| vms.tick(vm));
    for vm in 0..3 {
        vms.ask(vm, 50, 0);
    }
    // The same users once more, at another VM.
    (1..=20).for_each(|user| vms.ask_as(2, user, 0));
    (0..3).for_each(|vm| vms.tick(vm));
    vms.tick(0);
    assert_eq!(vms.units(), 150);
}

#[test]
fn another_vm_takes_over_from_one_that_is_gone() {
    let mut vms = Vms::start(3);
    (0..3).for_each(|vm| vms.tick(vm));
    vms.ask(1, 100, 0);
    vms.tick(1);
    vms.tick(0);
    assert_eq!(vms.units(), 100);
    // The first, which had the lease, is never called again.
    vms.ask(1, 50, 0);
    vms.tick(1);
    assert_eq!(vms.units(), 100, "the lease is not over");
    vms.pass(3);
    // What it had taken in is known, unit by unit.
    (1..=100).for_each(|user| vms.ask_as(2, user, 0));
    vms.tick(2);
    assert_eq!(vms.units(), 150);
    assert_eq!((vms.stat("green_bp"), vms.stat("phase")), (5000, 0));
    assert_eq!(vms.log().matches("the ramp begins").count(), 1, "{}", vms.log());
    // And if the first comes back, it reads anew.
    vms.pass(3);
    vms.ask(0, 50, 0);
    vms.tick(0);
    assert_eq!(vms.units(), 200);
}

#[test]
fn a_rollback_reaches_every_vm_within_a_tick() {
    let mut vms = Vms::start(3);
    (0..3).for_each(|vm| vms.tick(vm));
    vms.ask(2, 300, 30);
    (0..3).rev().for_each(|vm| vms.tick(vm));
    assert_eq!((vms.stat("green_bp"), vms.stat("phase")), (0, 4), "{}", vms.log());
    (0..3).for_each(|vm| vms.tick(vm));
    let before = vms.stat("green.requests");
    for vm in 0..3 {
        vms.ask(vm, 30, 0);
    }
    assert_eq!(vms.stat("green.requests"), before);
    assert_eq!(vms.stat("blue.decisions_rolled_back"), 90);
}

/// A host that refuses shared data leaves requests alone and everyone on blue.
#[test]
fn a_host_that_shares_nothing_means_blue() {
    let calls = ["proxy_set_shared_data", "proxy_get_shared_data", "proxy_register_shared_queue"];
    for call in calls {
        let mut vms = Vms::start(1);
        vms.vms[0].refuse(call, 2);
        vms.tick(0);
        vms.ask(0, 20, 0);
        vms.tick(0);
        if call != "proxy_register_shared_queue" {
            assert_eq!(vms.stat("green.requests"), 0, "{call}");
        }
        assert_eq!(vms.stat("blue.requests") + vms.stat("green.requests"), 20, "{call}");
    }
}
