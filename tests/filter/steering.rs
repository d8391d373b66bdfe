//! Orders by hand reach every VM with its next tick, and hold for as long as they should. On
//! the host emulator, where each VM can be ticked alone.

use serde_json::{Value, json};
use verdigris::assign::{Share, bucket_hash};
use verdigris::config::Config;
use verdigris::ramp::{Now, State};
use verdigris::steer::{Order, Refusal, Verb, Weights};

use crate::artifacts;
use crate::host::{Process, Stream, Vm};
use crate::proxy::{ROLLOUT, config};

const ROOT: u32 = 1;
const RELOADED: u32 = 5;
const RAMPING: u64 = 0;
const PAUSED: u64 = 2;
const PROMOTED: u64 = 3;
const ROLLED_BACK: u64 = 4;
const BY_HAND: u64 = 5;

/// Two VMs of one process, in which one can steer.
struct Vms {
    process: Process,
    vms: Vec<Vm>,
    root: u32,
    config: Value,
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
        Self::start_in(config, &["PATH=/", "VERDIGRIS_CONSOLE_TOKEN=a secret of sixteen"])
    }

    fn start_in(config: &Value, environment: &[&str]) -> Self {
        let wasm = std::fs::read(artifacts::filter_wasm()).unwrap();
        let process = Process::default();
        process.shared.lock().unwrap().environment =
            environment.iter().map(|it| (*it).to_owned()).collect();
        let vms = (0..2).map(|_| Vm::start(&wasm, &process)).collect();
        let mut vms = Self { process, vms, root: 0, config: Value::Null };
        vms.reload(ROOT, config);
        (0..2).for_each(|vm| vms.tick(vm));
        vms
    }

    /// All are given another configuration.
    fn reload(&mut self, root: u32, config: &Value) {
        let before = std::mem::replace(&mut self.root, root);
        self.config = config.clone();
        for vm in &mut self.vms {
            vm.configure(root, config.to_string().as_bytes()).unwrap();
            if before != 0 {
                vm.end(before);
            }
        }
    }

    fn tick(&mut self, vm: usize) {
        self.vms[vm].tick(self.root);
    }

    fn key(what: &str) -> String {
        format!("verdigris.3.{ROLLOUT}.{what}")
    }

    fn shared(&self, what: &str) -> Vec<u8> {
        self.process.shared.lock().unwrap().data[&Self::key(what)].0.clone()
    }

    fn share(&self, what: &str, bytes: Vec<u8>) {
        let mut shared = self.process.shared.lock().unwrap();
        let entry = shared.data.entry(Self::key(what)).or_default();
        *entry = (bytes, entry.1 + 1);
    }

    /// What a third VM does that is given an order.
    fn order(&self, verb: Verb) -> Result<(), Refusal> {
        let order = Order::new(verb, "as asked", 0)?;
        let config = Config::parse(self.config.to_string().as_bytes()).unwrap();
        let Some(settings) = config.ramp else {
            let mut weights: Weights = postcard::from_bytes(&self.shared("weights")).unwrap();
            assert_eq!(weights.written, config.share);
            weights.obey(order, 0)?;
            self.share("weights", postcard::to_allocvec(&weights).unwrap());
            return Ok(());
        };
        let mut state: State = postcard::from_bytes(&self.shared("state")).unwrap();
        let monotonic = self.process.shared.lock().unwrap().clock;
        state.obey(&settings, order, Now { monotonic, unix: 0 })?;
        self.share("state", postcard::to_allocvec(&state).unwrap());
        self.share("in_force", postcard::to_allocvec(&state.in_force(&settings)).unwrap());
        Ok(())
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

fn weights(blue: u64, green: u64) -> Verb {
    Verb::Weights(Share::new(blue, green).unwrap())
}

#[test]
fn an_order_to_a_ramp_is_in_force_everywhere_within_a_tick() {
    let table = [
        (Verb::Pause, PAUSED, 50),
        (Verb::Promote, PROMOTED, 100),
        (weights(4, 1), PAUSED, 20),
        (Verb::Rollback, ROLLED_BACK, 0),
    ];
    for order_of_ticks in [[0, 1], [1, 0]] {
        let mut vms = Vms::start(&with_ramp());
        for (verb, phase, percent) in table {
            if verb != Verb::Pause {
                vms.order(Verb::Resume).unwrap();
            }
            vms.order(verb).unwrap();
            for vm in order_of_ticks {
                vms.tick(vm);
                assert!(vms.has_green_at(vm, percent), "{verb:?} {vm} {}", vms.log());
                assert_eq!(vms.shown(), (phase, percent * 100), "{verb:?}");
            }
        }
        assert!(vms.order(Verb::Promote).is_err());
    }
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
    assert!(vms.log().contains("which ends what was ordered: weights"), "{}", vms.log());
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
    vms.order(Verb::Resume).unwrap();
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
        (Verb::Promote, BY_HAND, 100),
        (Verb::Rollback, ROLLED_BACK, 0),
        (Verb::Resume, BY_HAND, 20),
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
            assert_eq!(vms.is_green(vm, "tester"), verb != Verb::Rollback);
        }
    }
    assert!(vms.order(Verb::Pause).is_err());
}

#[test]
fn an_order_to_weights_outlives_reloads_that_leave_the_weights_alone() {
    let mut vms = Vms::start(&with_weights(80, 20));
    vms.order(Verb::Rollback).unwrap();
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
    let log: Weights = postcard::from_bytes(&vms.shared("weights")).unwrap();
    let log: Vec<_> = log.log.iter().map(ToString::to_string).collect();
    assert_eq!(log.len(), 3, "{log:#?}");
    assert!(log[2].contains("rolled_back at 0 % -> by_hand at 30 %"), "{log:#?}");
    assert!(log[2].ends_with("which ends what was ordered: rollback"), "{log:#?}");
}

/// Between two times of the same weights there was a ramp.
#[test]
fn a_ramp_ends_what_was_ordered_to_weights() {
    let mut vms = Vms::start(&with_weights(80, 20));
    vms.order(Verb::Rollback).unwrap();
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
    let config = with_weights(70, 30);
    vms.vms[1].configure(RELOADED, config.to_string().as_bytes()).unwrap();
    vms.config = config;
    vms.order(Verb::Rollback).unwrap();
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
    for (verb, is_green) in [(Verb::Promote, true), (Verb::Rollback, false)] {
        vms.order(verb).unwrap();
        (0..2).for_each(|vm| vms.tick(vm));
        pass(&vms);
        (0..2).for_each(|vm| vms.tick(vm));
        assert!((0..2).all(|vm| ask(&mut vms, vm) == is_green), "{verb:?}");
    }
}

/// Who cannot be steered pays for no ticks, and shares nothing.
#[test]
fn without_a_token_weights_have_no_ticks() {
    let environments: [(&[&str], u32); 3] =
        [(&[], 0), (&["VERDIGRIS_CONSOLE_TOKEN="], 0), (&["VERDIGRIS_CONSOLE_TOKEN=x"], 500)];
    for (environment, tick_ms) in environments {
        let vms = Vms::start_in(&with_weights(80, 20), environment);
        assert_eq!(vms.vms[0].tick_ms(), tick_ms, "{environment:?}");
        let is_shared = vms.process.shared.lock().unwrap().data.contains_key(&Vms::key("weights"));
        assert_eq!(is_shared, tick_ms != 0, "{environment:?}");
    }
}
