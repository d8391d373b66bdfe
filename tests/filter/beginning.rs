//! When a new configuration comes into force, where an operator has rolled back the one before. On the
//! host emulator; `envoy_only/tried.rs` has the same in Envoy.

use serde_json::json;

use crate::artifacts;
use crate::host::{Process, Stream, Vm};
use crate::proxy::phase::{BY_HAND, ROLLED_BACK};
use crate::proxy::{ROLLOUT, config, weights};

const CONSOLE: u32 = 50;
const OLD: u32 = 1;
const NEW: u32 = 5;
const RAMP: u32 = 6;
const TOKEN: &str = "a-secret-of-sixteen";

/// A VM with a rollout and the console.
struct OneVm {
    process: Process,
    wasm: Vec<u8>,
    vm: Vm,
}

impl OneVm {
    fn start() -> Self {
        let wasm = std::fs::read(artifacts::filter_wasm()).unwrap();
        let process = Process::default();
        process.shared.lock().unwrap().environment =
            vec![format!("VERDIGRIS_CONSOLE_TOKEN={TOKEN}")];
        let mut vm = Vm::start(&wasm, &process);
        vm.configure(CONSOLE, br#"{"role": "console"}"#).unwrap();
        vm.configure(OLD, weights(1, 1).to_string().as_bytes()).unwrap();
        vm.tick(OLD);
        Self { process, wasm, vm }
    }

    fn rolled_back() -> Self {
        let mut vm = Self::start();
        vm.command("rollback");
        vm.vm.tick(OLD);
        assert_eq!(vm.phase_and_share(), (ROLLED_BACK, 0));
        vm
    }

    fn command(&mut self, name: &str) {
        let (status, text) = self.try_command(name);
        assert_eq!(status, 200, "{text}");
    }

    fn try_command(&mut self, name: &str) -> (u16, String) {
        let headers = [("authorization", &*format!("Bearer {TOKEN}"))];
        let mut stream = Stream::request("POST", &format!("/{name}"), &headers);
        stream.body = Some(json!({"reason": "as asked"}).to_string().into_bytes());
        self.vm.run_stream(100, CONSOLE, stream).reply.unwrap()
    }

    fn configure_new(&mut self) {
        self.vm.configure(NEW, weights(1, 9).to_string().as_bytes()).unwrap();
    }

    fn send(&mut self, root: u32) {
        let headers = vec![("x-user-id".to_owned(), b"ada".to_vec())];
        self.vm.run_stream(101, root, Stream { headers, ..Stream::default() });
    }

    /// The phase and green's share in basis points, as the gauges have them.
    fn phase_and_share(&self) -> (u64, u64) {
        let stats = self.process.stats.lock().unwrap();
        let stat = |name| stats.get(&format!("verdigris.{ROLLOUT}.{name}")).copied().unwrap();
        (stat("phase"), stat("green_bp"))
    }
}

const IN_FORCE: (u64, u64) = (BY_HAND, 9_000);
const NOT_IN_FORCE: (u64, u64) = (ROLLED_BACK, 0);

#[test]
fn a_configuration_comes_into_force_when_it_is_used() {
    type Scenario = fn(&mut OneVm);
    let table: [(&str, Scenario, (u64, u64)); 8] = [
        (
            "tried in a VM that Envoy discards",
            |it| {
                let mut trial = Vm::start(&it.wasm, &it.process);
                trial.configure(NEW, weights(1, 9).to_string().as_bytes()).unwrap();
            },
            NOT_IN_FORCE,
        ),
        (
            "configured, and ended at once",
            |it| {
                it.configure_new();
                it.vm.end(NEW);
            },
            NOT_IN_FORCE,
        ),
        (
            "configured, while requests come to the one before",
            |it| {
                it.configure_new();
                for _ in 0..200 {
                    it.send(OLD);
                    it.vm.tick(NEW);
                }
                it.vm.end(NEW);
            },
            NOT_IN_FORCE,
        ),
        (
            "its first stream",
            |it| {
                it.configure_new();
                it.send(OLD);
                it.send(NEW);
            },
            IN_FORCE,
        ),
        (
            "a tick, and no requests at all",
            |it| {
                it.configure_new();
                it.vm.tick(NEW);
            },
            IN_FORCE,
        ),
        (
            "requests to the one before, and then none for long",
            |it| {
                it.configure_new();
                it.send(OLD);
                (0..100).for_each(|_| it.vm.tick(NEW));
            },
            IN_FORCE,
        ),
        (
            "the end of the one before",
            |it| {
                it.configure_new();
                it.vm.end(OLD);
            },
            IN_FORCE,
        ),
        (
            "its first stream in another VM",
            |it| {
                it.configure_new();
                it.send(OLD);
                let mut other = Vm::start(&it.wasm, &it.process);
                other.configure(NEW, weights(1, 9).to_string().as_bytes()).unwrap();
                other.begin_stream(101, NEW, Stream::default());
                it.vm.tick(NEW);
            },
            IN_FORCE,
        ),
    ];
    for (name, scenario, expected) in table {
        let mut vm = OneVm::rolled_back();
        scenario(&mut vm);
        if expected == NOT_IN_FORCE {
            vm.vm.tick(OLD);
        }
        assert_eq!(vm.phase_and_share(), expected, "{name}: {}", vm.vm.log_text());
    }
}

#[test]
fn a_command_that_is_newer_than_the_configuration_stays() {
    let mut vm = OneVm::start();
    vm.configure_new();
    vm.command("rollback");
    vm.vm.tick(NEW);
    assert_eq!(vm.phase_and_share(), (ROLLED_BACK, 0), "{}", vm.vm.log_text());
    // The next weights end it.
    vm.vm.configure(NEW + 1, weights(3, 1).to_string().as_bytes()).unwrap();
    vm.vm.tick(NEW + 1);
    assert_eq!(vm.phase_and_share(), (BY_HAND, 2_500), "{}", vm.vm.log_text());
}

/// Envoy 1.38 keeps a configuration that it has replaced for as long as an earlier one has streams, and does
/// not tick it.
#[test]
fn a_configuration_that_is_never_ticked_does_not_stop_commands() {
    let mut vm = OneVm::start();
    let ramp = |bake: &str| config(json!({"ramp": {"steps": [50, 100], "bake": bake}})).to_string();
    vm.vm.configure(RAMP, ramp("1h").as_bytes()).unwrap();
    vm.vm.end(OLD);
    vm.vm.tick(RAMP);
    vm.vm.configure(NEW, ramp("2h").as_bytes()).unwrap();
    // The new configuration would end the command.
    let (status, text) = vm.try_command("pause");
    assert_eq!(status, 409, "{text}");
    vm.process.shared.lock().unwrap().clock += 5_000_000_000;
    vm.vm.tick(RAMP);
    vm.command("pause");
}
