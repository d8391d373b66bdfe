//! The configurations that the plugins of this process run, which all VMs share.
//!
//! Envoy runs plugins with the same `vm_config` in one VM. A new `.wasm` in filter.yaml alone puts the
//! rollout into another VM than the console's. The console then adopts the configuration that is noted
//! here: a rollout's state is in shared data, where it needs no VM of its own.

use std::cell::Cell;

use serde::{Deserialize, Serialize};

use super::keys::STATE_VERSION;
use super::shared_cell::{SharedCell, Update};

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
    owners: Vec<u64>,
}

/// A root context's part in what is noted.
pub struct RunningNote {
    plugin: String,
    text: Vec<u8>,
    /// Identifies the root context among those of all VMs.
    owner: u64,
    is_published: Cell<bool>,
}

/// The key has a version of its own: modules with other forms of a rollout's state read it as well.
const KEY: &str = "verdigris.running.2";

/// How many configurations are noted, those of plugins that were replaced included.
const MAX_CONFIGS: usize = 16;

/// How many root contexts of a configuration are noted. A VM that has failed does not withdraw its own.
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
}

/// What runs: of each plugin the configuration that was published last.
pub fn load() -> Vec<RunningConfig> {
    let mut newest: Vec<RunningConfig> = Vec::new();
    for config in cell().get().unwrap_or_default().into_iter().rev() {
        if !newest.iter().any(|it| it.plugin == config.plugin) {
            newest.push(config);
        }
    }
    newest.reverse();
    newest
}

// === impl RunningNote ===

impl RunningNote {
    /// What the root context `owner` of a plugin will note of its configuration, which has this text.
    pub fn new(plugin: &str, text: &[u8], owner: u64) -> Self {
        let is_published = Cell::default();
        Self { plugin: plugin.to_owned(), text: text.to_owned(), owner, is_published }
    }

    /// Whether it is noted that the root context runs the configuration.
    pub fn is_published(&self) -> bool {
        self.is_published.get()
    }

    /// Notes that the root context runs the configuration, and that it is the plugin's newest.
    pub fn publish(&self) {
        let Self { plugin, text, owner, .. } = self;
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
            config.owners.push(*owner);
            if running.len() >= MAX_CONFIGS {
                running.remove(least_needed(&running));
            }
            running.push(config);
            Update::Write(running, ())
        });
        // Another VM may write at the same time: then the next tick tries again.
        self.is_published.set(published.is_some());
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
        let is_noted = running.iter().any(|it| it.owners.contains(&self.owner));
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
    running.iter_mut().for_each(|it| it.owners.retain(|it| *it != owner));
    running.retain(|it| !it.owners.is_empty());
    running
}

fn cell() -> SharedCell<Vec<RunningConfig>> {
    SharedCell::new(KEY.to_owned())
}
