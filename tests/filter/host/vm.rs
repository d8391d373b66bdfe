//! One VM: the module's memory, its contexts' callbacks, and what it has done.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, LazyLock, Mutex};

use wasmi::{Engine, Instance, Linker, Module, Store, Val};

use super::abi;
use super::callouts::Callouts;

/// Counters and gauges of the whole process, by name.
pub type Stats = BTreeMap<String, u64>;

/// What the VMs of a process share.
#[derive(Clone, Default)]
pub struct Process {
    pub stats: Arc<Mutex<Stats>>,
    pub shared: Arc<Mutex<Shared>>,
}

/// Shared data, queues and the clock.
#[derive(Default)]
pub struct Shared {
    /// Values, each with the number of its last change.
    pub data: BTreeMap<String, (Vec<u8>, u32)>,
    pub queues: Vec<(String, VecDeque<Vec<u8>>)>,
    /// What another thread writes under a key just before the next compare-and-swap of it.
    pub overtaking: BTreeMap<String, Vec<u8>>,
    /// Nanoseconds since the process began, and since 1970.
    pub clock: u64,
    /// By how many nanoseconds the wall clock was set since.
    pub wall_step_ns: i64,
    /// Whether the clock stands still when it is looked at.
    pub is_frozen: bool,
    /// What VMs have as their environment, each `NAME=value`.
    pub environment: Vec<String>,
    /// How many VMs there have been.
    pub vms: u32,
}

/// What the module can reach through host calls.
pub struct State {
    pub stats: Arc<Mutex<Stats>>,
    pub shared: Arc<Mutex<Shared>>,
    /// What makes this VM's random bytes differ from another's.
    pub seed: u32,
    /// The VM's metrics: an id is a place in this list.
    pub metrics: Vec<String>,
    pub config: Vec<u8>,
    /// The name of the plugin whose root context was configured last.
    pub plugin: &'static str,
    pub stream: Stream,
    pub calls: Vec<&'static str>,
    pub refused: HashMap<&'static str, u32>,
    pub log: Vec<String>,
    pub callouts: Callouts,
    /// The context of the callback that runs.
    pub context: u32,
    /// How often the host ticks each root context; 0 is never. As in Envoy, an entry outlives its
    /// root context.
    pub tick_ms: BTreeMap<u32, u32>,
}

/// One HTTP stream.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    pub headers: Vec<(String, Vec<u8>)>,
    /// The request's body, if it has one.
    pub body: Option<Vec<u8>>,
    /// How much of it has come, where the filter waits for it.
    pub buffered: usize,
    pub filter_state: BTreeMap<String, Vec<u8>>,
    /// `verdigris.role` in its listener's metadata.
    pub role: Option<&'static str>,
    pub response: Response,
    /// The status and text that the filter has answered with.
    pub reply: Option<(u16, String)>,
    /// The piece of the response's body that is passing.
    pub piece: Vec<u8>,
}

/// What the upstream sends.
#[derive(Clone, Debug)]
pub struct Response {
    /// With `:status`; without any, there is no response.
    pub headers: Vec<(String, Vec<u8>)>,
    pub pieces: Vec<Vec<u8>>,
    /// Whether the end of the body, or trailers, have come.
    pub is_complete: bool,
    /// Envoy's response flags.
    pub flags: u64,
    /// `verdigris.version` in the metadata of the endpoint that answers.
    pub version: Option<&'static str>,
    /// How often the request was sent.
    pub attempts: u64,
    /// Envoy's `response.code_details`.
    pub details: &'static str,
}

impl Default for Response {
    fn default() -> Self {
        let headers = vec![(":status".to_owned(), b"200".to_vec())];
        Self {
            headers,
            pieces: Vec::new(),
            is_complete: true,
            flags: 0,
            version: None,
            attempts: 1,
            details: "",
        }
    }
}

impl Stream {
    /// A request to this host with these further headers.
    pub fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Self {
        let own = [(":method", method), (":path", path), (":authority", "localhost")];
        let headers = own.iter().chain(headers);
        let headers =
            headers.map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
        Self { headers, ..Self::default() }
    }

    /// The first value of a header.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        first(&self.headers, name)
    }

    pub fn replace(&mut self, name: &str, value: &[u8]) {
        self.remove(name);
        self.headers.push((name.to_owned(), value.to_vec()));
    }

    pub fn remove(&mut self, name: &str) {
        self.headers.retain(|(header, _)| header != name);
    }
}

/// The first value of a header.
pub fn first<'a>(headers: &'a [(String, Vec<u8>)], name: &str) -> Option<&'a [u8]> {
    let found = headers.iter().find(|(header, _)| header == name);
    found.map(|(_, value)| value.as_slice())
}

static ENGINE: LazyLock<Engine> = LazyLock::new(Engine::default);

