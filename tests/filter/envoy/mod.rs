//! A real Envoy with the shipped bootstrap, of which a test changes the ports.

pub mod broken;
pub mod process;
pub mod prometheus;
pub mod upstream;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use reqwest::blocking::{Client, Response};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use tempfile::TempDir;

use crate::artifacts;
use crate::proxy::{Answer, Copied, Proxy, Request};
use process::{PATIENCE, Process, found_within, wait_for};
use upstream::{Seen, Upstream};

pub struct Envoy {
    process: Process,
    pub folder: TempDir,
    pub client: Client,
    /// Has a new connection for each request, which any of the workers may get: the kernel
    /// chooses by the connection's ports.
    pub one_off: Client,
    pub upstreams: [Upstream; 3],
    workers: u32,
    token: Option<&'static str>,
    admin: String,
    pub url: String,
    /// Where the page is, if there is one.
    pub console: Option<String>,
}

/// The headers that are between the filter and Envoy's routes.
const OWN_HEADERS: [&str; 2] = ["x-verdigris-cluster", "x-verdigris-shadow"];

const TOKEN_VARIABLE: &str = "VERDIGRIS_CONSOLE_TOKEN";

/// How often Envoy is started until it listens.
const STARTS: usize = 5;

/// What its log says where another process has a port.
const PORT_TAKEN: [&str; 2] = ["errno=98", "Address already in use"];

/// What an update of the filter's configuration has come to, by Envoy's counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Updates {
    accepted: u64,
    refused: u64,
    applied: u64,
}

/// What an Envoy is started with.
pub struct Setup<'a> {
    /// The text of filter.yaml, if there is to be one.
    pub filter: Option<&'a str>,
    pub wasm: PathBuf,
    pub workers: u32,
    /// With what who steers is known, if anybody can.
    pub token: Option<&'static str>,
    /// A change to the bootstrap, which may name the upstreams' ports.
    pub change: &'a dyn Fn(String, &[Upstream; 3]) -> String,
}

impl Default for Setup<'_> {
    fn default() -> Self {
        Self {
            filter: None,
            wasm: artifacts::filter_wasm(),
            workers: 2,
            token: None,
            change: &|bootstrap, _| bootstrap,
        }
    }
}

impl Envoy {
    /// A folder with what the README says to copy, and Envoy started in it.
    pub fn start_with(setup: &Setup<'_>) -> Self {
        let upstreams = ["llm-blue", "llm-green", "llm-next"].map(Upstream::start);
        let folder = TempDir::with_prefix("verdigris-").unwrap();
        let bootstrap = (setup.change)(bootstrap(&upstreams), &upstreams);
        std::fs::write(folder.path().join("envoy.yaml"), bootstrap).unwrap();
        for name in ["start", "console.yaml"] {
            std::fs::copy(artifacts::shipped(name), folder.path().join(name)).unwrap();
        }
        std::os::unix::fs::symlink(&setup.wasm, folder.path().join("verdigris.wasm")).unwrap();
        if let Some(filter) = setup.filter {
            std::fs::write(folder.path().join("filter.yaml"), filter).unwrap();
        }
        let (workers, token) = (setup.workers, setup.token);
        let process = launch(folder.path(), workers, token);
        let client = Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        let one_off = Client::builder().no_proxy().timeout(PATIENCE).pool_max_idle_per_host(0);
        let one_off = one_off.build().unwrap();
        let (admin, url, console) = (String::new(), String::new(), None);
        let mut envoy = Self {
            process,
            folder,
            client,
            one_off,
            upstreams,
            workers,
            token,
            admin,
            url,
            console,
        };
        envoy.wait_until_ready(0, |it| launch(it.folder.path(), it.workers, it.token));
        envoy
    }

    /// Starts Envoy anew as in the background of a shell, which goes on.
    pub fn restart_in_background(&mut self, options: &str) {
        let script = format!(
            "nohup sh start --concurrency 1 --admin-address-path admin.txt {options} & \
             echo $! > envoy.pid; wait"
        );
        let pid = self.folder.path().join("envoy.pid");
        // That of an earlier Envoy may be another process's by now.
        let _ = std::fs::remove_file(&pid);
        self.start_anew(|it| {
            // An Envoy of an earlier attempt goes on without its shell.
            if let Ok(pid) = std::fs::read_to_string(&pid) {
                drop(Background(pid.trim().to_owned()));
            }
            let mut shell = Command::new("sh");
            shell.args(["-c", &script]).env("ENVOY", artifacts::envoy());
            shell.current_dir(it.folder.path());
            Process::start(&mut shell, &it.folder.path().join("envoy.log"))
        });
    }

    /// Ends the shell in whose background Envoy runs; the process of Envoy.
    pub fn close_shell(&mut self) -> Background {
        let pid = std::fs::read_to_string(self.folder.path().join("envoy.pid")).unwrap();
        self.process.stop();
        Background(pid.trim().to_owned())
    }

