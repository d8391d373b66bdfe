//! Orders by hand reach every VM with its next tick, and hold for as long as they should. On
//! the host emulator, where each VM can be ticked alone.

use serde_json::{Value, json};
use verdigris::assignment::{Share, bucket_hash};
use verdigris::console::View;
use verdigris::console::view::RolloutView;
use verdigris::rollout::Snapshot;

use crate::artifacts;
use crate::host::{Process, Stream, Vm};
use crate::proxy::{ROLLOUT, config};

const ROOT: u32 = 1;
const RELOADED: u32 = 5;
const CONSOLE: u32 = 50;
const TOKEN: &str = "a-secret-of-sixteen";
const RAMPING: u64 = 0;
const PAUSED: u64 = 2;
const PROMOTED: u64 = 3;
const ROLLED_BACK: u64 = 4;
const BY_HAND: u64 = 5;

/// Two VMs of one process, and a third that is never ticked and takes the orders.
struct Vms {
    process: Process,
    vms: Vec<Vm>,
    console: Vm,
    root: u32,
}

/// A ramp that stays in its first step.
fn with_ramp() -> Value {
    config(json!({"ramp": {
        "steps": [50, 100], "bake": "1h", "gates": [{"metric": "error_rate"}], "tripwires": [],
    }}))
}

fn with_weights(blue: u64, green: u64) -> Value {
    config(json!({"weights": {"blue": blue, "green": green}, "pins": {"green": ["tester"]}}))
}

impl Vms {
    fn start(config: &Value) -> Self {
        Self::start_in(config, &["PATH=/", &format!("VERDIGRIS_CONSOLE_TOKEN={TOKEN}")])
    }

