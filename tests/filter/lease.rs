//! Several VMs share a ramp, one decides, and any may go away. On the host emulator,
//! where each can be ticked alone.

use serde_json::{Value, json};
use verdigris::analysis::Observation;
use verdigris::assignment::{Share, bucket_hash};
use verdigris::config::Config;
use verdigris::rollout::{Clocks, Phase, RampState};

use crate::artifacts;
use crate::host::{Process, Response, Stream, Vm};
use crate::proxy::{ROLLOUT, config};

/// VMs of one process, each with the same ramp.
struct Vms {
    process: Process,
    vms: Vec<Vm>,
    users: u64,
}

/// A ramp that stays in its first step.
fn with_ramp() -> Value {
    config(json!({"ramp": {
        "steps": [50, 100], "bake": "1h", "gates": [{"metric": "error_rate"}], "tripwires": [],
    }}))
}

/// The same, but for these fields of the ramp.
fn with(differs: Value) -> Value {
    let mut config = with_ramp();
    config["ramp"].as_object_mut().unwrap().extend(differs.as_object().unwrap().clone());
    config
}

const ROOT: u32 = 1;
/// A root context beside it.
const OTHER: u32 = 5;
const SECOND: u64 = 1_000_000_000;

impl Vms {
    fn start(count: usize) -> Self {
        Self::start_with(count, &with_ramp())
    }

    fn start_with(count: usize, config: &Value) -> Self {
        let wasm = std::fs::read(artifacts::filter_wasm()).unwrap();
        let config = config.to_string();
        let process = Process::default();
        let vm = |_| {
            let mut vm = Vm::start(&wasm, &process);
            vm.configure(ROOT, config.as_bytes()).unwrap();
            vm
        };
        let vms = (0..count).map(vm).collect();
        Self { process, vms, users: 0 }
    }

    /// A VM has another root context, with a configuration of its own.
    fn configure(&mut self, vm: usize, root: u32, config: &Value) {
        self.vms[vm].configure(root, config.to_string().as_bytes()).unwrap();
    }

    fn tick(&mut self, vm: usize) {
        self.vms[vm].tick(ROOT);
    }

    fn set_clock(&self, now: u64, is_frozen: bool) {
        let mut shared = self.process.shared.lock().unwrap();
        (shared.clock, shared.is_frozen) = (now, is_frozen);
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
        self.ask_as_under(ROOT, vm, user, green_fails);
    }

    fn ask_as_under(&mut self, root: u32, vm: usize, user: u64, green_fails: u64) {
        let headers = vec![("x-user-id".to_owned(), format!("user-{user}").into_bytes())];
        // All have learnt what the gauge shows.
        let green = self.stat("green_bp");
        let share = Share::new(10_000 - green, green).unwrap();
        let is_green = share.contains(bucket_hash(ROLLOUT, format!("user-{user}").as_bytes()));
        let status: &[u8] = if is_green && user % 100 < green_fails { b"503" } else { b"200" };
        let headers_of_response = vec![(":status".to_owned(), status.to_vec())];
        let response = Response { headers: headers_of_response, ..Response::default() };
        let stream = Stream { headers, response, ..Stream::default() };
        self.vms[vm].run_stream(2, root, stream);
    }

    /// What waits to be decided on.
    fn told(&self) -> Vec<Observation> {
        let shared = self.process.shared.lock().unwrap();
        let mut observations = Vec::new();
        for mut rest in shared.queues[0].1.iter().map(Vec::as_slice) {
            while let Some((observation, after)) = Observation::decode(rest) {
                observations.push(observation);
                rest = after;
            }
        }
        observations
    }

    /// The ramp's state, as the VMs share it.
    fn state(&self) -> RampState {
        let shared = self.process.shared.lock().unwrap();
        postcard::from_bytes(&shared.data[&format!("verdigris.6.{ROLLOUT}.state")].0).unwrap()
    }

    fn stat(&self, name: &str) -> u64 {
        self.stat_of(ROLLOUT, name)
    }

    fn stat_of(&self, rollout: &str, name: &str) -> u64 {
        let name = format!("verdigris.{rollout}.{name}");
        self.process.stats.lock().unwrap().get(&name).copied().unwrap_or_default()
    }

    fn units(&self) -> u64 {
        ["blue", "green"].map(|it| self.stat(&format!("{it}.evidence_units.s0"))).iter().sum()
    }