    /// Stops Envoy, and starts it by `start`.
    fn start_anew(&mut self, start: impl Fn(&Self) -> Process) {
        self.process.stop();
        std::fs::remove_file(self.folder.path().join("admin.txt")).unwrap();
        let log_before = self.log().len();
        self.process = start(self);
        self.wait_until_ready(log_before, start);
    }

    /// Waits for an Envoy that has been started; starts another one by `start` where it could
    /// not listen. `log_before` is how long the log was before.
    ///
    /// Envoy binds the port 0 with `SO_REUSEADDR`, for which the kernel may choose a port that
    /// another process has bound in the same way; only one of them can listen on it.
    fn wait_until_ready(&mut self, mut log_before: usize, start: impl Fn(&Self) -> Process) {
        for _ in 1..STARTS {
            if self.listens(log_before) {
                return;
            }
            self.process.stop();
            // An Envoy without an admin port has not written it.
            let _ = std::fs::remove_file(self.folder.path().join("admin.txt"));
            log_before = self.log().len();
            self.process = start(self);
        }
        assert!(self.listens(log_before), "no free port in {STARTS} starts:\n{}", self.log());
    }

    /// Whether Envoy listens, once it is ready; not if another process has a port of it.
    fn listens(&mut self, log_before: usize) -> bool {
        let address = self.folder.path().join("admin.txt");
        let listeners = wait_for("Envoy to listen", || {
            if self.process.exit().is_some() {
                return Some(None);
            }
            self.admin = format!("http://{}", std::fs::read_to_string(&address).ok()?);
            let ready = self.client.get(format!("{}/ready", self.admin)).send().ok()?;
            (ready.status() == 200).then(|| Some(self.admin("/listeners")))
        });
        let log = self.log();
        let log = log.get(log_before..).unwrap_or_default();
        if PORT_TAKEN.iter().any(|it| log.contains(it)) {
            return false;
        }
        let listeners = listeners.unwrap_or_else(|| panic!("Envoy ended:\n{log}"));
        let url = |name| {
            let address = listeners.lines().find_map(|line| line.strip_prefix(name));
            address.map(|address| format!("http://{address}"))
        };
        self.url = url("llm::").unwrap();
        self.console = url("console::");
        true
    }

    /// What the admin port answers.
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

    /// Puts `text` in place of filter.yaml by a rename and waits for Envoy's word.
    pub fn write_filter(&self, text: &str) -> Result<(), String> {
        let current = std::fs::read_to_string(self.folder.path().join("filter.yaml"));
        if current.is_ok_and(|current| current == text) {
            return Ok(());
        }
        self.replace_filter(|new| std::fs::write(new, text).unwrap())
    }

    /// Has `make` make the new filter.yaml, and puts it in the place of the old one.
    pub fn replace_filter(&self, make: impl FnOnce(&Path)) -> Result<(), String> {
        let new = self.folder.path().join("filter.yaml.new");
        make(&new);
        self.await_update(|| {
            std::fs::rename(&new, self.folder.path().join("filter.yaml")).unwrap();
        })
    }

    /// Waits until what `update` does has come to all workers; Envoy's log since
    /// then where it has refused it.
    pub fn await_update(&self, update: impl FnOnce()) -> Result<(), String> {
        let before = self.updates();
        let log_before = self.log().len();
        update();
        let after = wait_for("Envoy to take or refuse filter.yaml", || {
            let now = self.updates();
            let accepted = now.accepted > before.accepted && now.applied > before.applied;
            (accepted || now.refused > before.refused).then_some(now)
        });
        if after.refused == before.refused {
            return Ok(());
        }
        Err(self.log().split_off(log_before))
    }

    fn updates(&self) -> Updates {
        let of = |names: &[&str]| -> u64 {
            let stat = |name| format!("extension_config_discovery.http_filter.verdigris.{name}");
            names.iter().map(|name| self.read_stat(&stat(name)).unwrap()).sum()
        };
        Updates {
            accepted: of(&["update_success"]),
            refused: of(&["update_rejected", "update_failure"]),
            applied: of(&["config_reload"]),
        }
    }

    pub fn read_stat(&self, name: &str) -> Option<u64> {
        let pattern = name.replace('.', "\\.");
        let stats = self.admin(&format!("/stats?filter=^{pattern}$"));
        let (_, value) = stats.trim().rsplit_once(": ")?;
        value.parse().ok()
    }

    /// Waits until the stats have these values, all at once.
    ///
    /// A stream is counted when Envoy has done with it, a moment after its client has the
    /// answer; and each VM sets the gauges with its own tick.
    pub fn wait_for_stats(&self, expected: &[(String, u64)]) {
        let mut differ = Vec::new();
        let found = found_within(PATIENCE, || {
            let found = expected.iter().map(|(name, value)| (name, *value, self.read_stat(name)));
            differ = found.filter(|(_, value, found)| *found != Some(*value)).collect();
            differ.is_empty().then_some(())
        });
        assert!(found.is_some(), "stats, what they should be, and what they are: {differ:#?}");
    }