/// The module of a `.wasm`. All VMs share one, because its translation takes longer than most tests.
fn translated(wasm: &[u8]) -> Module {
    static MODULES: LazyLock<Mutex<HashMap<Vec<u8>, Module>>> = LazyLock::new(Mutex::default);
    let mut modules = MODULES.lock().unwrap();
    if let Some(module) = modules.get(wasm) {
        return module.clone();
    }
    let module = Module::new(&ENGINE, wasm).unwrap();
    modules.insert(wasm.to_vec(), module.clone());
    module
}

pub struct Vm {
    store: Store<State>,
    instance: Instance,
}

impl Vm {
    pub fn start(wasm: &[u8], process: &Process) -> Self {
        let module = translated(wasm);
        let mut linker = Linker::new(&ENGINE);
        abi::link(&mut linker, &module);
        let mut shared = process.shared.lock().unwrap();
        shared.vms += 1;
        let state = State {
            stats: Arc::clone(&process.stats),
            shared: Arc::clone(&process.shared),
            seed: shared.vms,
            metrics: Vec::new(),
            config: Vec::new(),
            plugin: "verdigris",
            stream: Stream::default(),
            calls: Vec::new(),
            refused: HashMap::new(),
            log: Vec::new(),
            callouts: Callouts::default(),
            context: 0,
            tick_ms: BTreeMap::new(),
        };
        drop(shared);
        let mut store = Store::new(&ENGINE, state);
        let instance = linker.instantiate_and_start(&mut store, &module).unwrap();
        let mut vm = Self { store, instance };
        vm.call("_initialize", &[]);
        vm
    }

    /// As [`Self::configure`], for a plugin of this name.
    pub fn configure_plugin(
        &mut self,
        plugin: &'static str,
        root: u32,
        config: &[u8],
    ) -> Result<(), ()> {
        self.store.data_mut().plugin = plugin;
        self.configure(root, config)
    }

    /// Makes a root context and gives it a configuration.
    pub fn configure(&mut self, root: u32, config: &[u8]) -> Result<(), ()> {
        self.store.data_mut().config = config.to_vec();
        let size = u32::try_from(config.len()).unwrap();
        self.call("proxy_on_context_create", &[root, 0]);
        match self.call("proxy_on_configure", &[root, size]) {
            Some(1) => Ok(()),
            _ => Err(()),
        }
    }

    /// Runs a stream from its first callback to its last.
    pub fn run_stream(&mut self, context: u32, root: u32, stream: Stream) -> Stream {
        let Response { mut pieces, is_complete, .. } = stream.response.clone();
        self.begin_stream(context, root, stream);
        if self.is_answered() {
            pieces.clear();
        }
        for (index, piece) in pieces.iter().enumerate() {
            self.pass_piece(context, piece, index + 1 == pieces.len() && is_complete);
        }
        self.end(context);
        self.store.data().stream.clone()
    }

    /// Has the headers of a request with a body come, and returns what the filter has made of them.
    pub fn request_headers(&mut self, context: u32, root: u32, stream: Stream) -> Stream {
        let headers = u32::try_from(stream.headers.len()).unwrap();
        self.store.data_mut().stream = stream;
        self.call("proxy_on_context_create", &[context, root]);
        self.go_on("proxy_on_request_headers", &[context, headers, 0]);
        self.store.data().stream.clone()
    }

    /// Has the headers of a request with a body come. Returns whether they wait for the body, and what the
    /// filter has made of them.
    pub fn headers_may_wait(&mut self, context: u32, root: u32, stream: Stream) -> (bool, Stream) {
        let headers = u32::try_from(stream.headers.len()).unwrap();
        self.store.data_mut().stream = stream;
        self.call("proxy_on_context_create", &[context, root]);
        let waits = self.call("proxy_on_request_headers", &[context, headers, 0]) == Some(1);
        (waits, self.store.data().stream.clone())
    }

    /// Has the response to a stream come, without a body, and ends the stream.
    pub fn respond(&mut self, context: u32) {
        let count = u32::try_from(self.store.data().stream.response.headers.len()).unwrap();
        if count > 0 {
            self.go_on("proxy_on_response_headers", &[context, count, 1]);
        }
        self.end(context);
    }

    /// What the filter has made of the stream that came last.
    pub fn stream(&self) -> &Stream {
        &self.store.data().stream
    }

    /// Has the first piece of a request's body come.
    pub fn pass_request_piece(&mut self, context: u32, size: u32) {
        self.call("proxy_on_request_body", &[context, size, 0]);
    }

    /// Has the last piece of a request's body come.
    pub fn end_request(&mut self, context: u32, size: u32) {
        self.call("proxy_on_request_body", &[context, size, 1]);
    }

