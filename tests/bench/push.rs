//! How long a new configuration takes to the last worker.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::contestant::Contestant;
use crate::gateway::{Gateway, PUSHED};
use crate::http;
use crate::process::wait_for;
use crate::rounds::median;

const PUSHES: usize = 11;

/// Pushes to an Envoy with two workers, into the VMs that there are and into new ones;
/// the medians, as a text.
pub fn measure(upstream: u16) -> String {
    let folder = TempDir::with_prefix("verdigris-bench-").unwrap();
    push(folder.path(), "verdigris", 0);
    let gateway = Gateway::start_watching(folder, upstream);
    let time = |vm_id: &dyn Fn(usize) -> String| {
        let times = (1..=PUSHES).map(|at| {
            let before = reloads(gateway.admin);
            let start = Instant::now();
            push(gateway.path(), &vm_id(at), at);
            wait_for("the push", || (reloads(gateway.admin) > before).then_some(()));
            start.elapsed().as_secs_f64() * 1e3
        });
        median(times.collect())
    };
    let same = time(&|_| "verdigris".to_owned());
    let new = time(&|at| format!("verdigris-{at}"));
    format!(
        "a push to the last of two workers: {same:.1} ms; where it needs a new VM in each: {new:.0} ms"
    )
}

/// Puts a configuration in the place of the one before.
fn push(folder: &Path, vm_id: &str, at: usize) {
    let mut filter = Contestant::Deciding.verdigris(json!({
        "weights": {"blue": 100 - at, "green": at},
    }));
    filter["config"]["vm_config"]["vm_id"] = json!(vm_id);
    let resource = json!({
        "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
        "name": "verdigris",
        "typed_config": filter,
    });
    let pushed: Value = json!({"resources": [resource]});
    let next = folder.join("next.json");
    fs::write(&next, pushed.to_string()).unwrap();
    fs::rename(next, folder.join(PUSHED)).unwrap();
}

/// How many pushes have reached every worker.
fn reloads(admin: u16) -> u64 {
    let stats = http::get(admin, "/stats?filter=verdigris.config_reload$").unwrap();
    let reloads = stats.lines().find_map(|line| line.rsplit_once(": ")?.1.parse().ok());
    // So as not to be what is measured.
    std::thread::sleep(Duration::from_micros(500));
    reloads.unwrap_or_default()
}