    fn log(&self) -> String {
        self.vms.iter().map(Vm::log_text).collect()
    }
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

/// With an equal control, only green's new units and as many of blue's are compared.
#[test]
fn an_equal_control_leaves_the_rest_of_blue_alone() {
    let mut config = with_ramp();
    config["ramp"]["control"] = json!("equal");
    config["ramp"]["steps"] = json!([10, 20, 100]);
    let mut vms = Vms::start_with(1, &config);
    vms.tick(0);
    vms.ask(0, 1000, 0);
    vms.tick(0);
    let [blue, green] = ["blue", "green"].map(|it| vms.stat(&format!("{it}.evidence_units.s0")));
    assert_eq!(green, vms.stat("green.requests"));
    // A tenth of 1,000 users each, give or take four standard errors.
    assert!((62..=138).contains(&blue) && (62..=138).contains(&green), "{blue} {green}");
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

/// Two filters with one `vm_id` share their VMs.
#[test]
fn two_ramps_in_one_vm_both_walk() {
    let mut vms = Vms::start(1);
    let mut other = with_ramp();
    other["rollout"] = json!("other");
    vms.configure(0, OTHER, &other);
    for root in [ROOT, OTHER] {
        vms.vms[0].tick(root);
    }
    assert_eq!((vms.stat("green_bp"), vms.stat_of("other", "green_bp")), (5000, 5000));
    // Neither waits for the other's end.
    vms.ask(0, 20, 0);
    for root in [OTHER, ROOT] {
        vms.vms[0].tick(root);
    }
    assert_eq!(vms.units(), 20);
}

/// Envoy takes up a root context again, without configuring it, where its configuration
/// returns while a stream of it is open.
#[test]
fn a_configuration_that_returns_unconfigured_is_walked_on() {
    let mut vms = Vms::start(2);
    (0..2).for_each(|vm| vms.tick(vm));
    vms.vms[1].begin_stream(9, ROOT, Stream::default());
    vms.configure(1, OTHER, &with(json!({"timeout": "20h"})));
    vms.vms[1].tick(OTHER);
    vms.vms[1].end(OTHER);
    vms.tick(0);
    vms.ask(0, 300, 50);
    vms.tick(0);
    assert_eq!(vms.stat("phase"), 4, "{}", vms.log());
    // It learns of the rollback before its first stream comes.
    vms.tick(1);
    let before = vms.stat("green.requests");
    vms.ask(1, 30, 0);
    assert_eq!(vms.stat("green.requests"), before);
}

/// Only the newest of a rollout's root contexts acts, though all are ticked.
#[test]
fn an_older_root_context_of_a_rollout_is_still() {
    let mut vms = Vms::start(1);
    vms.tick(0);
    vms.configure(0, OTHER, &with(json!({"paused": true})));
    vms.tick(0);
    assert_eq!(vms.stat("phase"), 0);
    vms.vms[0].tick(OTHER);
    assert_eq!(vms.stat("phase"), 2, "{}", vms.log());
    vms.tick(0);
    assert_eq!(vms.stat("phase"), 2, "{}", vms.log());
}

#[test]
fn what_is_seen_after_a_new_beginning_is_counted_whole() {
    let mut vms = Vms::start(1);
    vms.tick(0);
    vms.ask(0, 100, 0);
    vms.tick(0);
    vms.configure(0, OTHER, &with(json!({"restart": "2"})));
    vms.vms[0].tick(OTHER);
    // More than before, all at one tick.
    for user in 101..=400 {
        vms.ask_as_under(OTHER, 0, user, 0);
    }
    vms.vms[0].tick(OTHER);
    assert_eq!(vms.units(), 400);
}

#[test]
fn what_a_gate_saw_is_not_counted_as_another_ones() {
    let mut vms = Vms::start(1);
    vms.tick(0);
    vms.ask(0, 300, 50);
    vms.tick(0);
    assert_eq!(vms.stat("phase"), 4, "{}", vms.log());
    let errors = vms.stat("green.evidence_errors.s0");
    let gates = json!([{"metric": "abort_rate"}]);
    vms.configure(0, OTHER, &with(json!({"gates": gates})));
    (0..2).for_each(|_| vms.vms[0].tick(OTHER));
    assert_eq!(vms.stat("green.evidence_errors.s0"), errors);
    assert_eq!(vms.stat("green.evidence_aborts.s0"), 0);
}

/// Two VMs: the first, of an older module or for an open stream, has the ramp as it was,
/// and the lease; the second has it paused.
fn left_behind() -> Vms {
    let mut vms = Vms::start(2);
    (0..2).for_each(|vm| vms.tick(vm));
    vms.configure(1, OTHER, &with(json!({"paused": true})));
    vms
}

#[test]
fn a_vm_that_is_left_behind_does_not_decide() {
    let mut vms = left_behind();
    for _ in 0..20 {
        vms.pass(1);
        vms.tick(0);
        vms.vms[1].tick(OTHER);
    }
    assert_eq!(vms.stat("phase"), 2, "{}", vms.log());
    assert_eq!(vms.log().matches(" -> ").count(), 2, "it takes no turns: {}", vms.log());
}

/// A configuration that returns in a VM where it was the newest all the time is known by
/// its streams.
#[test]
fn a_vm_that_is_left_behind_decides_when_streams_go_on_beginning_in_it() {
    let mut vms = left_behind();
    vms.pass(3);
    vms.vms[1].tick(OTHER);
    for _ in 0..2 {
        vms.tick(0);
        assert_eq!(vms.stat("phase"), 2, "{}", vms.log());
        vms.ask(0, 1, 0);
    }
    vms.tick(0);
    // The other renews its lease no more, and one that is left behind now.
    for _ in 0..3 {
        vms.pass(1);
        vms.vms[1].tick(OTHER);
        vms.tick(0);
    }
    assert_eq!(vms.stat("phase"), 0, "{}", vms.log());
}

#[test]
fn a_vm_that_is_left_behind_decides_when_no_other_does() {
    let mut vms = left_behind();
    vms.pass(3);
    vms.vms[1].tick(OTHER);
    vms.pass(3);
    vms.tick(0);
    assert_eq!(vms.stat("phase"), 2, "{}", vms.log());
    vms.pass(3);
    vms.tick(0);
    assert_eq!(vms.stat("phase"), 0, "{}", vms.log());
}

/// What is not told when a ramp ends in a VM is told then, for the other VMs.
#[test]
fn a_vm_whose_last_root_context_ends_tells_what_it_has_seen() {
    let mut vms = Vms::start(2);
    (0..2).for_each(|vm| vms.tick(vm));
    vms.ask(1, 20, 0);
    vms.vms[1].end(ROOT);
    vms.tick(0);
    assert_eq!(vms.units(), 20);
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

#[test]
fn a_vm_without_a_clock_learns_all_the_same() {
    let mut vms = Vms::start(2);
    vms.vms[1].refuse("proxy_get_current_time_nanoseconds", 2);
    vms.tick(0);
    vms.tick(1);
    vms.ask(1, 20, 0);
    assert!(vms.stat("green.requests") > 0);
}

/// What the workers have told is recorded, and the judge and the machine are given it
/// natively: they decide the same, number for number.
#[test]
fn a_recording_is_decided_alike_natively() {
    for (green_fails, phase) in [(0, Phase::Promoted), (30, Phase::RolledBack)] {
        let config = config(json!({"ramp": {
            "steps": [25, 50, 100], "bake": "2s", "warmup": "0s", "timeout": "10s",
            "gates": [{"metric": "error_rate"}, {"metric": "duration"}],
        }}));
        let settings = Config::parse(config.to_string().as_bytes()).unwrap().ramp.unwrap();
        let mut vms = Vms::start_with(3, &config);
        // The first that is ticked has the lease.
        vms.set_clock(SECOND / 2, true);
        vms.tick(0);
        let now = Clocks { monotonic_ns: SECOND / 2, unix_ms: 0 };
        let mut native = RampState::new(&settings, now);
        native.reconcile(&settings, now, &[]);
        for second in 1..=14 {
            vms.set_clock(second * SECOND, false);
            // The first decides, as the main thread may, which has no requests.
            vms.ask(1, 200, green_fails);
            vms.ask(2, 200, green_fails);
            vms.set_clock(second * SECOND + SECOND / 2, true);
            (1..3).for_each(|vm| vms.tick(vm));
            let told = vms.told();
            vms.tick(0);
            let now = Clocks { monotonic_ns: second * SECOND + SECOND / 2, unix_ms: second * 1000 };
            native.reconcile(&settings, now, &told);
            // Of the units' memory only the VMs know where it lies.
            let mut inside = vms.state();
            inside.seen_units.clear();
            let outside = postcard::to_allocvec(&native).unwrap();
            assert!(postcard::to_allocvec(&inside).unwrap() == outside, "{second}\n{}", vms.log());
            (1..3).for_each(|vm| vms.tick(vm));
        }
        assert_eq!(native.phase, phase, "{}", vms.log());
    }
}
