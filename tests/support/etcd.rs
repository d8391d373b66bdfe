//! A real etcd: one node, or three that are one cluster.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::blocking::Client;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::port::Port;
use crate::process::{Process, wait_for};

/// An etcd cluster in a folder of its own. It ends with this value.
pub struct Etcd {
    members: Vec<Member>,
    folder: TempDir,
    client: Client,
    arguments: Vec<String>,
}

struct Member {
    clients: Port,
    peers: Port,
    /// `None` while it is stopped.
    process: Option<Process>,
}

impl Etcd {
    /// Starts one node.
    pub fn start() -> Self {
        Self::start_cluster(1, &[])
    }

    /// Starts a cluster of this many members, each with these arguments as well.
    pub fn start_cluster(size: usize, arguments: &[&str]) -> Self {
        let member = || Member { clients: Port::reserve(), peers: Port::reserve(), process: None };
        let client = Client::builder().no_proxy().timeout(Duration::from_secs(10)).build();
        let mut etcd = Self {
            members: (0..size).map(|_| member()).collect(),
            folder: TempDir::with_prefix("verdigris-").unwrap(),
            client: client.unwrap(),
            arguments: arguments.iter().map(|it| (*it).to_owned()).collect(),
        };
        etcd.restart();
        etcd
    }

    /// How many members there are.
    pub fn size(&self) -> usize {
        self.members.len()
    }

    /// The port at which a member serves clients.
    pub fn port(&self, member: usize) -> u16 {
        self.members[member].clients.number
    }

    /// Kills a member as `kill -9` does.
    pub fn kill(&mut self, member: usize) {
        self.members[member].process = None;
    }

    /// Kills all members as `kill -9` does.
    pub fn kill_all(&mut self) {
        (0..self.members.len()).for_each(|member| self.kill(member));
    }

    /// Starts the members that are stopped, and waits until all serve.
    pub fn restart(&mut self) {
        for member in 0..self.members.len() {
            if self.members[member].process.is_none() {
                let process = self.start_member(member);
                self.members[member].process = Some(process);
            }
        }
        (0..self.members.len()).for_each(|member| self.wait_until_healthy(member));
    }

    /// Kills all members, deletes their data, and starts them again.
    pub fn wipe(&mut self) {
        self.kill_all();
        for member in 0..self.members.len() {
            std::fs::remove_dir_all(self.data_folder(member)).unwrap();
        }
        self.restart();
    }

    fn start_member(&self, member: usize) -> Process {
        let url = |port: &Port| format!("http://127.0.0.1:{}", port.number);
        let peers = self.members.iter().enumerate();
        let peers: Vec<_> = peers.map(|(i, it)| format!("etcd{i}={}", url(&it.peers))).collect();
        let Member { clients, peers: own_peers, .. } = &self.members[member];
        let mut command = Command::new(tool());
        command.args(["--name", &format!("etcd{member}")]);
        command.arg("--data-dir").arg(self.data_folder(member));
        command.args(["--listen-client-urls", &url(clients)]);
        command.args(["--advertise-client-urls", &url(clients)]);
        command.args(["--listen-peer-urls", &url(own_peers)]);
        command.args(["--initial-advertise-peer-urls", &url(own_peers)]);
        command.args(["--initial-cluster", &peers.join(",")]);
        command.args(["--initial-cluster-token", "verdigris-test"]).args(&self.arguments);
        Process::start(&mut command, &self.folder.path().join(format!("etcd{member}.log")))
    }

    fn data_folder(&self, member: usize) -> PathBuf {
        self.folder.path().join(format!("etcd{member}"))
    }

    fn wait_until_healthy(&self, member: usize) {
        let url = format!("http://127.0.0.1:{}/health", self.port(member));
        wait_for("etcd to be healthy", || {
            let text = self.client.get(&url).send().ok()?.text().ok()?;
            let health: Value = serde_json::from_str(&text).ok()?;
            (health["health"] == "true").then_some(())
        });
    }

    /// The value of a key, as the first member that runs has it.
    pub fn get(&self, key: &str) -> Option<Vec<u8>> {
        let answer = self.request("kv/range", &json!({"key": BASE64.encode(key)}));
        let value = answer["kvs"].get(0)?["value"].as_str().unwrap_or_default();
        Some(BASE64.decode(value).unwrap())
    }

    /// The keys that begin with a prefix, in their order.
    pub fn keys(&self, prefix: &str) -> Vec<String> {
        let mut end = prefix.as_bytes().to_vec();
        *end.last_mut().expect("a prefix") += 1;
        let range = json!({
            "key": BASE64.encode(prefix), "range_end": BASE64.encode(end), "keys_only": true,
        });
        let answer = self.request("kv/range", &range);
        let keys = answer["kvs"].as_array().cloned().unwrap_or_default();
        let key = |kv: &Value| BASE64.decode(kv["key"].as_str().unwrap()).unwrap();
        keys.iter().map(|kv| String::from_utf8(key(kv)).unwrap()).collect()
    }

    /// Writes a key. Returns the revision.
    pub fn put(&self, key: &str, value: &[u8]) -> u64 {
        let put = json!({"key": BASE64.encode(key), "value": BASE64.encode(value)});
        revision(&self.request("kv/put", &put))
    }

    /// Deletes a key.
    pub fn delete(&self, key: &str) {
        self.request("kv/deleterange", &json!({"key": BASE64.encode(key)}));
    }

    /// The newest revision.
    pub fn revision(&self) -> u64 {
        revision(&self.request("kv/range", &json!({"key": BASE64.encode("no such key")})))
    }

    /// Discards what was before a revision.
    pub fn compact(&self, revision: u64) {
        self.request("kv/compaction", &json!({"revision": revision.to_string(), "physical": true}));
    }

    /// Asks etcd's JSON gateway, at the first member that runs.
    fn request(&self, path: &str, body: &Value) -> Value {
        let runs = self.members.iter().position(|it| it.process.is_some()).expect("a member runs");
        let url = format!("http://127.0.0.1:{}/v3/{path}", self.port(runs));
        let request = self.client.post(url).body(body.to_string());
        let text = request.send().unwrap().text().unwrap();
        let answer: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
        assert!(answer["error"].is_null(), "{path}: {text}");
        answer
    }
}

/// The binary that `make tools` installs.
fn tool() -> PathBuf {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".tools/bin/etcd");
    assert!(path.exists(), "{} is missing; `make tools` installs it", path.display());
    path
}

fn revision(answer: &Value) -> u64 {
    answer["header"]["revision"].as_str().unwrap().parse().unwrap()
}