    /// Waits until Envoy would replace a VM that traps: it does so no sooner than a second
    /// after the VM was made, and up to half a second later.
    pub fn wait_until_vms_can_be_replaced(&self) {
        let made_before = Instant::now();
        wait_for("the VMs' age", || (made_before.elapsed() > Duration::from_secs(2)).then_some(()));
    }

    /// Sends `ada`'s request over a connection of its own.
    pub fn answer_on_a_new_connection(&self) -> Answer {
        answer(self.one_off.get(&self.url).header("x-user-id", "ada").send().unwrap())
    }

    /// Sends a request to any path.
    pub fn get(&self, path: &str, request: &Request) -> reqwest::Result<Response> {
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
        Self::start_with(&Setup { filter: Some(&filter_yaml(config)), ..Setup::default() })
    }

    fn restart(&mut self) {
        self.start_anew(|it| launch(it.folder.path(), it.workers, it.token));
    }

    fn push(&mut self, config: &Value) -> Result<(), String> {
        self.write_filter(&filter_yaml(config))
    }

    fn send(&mut self, request: &Request) -> Answer {
        answer(self.get(request.path(), request).unwrap())
    }

    fn shadows(&mut self, count: usize) -> Vec<Copied> {
        let mut shadows = Vec::new();
        let clusters = ["llm-blue", "llm-green", "llm-next"];
        // They arrive after the client has its answer.
        wait_for("all shadows", || {
            for (upstream, cluster) in self.upstreams.iter().zip(clusters) {
                let seen = upstream.take_seen().into_iter().filter(|it| it.is_shadow);
                shadows.extend(seen.map(|Seen { path, body, headers, .. }| {
                    assert!(!headers.iter().any(|it| OWN_HEADERS.contains(&it.as_str())));
                    Copied { cluster: cluster.to_owned(), path, body }
                }));
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

/// A process whose parent is gone; it ends with this.
pub struct Background(String);

impl Background {
    /// Whether it runs.
    pub fn is_running(&self) -> bool {
        // One that has ended, and that nobody has waited for, has no command line.
        std::fs::read(format!("/proc/{}/cmdline", self.0)).is_ok_and(|it| !it.is_empty())
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-KILL", &self.0]).status();
    }
}

/// Envoy, started in `folder` as the README says.
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

/// Where the release's listener begins in the bootstrap; the console's stands before it.
pub fn release_listener(bootstrap: &str) -> usize {
    bootstrap.find("  - name: llm\n").unwrap()
}

/// The shipped bootstrap on free ports, with a third cluster to hand over to.
fn bootstrap(upstreams: &[Upstream; 3]) -> String {
    let shipped = std::fs::read_to_string(artifacts::shipped("envoy.yaml")).unwrap();
    let (_, green) = shipped.split_once("  - name: llm-green\n    type").unwrap();
    let (green, _) = green.split_once("  # Green first").unwrap();
    let green = format!("  - name: llm-green\n    type{green}");
    let next = green.replace("llm-green", "llm-next").replace("4021", "4022");
    let mut bootstrap = shipped.clone() + &next;
    let [blue, green, next] = upstreams.each_ref().map(|upstream| upstream.port);
    for (shipped, free) in
        [(9901, 0), (9902, 0), (10000, 0), (4020, blue), (4021, green), (4022, next)]
    {
        let ports = format!("port_value: {shipped}}}");
        assert_eq!(bootstrap.matches(&ports).count(), 1, "{ports}");
        bootstrap = bootstrap.replace(&ports, &format!("port_value: {free}}}"));
    }
    bootstrap
}

/// The shipped filter.yaml with another plugin configuration.
pub fn filter_yaml(config: &Value) -> String {
    filter_yaml_of(&config.to_string())
}

/// As [`filter_yaml`], with any text for a configuration.
pub fn filter_yaml_of(text: &str) -> String {
    let shipped = std::fs::read_to_string(artifacts::shipped("filter.yaml")).unwrap();
    let (head, _) = shipped.split_once("value: |").unwrap();
    // A JSON string is a YAML string too.
    format!("{head}value: {}\n", Value::from(text))
}

pub fn answer(response: Response) -> Answer {
    let status = response.status().as_u16();
    let version = response.headers().get("x-verdigris-version");
    let version = version.map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
    let headers = response.headers().iter();
    let headers =
        headers.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
    let text = response.text().unwrap();
    let body: Value = serde_json::from_str(&text).unwrap_or_default();
    let forwarded = body["headers"].as_array().cloned().unwrap_or_default();
    Answer {
        status,
        text,
        cluster: body["cluster"].as_str().unwrap_or_default().to_owned(),
        version,
        forwarded: forwarded
            .into_iter()
            .map(|header| serde_json::from_value(header).unwrap())
            .collect(),
        path: body["path"].as_str().unwrap_or_default().to_owned(),
        // A character for each byte.
        body: body["body"]
            .as_str()
            .unwrap_or_default()
            .chars()
            .filter_map(|it| u8::try_from(u32::from(it)).ok())
            .collect(),
        headers,
    }
}