    fn start_in(config: &Value, environment: &[&str]) -> Self {
        let wasm = std::fs::read(artifacts::filter_wasm()).unwrap();
        let process = Process::default();
        process.shared.lock().unwrap().environment =
            environment.iter().map(|it| (*it).to_owned()).collect();
        let mut console = Vm::start(&wasm, &process);
        console.configure(CONSOLE, br#"{"role": "console"}"#).unwrap();
        let vms = (0..2).map(|_| Vm::start(&wasm, &process)).collect();
        let mut vms = Self { process, vms, console, root: 0 };
        vms.reload(ROOT, config);
        (0..2).for_each(|vm| vms.tick(vm));
        vms
    }

    /// All are given another configuration.
    fn reload(&mut self, root: u32, config: &Value) {
        let before = std::mem::replace(&mut self.root, root);
        for vm in self.vms.iter_mut().chain([&mut self.console]) {
            vm.configure(root, config.to_string().as_bytes()).unwrap();
            if before != 0 {
                vm.end(before);
            }
        }
    }

    fn tick(&mut self, vm: usize) {
        self.vms[vm].tick(self.root);
    }

    /// What the console answers.
    fn ask(&mut self, method: &str, path: &str, body: Option<Value>) -> (u16, String) {
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

    fn order(&mut self, (order, weights): Order) -> Result<(), String> {
        let mut body = json!({"reason": "as asked"});
        if let Some((blue, green)) = weights {
            body["weights"] = json!({"blue": blue, "green": green});
        }
        match self.ask("POST", &format!("/{order}"), Some(body)) {
            (200, _) => Ok(()),
            (_, text) => Err(text),
        }
    }

    fn shown_by_console(&mut self) -> RolloutView {
        let (status, text) = self.ask("GET", "/state.json", None);
        assert_eq!(status, 200, "{text}");
        let View { mut rollouts, .. } = serde_json::from_str(&text).unwrap();
        assert_eq!(rollouts.len(), 1, "{text}");
        rollouts.remove(0)
    }

    /// Whether the VM has green answer just those whom this share, in percent, takes in.
    fn has_green_at(&mut self, vm: usize, percent: u64) -> bool {
        let share = Share::new(100 - percent, percent).unwrap();
        (0..60).all(|user| {
            let user = format!("user-{user}");
            let is_green = share.contains(bucket_hash(ROLLOUT, user.as_bytes()));
            self.is_green(vm, &user) == is_green
        })
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

    fn shown(&self) -> (u64, u64) {
        (self.stat("phase"), self.stat("green_bp"))
    }

    fn log(&self) -> String {
        self.vms.iter().map(Vm::log_text).collect()
    }
}

/// An order's name, and the weights that are ordered.
type Order = (&'static str, Option<(u64, u64)>);

const PAUSE: Order = ("pause", None);
const RESUME: Order = ("resume", None);
const PROMOTE: Order = ("promote", None);
const ROLLBACK: Order = ("rollback", None);

const fn weights(blue: u64, green: u64) -> Order {
    ("weights", Some((blue, green)))
}

#[test]
fn an_order_to_a_ramp_is_in_force_everywhere_within_a_tick() {
    let table = [
        (PAUSE, PAUSED, 50),
        (PROMOTE, PROMOTED, 100),
        (weights(4, 1), PAUSED, 20),
        (ROLLBACK, ROLLED_BACK, 0),
    ];
    for order_of_ticks in [[0, 1], [1, 0]] {
        let mut vms = Vms::start(&with_ramp());
        for (verb, phase, percent) in table {
            if verb != PAUSE {
                vms.order(RESUME).unwrap();
            }
            vms.order(verb).unwrap();
            for vm in order_of_ticks {
                vms.tick(vm);
                assert!(vms.has_green_at(vm, percent), "{verb:?} {vm} {}", vms.log());
                assert_eq!(vms.shown(), (phase, percent * 100), "{verb:?}");
            }
        }
        assert!(vms.order(PROMOTE).is_err());
    }
}

/// What is in force is not put back by a VM that has decided before an order and tells of
/// it after.
#[test]
fn what_is_in_force_is_that_of_the_latest_state() {
    let mut vms = Vms::start(&with_ramp());
    vms.order(weights(4, 1)).unwrap();
    let key = format!("verdigris.6.{ROLLOUT}.in_force");
    let mut later = 0;
    if let Some((bytes, _)) = vms.process.shared.lock().unwrap().data.get_mut(&key) {
        let (edition, in_force): (u64, Snapshot) = postcard::from_bytes(bytes).unwrap();
        later = edition + 3_600_000_000_000;
        *bytes = postcard::to_allocvec(&(later, in_force)).unwrap();
    }
    vms.order(RESUME).unwrap();
    (0..2).for_each(|vm| vms.tick(vm));
    assert!((0..2).all(|vm| vms.has_green_at(vm, 20)), "that of an earlier state is taken");
    vms.process.shared.lock().unwrap().clock = later;
    (0..2).for_each(|vm| vms.tick(vm));
    assert!((0..2).all(|vm| vms.has_green_at(vm, 50)), "that of a later state is not taken");
}

#[test]
fn an_order_to_a_ramp_outlives_reloads_that_leave_the_ramp_alone() {
    let mut vms = Vms::start(&with_ramp());
    vms.order(weights(1, 9)).unwrap();
    (0..2).for_each(|vm| vms.tick(vm));
    let mut config = with_ramp();
    config["pins"] = json!({"blue": ["somebody"]});
    vms.reload(RELOADED, &config);
    (0..2).for_each(|vm| vms.tick(vm));
    assert_eq!(vms.shown(), (PAUSED, 9000));
    assert!((0..2).all(|vm| vms.has_green_at(vm, 90)));
    config["ramp"]["bake"] = json!("2h");
    vms.reload(RELOADED + 1, &config);
    (0..2).for_each(|vm| vms.tick(vm));
    assert_eq!(vms.shown(), (RAMPING, 5000), "{}", vms.log());
    assert!((0..2).all(|vm| vms.has_green_at(vm, 50)));
    assert!(vms.log().contains("which ends the command: weights"), "{}", vms.log());
}

/// What was learnt before an order is known after it, and counted once.
#[test]
fn evidence_outlives_an_order() {
    let mut vms = Vms::start(&with_ramp());
    let units = |vms: &Vms| {
        ["blue", "green"].map(|it| vms.stat(&format!("{it}.evidence_units.s0"))).iter().sum::<u64>()
    };
    vms.has_green_at(0, 50);
    (0..2).for_each(|vm| vms.tick(vm));
    assert_eq!(units(&vms), 60);
    vms.order(weights(1, 9)).unwrap();
    (0..2).for_each(|vm| vms.tick(vm));
    vms.has_green_at(0, 90);
    (0..2).for_each(|vm| vms.tick(vm));
    vms.order(RESUME).unwrap();
    (0..2).for_each(|vm| vms.tick(vm));
    // The same users once more.
    vms.has_green_at(1, 50);
    (0..2).for_each(|vm| vms.tick(1 - vm));
    assert_eq!(units(&vms), 60);
}

#[test]
fn an_order_to_weights_is_in_force_everywhere_within_a_tick() {
    let table = [
        (weights(1, 1), BY_HAND, 50),
        (PROMOTE, BY_HAND, 100),
        (ROLLBACK, ROLLED_BACK, 0),
        (RESUME, BY_HAND, 20),
    ];
    let mut vms = Vms::start(&with_weights(80, 20));
    assert_eq!(vms.shown(), (BY_HAND, 2000));
    for (verb, phase, percent) in table {
        vms.order(verb).unwrap();
        for vm in 0..2 {
            vms.tick(vm);
            assert!(vms.has_green_at(vm, percent), "{verb:?} {vm}");
            assert_eq!(vms.shown(), (phase, percent * 100), "{verb:?}");
            // A rollback is for pinned users too.
            assert_eq!(vms.is_green(vm, "tester"), verb != ROLLBACK);
        }
    }
    assert!(vms.order(PAUSE).is_err());
}

#[test]
fn an_order_to_weights_outlives_reloads_that_leave_the_weights_alone() {
    let mut vms = Vms::start(&with_weights(80, 20));
    vms.order(ROLLBACK).unwrap();
    (0..2).for_each(|vm| vms.tick(vm));
    let mut config = with_weights(80, 20);
    config["pins"] = json!({"green": ["another"]});
    vms.reload(RELOADED, &config);
    // Before any tick.
    assert!((0..2).all(|vm| vms.has_green_at(vm, 0)));
    (0..2).for_each(|vm| vms.tick(vm));
    assert_eq!(vms.shown(), (ROLLED_BACK, 0));
    vms.reload(RELOADED + 1, &with_weights(70, 30));
    assert!((0..2).all(|vm| vms.has_green_at(vm, 30)));
    assert_eq!(vms.shown(), (BY_HAND, 3000));
    let view = vms.shown_by_console();
    assert_eq!(view.decisions.len(), 3, "{view:#?}");
    let last = &view.decisions[0];
    assert_eq!((last.from_phase.as_str(), last.to_phase.as_str()), ("rolled_back", "by_hand"));
    assert!(last.why.ends_with("which ends the command: rollback"), "{view:#?}");
}

/// Between two times of the same weights there was a ramp.
#[test]
fn a_ramp_ends_what_was_ordered_to_weights() {
    let mut vms = Vms::start(&with_weights(80, 20));
    vms.order(ROLLBACK).unwrap();
    vms.reload(RELOADED, &with_ramp());
    vms.reload(RELOADED + 1, &with_weights(80, 20));
    (0..2).for_each(|vm| vms.tick(vm));
    assert_eq!(vms.shown(), (BY_HAND, 2000));
    assert!((0..2).all(|vm| vms.has_green_at(vm, 20)));
}

/// One that is left behind, by an open stream or an older module, obeys, and does not have
/// its old weights followed.
#[test]
fn a_vm_that_is_left_behind_obeys_and_is_not_followed() {
    let mut vms = Vms::start(&with_weights(80, 20));
    let config = with_weights(70, 30).to_string();
    for vm in [&mut vms.vms[1], &mut vms.console] {
        vm.configure(RELOADED, config.as_bytes()).unwrap();
    }
    vms.order(ROLLBACK).unwrap();
    for _ in 0..3 {
        vms.tick(0);
        vms.vms[1].tick(RELOADED);
    }
    assert_eq!(vms.shown(), (ROLLED_BACK, 0), "{}", vms.log());
    assert!(vms.has_green_at(0, 0));
}

/// A conversation that begins while an order holds has its share, also once it has ended.
#[test]
fn conversations_follow_what_is_ordered_to_weights() {
    let mut config = with_weights(100, 0);
    config["conversation"] = json!({});
    let mut vms = Vms::start(&config);
    let ask = |vms: &mut Vms, vm: usize| {
        let headers = vec![("x-conversation-id".to_owned(), b"of-no-known-time".to_vec())];
        let sent = vms.vms[vm].run_stream(100, ROOT, Stream { headers, ..Stream::default() });
        sent.get("x-verdigris-version") == Some(b"green")
    };
    let pass = |vms: &Vms| vms.process.shared.lock().unwrap().clock += 3_000_000_000;
    pass(&vms);
    for (verb, is_green) in [(PROMOTE, true), (ROLLBACK, false)] {
        vms.order(verb).unwrap();
        (0..2).for_each(|vm| vms.tick(vm));
        pass(&vms);
        (0..2).for_each(|vm| vms.tick(vm));
        assert!((0..2).all(|vm| ask(&mut vms, vm) == is_green), "{verb:?}");
    }
}

/// Who cannot be steered pays for no ticks, and knows its history all the same.
#[test]
fn without_a_token_weights_have_no_ticks() {
    let environments: [(&[&str], u32); 3] =
        [(&[], 0), (&["VERDIGRIS_CONSOLE_TOKEN="], 0), (&["VERDIGRIS_CONSOLE_TOKEN=x"], 500)];
    for (environment, tick_ms) in environments {
        let mut vms = Vms::start_in(&with_weights(80, 20), environment);
        assert_eq!(vms.vms[0].tick_ms(), tick_ms, "{environment:?}");
        vms.reload(RELOADED, &with_weights(70, 30));
        let shares: Vec<_> = vms.shown_by_console().shares.iter().map(|it| it.green_bp).collect();
        assert_eq!(shares, [2000, 3000], "{environment:?}");
        let (status, _) = vms.ask("POST", "/rollback", Some(json!({"reason": "as asked"})));
        assert_eq!(status, if tick_ms == 0 { 404 } else { 401 }, "{environment:?}");
    }
}
