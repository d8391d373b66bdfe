//! What a scenario may do to a proxy, whichever it is.

use serde_json::{Value, json};

/// A proxy that runs the filter in front of the clusters `llm-blue`, `llm-green`
/// and `llm-next`, by the shipped bootstrap.
pub trait Proxy {
    /// A proxy that starts with this plugin configuration.
    fn start(config: &Value) -> Self;

    /// Stops the proxy and starts it again with what it has.
    fn restart(&mut self);

    /// Replaces the plugin configuration; the message of the refusal otherwise.
    /// Returns when every worker runs on it.
    fn push(&mut self, config: &Value) -> Result<(), String>;

    /// Sends one request and waits for its answer.
    fn send(&mut self, request: &Request) -> Answer;

    /// The copies that reached a cluster as shadows since the last look: so many and no
    /// more.
    fn shadows(&mut self, count: usize) -> Vec<Copied>;

    /// A counter's or gauge's value; `None` where there is no such stat.
    fn stat(&mut self, name: &str) -> Option<u64>;

    /// Waits until a counter has this value. What is counted of a shadow, or at a stream's
    /// end, may come after the client's answer.
    fn await_stat(&mut self, name: &str, value: u64) {
        assert_eq!(self.stat(name), Some(value), "{name}");
    }
}

/// A request to the LLM.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub headers: Vec<(String, Vec<u8>)>,
    /// `/v1/chat/completions` where none is said.
    pub path: Option<String>,
    /// Without one it is a GET.
    pub body: Option<Vec<u8>>,
}

impl Request {
    pub fn anonymous() -> Self {
        Self::default()
    }

    pub fn of(user: impl AsRef<[u8]>) -> Self {
        Self::default().header("x-user-id", user)
    }

    /// A POST of this body to this path.
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

/// A request that reached a cluster as a shadow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    pub cluster: String,
    pub path: String,
    pub body: Vec<u8>,
}

/// What came back, and what the upstream was sent.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    /// The body, where the filter has answered.
    pub text: String,
    /// The cluster that answered.
    pub cluster: String,
    /// The version that the response header names.
    pub version: String,
    /// The request's headers as they reached the upstream.
    pub forwarded: Vec<(String, Vec<u8>)>,
    /// The request's path as it reached the upstream.
    pub path: String,
    /// The request's body as it reached the upstream.
    pub body: Vec<u8>,
    /// The response's headers.
    pub headers: Vec<(String, Vec<u8>)>,
}

impl Answer {
    /// The first value of a response header.
    pub fn header(&self, name: &str) -> Option<String> {
        let found = self.headers.iter().find(|(header, _)| header == name);
        found.map(|(_, value)| String::from_utf8(value.clone()).unwrap())
    }

    pub fn forwarded(&self, name: &str) -> Vec<&[u8]> {
        self.forwarded
            .iter()
            .filter(|(header, _)| header == name)
            .map(|(_, value)| value.as_slice())
            .collect()
    }
}

/// The least configuration with the fields of `differs` set.
pub fn config(differs: Value) -> Value {
    let mut config = json!({
        "rollout": ROLLOUT,
        "unit": {"header": "x-user-id"},
        "versions": {"blue": {"cluster": "llm-blue"}, "green": {"cluster": "llm-green"}},
    });
    let fields = config.as_object_mut().unwrap();
    fields.extend(differs.as_object().unwrap().clone());
    config
}

pub fn weights(blue: u32, green: u32) -> Value {
    config(json!({"weights": {"blue": blue, "green": green}}))
}

pub const ROLLOUT: &str = "assistant-v8";

/// A version's counter, as the proxy names it.
pub fn counter(version: &str, metric: &str) -> String {
    format!("wasmcustom.verdigris.{ROLLOUT}.{version}.{metric}")
}
