//! Conflicts of the compare-and-swap on a ramp's state: an operator command or another VM
//! changes the state between the leader's read and its write. The host emulator injects them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use verdigris::analysis::{Measurements, Metric, Observation};
use verdigris::assignment::Version;
use verdigris::config::Config;
use verdigris::rollout::{Clocks, RampState};
use verdigris::rollout::{CommandKind, OperatorCommand};

use crate::artifacts;
use crate::host::{Process, Vm};
use crate::proxy::{config, shared_key};

const ROOT: u32 = 1;
const SECOND: u64 = 1_000_000_000;
/// The number of seen units that the filter stores in one piece of shared data.
const PIECE: u64 = 4096;

/// Two VMs of one process; the first is the leader.
struct VmPair {
    process: Process,
    vms: [Vm; 2],
    config: Value,
}

impl VmPair {
    fn start() -> Self {
        let config = config(json!({"ramp": {
            "steps": [50, 75, 90, 100], "bake": "60s", "warmup": "0s",
            "gates": [{"metric": "error_rate"}], "tripwires": [],
        }}));
        let wasm = std::fs::read(artifacts::filter_wasm()).unwrap();
        let process = Process::default();
        let vms = [(); 2].map(|()| {
            let mut vm = Vm::start(&wasm, &process);
            vm.configure(ROOT, config.to_string().as_bytes()).unwrap();
            vm
        });
        let mut vms = Self { process, vms, config };
        vms.tick(0);
        vms
    }

    fn tick(&mut self, vm: usize) {
        self.vms[vm].tick(ROOT);
    }

    fn advance_clock(&self, seconds: u64) {
        self.process.shared.lock().unwrap().clock += seconds * SECOND;
    }

    /// Queues an observation of a good response for each of these users, with an assignment
    /// that is `epochs_ago` epochs old. Half of the users are green's.
    fn queue_observations(&self, users: impl Iterator<Item = u64>, epochs_ago: u32) {
        let (state, mut bytes) = (self.state(), Vec::new());
        for user in users {
            Observation {
                at_ns: self.now().monotonic_ns,
                unit: user.wrapping_mul(0x9e37_79b9_7f4a_7c15),
                epoch: state.epoch.minus(epochs_ago),
                version: if user % 2 == 0 { Version::Blue } else { Version::Green },
                is_newly_exposed: true,
                is_assignment: true,
                shadow: None,
                measurements: Measurements::default().with_rate(Metric::ErrorRate, false),
            }
            .encode(&mut bytes);
        }
        self.process.shared.lock().unwrap().queues[0].1.push_back(bytes);
    }

    fn now(&self) -> Clocks {
        let monotonic = self.process.shared.lock().unwrap().clock;
        Clocks { monotonic_ns: monotonic, unix_ms: monotonic / 1_000_000 }
    }

    /// The shared data of the ramp without the lease and without compare-and-swap numbers.
    fn shared_data(&self) -> BTreeMap<String, Vec<u8>> {
        let shared = self.process.shared.lock().unwrap();
        let entries = shared.data.iter().filter(|(key, _)| !key.ends_with(".lease"));
        entries.map(|(key, (bytes, _))| (key.clone(), bytes.clone())).collect()
    }

    /// The observations that the leader has not processed, encoded.
    fn queued_observations(&self) -> Vec<Vec<u8>> {
        self.process.shared.lock().unwrap().queues[0].1.iter().cloned().collect()
    }

    fn state(&self) -> RampState {
        postcard::from_bytes(&self.shared_data()[&shared_key("state")]).unwrap()
    }

    /// The encoded state after a command.
    fn state_after_command(&self, kind: CommandKind) -> Vec<u8> {
        let spec = Config::parse(self.config.to_string().as_bytes()).unwrap().ramp.unwrap();
        let mut state = self.state();
        let command = OperatorCommand::new(kind, "as asked", 0).unwrap();
        state.apply(&spec, command, self.now()).unwrap();
        postcard::to_allocvec(&state).unwrap()
    }

    /// The number of units of all steps, first in the state and then in the counters.
    fn units(&self) -> (u64, u64) {
        let steps = self.state().evidence.steps;
        let in_state = steps.iter().map(|step| step.units.blue + step.units.green).sum();
        let stats = self.process.stats.lock().unwrap();
        let counters = stats.iter().filter(|(name, _)| name.contains(".evidence_units."));
        (in_state, counters.map(|(_, count)| count).sum())
    }

    /// Makes the next swap of the state lose against `state`.
    fn overtake_next_swap(&self, state: Vec<u8>) {
        self.process.shared.lock().unwrap().overtaking.insert(shared_key("state"), state);
    }
}

