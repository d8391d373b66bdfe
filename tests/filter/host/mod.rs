//! A native host that runs the built `.wasm` as Envoy does: several workers, a VM
//! each, one set of stats; early header mutation before the filter, routing by
//! the cluster header after it.

mod abi;
mod callouts;
mod vm;

use serde_json::Value;

use crate::artifacts;
use crate::proxy::{Answer, Proxy, Request, ShadowRequest};
pub use callouts::Callout;
pub use vm::{Process, Response, Stream, Vm, first};

const WORKERS: usize = 2;

pub struct Host {
    wasm: Vec<u8>,
    process: Process,
    workers: Vec<Worker>,
    config: Vec<u8>,
    requests: usize,
    shadows: Vec<ShadowRequest>,
    refused: Vec<(&'static str, u32)>,
}

struct Worker {
    vm: Vm,
    root: u32,
    next_context: u32,
}

impl Worker {
    /// A new VM with a root context that has taken `config`; the VM's log if it
    /// refuses.
    fn start(host: &Host, config: &[u8]) -> Result<Self, String> {
        let mut vm = Vm::start(&host.wasm, &host.process);
        for (call, status) in &host.refused {
            vm.refuse(call, *status);
        }
        vm.configure(1, config).map_err(|()| vm.log_text())?;
        Ok(Self { vm, root: 1, next_context: 2 })
    }

    /// As Envoy reloads: a new root context takes the configuration, and the old
    /// one ends when its last stream has.
    fn reload(&mut self, config: &[u8]) {
        let root = self.context();
        self.vm.configure(root, config).expect("what one VM has taken, all take");
        let old = std::mem::replace(&mut self.root, root);
        self.vm.end(old);
    }

    fn context(&mut self) -> u32 {
        self.next_context += 1;
        self.next_context
    }

    fn run(&mut self, stream: Stream) -> Stream {
        let context = self.context();
        self.vm.run_stream(context, self.root, stream)
    }

    /// What the filter makes of a request at the internal listener of this role.
    fn run_inside(&mut self, mut request: Stream, role: &'static str) -> Stream {
        request.remove("x-verdigris-cluster");
        request.replace("x-verdigris-version", role.as_bytes());
        request.role = Some(role);
        self.run(request)
    }

    /// What reaches green of the copy of a request, if it does.
    fn run_shadow(&mut self, mut copied: Stream) -> Option<ShadowRequest> {
        copied.remove("x-verdigris-shadow");
        let sent = self.run_inside(copied, "shadow");
        let text = |name| String::from_utf8(sent.get(name).unwrap().to_vec()).unwrap();
        sent.get("x-verdigris-cluster")?;
        Some(ShadowRequest {
            cluster: text("x-verdigris-cluster"),
            path: text(":path"),
            body: sent.body.clone().unwrap_or_default(),
        })
    }
}

impl Host {
    /// A host that answers `call` with `status` from the first VM on; the filter's
    /// log if it cannot start so.
    pub fn start_refusing(config: &Value, call: &'static str, status: u32) -> Result<Self, String> {
        let mut host = Self::new(config);
        host.refused.push((call, status));
        host.start_workers()?;
        Ok(host)
    }

    fn new(config: &Value) -> Self {
        Self {
            wasm: std::fs::read(artifacts::filter_wasm()).unwrap(),
            process: Process::default(),
            workers: Vec::new(),
            config: config.to_string().into_bytes(),
            requests: 0,
            shadows: Vec::new(),
            refused: Vec::new(),
        }
    }

    fn start_workers(&mut self) -> Result<(), String> {
        self.process = Process::default();
        let workers = (0..WORKERS).map(|_| Worker::start(self, &self.config));
        self.workers = workers.collect::<Result<_, _>>()?;
        Ok(())
    }

    /// Has the next requests' host calls of that name answered with `status`.
    pub fn refuse(&mut self, call: &'static str, status: u32) {
        for worker in &mut self.workers {
            worker.vm.refuse(call, status);
        }
    }

    /// Whether the routes match the version header instead of taking the cluster from a header.
    fn routes_by_version(&self) -> bool {
        let config: Value = serde_json::from_slice(&self.config).unwrap_or_default();
        config["route_by"] == "version_header"
    }

