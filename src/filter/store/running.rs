//! The configurations that the plugins of this process run, which all VMs share.
//!
//! Envoy runs plugins with the same `vm_config` in one VM. A new `.wasm` in filter.yaml alone puts the
//! rollout into another VM than the console's. The console then adopts the configuration that is noted
//! here: a rollout's state is in shared data, where it needs no VM of its own.

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
    /// Identifies the root context that has noted it last.
    owner: u64,
}

/// The key has a version of its own: modules with other forms of a rollout's state read it as well.
const KEY: &str = "verdigris.running.1";

/// How many plugins are noted.
const MAX_PLUGINS: usize = 8;

/// What runs, the newest last.
pub fn load() -> Vec<RunningConfig> {
    cell().get().unwrap_or_default()
}

/// Notes that the root context `owner` of a plugin runs the configuration with this text.
pub fn publish(plugin: &str, text: &[u8], owner: u64) {
    cell().update(|found| {
        let mut running = found.unwrap_or_default();
        running.retain(|it| it.plugin != plugin);
        if running.len() >= MAX_PLUGINS {
            running.remove(0);
        }
        running.push(RunningConfig {
            plugin: plugin.to_owned(),
            state_version: STATE_VERSION,
            module: env!("CARGO_PKG_VERSION").to_owned(),
            text: text.to_owned(),
            owner,
        });
        Update::Write(running, ())
    });
}

/// The root context `owner` has ended. If it has noted its configuration last, nothing runs.
pub fn withdraw(owner: u64) {
    cell().update(|found| {
        let mut running = found.unwrap_or_default();
        let before = running.len();
        running.retain(|it| it.owner != owner);
        if running.len() < before { Update::Write(running, ()) } else { Update::Keep(()) }
    });
}

fn cell() -> SharedCell<Vec<RunningConfig>> {
    SharedCell::new(KEY.to_owned())
}