/// The observations of that tick stay in the queue; the next tick counts their units.
#[test]
fn a_tick_that_loses_the_swap_writes_nothing() {
    let table = [
        ("the first units of the step", 0, 60),
        ("units that fit in the current piece", 10, 60),
        ("units that overflow a piece", PIECE - 10, 60),
        ("units that fill a piece exactly", PIECE - 60, 60),
        ("units that begin a new piece", PIECE, 60),
        ("units that fill several pieces", PIECE + 10, 3 * PIECE),
    ];
    for (name, known, new) in table {
        let mut vms = VmPair::start();
        vms.queue_observations(0..known, 0);
        vms.tick(0);
        assert_eq!(vms.units(), (known, known), "{name}");
        vms.queue_observations(0..known + new, 0);
        let (mut expected_data, queued) = (vms.shared_data(), vms.queued_observations());
        let paused = vms.state_after_command(CommandKind::Pause);
        vms.overtake_next_swap(paused.clone());
        vms.tick(0);
        expected_data.insert(shared_key("state"), paused);
        assert!(vms.shared_data() == expected_data, "{name}: the tick has written shared data");
        assert!(vms.queued_observations() == queued, "{name}: observations were lost");
        assert_eq!(vms.units(), (known, known), "{name}");
        vms.tick(0);
        assert_eq!(vms.units(), (known + new, known + new), "{name}");
        // The next leader knows all units.
        vms.queue_observations(0..known + new + 1, 0);
        vms.advance_clock(3);
        vms.tick(1);
        assert_eq!(vms.units(), (known + new + 1, known + new + 1), "{name}");
    }
}

/// A VM can trap between its write of the state and its write of the pieces of seen units. Units
/// of the lost pieces then count a second time, and the pieces are complete from then on.
#[test]
fn lost_pieces_of_seen_units_are_counted_twice_at_most() {
    for (known, new) in [(0, 60), (10, 60), (PIECE - 10, 60), (PIECE, 60), (10, 3 * PIECE)] {
        let mut vms = VmPair::start();
        vms.queue_observations(0..known, 0);
        vms.tick(0);
        let before = vms.shared_data();
        vms.queue_observations(known..known + new, 0);
        vms.tick(0);
        let is_piece = |key: &String| key.contains(".units.");
        let mut shared = vms.process.shared.lock().unwrap();
        shared.data.retain(|key, _| !is_piece(key) || before.contains_key(key));
        for (key, (bytes, _)) in shared.data.iter_mut().filter(|(key, _)| is_piece(key)) {
            bytes.clone_from(&before[key]);
        }
        drop(shared);
        let all = known + new;
        for (vm, users, counted) in [(1, all, all + new), (0, all + 5000, all + new + 5000)] {
            for _ in 0..2 {
                vms.advance_clock(3);
                vms.queue_observations(0..users, 0);
                vms.tick(vm);
                assert_eq!(vms.units(), (counted, counted), "{known} {new}");
            }
        }
        vms.advance_clock(3);
        vms.queue_observations(0..all + 5000, 0);
        vms.tick(1);
        assert_eq!(vms.units().0, all + new + 5000, "{known} {new}");
    }
}

/// A tick that enters the later step but loses the swap does not delete them.
#[test]
fn the_units_of_a_step_are_deleted_two_steps_later() {
    let mut vms = VmPair::start();
    let first = shared_key(&format!("units.{}.0", vms.state().epoch));
    for step in 0..2 {
        assert_eq!(vms.state().step.get(), step);
        let users = 10_000 * step as u64;
        vms.queue_observations(users..users + 1000, 0);
        vms.advance_clock(61);
        if step == 0 {
            vms.tick(0);
        }
    }
    vms.overtake_next_swap(vms.state_after_command(CommandKind::Pause));
    vms.tick(0);
    assert_eq!(vms.state().step.get(), 1);
    // Late observations of the first step: one new unit and 1,000 known ones.
    vms.queue_observations(0..1001, 1);
    vms.tick(0);
    assert_eq!(vms.units(), (2001, 2001));
    assert!(!vms.shared_data()[&first].is_empty());
    let resumed = vms.state_after_command(CommandKind::Resume);
    vms.process.shared.lock().unwrap().data.get_mut(&shared_key("state")).unwrap().0 = resumed;
    vms.tick(0);
    assert_eq!(vms.state().step.get(), 2, "{}", vms.vms[0].log_text());
    assert!(vms.shared_data()[&first].is_empty());
}
