//! Operator commands: when each VM applies them, and how long they hold. On the host emulator,
//! which ticks each VM separately.

use serde_json::{Value, json};
use verdigris::assignment::{Share, bucket_hash};
use verdigris::console::View;
use verdigris::console::view::RolloutView;
use verdigris::rollout::Snapshot;

use crate::artifacts;
use crate::host::{Process, Stream, Vm};
use crate::proxy::phase::{BY_HAND, PAUSED, PROMOTED, RAMPING, ROLLED_BACK};
use crate::proxy::{ROLLOUT, config, shared_key};
use crate::ramp_vms::long_ramp;

/// The first root context, and the root context after a reload.
const ROOT: u32 = 1;
const RELOADED: u32 = 5;
const CONSOLE: u32 = 50;
const TOKEN: &str = "a-secret-of-sixteen";

/// Two VMs of one process, and a third that is never ticked and receives the commands.
struct SteeredVms {
    process: Process,
    vms: Vec<Vm>,
    console: Vm,
    /// The current root context; 0 before the first configuration.
    root: u32,
}

fn weights_config(blue: u64, green: u64) -> Value {
    config(json!({"weights": {"blue": blue, "green": green}, "pins": {"green": ["tester"]}}))
}

impl SteeredVms {
    fn start(config: &Value) -> Self {
        Self::start_in(config, &["PATH=/", &format!("VERDIGRIS_CONSOLE_TOKEN={TOKEN}")])
    }

