//! Notes of rejected configurations, which all VMs of the process share.
//!
//! Envoy tries a configuration in a VM that it then discards. Shared data outlives that VM.
//! It does not outlive the last VM of its `vm_id`: what is rejected when Envoy starts is noted
//! only if another plugin runs by then, which is why the console's listener is the first one.

use super::host::{self, Cas, set_shared, shared};
use crate::console::{PluginKind, Rejection, Rejections};

/// The same for modules of all formats: the notes are JSON with named fields.
const KEY: &str = "verdigris.rejections";
/// How often a change is tried that other VMs come between.
const TRIES: usize = 4;

/// What is noted.
pub fn known() -> Rejections {
    shared(KEY).map(|(bytes, _)| Rejections::read(&bytes)).unwrap_or_default()
}

/// Notes that the plugin's configuration with this text was rejected.
pub fn reject(text: &[u8], why: &str) {
    let at_ms = host::wall_time().unwrap_or_default() / 1_000_000;
    let note = Rejection::new(&plugin(), text, why, at_ms);
    change(|rejections| {
        rejections.reject(note.clone());
        true
    });
}

/// Notes that the plugin's configuration with this text was accepted.
pub fn accept(kind: PluginKind, mut text: &[u8]) {
    // Reading memory cannot fail.
    let hash = murmur3::murmur3_x64_128(&mut text, 0).unwrap_or_default();
    let plugin = plugin();
    change(|rejections| rejections.accept(&plugin, kind, (hash >> 64) as u64));
}

/// The name of the plugin that is being configured.
pub fn plugin() -> String {
    let name = host::plugin_name();
    name.map(|name| String::from_utf8_lossy(&name).into_owned()).unwrap_or_default()
}

/// Changes what is shared. What the host does not take is not shown, and nothing else.
fn change(change: impl Fn(&mut Rejections) -> bool) {
    for _ in 0..TRIES {
        let found = shared(KEY);
        let cas = found.as_ref().map_or(Cas::ANY, |(_, cas)| *cas);
        let known = found.map(|(bytes, _)| Rejections::read(&bytes));
        let mut rejections = known.unwrap_or_default();
        if !change(&mut rejections) || set_shared(KEY, &rejections.write(), cas).is_ok() {
            return;
        }
    }
}
