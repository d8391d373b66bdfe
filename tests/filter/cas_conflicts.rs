//! An order, or another VM, comes between a deciding VM's look at a ramp's state and its
//! writing of it. On the host emulator, which has the swap lose.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use verdigris::analysis::{Measurements, Metric, Observation};
use verdigris::assignment::Version;
use verdigris::config::Config;
use verdigris::rollout::{Clocks, RampState};
use verdigris::rollout::{CommandKind, OperatorCommand};

use crate::artifacts;
use crate::host::{Process, Vm};
use crate::proxy::{ROLLOUT, config};

const ROOT: u32 = 1;
const SECOND: u64 = 1_000_000_000;
/// How many units a piece of their memory has.
const PIECE: u64 = 4096;

/// Two VMs of one process, of which the first decides.
struct Vms {
    process: Process,
    vms: [Vm; 2],
    config: Value,
}

impl Vms {
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

    fn pass(&self, seconds: u64) {
        self.process.shared.lock().unwrap().clock += seconds * SECOND;
    }

    /// Has good responses of these users wait for the next tick, decided so many steps ago.
    /// In each of the first two steps half of the users that are new to it are green's.
    fn tell(&self, users: impl Iterator<Item = u64>, ago: u16) {
        let (state, mut bytes) = (self.state(), Vec::new());
        for user in users {
            let told = Measurements::default().with_rate(Metric::ErrorRate, false);
            let version = if user % 2 == 0 { Version::Blue } else { Version::Green };
            let unit = user.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let (at, step) = (self.now().monotonic_ns, state.epoch.minus(ago));
            Observation {
                at_ns: at,
                unit,
                epoch: step,
                version,
                is_newly_exposed: true,
                is_assignment: true,
                measurements: told,
            }
            .encode(&mut bytes);
        }
        self.process.shared.lock().unwrap().queues[0].1.push_back(bytes);
    }

    fn now(&self) -> Clocks {
        let monotonic = self.process.shared.lock().unwrap().clock;
        Clocks { monotonic_ns: monotonic, unix_ms: monotonic / 1_000_000 }
    }

    /// What the VMs share of the ramp: who decides aside, and without the numbers of
    /// changes.
    fn shared(&self) -> BTreeMap<String, Vec<u8>> {
        let shared = self.process.shared.lock().unwrap();
        let all = shared.data.iter().filter(|(key, _)| !key.ends_with(".lease"));
        all.map(|(key, (bytes, _))| (key.clone(), bytes.clone())).collect()
    }

    /// What waits to be decided on.
    fn told(&self) -> Vec<Vec<u8>> {
        self.process.shared.lock().unwrap().queues[0].1.iter().cloned().collect()
    }

    fn state(&self) -> RampState {
        postcard::from_bytes(&self.shared()[&key("state")]).unwrap()
    }

    /// The bytes of the state as an order leaves it.
    fn ordered(&self, verb: CommandKind) -> Vec<u8> {
        let settings = Config::parse(self.config.to_string().as_bytes()).unwrap().ramp.unwrap();
        let mut state = self.state();
        let order = OperatorCommand::new(verb, "as asked", 0).unwrap();
        state.apply(&settings, order, self.now()).unwrap();
        postcard::to_allocvec(&state).unwrap()
    }

    /// How many units of all steps have been counted, as the state and as the counters say.
    fn units(&self) -> (u64, u64) {
        let known = self.state().evidence.steps;
        let known = known.iter().map(|it| it.units.blue + it.units.green).sum();
        let stats = self.process.stats.lock().unwrap();
        let counters = stats.iter().filter(|(name, _)| name.contains(".evidence_units."));
        (known, counters.map(|(_, count)| count).sum())
    }
}

fn key(what: &str) -> String {
    format!("verdigris.6.{ROLLOUT}.{what}")
}

