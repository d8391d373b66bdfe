//! Notes of rejected configurations, which all VMs of the process share.
//!
//! Envoy tries a configuration in a VM that it then discards. Shared data outlives that VM.
//! It does not outlive the last VM of its `vm_id`: what is rejected when Envoy starts is noted
//! only if another plugin runs by then, which is why the console's listener is the first one.

use super::shared_cell::{SharedCell, Update};
use crate::console::{PluginKind, Rejection, Rejections};
use crate::filter::{attributes, hostcalls};
use crate::hash::hash_64;

/// One key for modules of all versions.
const KEY: &str = "verdigris.rejections";

/// The rejections that are noted.
pub fn load() -> Rejections {
    cell().get().unwrap_or_default()
}

/// Notes that the plugin's configuration with this text was rejected.
pub fn reject(text: &[u8], why: &str) {
    let rejection = Rejection::new(&plugin(), text, why, hostcalls::unix_ms());
    update(|rejections| {
        rejections.reject(rejection.clone());
        true
    });
}

/// Notes that the plugin's configuration with this text was accepted.
pub fn accept(kind: PluginKind, text: &[u8]) {
    let (plugin, hash, at_ms) = (plugin(), hash_64(text), hostcalls::unix_ms());
    update(|rejections| rejections.accept(&plugin, kind, hash, at_ms));
}

/// The name of the plugin that is being configured.
pub fn plugin() -> String {
    let name = attributes::plugin_name();
    name.map(|name| String::from_utf8_lossy(&name).into_owned()).unwrap_or_default()
}

/// Changes what is shared, if `change` returns that there is a change. What the host does not take is
/// not shown, and nothing else happens.
fn update(change: impl Fn(&mut Rejections) -> bool) {
    cell().update(|found| {
        let mut rejections = found.unwrap_or_default();
        if change(&mut rejections) { Update::Write(rejections, ()) } else { Update::Keep(()) }
    });
}

fn cell() -> SharedCell<Rejections> {
    SharedCell::new(KEY.to_owned())
}
