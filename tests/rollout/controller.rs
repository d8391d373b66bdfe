//! A ramp and a world that does as it is told.

use serde_json::{Value, json};
use verdigris::analysis::{Measurements, Metric, Observation};
use verdigris::assignment::{Share, Version, analysis_hash};
use verdigris::config::Config;
use verdigris::rollout::{Clocks, Phase, RampSpec, RampState, Transition};
use verdigris::rollout::{CommandError, CommandKind, OperatorCommand};

#[derive(Clone)]
pub struct Walk {
    pub state: RampState,
    pub config: Config,
    seconds: u64,
    units: u64,
}

/// What a second brings: responses of each version, and the bad ones among them.
#[derive(Clone, Copy)]
pub struct Seen {
    pub each: u64,
    pub blue_bad: u64,
    pub green_bad: u64,
}

const SECOND_NS: u64 = 1_000_000_000;

// === impl Walk ===

impl Walk {
    /// An hour after 1970 began.
    pub fn begin(ramp: Value) -> Self {
        let config = with_ramp(ramp);
        let seconds = 3600;
        let state = RampState::new(config.ramp.as_ref().unwrap(), now(seconds));
        Self { state, config, seconds, units: 0 }
    }

    /// The operator writes another ramp.
    pub fn change(&mut self, ramp: Value) {
        self.config = with_ramp(ramp);
    }

    pub fn seconds(&mut self, count: u64, seen: Seen) {
        for _ in 0..count {
            self.seconds += 1;
            self.tell(self.state.epoch, seen);
        }
    }

    /// A tick that brings what was decided in the step of this number.
    pub fn tell(&mut self, number: u16, seen: Seen) {
        let mut observations = Vec::new();
        for (version, bad) in [(Version::Blue, seen.blue_bad), (Version::Green, seen.green_bad)] {
            for at in 0..seen.each {
                self.units += 1;
                observations.push(Observation {
                    at_ns: self.seconds * SECOND_NS,
                    unit: analysis_hash("assistant-v8", &self.units.to_le_bytes()),
                    epoch: number,
                    version,
                    is_newly_exposed: true,
                    is_assignment: true,
                    measurements: Measurements::default().with_rate(Metric::ErrorRate, at < bad),
                });
            }
        }
        let now = self.now();
        self.state.reconcile(self.config.ramp.as_ref().unwrap(), now, &mut observations);
    }

    pub fn order(&mut self, verb: CommandKind) -> Result<Transition, CommandError> {
        let (order, now) =
            (OperatorCommand::new(verb, "as asked", self.seconds * 1000)?, self.now());
        self.state.apply(self.config.ramp.as_ref().unwrap(), order, now)
    }

    /// The number that workers give with what is decided now.
    pub fn number(&self) -> u16 {
        self.state.snapshot(self.settings()).epoch
    }

    pub fn now(&self) -> Clocks {
        now(self.seconds)
    }

    fn settings(&self) -> &RampSpec {
        self.config.ramp.as_ref().unwrap()
    }

    pub fn phase(&self) -> Phase {
        self.state.phase
    }

    pub fn share(&self) -> Option<Share> {
        Some(self.state.snapshot(self.settings()).share)
    }

    pub fn is_overdue(&self) -> bool {
        self.state.snapshot(self.settings()).is_overdue
    }

    pub fn log(&self) -> Vec<String> {
        self.state.log.iter().map(ToString::to_string).collect()
    }
}

fn now(seconds: u64) -> Clocks {
    Clocks { monotonic_ns: seconds * SECOND_NS, unix_s: seconds }
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