/// What it had taken is there for the next tick, and is new to it.
#[test]
fn a_tick_that_is_overtaken_leaves_nothing_behind() {
    let table = [
        ("the first of its step", 0, 60),
        ("in a piece", 10, 60),
        ("fills a piece", PIECE - 10, 60),
        ("fills one to its end", PIECE - 60, 60),
        ("begins a piece", PIECE, 60),
        ("fills some", PIECE + 10, 3 * PIECE),
    ];
    for (name, known, new) in table {
        let mut vms = Vms::start();
        vms.tell(0..known, 0);
        vms.tick(0);
        assert_eq!(vms.units(), (known, known), "{name}");
        vms.tell(0..known + new, 0);
        let (mut before, told) = (vms.shared(), vms.told());
        let ordered = vms.ordered(CommandKind::Pause);
        vms.process.shared.lock().unwrap().overtaking.insert(key("state"), ordered.clone());
        vms.tick(0);
        before.insert(key("state"), ordered);
        assert!(vms.shared() == before, "{name}: something was written");
        assert!(vms.told() == told, "{name}: what was told is not there for the next");
        assert_eq!(vms.units(), (known, known), "{name}");
        vms.tick(0);
        assert_eq!(vms.units(), (known + new, known + new), "{name}");
        // Who takes over knows them all.
        vms.tell(0..known + new + 1, 0);
        vms.pass(3);
        vms.tick(1);
        assert_eq!(vms.units(), (known + new + 1, known + new + 1), "{name}");
    }
}

/// Where a VM traps between the two, the state counts units that are in no piece: they count
/// once more, and what is seen from then on is kept.
#[test]
fn pieces_that_were_not_written_after_the_state_are_missed_once() {
    for (known, new) in [(0, 60), (10, 60), (PIECE - 10, 60), (PIECE, 60), (10, 3 * PIECE)] {
        let mut vms = Vms::start();
        vms.tell(0..known, 0);
        vms.tick(0);
        let before = vms.shared();
        vms.tell(known..known + new, 0);
        vms.tick(0);
        let is_piece = |key: &String| key.contains(".units.");
        let mut shared = vms.process.shared.lock().unwrap();
        shared.data.retain(|key, _| !is_piece(key) || before.contains_key(key));
        for (key, (bytes, _)) in shared.data.iter_mut().filter(|(key, _)| is_piece(key)) {
            bytes.clone_from(&before[key]);
        }
        drop(shared);
        let all = known + new;
        for (vm, seen, counted) in [(1, all, all + new), (0, all + 5000, all + new + 5000)] {
            for _ in 0..2 {
                vms.pass(3);
                vms.tell(0..seen, 0);
                vms.tick(vm);
                assert_eq!(vms.units(), (counted, counted), "{known} {new}");
            }
        }
        vms.pass(3);
        vms.tell(0..all + 5000, 0);
        vms.tick(1);
        assert_eq!(vms.units().0, all + new + 5000, "{known} {new}");
    }
}

/// The units of a step are forgotten two steps later, and not by a tick that was overtaken
/// as it entered that step.
#[test]
fn the_units_of_a_step_are_forgotten_when_it_is_left_behind() {
    let mut vms = Vms::start();
    let first = key(&format!("units.{}.0", vms.state().epoch));
    for step in 0..2 {
        assert_eq!(vms.state().step.get(), step);
        let users = 10_000 * step as u64;
        vms.tell(users..users + 1000, 0);
        vms.pass(61);
        if step == 0 {
            vms.tick(0);
        }
    }
    let ordered = vms.ordered(CommandKind::Pause);
    vms.process.shared.lock().unwrap().overtaking.insert(key("state"), ordered);
    vms.tick(0);
    assert_eq!(vms.state().step.get(), 1);
    // What comes late of the first step, once more.
    vms.tell(0..1001, 1);
    vms.tick(0);
    assert_eq!(vms.units(), (2001, 2001));
    assert!(!vms.shared()[&first].is_empty());
    let ordered = vms.ordered(CommandKind::Resume);
    vms.process.shared.lock().unwrap().data.get_mut(&key("state")).unwrap().0 = ordered;
    vms.tick(0);
    assert_eq!(vms.state().step.get(), 2, "{}", vms.vms[0].log_text());
    assert!(vms.shared()[&first].is_empty());
}