    fn start_in(config: &Value, environment: &[&str]) -> Self {
        let wasm = std::fs::read(artifacts::filter_wasm()).unwrap();
        let process = Process::default();
        process.shared.lock().unwrap().environment =
            environment.iter().map(|variable| (*variable).to_owned()).collect();
        let mut console = Vm::start(&wasm, &process);
        console.configure(CONSOLE, br#"{"role": "console"}"#).unwrap();
        let vms = (0..2).map(|_| Vm::start(&wasm, &process)).collect();
        let mut vms = Self { process, vms, console, root: 0 };
        vms.reload(ROOT, config);
        vms.tick_both();
        vms
    }

    /// Configures a new root context in all VMs and ends the previous one.
    fn reload(&mut self, root: u32, config: &Value) {
        let previous = std::mem::replace(&mut self.root, root);
        for vm in self.vms.iter_mut().chain([&mut self.console]) {
            vm.configure(root, config.to_string().as_bytes()).unwrap();
            if previous != 0 {
                vm.end(previous);
            }
        }
    }

    fn tick(&mut self, vm: usize) {
        self.vms[vm].tick(self.root);
    }

    fn tick_both(&mut self) {
        (0..2).for_each(|vm| self.tick(vm));
    }

    fn advance_clock_3_s(&self) {
        self.process.shared.lock().unwrap().clock += 3_000_000_000;
    }

    /// The status and body of the console's response.
    fn request_console(&mut self, method: &str, path: &str, body: Option<Value>) -> (u16, String) {
        let authorization = format!("Bearer {TOKEN}");
        let headers = [
            (":method", method),
            (":path", path),
            (":authority", "localhost"),
            ("authorization", &authorization),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
        let body = body.map(|body| body.to_string().into_bytes());
        let stream = Stream { headers: headers.into(), body, ..Stream::default() };
        self.console.run_stream(100, CONSOLE, stream).reply.expect("the console answers")
    }

    fn send_command(&mut self, command: Command) -> Result<(), String> {
        let mut body = json!({"reason": "as asked"});
        if let Some((blue, green)) = command.weights {
            body["weights"] = json!({"blue": blue, "green": green});
        }
        match self.request_console("POST", &format!("/{}", command.name), Some(body)) {
            (200, _) => Ok(()),
            (_, message) => Err(message),
        }
    }

    fn console_rollout(&mut self) -> RolloutView {
        let (status, text) = self.request_console("GET", "/state.json", None);
        assert_eq!(status, 200, "{text}");
        let View { mut rollouts, .. } = serde_json::from_str(&text).unwrap();
        assert_eq!(rollouts.len(), 1, "{text}");
        rollouts.remove(0)
    }

    /// Whether the VM assigns green to exactly the users of this share, in percent.
    fn assigns_green_share(&mut self, vm: usize, percent: u64) -> bool {
        let share = Share::new(100 - percent, percent).unwrap();
        (0..60).all(|user| {
            let user = format!("user-{user}");
            let is_green = share.contains(bucket_hash(ROLLOUT, user.as_bytes()));
            self.is_green(vm, &user) == is_green
        })
    }

    fn both_assign_green_share(&mut self, percent: u64) -> bool {
        (0..2).all(|vm| self.assigns_green_share(vm, percent))
    }

    fn is_green(&mut self, vm: usize, user: &str) -> bool {
        let headers = vec![("x-user-id".to_owned(), user.as_bytes().to_vec())];
        let stream = Stream { headers, ..Stream::default() };
        let sent = self.vms[vm].run_stream(100, self.root, stream);
        sent.get("x-verdigris-version") == Some(b"green")
    }

    fn stat(&self, name: &str) -> u64 {
        let name = format!("verdigris.{ROLLOUT}.{name}");
        self.process.stats.lock().unwrap().get(&name).copied().unwrap_or_default()
    }

    /// The phase, and the share in basis points, of the gauges.
    fn phase_and_share(&self) -> (u64, u64) {
        (self.stat("phase"), self.stat("green_bp"))
    }

    fn log(&self) -> String {
        self.vms.iter().map(Vm::log_text).collect()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Command {
    name: &'static str,
    /// The weights of blue and green, if the command sets them.
    weights: Option<(u64, u64)>,
}

const PAUSE: Command = Command { name: "pause", weights: None };
const RESUME: Command = Command { name: "resume", weights: None };
const PROMOTE: Command = Command { name: "promote", weights: None };
const ROLLBACK: Command = Command { name: "rollback", weights: None };

const fn weights(blue: u64, green: u64) -> Command {
    Command { name: "weights", weights: Some((blue, green)) }
}

#[test]
fn a_command_to_a_ramp_is_in_force_in_every_vm_after_one_tick() {
    let table = [
        (PAUSE, PAUSED, 50),
        (PROMOTE, PROMOTED, 100),
        (weights(4, 1), PAUSED, 20),
        (ROLLBACK, ROLLED_BACK, 0),
    ];
    for tick_order in [[0, 1], [1, 0]] {
        let mut vms = SteeredVms::start(&long_ramp());
        for (command, phase, percent) in table {
            if command != PAUSE {
                vms.send_command(RESUME).unwrap();
            }
            vms.send_command(command).unwrap();
            for vm in tick_order {
                vms.tick(vm);
                assert!(vms.assigns_green_share(vm, percent), "{command:?} {vm} {}", vms.log());
                assert_eq!(vms.phase_and_share(), (phase, percent * 100), "{command:?}");
            }
        }
        assert!(vms.send_command(PROMOTE).is_err());
    }
}

/// A VM that decided before a command and publishes after it does not replace the later snapshot.
#[test]
fn the_snapshot_of_the_latest_state_is_in_force() {
    let mut vms = SteeredVms::start(&long_ramp());
    vms.send_command(weights(4, 1)).unwrap();
    let key = shared_key("in_force");
    let mut later_revision = 0;
    if let Some((bytes, _)) = vms.process.shared.lock().unwrap().data.get_mut(&key) {
        let (revision, snapshot): (u64, Snapshot) = postcard::from_bytes(bytes).unwrap();
        later_revision = revision + 3_600_000_000_000;
        *bytes = postcard::to_allocvec(&(later_revision, snapshot)).unwrap();
    }
    vms.send_command(RESUME).unwrap();
    vms.tick_both();
    assert!(vms.both_assign_green_share(20), "the snapshot of an earlier state is in force");
    vms.process.shared.lock().unwrap().clock = later_revision;
    vms.tick_both();
    assert!(vms.both_assign_green_share(50), "the snapshot of a later state is not in force");
}

#[test]
fn a_command_to_a_ramp_holds_until_the_ramp_changes_in_the_configuration() {
    let mut vms = SteeredVms::start(&long_ramp());
    vms.send_command(weights(1, 9)).unwrap();
    vms.tick_both();
    let mut config = long_ramp();
    config["pins"] = json!({"blue": ["tester"]});
    vms.reload(RELOADED, &config);
    vms.tick_both();
    assert_eq!(vms.phase_and_share(), (PAUSED, 9000));
    assert!(vms.both_assign_green_share(90));
    config["ramp"]["bake"] = json!("2h");
    vms.reload(RELOADED + 1, &config);
    vms.tick_both();
    assert_eq!(vms.phase_and_share(), (RAMPING, 5000), "{}", vms.log());
    assert!(vms.both_assign_green_share(50));
    assert!(vms.log().contains("which ends the command: weights"), "{}", vms.log());
}

/// What a ramp had reached before weights replaced it is not what green is now; a rollback stays.
#[test]
fn a_ramp_that_returns_after_weights_begins_again() {
    for (command, expected) in [(PROMOTE, (RAMPING, 5000)), (ROLLBACK, (ROLLED_BACK, 0))] {
        let mut vms = SteeredVms::start(&long_ramp());
        vms.send_command(command).unwrap();
        vms.tick_both();
        vms.reload(RELOADED, &weights_config(100, 0));
        vms.tick_both();
        vms.reload(RELOADED + 1, &long_ramp());
        assert!(vms.both_assign_green_share(0), "{command:?}: before a tick");
        vms.advance_clock_3_s();
        (0..2).for_each(|_| vms.tick_both());
        assert_eq!(vms.phase_and_share(), expected, "{command:?}: {}", vms.log());
        assert!(vms.both_assign_green_share(expected.1 / 100), "{command:?}");
    }
}

/// The VM to which the gauges were left may end before one that has gone on with a stream.
#[test]
fn the_gauges_of_a_rollout_that_has_ended_in_every_vm_are_zero() {
    let mut vms = SteeredVms::start(&long_ramp());
    vms.send_command(weights(1, 9)).unwrap();
    let mut next = weights_config(80, 20);
    next["rollout"] = json!("next");
    let next = next.to_string();
    for vm in vms.vms.iter_mut().chain([&mut vms.console]) {
        vm.configure(RELOADED, next.as_bytes()).unwrap();
    }
    vms.vms[1].end(ROOT);
    vms.console.end(ROOT);
    assert_eq!(vms.phase_and_share(), (BY_HAND, 0), "the console's VM was the last to begin");
    vms.tick(0);
    assert_eq!(vms.phase_and_share(), (PAUSED, 9000));
    vms.vms[0].end(ROOT);
    assert_eq!(vms.phase_and_share(), (BY_HAND, 0));
}

/// A rollout of another plugin is beside the first one, and does not replace it.
#[test]
fn a_command_without_a_name_is_refused_where_two_plugins_have_a_rollout() {
    for (plugin, is_beside) in [("verdigris-search", true), ("verdigris", false)] {
        let mut vms = SteeredVms::start(&weights_config(80, 20));
        vms.advance_clock_3_s();
        let mut other = weights_config(90, 10);
        other["rollout"] = json!("search");
        let other = other.to_string();
        vms.console.configure_plugin(plugin, RELOADED, other.as_bytes()).unwrap();
        let path = format!("/{}", ROLLBACK.name);
        let (status, text) = vms.request_console("POST", &path, Some(json!({"reason": "to see"})));
        assert_eq!(status, if is_beside { 404 } else { 200 }, "{plugin}: {text}");
        assert!(text.contains("search"), "{plugin}: {text}");
    }
}

/// A unit that was observed before a command does not count again after it.
#[test]
fn evidence_is_kept_across_a_command() {
    let mut vms = SteeredVms::start(&long_ramp());
    let units = |vms: &SteeredVms| {
        let units =
            ["blue", "green"].map(|version| vms.stat(&format!("{version}.evidence_units.s0")));
        units.iter().sum::<u64>()
    };
    vms.assigns_green_share(0, 50);
    vms.tick_both();
    assert_eq!(units(&vms), 60);
    vms.send_command(weights(1, 9)).unwrap();
    vms.tick_both();
    vms.assigns_green_share(0, 90);
    vms.tick_both();
    vms.send_command(RESUME).unwrap();
    vms.tick_both();
    // The same users again.
    vms.assigns_green_share(1, 50);
    (0..2).for_each(|vm| vms.tick(1 - vm));
    assert_eq!(units(&vms), 60);
}

#[test]
fn a_command_to_weights_is_in_force_in_every_vm_after_one_tick() {
    let table = [
        (weights(1, 1), BY_HAND, 50),
        (PROMOTE, BY_HAND, 100),
        (ROLLBACK, ROLLED_BACK, 0),
        (RESUME, BY_HAND, 20),
    ];
    let mut vms = SteeredVms::start(&weights_config(80, 20));
    assert_eq!(vms.phase_and_share(), (BY_HAND, 2000));
    for (command, phase, percent) in table {
        vms.send_command(command).unwrap();
        for vm in 0..2 {
            vms.tick(vm);
            assert!(vms.assigns_green_share(vm, percent), "{command:?} {vm}");
            assert_eq!(vms.phase_and_share(), (phase, percent * 100), "{command:?}");
            // A rollback applies to pinned users as well.
            assert_eq!(vms.is_green(vm, "tester"), command != ROLLBACK);
        }
    }
    assert!(vms.send_command(PAUSE).is_err());
}

#[test]
fn a_command_to_weights_holds_until_the_weights_change_in_the_configuration() {
    let mut vms = SteeredVms::start(&weights_config(80, 20));
    vms.send_command(ROLLBACK).unwrap();
    vms.tick_both();
    let mut config = weights_config(80, 20);
    config["pins"] = json!({"green": ["another"]});
    vms.reload(RELOADED, &config);
    // The command holds before the first tick.
    assert!(vms.both_assign_green_share(0));
    vms.tick_both();
    assert_eq!(vms.phase_and_share(), (ROLLED_BACK, 0));
    vms.reload(RELOADED + 1, &weights_config(70, 30));
    assert!(vms.both_assign_green_share(30));
    assert_eq!(vms.phase_and_share(), (BY_HAND, 3000));
    let view = vms.console_rollout();
    assert_eq!(view.decisions.len(), 3, "{view:#?}");
    let last = &view.decisions[0];
    assert_eq!((last.from_phase.as_str(), last.to_phase.as_str()), ("rolled_back", "by_hand"));
    assert!(last.why.ends_with("which ends the command: rollback"), "{view:#?}");
}

/// The weights are the same before and after the ramp.
#[test]
fn a_ramp_clears_a_command_to_weights() {
    let mut vms = SteeredVms::start(&weights_config(80, 20));
    vms.send_command(ROLLBACK).unwrap();
    vms.reload(RELOADED, &long_ramp());
    vms.reload(RELOADED + 1, &weights_config(80, 20));
    vms.tick_both();
    assert_eq!(vms.phase_and_share(), (BY_HAND, 2000));
    assert!(vms.both_assign_green_share(20));
}

/// A VM of an older module or with an open stream keeps the previous configuration.
#[test]
fn a_vm_with_an_outdated_configuration_follows_commands_and_publishes_no_weights() {
    let mut vms = SteeredVms::start(&weights_config(80, 20));
    let config = weights_config(70, 30).to_string();
    for vm in [&mut vms.vms[1], &mut vms.console] {
        vm.configure(RELOADED, config.as_bytes()).unwrap();
    }
    vms.send_command(ROLLBACK).unwrap();
    for _ in 0..3 {
        vms.tick(0);
        vms.vms[1].tick(RELOADED);
    }
    assert_eq!(vms.phase_and_share(), (ROLLED_BACK, 0), "{}", vms.log());
    assert!(vms.assigns_green_share(0, 0));
}

/// A conversation that begins while a command holds gets a version by the command's share.
#[test]
fn conversations_follow_commands_to_weights() {
    let mut config = weights_config(100, 0);
    config["conversation"] = json!({});
    let mut vms = SteeredVms::start(&config);
    let is_conversation_green = |vms: &mut SteeredVms, vm: usize| {
        let headers = vec![("x-conversation-id".to_owned(), b"of-no-known-time".to_vec())];
        let sent = vms.vms[vm].run_stream(100, ROOT, Stream { headers, ..Stream::default() });
        sent.get("x-verdigris-version") == Some(b"green")
    };
    vms.advance_clock_3_s();
    for (command, is_green) in [(PROMOTE, true), (ROLLBACK, false)] {
        vms.send_command(command).unwrap();
        vms.tick_both();
        vms.advance_clock_3_s();
        vms.tick_both();
        let follows = |vm| is_conversation_green(&mut vms, vm) == is_green;
        assert!((0..2).all(follows), "{command:?}");
    }
}

/// Envoy goes back to a configuration without configuring it, before this VM has looked for commands.
#[test]
fn a_configuration_that_returns_records_the_share_of_the_newest_command() {
    let mut config = weights_config(100, 0);
    config["conversation"] = json!({});
    let mut vms = SteeredVms::start(&config);
    let mut other = config.clone();
    other["pins"] = json!({"green": ["another-tester"]});
    vms.vms[0].configure(ROOT + 10, other.to_string().as_bytes()).unwrap();
    let send = |vms: &mut SteeredVms, root: u32| {
        let headers = vec![("x-conversation-id".to_owned(), b"of-no-known-time".to_vec())];
        let sent = vms.vms[0].run_stream(100, root, Stream { headers, ..Stream::default() });
        sent.get("x-verdigris-version") == Some(b"green")
    };
    vms.advance_clock_3_s();
    assert!(!send(&mut vms, ROOT + 10));
    vms.send_command(PROMOTE).unwrap();
    send(&mut vms, ROOT);
    vms.advance_clock_3_s();
    assert!(send(&mut vms, ROOT), "{}", vms.log());
}

/// With few ticks the history of shares is complete as well.
#[test]
fn without_a_token_a_rollout_with_weights_is_seldom_ticked() {
    let environments: [(&[&str], u32); 3] = [
        (&[], 10_000),
        (&["VERDIGRIS_CONSOLE_TOKEN="], 10_000),
        (&["VERDIGRIS_CONSOLE_TOKEN=x"], 500),
    ];
    for (environment, tick_ms) in environments {
        let mut vms = SteeredVms::start_in(&weights_config(80, 20), environment);
        assert_eq!(vms.vms[0].tick_ms(ROOT), tick_ms, "{environment:?}");
        vms.reload(RELOADED, &weights_config(70, 30));
        let rollout = vms.console_rollout();
        let shares: Vec<_> = rollout.shares.iter().map(|interval| interval.green_bp).collect();
        assert_eq!(shares, [2000, 3000], "{environment:?}");
        let (status, _) =
            vms.request_console("POST", "/rollback", Some(json!({"reason": "as asked"})));
        assert_eq!(status, if tick_ms == 10_000 { 404 } else { 401 }, "{environment:?}");
    }
}

/// The console's `vm_config` passes the token on, the rollout's does not.
#[test]
fn a_command_is_in_force_in_a_vm_without_a_token() {
    for is_console_first in [true, false] {
        let mut vms = SteeredVms::start_in(&weights_config(80, 20), &[]);
        assert_eq!(vms.vms[0].tick_ms(ROOT), 10_000);
        let token = format!("VERDIGRIS_CONSOLE_TOKEN={TOKEN}");
        vms.process.shared.lock().unwrap().environment = vec![token];
        vms.console.configure(CONSOLE + 1, br#"{"role": "console"}"#).unwrap();
        vms.process.shared.lock().unwrap().environment.clear();
        if is_console_first {
            vms.reload(RELOADED, &weights_config(70, 30));
        }
        // The console may have come since the last tick.
        vms.tick_both();
        assert_eq!(vms.vms[0].tick_ms(vms.root), 500);
        let headers = [("authorization", &*format!("Bearer {TOKEN}"))];
        let mut stream = Stream::request("POST", "/rollback", &headers);
        stream.body = Some(json!({"reason": "as asked"}).to_string().into_bytes());
        let (status, text) = vms.console.run_stream(100, CONSOLE + 1, stream).reply.unwrap();
        assert_eq!(status, 200, "{text}");
        vms.tick_both();
        assert!(vms.both_assign_green_share(0));
        assert_eq!(vms.phase_and_share(), (ROLLED_BACK, 0), "{}", vms.log());
    }
}
