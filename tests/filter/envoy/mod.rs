//! A real Envoy with the shipped bootstrap on free ports.

mod answer;
pub mod bootstrap;
pub mod clients;
pub mod failing_server;
mod listening;
#[path = "../../support/otlp.rs"]
mod otlp;
#[path = "../../support/process.rs"]
pub mod process;
pub mod prometheus;
pub mod span_receiver;
pub mod upstream;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use reqwest::blocking::{Client, Response};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use tempfile::TempDir;

use crate::artifacts;
use crate::proxy::{Answer, Proxy, Request, ShadowRequest};
pub use answer::read_answer;
pub use bootstrap::{
    filter_yaml, filter_yaml_from_text, release_listener_offset, route_by_version,
};
use process::{OrphanProcess, Process, TIMEOUT, poll_within, wait_for};
use upstream::{ReceivedRequest, Upstream};

pub struct Envoy {
    process: Process,
    pub folder: TempDir,
    pub client: Client,
    /// Opens a new connection for each request. The kernel assigns each connection to a worker.
    pub unpooled_client: Client,
    pub upstreams: [Upstream; 3],
    workers: u32,
    token: Option<&'static str>,
    admin: String,
    pub url: String,
    /// The URL of the console; `None` if the bootstrap has no console listener.
    pub console: Option<String>,
}

/// Headers that the filter and Envoy's routes exchange; no upstream may receive them.
const INTERNAL_HEADERS: [&str; 2] = ["x-verdigris-cluster", "x-verdigris-shadow"];

const TOKEN_VARIABLE: &str = "VERDIGRIS_CONSOLE_TOKEN";

/// Envoy's counters of updates of the filter's configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct UpdateCounts {
    accepted: u64,
    refused: u64,
    /// Updates that every worker has applied.
    applied: u64,
}

/// The options that Envoy is started with.
pub struct Setup<'a> {
    /// The text of filter.yaml; without it the file does not exist.
    pub filter: Option<&'a str>,
    pub wasm: PathBuf,
    pub workers: u32,
    /// The console's bearer token; without it the console accepts no commands.
    pub token: Option<&'static str>,
    /// Edits the bootstrap, which names the upstreams' ports.
    pub edit_bootstrap: &'a dyn Fn(String, &[Upstream; 3]) -> String,
}

impl Default for Setup<'_> {
    fn default() -> Self {
        Self {
            filter: None,
            wasm: artifacts::filter_wasm(),
            workers: 2,
            token: None,
            edit_bootstrap: &|bootstrap, _| bootstrap,
        }
    }
}

impl Envoy {
    /// Starts Envoy in a new folder that contains the files that operators copy.
    pub fn start_with(setup: &Setup<'_>) -> Self {
        let upstreams = ["llm-blue", "llm-green", "llm-next"].map(Upstream::start);
        let folder = TempDir::with_prefix("verdigris-").unwrap();
        let shipped = bootstrap::on_free_ports(&upstreams);
        let bootstrap = (setup.edit_bootstrap)(shipped, &upstreams);
        std::fs::write(folder.path().join("envoy.yaml"), bootstrap).unwrap();
        std::fs::create_dir(folder.path().join("config")).unwrap();
        for name in ["start", "weights", "config/console.yaml"] {
            std::fs::copy(artifacts::shipped(name), folder.path().join(name)).unwrap();
        }
        std::os::unix::fs::symlink(&setup.wasm, folder.path().join("verdigris.wasm")).unwrap();
        if let Some(filter) = setup.filter {
            std::fs::write(folder.path().join("config/filter.yaml"), filter).unwrap();
        }
        let (workers, token) = (setup.workers, setup.token);
        let process = launch(folder.path(), workers, token);
        let builder = || Client::builder().no_proxy().timeout(TIMEOUT);
        let mut envoy = Self {
            process,
            folder,
            client: builder().build().unwrap(),
            unpooled_client: builder().pool_max_idle_per_host(0).build().unwrap(),
            upstreams,
            workers,
            token,
            admin: String::new(),
            url: String::new(),
            console: None,
        };
        envoy.wait_until_ready(0, |envoy| launch(envoy.folder.path(), envoy.workers, envoy.token));
        envoy
    }

