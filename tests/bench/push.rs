//! The time until the last worker applies a new configuration.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::contestant::Contestant;
use crate::gateway::{Gateway, WATCHED_FILE};
use crate::http;
use crate::process::wait_for;
use crate::rounds::median;

const PUSHES: usize = 11;

/// Pushes configurations to an Envoy with two workers, for existing and for new VMs. Returns a
/// text with the median times.
pub fn measure(upstream: u16) -> String {
    let folder = TempDir::with_prefix("verdigris-bench-").unwrap();
    write_configuration(folder.path(), "verdigris", 0);
    let gateway = Gateway::start_watching(folder, upstream);
    let time = |vm_id: &dyn Fn(usize) -> String| {
        let times = (1..=PUSHES).map(|green| {
            let before = applied_pushes(gateway.admin);
            let start = Instant::now();
            write_configuration(gateway.path(), &vm_id(green), green);
            wait_for("the push", || (applied_pushes(gateway.admin) > before).then_some(()));
            start.elapsed().as_secs_f64() * 1e3
        });
        median(times.collect())
    };
    let same = time(&|_| "verdigris".to_owned());
    let new = time(&|green| format!("verdigris-{green}"));
    format!(
        "push until the last of two workers applies it: {same:.1} ms, with a new VM in each {new:.0} ms"
    )
}

/// Replaces the configuration by a rename.
fn write_configuration(folder: &Path, vm_id: &str, green: usize) {
    let mut filter = Contestant::Deciding.wasm_filter(json!({
        "weights": {"blue": 100 - green, "green": green},
    }));
    filter["config"]["vm_config"]["vm_id"] = json!(vm_id);
    let resource = json!({
        "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
        "name": "verdigris",
        "typed_config": filter,
    });
    let configuration: Value = json!({"resources": [resource]});
    let next = folder.join("next.json");
    fs::write(&next, configuration.to_string()).unwrap();
    fs::rename(next, folder.join(WATCHED_FILE)).unwrap();
}

/// The number of pushes that every worker has applied.
fn applied_pushes(admin: u16) -> u64 {
    let stats = http::get(admin, "/stats?filter=verdigris.config_reload$").unwrap();
    let reloads = stats.lines().find_map(|line| line.rsplit_once(": ")?.1.parse().ok());
    // Limits the load of polling, which would distort the measurement.
    std::thread::sleep(Duration::from_micros(500));
    reloads.unwrap_or_default()
}
