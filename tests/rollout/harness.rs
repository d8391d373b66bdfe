//! A ramp in a test, with a clock and traffic.

use serde_json::{Value, json};
use verdigris::analysis::{Measurements, Metric, Observation};
use verdigris::assignment::{Epoch, Share, UnitKey, Version};
use verdigris::config::Config;
use verdigris::rollout::{
    Clocks, CommandError, CommandKind, OperatorCommand, Phase, RampSpec, RampState, Transition,
};

/// A ramp in a test, an hour after 1970 began.
#[derive(Clone)]
pub struct RampHarness {
    pub state: RampState,
    pub config: Config,
    now_s: u64,
    units: u64,
}

/// The responses of one second. Each comes from a new unit.
#[derive(Clone, Copy, Debug)]
pub struct Traffic {
    /// Responses of each version.
    pub each: u64,
    /// The bad ones among blue's.
    pub blue_bad: u64,
    /// The bad ones among green's.
    pub green_bad: u64,
}

const SECOND_NS: u64 = 1_000_000_000;

// === impl RampHarness ===

impl RampHarness {
    /// A new ramp.
    pub fn new(ramp: Value) -> Self {
        let config = with_ramp(ramp);
        let now_s = 3600;
        let state = RampState::new(config.ramp.as_ref().unwrap(), clocks(now_s));
        Self { state, config, now_s, units: 0 }
    }

    /// This ramp in a rollout with `conversation`.
    pub fn with_conversations(mut self) -> Self {
        self.config.ramp.as_mut().unwrap().has_conversations = true;
        self
    }

    /// Changes the ramp in the configuration.
    pub fn configure(&mut self, ramp: Value) {
        self.config = with_ramp(ramp);
    }

    /// Reconciles once a second, for `count` seconds of traffic.
    pub fn run(&mut self, count: u64, traffic: Traffic) {
        for _ in 0..count {
            self.now_s += 1;
            self.reconcile(self.state.epoch, traffic);
        }
    }

    /// Reconciles once a second, for `count` seconds of traffic that was assigned in this epoch.
    pub fn run_in_epoch(&mut self, count: u64, epoch: Epoch, traffic: Traffic) {
        for _ in 0..count {
            self.now_s += 1;
            self.reconcile(epoch, traffic);
        }
    }

    /// Reconciles with traffic that was assigned in this epoch.
    pub fn reconcile(&mut self, epoch: Epoch, traffic: Traffic) {
        let mut observations = Vec::new();
        let bad = [(Version::Blue, traffic.blue_bad), (Version::Green, traffic.green_bad)];
        for (version, bad) in bad {
            for index in 0..traffic.each {
                self.units += 1;
                let measurements =
                    Measurements::default().with_rate(Metric::ErrorRate, index < bad);
                let response = self.response(self.units, version, measurements);
                observations.push(Observation { epoch, ..response });
            }
        }
        let now = self.now();
        self.state.reconcile(self.config.ramp.as_ref().unwrap(), now, &observations);
    }

    /// A response to a new unit with this number, now and in the epoch in force.
    pub fn response(&self, unit: u64, version: Version, measurements: Measurements) -> Observation {
        Observation {
            at_ns: self.now_s * SECOND_NS,
            unit: unit_hash(unit),
            epoch: self.snapshot_epoch(),
            version,
            is_newly_exposed: true,
            is_assignment: true,
            shadow: None,
            measurements,
        }
    }

    /// Reconciles once a second for `count` seconds with pairs of the epoch in force, each of a new
    /// unit.
    pub fn run_pairs(&mut self, count: u64, traffic: Traffic) {
        let measured = |is_bad: bool| {
            let duration_ms = if is_bad { 2_000.0 } else { 1_000.0 };
            Measurements::default()
                .with_rate(Metric::ErrorRate, is_bad)
                .with_value(Metric::Duration, duration_ms)
        };
        for _ in 0..count {
            self.now_s += 1;
            let mut pairs = Vec::new();
            for index in 0..traffic.each {
                self.units += 1;
                let blue = measured(index < traffic.blue_bad);
                let shadow = Some(measured(index < traffic.green_bad));
                let response = self.response(self.units, Version::Blue, blue);
                pairs.push(Observation { shadow, ..response });
            }
            let now = self.now();
            self.state.reconcile(self.config.ramp.as_ref().unwrap(), now, &pairs);
        }
    }

    /// Applies an operator command with the reason "as asked".
    pub fn command(&mut self, kind: CommandKind) -> Result<Transition, CommandError> {
        let command = OperatorCommand::new(kind, "as asked", self.now_s * 1000)?;
        let now = self.now();
        self.state.apply(self.config.ramp.as_ref().unwrap(), command, now)
    }

    /// The epoch that workers attach to assignments.
    pub fn snapshot_epoch(&self) -> Epoch {
        self.state.snapshot(self.spec()).epoch
    }

    pub fn now(&self) -> Clocks {
        clocks(self.now_s)
    }

    pub fn spec(&self) -> &RampSpec {
        self.config.ramp.as_ref().unwrap()
    }

    pub fn phase(&self) -> Phase {
        self.state.phase
    }

    pub fn share(&self) -> Share {
        self.state.snapshot(self.spec()).share
    }

    pub fn is_overdue(&self) -> bool {
        self.state.snapshot(self.spec()).is_overdue
    }

    /// The transitions as text, the oldest first.
    pub fn log(&self) -> Vec<String> {
        self.state.log.iter().map(ToString::to_string).collect()
    }
}

/// The analysis hash of the unit with this number, under a fixed key.
pub fn unit_hash(unit: u64) -> u64 {
    UnitKey::from_bytes(&[7; UnitKey::LENGTH]).unwrap().hash(&unit.to_le_bytes())
}

fn clocks(now_s: u64) -> Clocks {
    Clocks { monotonic_ns: now_s * SECOND_NS, unix_ms: now_s * 1000 }
}

fn with_ramp(ramp: Value) -> Config {
    let config = json!({
        "rollout": "assistant-v8",
        "unit": {"header": "x-user-id"},
        "versions": {"blue": {"cluster": "llm-blue"}, "green": {"cluster": "llm-green"}},
        "ramp": ramp,
    });
    Config::parse(config.to_string().as_bytes()).unwrap()
}