    /// Restarts Envoy as a background job of a shell.
    pub fn restart_in_background(&mut self, options: &str) {
        let script = format!(
            "nohup sh start --concurrency 1 --admin-address-path admin.txt {options} & \
             echo $! > envoy.pid; wait"
        );
        let pid = self.folder.path().join("envoy.pid");
        // The id of an earlier Envoy may belong to another process by now.
        let _ = std::fs::remove_file(&pid);
        self.restart_by(|envoy| {
            // Envoy of an earlier attempt survives its shell.
            if let Ok(pid) = std::fs::read_to_string(&pid) {
                drop(OrphanProcess::new(pid.trim()));
            }
            let mut shell = Command::new("sh");
            shell.args(["-c", &script]).env("ENVOY", artifacts::envoy());
            shell.current_dir(envoy.folder.path());
            Process::start(&mut shell, &envoy.folder.path().join("envoy.log"))
        });
    }

    /// Stops the shell that runs Envoy in the background. Returns Envoy's process.
    pub fn close_shell(&mut self) -> OrphanProcess {
        let pid = std::fs::read_to_string(self.folder.path().join("envoy.pid")).unwrap();
        self.process.stop();
        OrphanProcess::new(pid.trim())
    }

    /// Kills Envoy as `kill -9` does.
    pub fn kill(&mut self) {
        self.process.stop();
    }

    /// Requests a path of the admin interface.
    pub fn admin(&self, path: &str) -> String {
        let answer = self.client.get(format!("{}{path}", self.admin)).send().unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer.text().unwrap()
    }

    pub fn admin_url(&self) -> &str {
        &self.admin
    }

    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Replaces filter.yaml with `text` by a rename and waits until Envoy accepts or refuses it.
    ///
    /// # Errors
    /// Envoy's log since the rename, if Envoy refuses the text.
    pub fn write_filter(&self, text: &str) -> Result<(), String> {
        let current = std::fs::read_to_string(self.folder.path().join("config/filter.yaml"));
        if current.is_ok_and(|current| current == text) {
            return Ok(());
        }
        self.replace_filter(|new| std::fs::write(new, text).unwrap())
    }

    /// Has `create` create a file and renames it to filter.yaml.
    ///
    /// # Errors
    /// As for [`Envoy::write_filter`].
    pub fn replace_filter(&self, create: impl FnOnce(&Path)) -> Result<(), String> {
        let new = self.folder.path().join("config/filter.yaml.new");
        create(&new);
        self.await_update(|| {
            std::fs::rename(&new, self.folder.path().join("config/filter.yaml")).unwrap();
        })
    }

    /// How long Envoy has run, by its own clock, in seconds.
    pub fn uptime_s(&self) -> u64 {
        let info: Value = serde_json::from_str(&self.admin("/server_info")).unwrap();
        info["uptime_current_epoch"].as_str().unwrap().trim_end_matches('s').parse().unwrap()
    }

    /// Puts another module beside the filter's, which stands for a new version: its code differs.
    pub fn add_module(&self, name: &str) {
        let link = self.folder.path().join(name);
        std::os::unix::fs::symlink(artifacts::trapping_wasm(), link).unwrap();
    }

    /// Calls `update`, which changes filter.yaml, and waits until all workers have applied it.
    ///
    /// # Errors
    /// As for [`Envoy::write_filter`].
    pub fn await_update(&self, update: impl FnOnce()) -> Result<(), String> {
        let before = self.update_counts();
        let log_before = self.log().len();
        update();
        let after = wait_for("Envoy to accept or refuse filter.yaml", || {
            let now = self.update_counts();
            let accepted = now.accepted > before.accepted && now.applied > before.applied;
            (accepted || now.refused > before.refused).then_some(now)
        });
        if after.refused == before.refused {
            return Ok(());
        }
        Err(self.log().split_off(log_before))
    }

    fn update_counts(&self) -> UpdateCounts {
        let sum = |names: &[&str]| -> u64 {
            let stat = |name| format!("extension_config_discovery.http_filter.verdigris.{name}");
            names.iter().map(|name| self.read_stat(&stat(name)).unwrap()).sum()
        };
        UpdateCounts {
            accepted: sum(&["update_success"]),
            refused: sum(&["update_rejected", "update_failure"]),
            applied: sum(&["config_reload"]),
        }
    }

    pub fn read_stat(&self, name: &str) -> Option<u64> {
        let pattern = name.replace('.', "\\.");
        let stats = self.admin(&format!("/stats?filter=^{pattern}$"));
        let (_, value) = stats.trim().rsplit_once(": ")?;
        value.parse().ok()
    }

