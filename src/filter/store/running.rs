//! The configurations that the plugins of this process run, which all VMs share.
//!
//! Envoy runs plugins with the same `vm_config` in one VM. A new `.wasm` in filter.yaml alone puts the
//! rollout into another VM than the console's. The console then adopts the configuration that is noted
//! here: a rollout's state is in shared data, where it needs no VM of its own.

use std::cell::Cell;

use serde::{Deserialize, Serialize};

use super::keys::STATE_VERSION;
use super::shared_cell::{SharedCell, Update};
use crate::config::Config;
use crate::filter::hostcalls;

/// A configuration that a plugin runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunningConfig {
    /// The plugin's name in Envoy's configuration.
    pub plugin: String,
    /// The version of the rollout's state in shared data.
    pub state_version: u32,
    /// The version of the module.
    pub module: String,
    /// The text of the configuration.
    pub text: Vec<u8>,
    /// The root contexts of all VMs that run it.
    owners: Vec<Owner>,
}

/// A root context that runs a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Owner {
    /// Identifies it among those of all VMs.
    id: u64,
    /// When it has last said so, on the monotonic clock in seconds.
    seen_s: u64,
}

/// A root context's part in what is noted.
pub struct RunningNote {
    plugin: String,
    text: Vec<u8>,
    /// Identifies the root context among those of all VMs.
    owner: u64,
    /// When it was last noted that the root context runs the configuration, on the monotonic clock in
    /// seconds; `None` if it was not.
    noted_s: Cell<Option<u64>>,
}

/// How often a root context that needs no ticks is ticked, in milliseconds.
pub const SLOW_TICK_MS: u32 = 10_000;

/// How old a note is when it is renewed, in seconds: not older than one slow tick.
const RENEWED_AFTER_S: u64 = 9;

/// How old a note is when its VM counts as failed, in seconds. A VM that has trapped withdraws nothing.
const FAILED_AFTER_S: u64 = 35;

/// The key has a version of its own: modules with other forms of a rollout's state read it as well.
const KEY: &str = "verdigris.running.2";

/// How many configurations are noted, those of plugins that were replaced included.
const MAX_CONFIGS: usize = 64;

/// How many root contexts of a configuration are noted.
const MAX_OWNERS: usize = 256;

/// How often a root context tries to withdraw its note while others write.
const MAX_WITHDRAWALS: usize = 16;

// === impl RunningConfig ===

impl RunningConfig {
    /// What this module notes.
    fn new(plugin: &str, text: &[u8]) -> Self {
        Self {
            plugin: plugin.to_owned(),
            state_version: STATE_VERSION,
            module: env!("CARGO_PKG_VERSION").to_owned(),
            text: text.to_owned(),
            owners: Vec::new(),
        }
    }

    /// Whether this module has noted it, for this configuration of this plugin.
    fn is_of(&self, plugin: &str, text: &[u8]) -> bool {
        self.plugin == plugin && self.state_version == STATE_VERSION && self.text == text
    }

    /// Whether a VM runs it that has not failed.
    fn is_running(&self, now_s: u64) -> bool {
        self.owners.iter().any(|it| it.is_alive(now_s))
    }
}

// === impl Owner ===

impl Owner {
    /// Whether its VM has not failed.
    fn is_alive(self, now_s: u64) -> bool {
        now_s.saturating_sub(self.seen_s) <= FAILED_AFTER_S
    }
}

/// What runs: of each plugin the configuration that was published last.
pub fn load() -> Vec<RunningConfig> {
    let now_s = now_s();
    let mut newest: Vec<RunningConfig> = Vec::new();
    let noted = cell().get().unwrap_or_default();
    for config in noted.into_iter().rev().filter(|it| it.is_running(now_s)) {
        if !newest.iter().any(|it| it.plugin == config.plugin) {
            newest.push(config);
        }
    }
    newest.reverse();
    newest
}

/// Whether any plugin of this process runs a configuration of the rollout.
pub fn has_rollout(rollout: &str) -> bool {
    let now_s = now_s();
    let noted = cell().get().unwrap_or_default();
    let is_of_rollout = |it: &RunningConfig| {
        Config::parse(&it.text).is_ok_and(|config| config.rollout.as_str() == rollout)
    };
    noted.iter().any(|it| it.is_running(now_s) && is_of_rollout(it))
}

// === impl RunningNote ===

impl RunningNote {
    /// What the root context `owner` of a plugin will note of its configuration, which has this text.
    pub fn new(plugin: &str, text: &[u8], owner: u64) -> Self {
        let noted_s = Cell::default();
        Self { plugin: plugin.to_owned(), text: text.to_owned(), owner, noted_s }
    }

