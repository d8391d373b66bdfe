//! The proxy interface of the scenarios, and the configurations that they share.

use serde_json::{Value, json};
use verdigris::rollout::store::STATE_VERSION;

/// A proxy with the shipped bootstrap that runs the filter in front of the clusters
/// `llm-blue`, `llm-green` and `llm-next`.
pub trait Proxy {
    /// Starts a proxy with this plugin configuration.
    fn start(config: &Value) -> Self;

    /// Restarts the proxy with its current plugin configuration.
    fn restart(&mut self);

    /// Replaces the plugin configuration. Returns when every worker uses it.
    ///
    /// # Errors
    /// The log, if the filter refuses the configuration.
    fn push(&mut self, config: &Value) -> Result<(), String>;

    /// Sends one request and waits for its answer.
    fn send(&mut self, request: &Request) -> Answer;

    /// Returns the shadow requests that reached a cluster since the last call, and asserts
    /// that there are `count`.
    fn shadows(&mut self, count: usize) -> Vec<ShadowRequest>;

    /// The value of a counter or gauge; `None` if the stat does not exist.
    fn stat(&mut self, name: &str) -> Option<u64>;

    /// Waits until a counter has this value. A shadow and the end of a stream may be counted
    /// after the client has its answer.
    fn await_stat(&mut self, name: &str, value: u64) {
        assert_eq!(self.stat(name), Some(value), "{name}");
    }
}

/// A request to the LLM.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub headers: Vec<(String, Vec<u8>)>,
    /// By default `/v1/chat/completions`.
    pub path: Option<String>,
    /// A request with a body is a POST, without one a GET.
    pub body: Option<Vec<u8>>,
}

impl Request {
    pub fn anonymous() -> Self {
        Self::default()
    }

    pub fn from_user(user: impl AsRef<[u8]>) -> Self {
        Self::default().header("x-user-id", user)
    }

    /// Makes the request a POST of `body` to `path`.
    pub fn post(mut self, path: &str, body: impl AsRef<[u8]>) -> Self {
        self.path = Some(path.to_owned());
        self.body = Some(body.as_ref().to_vec());
        self
    }

    pub fn path(&self) -> &str {
        self.path.as_deref().unwrap_or("/v1/chat/completions")
    }

    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }
}

/// A shadow request that reached a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShadowRequest {
    pub cluster: String,
    pub path: String,
    pub body: Vec<u8>,
}

/// The response to a request, and the request as it reached the upstream.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    /// The response body if the filter answered.
    pub text: String,
    /// The cluster that answered.
    pub cluster: String,
    /// The version in the response header.
    pub version: String,
    /// The request headers that reached the upstream.
    pub forwarded: Vec<(String, Vec<u8>)>,
    /// The request path that reached the upstream.
    pub path: String,
    /// The request body that reached the upstream.
    pub body: Vec<u8>,
    /// The response headers.
    pub headers: Vec<(String, Vec<u8>)>,
}

impl Answer {
    /// The first value of a response header.
    pub fn header(&self, name: &str) -> Option<String> {
        let found = self.headers.iter().find(|(header, _)| header == name);
        found.map(|(_, value)| String::from_utf8(value.clone()).unwrap())
    }

    /// All values of a request header that reached the upstream.
    pub fn forwarded(&self, name: &str) -> Vec<&[u8]> {
        self.forwarded
            .iter()
            .filter(|(header, _)| header == name)
            .map(|(_, value)| value.as_slice())
            .collect()
    }
}

/// Sets the fields of `overrides` in `object`.
pub fn set_fields(object: &mut Value, overrides: &Value) {
    object.as_object_mut().unwrap().extend(overrides.as_object().unwrap().clone());
}

/// The minimal configuration with the fields of `overrides` set.
pub fn config(overrides: Value) -> Value {
    let mut config = json!({
        "rollout": ROLLOUT,
        "unit": {"header": "x-user-id"},
        "versions": {"blue": {"cluster": "llm-blue"}, "green": {"cluster": "llm-green"}},
    });
    set_fields(&mut config, &overrides);
    config
}

pub fn weights(blue: u32, green: u32) -> Value {
    config(json!({"weights": {"blue": blue, "green": green}}))
}

pub const ROLLOUT: &str = "assistant-v8";

/// The key of the rollout's shared data of this kind.
pub fn shared_key(kind: &str) -> String {
    format!("verdigris.{STATE_VERSION}.{ROLLOUT}.{kind}")
}

/// The values of the gauge `phase`.
pub mod phase {
    pub const RAMPING: u64 = 0;
    pub const HOLDING: u64 = 1;
    pub const PAUSED: u64 = 2;
    pub const PROMOTED: u64 = 3;
    pub const ROLLED_BACK: u64 = 4;
    pub const BY_HAND: u64 = 5;
}

/// The name of a version's counter in the proxy's stats.
pub fn counter(version: &str, metric: &str) -> String {
    format!("wasmcustom.verdigris.{ROLLOUT}.{version}.{metric}")
}
