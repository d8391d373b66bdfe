//! An Envoy process with a listener for each contestant.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::artifacts;
use crate::contestant::{Contestant, JUDGE_CLUSTER};
use crate::http;
use crate::process::{Process, wait_at_most};

/// Under callgrind Envoy needs a minute to start.
const START_TIMEOUT: Duration = Duration::from_secs(600);

/// The configuration file that [`Gateway::start_watching`] watches.
pub const WATCHED_FILE: &str = "filter.json";

pub const WASM_FILTER: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";

const FOLDER_PREFIX: &str = "verdigris-bench-";

/// The server behind Envoy.
#[derive(Clone, Copy, Debug)]
pub struct Server {
    pub port: u16,
    /// Whether it is the judge, too. Without one, the questions fail before they are sent.
    pub is_judge: bool,
}

pub struct Gateway {
    pub process: Process,
    pub folder: TempDir,
    pub admin: u16,
    /// The ports of the contestants, in their order.
    pub ports: Vec<u16>,
}

impl Gateway {
    /// Starts Envoy with one worker in front of the upstream's port. `prefix` is a command such as
    /// `taskset` that runs the command after it.
    pub fn start(contestants: &[Contestant], upstream: Server, prefix: &[&str]) -> Self {
        let listeners = contestants
            .iter()
            .map(|contestant| (*contestant, contestant.filter()))
            .collect::<Vec<_>>();
        Self::launch(&listeners, upstream, 1, TempDir::with_prefix(FOLDER_PREFIX).unwrap(), prefix)
    }

    /// Starts Envoy with two workers and Verdigris. Envoy reads its configuration from the file
    /// [`WATCHED_FILE`] of the folder and watches it.
    pub fn start_watching(folder: TempDir, upstream: u16) -> Self {
        let watched = json!({
            "name": "verdigris",
            "config_discovery": {
                "config_source": {"path_config_source": {
                    "path": WATCHED_FILE, "watched_directory": {"path": "."},
                }},
                "type_urls": [WASM_FILTER],
            },
        });
        let upstream = Server { port: upstream, is_judge: false };
        Self::launch(&[(Contestant::Deciding, Some(watched))], upstream, 2, folder, &[])
    }

    fn launch(
        contestants: &[(Contestant, Option<Value>)],
        upstream: Server,
        workers: usize,
        folder: TempDir,
        prefix: &[&str],
    ) -> Self {
        let config = folder.path().join("envoy.json");
        std::fs::write(&config, bootstrap(contestants, upstream).to_string()).unwrap();
        let envoy = artifacts::envoy().into_os_string().into_string().unwrap();
        let mut arguments = prefix.iter().copied().chain([envoy.as_str()]);
        let mut command = Command::new(arguments.next().unwrap());
        command
            .args(arguments)
            .arg("-c")
            .arg(&config)
            .args(["--concurrency", &workers.to_string()])
            .args(["--disable-hot-restart", "--log-level", "warning"])
            .args(["--admin-address-path", "admin.txt"])
            .current_dir(folder.path());
        let mut process = Process::start(&mut command, &folder.path().join("envoy.log"));
        let address = folder.path().join("admin.txt");
        let (admin, listeners) = wait_at_most(START_TIMEOUT, "Envoy to listen", || {
            assert!(process.exit_success().is_none(), "Envoy ended:\n{}", process.log());
            let address = std::fs::read_to_string(&address).ok()?;
            let admin = address.rsplit_once(':')?.1.parse().ok()?;
            let listeners = http::get(admin, "/listeners").ok()?;
            (listeners.lines().count() == contestants.len()).then_some((admin, listeners))
        });
        let port_of = |index: usize| {
            let name = format!("listener-{index}::");
            let line = listeners.lines().find(|line| line.starts_with(&name)).unwrap();
            line.rsplit_once(':').unwrap().1.parse().unwrap()
        };
        let ports = (0..contestants.len()).map(port_of).collect();
        Self { process, folder, admin, ports }
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

fn bootstrap(contestants: &[(Contestant, Option<Value>)], upstream: Server) -> Value {
    let listeners = contestants.iter().enumerate();
    let listeners: Vec<Value> =
        listeners.map(|(index, (it, filter))| listener(index, *it, filter.clone())).collect();
    let names =
        ["llm-blue", "llm-green"].into_iter().chain(upstream.is_judge.then_some(JUDGE_CLUSTER));
    let cluster = |name| {
        json!({
            "name": name,
            "type": "STATIC",
            "load_assignment": {
                "cluster_name": name,
                "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(upstream.port)}}]}],
            },
        })
    };
    let clusters: Vec<Value> = names.map(cluster).collect();
    json!({
        "node": {"id": "bench", "cluster": "bench"},
        "admin": {"address": address(0)},
        "static_resources": {"listeners": listeners, "clusters": clusters},
    })
}

fn listener(index: usize, contestant: Contestant, filter: Option<Value>) -> Value {
    let router = json!({
        "name": "envoy.filters.http.router",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
        },
    });
    let filters: Vec<Value> = filter.into_iter().chain([router]).collect();
    let mut manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "llm",
        "route_config": {"name": "llm", "virtual_hosts": [{
            "name": "llm",
            "domains": ["*"],
            "routes": [{"match": {"prefix": "/"}, "route": contestant.route()}],
        }]},
        "http_filters": filters,
    });
    if contestant.has_cluster_header() {
        let overwrite = |key: &str, value: &str| {
            json!({"append": {
                "header": {"key": key, "value": value},
                "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
            }})
        };
        manager["early_header_mutation_extensions"] = json!([{
            "name": "envoy.http.early_header_mutation.header_mutation",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
                "mutations": [
                    overwrite("x-verdigris-cluster", "llm-blue"),
                    overwrite("x-verdigris-version", "blue"),
                ],
            },
        }]);
    }
    json!({
        "name": format!("listener-{index}"),
        "address": address(0),
        "filter_chains": [{"filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": manager,
        }]}],
    })
}

fn address(port: u16) -> Value {
    json!({"socket_address": {"address": "127.0.0.1", "port_value": port}})
}