    /// The names of the host calls that the last request made, in order.
    pub fn calls_of(&mut self, request: &Request) -> Vec<&'static str> {
        let worker = self.requests % WORKERS;
        self.workers[worker].vm.take_calls();
        self.send(request);
        self.workers[worker].vm.take_calls()
    }

    /// All that the filter has logged.
    pub fn log(&self) -> String {
        self.workers.iter().map(|worker| worker.vm.log_text()).collect()
    }
}

impl Proxy for Host {
    fn start(config: &Value) -> Self {
        let mut host = Self::new(config);
        host.restart();
        host
    }

    fn restart(&mut self) {
        self.start_workers().unwrap();
    }

    fn push(&mut self, config: &Value) -> Result<(), String> {
        let config = config.to_string().into_bytes();
        // Envoy first tries a configuration in a VM of its own.
        Worker::start(self, &config)?;
        for worker in &mut self.workers {
            worker.reload(&config);
        }
        self.config = config;
        Ok(())
    }

    fn send(&mut self, request: &Request) -> Answer {
        self.send_for(request, Response::default())
    }

    fn shadows(&mut self, count: usize) -> Vec<ShadowRequest> {
        let shadows = std::mem::take(&mut self.shadows);
        assert_eq!(shadows.len(), count);
        shadows
    }

    fn stat(&mut self, name: &str) -> Option<u64> {
        self.process.stats.lock().unwrap().get(name.strip_prefix("wasmcustom.").unwrap()).copied()
    }
}

impl Host {
    /// Sends a request to which the upstream answers with `response`.
    pub fn send_for(&mut self, request: &Request, response: Response) -> Answer {
        let mut stream = Stream {
            headers: request.headers.clone(),
            body: request.body.clone(),
            response,
            ..Stream::default()
        };
        if stream.get(":path").is_none() {
            stream.replace(":path", request.path().as_bytes());
        }
        if let Some(body) = &request.body {
            stream.replace("content-length", body.len().to_string().as_bytes());
        }
        let routes_by_version = self.routes_by_version();
        if !routes_by_version {
            for (name, value) in EARLY_MUTATION {
                stream.replace(name, value.as_bytes());
            }
            stream.remove("x-verdigris-shadow");
        }
        if stream.get(":method").is_none() {
            let method: &[u8] = if request.body.is_some() { b"POST" } else { b"GET" };
            stream.replace(":method", method);
        }
        let worker = self.requests % WORKERS;
        self.requests += 1;
        let mut stream = self.workers[worker].run(stream);
        if stream.get("x-verdigris-shadow").is_some() {
            let copied = self.workers[worker].run_shadow(stream.clone());
            self.shadows.extend(copied);
            stream.remove("x-verdigris-shadow");
        }
        if stream.get("x-verdigris-cluster") == Some(b"llm-green-failover") {
            stream = self.workers[worker].run_inside(stream, "green");
        }
        let text =
            |name| String::from_utf8_lossy(stream.get(name).unwrap_or_default()).into_owned();
        let version = text("x-verdigris-version");
        // As Envoy, which matches the values of a repeated header joined by a comma.
        let is_green = stream.headers.iter().filter(|(name, _)| name == "x-verdigris-version");
        let cluster = match is_green.map(|(_, value)| value.as_slice()).collect::<Vec<_>>()[..] {
            _ if !routes_by_version => text("x-verdigris-cluster"),
            [b"green"] => "llm-green".to_owned(),
            _ => "llm-blue".to_owned(),
        };
        let known = ["llm-blue", "llm-green", "llm-next"].contains(&cluster.as_str());
        let path = text(":path");
        if !routes_by_version {
            stream.remove("x-verdigris-cluster");
        }
        stream.remove(":path");
        stream.remove(":method");
        let reply = stream.reply.take();
        let (status, text) = reply.unwrap_or((if known { 200 } else { 503 }, String::new()));
        Answer {
            status,
            text,
            cluster,
            version,
            forwarded: stream.headers,
            path,
            body: stream.body.unwrap_or_default(),
            headers: stream.response.headers,
        }
    }
}

/// As in the shipped bootstrap.
const EARLY_MUTATION: [(&str, &str); 2] =
    [("x-verdigris-cluster", "llm-blue"), ("x-verdigris-version", "blue")];
