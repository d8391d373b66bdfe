//! A hot restart: the old and the new process live side by side.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::artifacts;
use crate::envoy::process::{Process, wait_for};
use crate::envoy::{Envoy, Setup, filter_yaml};
use crate::proxy::phase::ROLLED_BACK;
use crate::proxy::{ROLLOUT, config};

/// A process of a hot restart, with the address of its admin interface.
struct Epoch {
    _process: Process,
    admin: String,
}

impl Epoch {
    /// Starts a process in Envoy's folder, by these first words of its command line.
    fn start(folder: &Path, words: &[&str], base_id: u16, epoch: u32) -> Self {
        let path = format!("admin-{base_id}-{epoch}.txt");
        let (base_id, epoch) = (base_id.to_string(), epoch.to_string());
        let mut command = Command::new(words[0]);
        command
            .args(&words[1..])
            .args(["--base-id", &base_id, "--restart-epoch", &epoch, "--concurrency", "1"])
            .args(["--admin-address-path", &path, "--parent-shutdown-time-s", "900"])
            .env("ENVOY", artifacts::envoy())
            .current_dir(folder);
        let process = Process::start(&mut command, &folder.join(format!("{path}.log")));
        let admin = wait_for("the admin interface", || {
            std::fs::read_to_string(folder.join(&path)).ok().filter(|it| !it.is_empty())
        });
        Self { _process: process, admin }
    }

    fn stat(&self, name: &str) -> Option<u64> {
        let client = reqwest::blocking::Client::builder().no_proxy().build().unwrap();
        let url = format!("http://{}/stats?filter=^{}$", self.admin, name.replace('.', "\\."));
        let stats = client.get(url).send().and_then(reqwest::blocking::Response::text).ok()?;
        stats.trim().rsplit_once(": ")?.1.parse().ok()
    }
}

/// `start` has the new process begin with stats of its own. Otherwise Envoy adds up the gauges of both.
#[test]
fn the_gauges_of_a_hot_restart_by_start_are_those_of_the_new_process() {
    let filter = filter_yaml(&config(json!({"ramp": {"rolled_back": true}})));
    let envoy = Envoy::start_with(&Setup {
        filter: Some(&filter),
        edit_bootstrap: &|shipped, _| format!("stats_flush_interval: 0.5s\n{shipped}"),
        ..Setup::default()
    });
    let (folder, program) = (envoy.folder.path(), artifacts::envoy());
    let phase = format!("wasmcustom.verdigris.{ROLLOUT}.phase");
    let direct = [program.to_str().unwrap(), "-c", "envoy.yaml"];
    // An id that no other test has: the port of an upstream.
    let ids = [envoy.upstreams[0].port, envoy.upstreams[1].port];
    for (words, id, expected) in
        [(&["sh", "start"][..], ids[0], ROLLED_BACK), (&direct[..], ids[1], 2 * ROLLED_BACK)]
    {
        let old = Epoch::start(folder, words, id, 0);
        wait_for("the old phase", || (old.stat(&phase) == Some(ROLLED_BACK)).then_some(()));
        let new = Epoch::start(folder, words, id, 1);
        // Envoy writes its uptime when it flushes stats, which is also when it takes over the old ones.
        wait_for("some flushes", || {
            (new.stat("server.uptime") >= Some(3) && new.stat(&phase) == Some(expected))
                .then_some(())
        });
        let other = if expected == ROLLED_BACK { 2 * ROLLED_BACK } else { ROLLED_BACK };
        assert_ne!(new.stat(&phase), Some(other), "{words:?}");
    }
}