    /// Waits until all stats have the expected values at the same time.
    ///
    /// Envoy counts a stream when it has destroyed it, shortly after the client has the whole
    /// answer. Each VM sets the gauges in its own tick.
    pub fn wait_for_stats(&self, expected: &[(String, u64)]) {
        let mut different = Vec::new();
        let found = poll_within(TIMEOUT, || {
            let found = expected.iter().map(|(name, value)| (name, *value, self.read_stat(name)));
            different = found.filter(|(_, value, found)| *found != Some(*value)).collect();
            different.is_empty().then_some(())
        });
        assert!(found.is_some(), "stats (name, expected, found): {different:#?}");
    }

    /// Waits for two seconds, after which Envoy replaces a VM that traps: it requires that the VM is at
    /// least one second old, with up to half a second of jitter. Nothing in Envoy shows the VM's age.
    pub fn wait_until_vms_can_be_replaced(&self) {
        let created_before = Instant::now();
        wait_for("the minimum age of the VMs", || {
            (created_before.elapsed() > Duration::from_secs(2)).then_some(())
        });
    }

    /// Sends a request of user `ada` over a new connection.
    pub fn send_on_new_connection(&self) -> Answer {
        read_answer(self.unpooled_client.get(&self.url).header("x-user-id", "ada").send().unwrap())
    }

    /// Sends a request to `path`, without regard to the request's own path.
    pub fn send_to(&self, path: &str, request: &Request) -> reqwest::Result<Response> {
        let headers: HeaderMap = request
            .headers
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_bytes(name.as_bytes()).unwrap(),
                    HeaderValue::from_bytes(value).unwrap(),
                )
            })
            .collect();
        let url = format!("{}{path}", self.url);
        match &request.body {
            None => self.client.get(url).headers(headers).send(),
            Some(body) => self.client.post(url).headers(headers).body(body.clone()).send(),
        }
    }
}

impl Proxy for Envoy {
    fn start(config: &Value) -> Self {
        let by_version = |bootstrap: String, _: &[Upstream; 3]| route_by_version(&bootstrap);
        let mut setup = Setup { filter: Some(&filter_yaml(config)), ..Setup::default() };
        if config["route_by"] == "version_header" {
            setup.edit_bootstrap = &by_version;
        }
        Self::start_with(&setup)
    }

    fn restart(&mut self) {
        self.restart_by(|envoy| launch(envoy.folder.path(), envoy.workers, envoy.token));
    }

    fn push(&mut self, config: &Value) -> Result<(), String> {
        self.write_filter(&filter_yaml(config))
    }

    fn send(&mut self, request: &Request) -> Answer {
        read_answer(self.send_to(request.path(), request).unwrap())
    }

    fn shadows(&mut self, count: usize) -> Vec<ShadowRequest> {
        let mut shadows = Vec::new();
        let clusters = ["llm-blue", "llm-green", "llm-next"];
        // Shadows may arrive after the client has its answer.
        wait_for("all shadows", || {
            for (upstream, cluster) in self.upstreams.iter().zip(clusters) {
                let received =
                    upstream.take_received().into_iter().filter(|request| request.is_shadow);
                shadows.extend(received.map(
                    |ReceivedRequest { path, body, header_names, .. }| {
                        assert!(
                            !header_names
                                .iter()
                                .any(|name| INTERNAL_HEADERS.contains(&name.as_str()))
                        );
                        ShadowRequest { cluster: cluster.to_owned(), path, body }
                    },
                ));
            }
            (shadows.len() >= count).then_some(())
        });
        assert_eq!(shadows.len(), count);
        shadows
    }

    fn stat(&mut self, name: &str) -> Option<u64> {
        self.read_stat(name)
    }

    fn await_stat(&mut self, name: &str, value: u64) {
        self.wait_for_stats(&[(name.to_owned(), value)]);
    }
}

/// Starts Envoy in `folder` as docs/how-to/install.md says.
fn launch(folder: &Path, workers: u32, token: Option<&str>) -> Process {
    let mut command = Command::new("sh");
    command
        .arg("start")
        .args(["--concurrency", &workers.to_string(), "--disable-hot-restart"])
        .args(["--admin-address-path", "admin.txt", "--file-flush-interval-msec", "50"])
        .env("ENVOY", artifacts::envoy())
        .env_remove(TOKEN_VARIABLE)
        .envs(token.map(|token| (TOKEN_VARIABLE, token)))
        .current_dir(folder);
    Process::start(&mut command, &folder.join("envoy.log"))
}