    /// Whether it is noted that the root context runs the configuration.
    pub fn is_published(&self) -> bool {
        self.noted_s.get().is_some()
    }

    /// Notes that the root context runs the configuration, and that it is the plugin's newest.
    pub fn publish(&self) {
        let Self { plugin, text, owner, .. } = self;
        let now_s = now_s();
        let published = cell().update(|found| {
            let mut running = without(found.unwrap_or_default(), *owner);
            let known = running.iter().position(|it| it.is_of(plugin, text));
            let mut config = match known {
                Some(index) => running.remove(index),
                None => RunningConfig::new(plugin, text),
            };
            if config.owners.len() >= MAX_OWNERS {
                config.owners.remove(0);
            }
            config.owners.push(Owner { id: *owner, seen_s: now_s });
            if running.len() >= MAX_CONFIGS {
                running.remove(least_needed(&running));
            }
            running.push(config);
            Update::Write(running, ())
        });
        // Another VM may write at the same time: then the next tick tries again.
        self.noted_s.set(published.map(|()| now_s));
    }

    /// Notes that the root context still runs the configuration, if it is time. Which one is its plugin's
    /// newest stays as it is.
    pub fn renew(&self) {
        let now_s = now_s();
        let is_due = |noted_s: u64| now_s.saturating_sub(noted_s) >= RENEWED_AFTER_S;
        if !self.noted_s.get().is_some_and(is_due) {
            return;
        }
        let renewed = cell().update(|found| {
            let mut running = found.unwrap_or_default();
            let mut owners = running.iter_mut().flat_map(|it| &mut it.owners);
            match owners.find(|it| it.id == self.owner) {
                Some(own) => own.seen_s = now_s,
                None => self.note_again(&mut running, now_s),
            }
            Update::Write(running, ())
        });
        if renewed.is_some() {
            self.noted_s.set(Some(now_s));
        }
    }

    /// Notes a root context whose note others have taken the place of, as far as there is a place. Which
    /// configuration is its plugin's newest stays as it is.
    fn note_again(&self, running: &mut Vec<RunningConfig>, now_s: u64) {
        let Self { plugin, text, owner, .. } = self;
        let owner = Owner { id: *owner, seen_s: now_s };
        let has_place = running.len() < MAX_CONFIGS;
        match running.iter_mut().find(|it| it.is_of(plugin, text)) {
            Some(config) if config.owners.len() < MAX_OWNERS => config.owners.push(owner),
            None if has_place => {
                let owners = vec![owner];
                running.insert(0, RunningConfig { owners, ..RunningConfig::new(plugin, text) });
            }
            Some(_) | None => {}
        }
    }

    /// The number that identifies the root context.
    pub fn owner(&self) -> u64 {
        self.owner
    }

    /// The root context has ended. A configuration that no root context runs is noted no more, and the
    /// plugin's previous one is the newest again.
    pub fn withdraw(&self) {
        let withdraw = || cell().update(|found| self.withdraw_from(found.unwrap_or_default()));
        // All VMs withdraw at about the same time.
        let _ = (0..MAX_WITHDRAWALS).find(|_| withdraw().is_some());
    }

    fn withdraw_from(&self, running: Vec<RunningConfig>) -> Update<Vec<RunningConfig>, ()> {
        let is_noted = running.iter().flat_map(|it| &it.owners).any(|it| it.id == self.owner);
        if is_noted { Update::Write(without(running, self.owner), ()) } else { Update::Keep(()) }
    }
}

/// Which configuration to forget: the oldest that is not its plugin's newest, or the oldest of all.
fn least_needed(running: &[RunningConfig]) -> usize {
    let is_replaced = |(index, config): (usize, &RunningConfig)| {
        running.iter().skip(index + 1).any(|it| it.plugin == config.plugin)
    };
    running.iter().enumerate().position(is_replaced).unwrap_or_default()
}

fn without(mut running: Vec<RunningConfig>, owner: u64) -> Vec<RunningConfig> {
    running.iter_mut().for_each(|it| it.owners.retain(|it| it.id != owner));
    running.retain(|it| !it.owners.is_empty());
    running
}

/// The monotonic clock in seconds, which all VMs of the process share.
fn now_s() -> u64 {
    hostcalls::monotonic_time_ns().unwrap_or_default() / 1_000_000_000
}

fn cell() -> SharedCell<Vec<RunningConfig>> {
    SharedCell::new(KEY.to_owned())
}