    /// Runs a stream until its response's headers have come.
    pub fn begin_stream(&mut self, context: u32, root: u32, stream: Stream) {
        let headers = u32::try_from(stream.headers.len()).unwrap();
        let Response { headers: response, pieces, is_complete, .. } = &stream.response;
        let ends = u32::from(pieces.is_empty() && *is_complete);
        let count = u32::try_from(response.len()).unwrap();
        let body = stream.body.clone();
        self.store.data_mut().stream = stream;
        self.call("proxy_on_context_create", &[context, root]);
        match body.filter(|body| !body.is_empty()) {
            None => {
                let paused = self.call("proxy_on_request_headers", &[context, headers, 1]);
                assert_eq!(paused == Some(1), self.is_answered(), "paused at the end");
            }
            Some(body) => self.send_body(context, headers, &body),
        }
        if let Some((status, _)) = &self.store.data().stream.reply {
            let status = status.to_string().into_bytes();
            let response =
                Response { headers: vec![(":status".into(), status)], ..Response::default() };
            self.store.data_mut().stream.response = response;
            return self.go_on("proxy_on_response_headers", &[context, 1, 1]);
        }
        if count > 0 {
            self.go_on("proxy_on_response_headers", &[context, count, ends]);
        }
    }

    /// Has a request with a body come, in pieces. As in Envoy the filter is told of all that
    /// is buffered while it waits, else of a piece.
    fn send_body(&mut self, context: u32, headers: u32, body: &[u8]) {
        const PAUSE: Option<u32> = Some(1);
        let mut waits = self.call("proxy_on_request_headers", &[context, headers, 0]) == PAUSE;
        let mut come = 0;
        let pieces: Vec<&[u8]> = body.chunks(body.len().div_ceil(3).max(1)).collect();
        for (index, piece) in pieces.iter().enumerate() {
            come += piece.len();
            let size = if waits { come } else { piece.len() };
            self.store.data_mut().stream.buffered = size;
            let size = u32::try_from(size).unwrap();
            let ends = index + 1 == pieces.len();
            waits = self.call("proxy_on_request_body", &[context, size, ends.into()]) == PAUSE;
            assert!(!(waits && ends) || self.is_answered(), "paused at the end");
        }
    }

    /// Has a piece of a response's body pass.
    pub fn pass_piece(&mut self, context: u32, piece: &[u8], ends: bool) {
        let seen = &mut self.store.data_mut().stream.piece;
        seen.clear();
        seen.extend_from_slice(piece);
        let size = u32::try_from(piece.len()).unwrap();
        self.go_on("proxy_on_response_body", &[context, size, ends.into()]);
    }

    /// The size of the module's memory, in bytes. It never shrinks.
    pub fn memory_size(&self) -> usize {
        self.instance.get_memory(&self.store, "memory").unwrap().data_size(&self.store)
    }

    fn is_answered(&self) -> bool {
        self.store.data().stream.reply.is_some()
    }

    fn go_on(&mut self, callback: &str, args: &[u32]) {
        assert_eq!(self.call(callback, args), Some(0), "not paused");
    }

    /// How often a root context is ticked; 0 is never.
    pub fn tick_ms(&self, root: u32) -> u32 {
        self.store.data().tick_ms.get(&root).copied().unwrap_or_default()
    }

    /// The root contexts for which the host has a timer, also those that have ended.
    pub fn ticked_roots(&self) -> Vec<u32> {
        let ticked = self.store.data().tick_ms.iter().filter(|(_, period_ms)| **period_ms > 0);
        ticked.map(|(root, _)| *root).collect()
    }

    /// Ticks a root context.
    pub fn tick(&mut self, root: u32) {
        self.call("proxy_on_tick", &[root]);
    }

    /// Ends a context.
    pub fn end(&mut self, context: u32) {
        self.call("proxy_on_delete", &[context]);
    }

    pub fn refuse(&mut self, call: &'static str, status: u32) {
        self.store.data_mut().refused.insert(call, status);
    }

    pub fn take_calls(&mut self) -> Vec<&'static str> {
        std::mem::take(&mut self.store.data_mut().calls)
    }

    pub fn log_text(&self) -> String {
        self.store.data().log.join("\n")
    }

    pub(super) fn state_mut(&mut self) -> &mut State {
        self.store.data_mut()
    }

    /// Calls an export; its result, if it has one. A trap fails the test.
    pub(super) fn call(&mut self, export: &str, args: &[u32]) -> Option<u32> {
        self.store.data_mut().context = args.first().copied().unwrap_or_default();
        let func = self.instance.get_func(&self.store, export).expect(export);
        let args: Vec<Val> = args.iter().map(|arg| Val::I32(arg.cast_signed())).collect();
        let mut results = vec![Val::I32(0); func.ty(&self.store).results().len()];
        if let Err(trap) = func.call(&mut self.store, &args, &mut results) {
            panic!("{export} trapped: {trap}\n{}", self.log_text());
        }
        results.first().and_then(Val::i32).map(i32::cast_unsigned)
    }
}
