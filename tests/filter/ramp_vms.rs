//! Several VMs of one process with the same ramp, each ticked separately. On the host emulator.

use serde_json::{Value, json};
use verdigris::analysis::Observation;
use verdigris::assignment::{Share, bucket_hash};
use verdigris::rollout::RampState;

use crate::artifacts;
use crate::host::{Process, Response, Stream, Vm};
use crate::proxy::{ROLLOUT, config, set_fields, shared_key};

/// The root context that every VM is configured with.
pub const ROOT: u32 = 1;
/// A second root context.
pub const SECOND_ROOT: u32 = 5;
pub const NS_PER_SECOND: u64 = 1_000_000_000;

pub struct RampVms {
    pub process: Process,
    pub vms: Vec<Vm>,
    /// The number of users that have sent a request; the next user has the next number.
    users: u64,
}

/// A ramp that stays in its first step.
pub fn long_ramp() -> Value {
    config(json!({"ramp": {
        "steps": [50, 100], "bake": "1h", "gates": [{"metric": "error_rate"}], "tripwires": [],
    }}))
}

/// As [`long_ramp`], with these fields of the ramp.
pub fn long_ramp_with(overrides: &Value) -> Value {
    let mut config = long_ramp();
    set_fields(&mut config["ramp"], overrides);
    config
}

impl RampVms {
    pub fn start(count: usize) -> Self {
        Self::start_with(count, &long_ramp())
    }

    pub fn start_with(count: usize, config: &Value) -> Self {
        Self::start_in(Process::default(), count, config)
    }

    /// Starts VMs in a process that may have shared data.
    pub fn start_in(process: Process, count: usize, config: &Value) -> Self {
        let wasm = std::fs::read(artifacts::filter_wasm()).unwrap();
        let config = config.to_string();
        let start_vm = |_| {
            let mut vm = Vm::start(&wasm, &process);
            vm.configure(ROOT, config.as_bytes()).unwrap();
            vm
        };
        let vms = (0..count).map(start_vm).collect();
        Self { process, vms, users: 0 }
    }

    /// Configures another root context of a VM.
    pub fn configure(&mut self, vm: usize, root: u32, config: &Value) {
        self.vms[vm].configure(root, config.to_string().as_bytes()).unwrap();
    }

    /// Ticks the VM's first root context.
    pub fn tick(&mut self, vm: usize) {
        self.vms[vm].tick(ROOT);
    }

    /// Ticks all VMs in order.
    pub fn tick_all(&mut self) {
        (0..self.vms.len()).for_each(|vm| self.tick(vm));
    }

    pub fn set_clock(&self, now_ns: u64, is_frozen: bool) {
        let mut shared = self.process.shared.lock().unwrap();
        (shared.clock, shared.is_frozen) = (now_ns, is_frozen);
    }

    pub fn advance_clock(&self, seconds: u64) {
        self.process.shared.lock().unwrap().clock += seconds * NS_PER_SECOND;
    }

    /// Sends a request of each of `count` new users to a VM. Green fails for `green_failure_percent`
    /// of its users.
    pub fn send_from_new_users(&mut self, vm: usize, count: u64, green_failure_percent: u64) {
        for _ in 0..count {
            self.users += 1;
            self.send(vm, ROOT, self.users, green_failure_percent);
        }
    }

    /// Sends a request of this user to a root context of a VM.
    pub fn send(&mut self, vm: usize, root: u32, user: u64, green_failure_percent: u64) {
        self.send_with(&[], (vm, root), user, green_failure_percent);
    }

    /// Sends a request of this user with more headers.
    pub fn send_with(
        &mut self,
        more: &[(&str, &str)],
        (vm, root): (usize, u32),
        user: u64,
        green_failure_percent: u64,
    ) {
        let user_id = ("x-user-id".to_owned(), format!("user-{user}").into_bytes());
        let more = more.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()));
        let headers = [user_id].into_iter().chain(more).collect();
        // All VMs assign by the share that the gauge shows.
        let green = self.stat("green_bp");
        let share = Share::new(10_000 - green, green).unwrap();
        let is_green = share.contains(bucket_hash(ROLLOUT, format!("user-{user}").as_bytes()));
        let fails = is_green && user % 100 < green_failure_percent;
        let status: &[u8] = if fails { b"503" } else { b"200" };
        let response_headers = vec![(":status".to_owned(), status.to_vec())];
        let response = Response { headers: response_headers, ..Response::default() };
        let stream = Stream { headers, response, ..Stream::default() };
        self.vms[vm].run_stream(2, root, stream);
    }

    /// The observations that the leader has not processed.
    pub fn queued_observations(&self) -> Vec<Observation> {
        let shared = self.process.shared.lock().unwrap();
        let mut observations = Vec::new();
        for mut bytes in shared.queues[0].1.iter().map(Vec::as_slice) {
            while let Some((observation, rest)) = Observation::decode(bytes) {
                observations.push(observation);
                bytes = rest;
            }
        }
        observations
    }

    /// The state of the ramp in the shared data.
    pub fn state(&self) -> RampState {
        let shared = self.process.shared.lock().unwrap();
        postcard::from_bytes(&shared.data[&shared_key("state")].0).unwrap()
    }

    pub fn stat(&self, name: &str) -> u64 {
        self.stat_of_rollout(ROLLOUT, name)
    }

    pub fn stat_of_rollout(&self, rollout: &str, name: &str) -> u64 {
        let name = format!("verdigris.{rollout}.{name}");
        self.process.stats.lock().unwrap().get(&name).copied().unwrap_or_default()
    }

    /// The number of units in the first step's evidence.
    pub fn evidence_units(&self) -> u64 {
        ["blue", "green"]
            .map(|version| self.stat(&format!("{version}.evidence_units.s0")))
            .iter()
            .sum()
    }

    pub fn log(&self) -> String {
        self.vms.iter().map(Vm::log_text).collect()
    }
}
