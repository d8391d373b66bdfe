//! A judge whose answers a test scripts, behind the shipped cluster.

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::Response;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::task::AbortHandle;

use crate::artifacts;
use crate::envoy::upstream::Upstream;
use crate::port::Port;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// A question that has reached the judge.
#[derive(Clone, Debug)]
pub struct Question {
    pub authorization: Option<String>,
    pub host: Option<String>,
    pub path: String,
    pub body: Value,
    /// The document with the texts.
    pub texts: Value,
}

/// What the judge does with a question.
#[derive(Clone, Debug)]
pub enum Reply {
    /// A completion with this text.
    Text(String),
    /// The body of a completion, as a model has made it.
    Completion(Vec<u8>),
    /// A completion that ended at the token limit.
    Cut(String),
    /// This status and body.
    Raw(u16, &'static str),
    /// 33 MiB with 200.
    Large,
    /// Nothing, for this time.
    Stall(Duration),
    /// The beginning of a body, and a reset.
    Reset,
}

type Script = Box<dyn FnMut(&Question) -> Reply + Send>;

/// The judge. It ends with this value.
pub struct ScriptedJudge {
    port: Port,
    folder: TempDir,
    script: Arc<Mutex<Script>>,
    questions: Arc<Mutex<Vec<Question>>>,
    server: AbortHandle,
}

impl Drop for ScriptedJudge {
    fn drop(&mut self) {
        self.server.abort();
        // The server may still hold the script, which may own a process.
        self.set(|_| Reply::Reset);
    }
}

impl ScriptedJudge {
    pub fn start(script: impl FnMut(&Question) -> Reply + Send + 'static) -> Self {
        let script: Arc<Mutex<Script>> = Arc::new(Mutex::new(Box::new(script)));
        let questions = Arc::<Mutex<Vec<Question>>>::default();
        let (answering, recorder) = (Arc::clone(&script), Arc::clone(&questions));
        let app = Router::new().fallback(move |request: Request| {
            let (script, recorder) = (Arc::clone(&answering), Arc::clone(&recorder));
            async move {
                let question = read_question(request).await;
                let reply = (script.lock().unwrap())(&question);
                recorder.lock().unwrap().push(question);
                respond(reply).await
            }
        });
        let port = Port::reserve();
        let address = SocketAddr::from(([127, 0, 0, 1], port.number));
        let listener = RUNTIME.block_on(tokio::net::TcpListener::bind(address)).unwrap();
        let server = RUNTIME.spawn(async move { axum::serve(listener, app).await }).abort_handle();
        let folder = TempDir::with_prefix("verdigris-judge-").unwrap();
        Self { port, folder, script, questions, server }
    }

    /// Replaces the script.
    pub fn set(&self, script: impl FnMut(&Question) -> Reply + Send + 'static) {
        *self.script.lock().unwrap() = Box::new(script);
    }

    /// The questions so far.
    pub fn questions(&self) -> Vec<Question> {
        self.questions.lock().unwrap().clone()
    }

    /// The bootstrap with the shipped cluster of a judge, without TLS.
    pub fn add_cluster(&self, bootstrap: String, _: &[Upstream; 3]) -> String {
        let shipped = |name| std::fs::read_to_string(artifacts::shipped(name)).unwrap();
        let folder = self.folder.path().to_str().unwrap();
        std::fs::write(self.folder.path().join("key"), "judge-secret").unwrap();
        let secret = shipped("judge-key.yaml").replace("/etc/verdigris/judge", folder);
        std::fs::write(self.folder.path().join("judge-key.yaml"), secret).unwrap();
        let cluster = shipped("judge.yaml");
        let (before, rest) = cluster.split_once("  transport_socket:\n").unwrap();
        let (_, after) = rest.split_once("  typed_extension_protocol_options:\n").unwrap();
        let address = format!("{{address: 127.0.0.1, port_value: {}}}", self.port.number);
        let cluster = format!("{before}  typed_extension_protocol_options:\n{after}")
            .replace("{address: judge.example, port_value: 443}", &address)
            .replace("STRICT_DNS", "STATIC")
            .replace("path: judge-key.yaml", &format!("path: {folder}/judge-key.yaml"))
            .replace("/etc/verdigris/judge", folder);
        let cluster: String = cluster.lines().map(|line| format!("  {line}\n")).collect();
        assert_eq!(bootstrap.matches("\n  clusters:\n").count(), 1);
        bootstrap.replace("\n  clusters:\n", &format!("\n  clusters:\n{cluster}"))
    }
}

async fn read_question(request: Request) -> Question {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let body: Value = serde_json::from_slice(&body).unwrap();
    let texts = body["messages"][1]["content"].as_str().unwrap();
    let header = |name: &str| Some(head.headers.get(name)?.to_str().unwrap().to_owned());
    Question {
        authorization: header("authorization"),
        host: header("host"),
        path: head.uri.path().to_owned(),
        texts: serde_json::from_str(texts).unwrap(),
        body,
    }
}

async fn respond(reply: Reply) -> Response {
    let json = |status: u16, body: Body| {
        let response = Response::builder().status(status);
        response.header("content-type", "application/json").body(body).unwrap()
    };
    let completion = |text: String, finish_reason: &str| {
        let completion = json!({
            "object": "chat.completion", "model": "judge-model",
            "choices": [{"index": 0, "message": {"content": text}, "finish_reason": finish_reason}],
            "usage": {"prompt_tokens": 1000, "completion_tokens": 10},
        });
        Body::from(completion.to_string())
    };
    match reply {
        Reply::Text(text) => json(200, completion(text, "stop")),
        Reply::Completion(body) => json(200, Body::from(body)),
        Reply::Cut(text) => json(200, completion(text, "length")),
        Reply::Raw(status, body) => json(status, Body::from(body)),
        Reply::Large => json(200, Body::from(vec![b' '; 33 << 20])),
        Reply::Stall(time) => {
            tokio::time::sleep(time).await;
            json(200, completion("{\"score\": 1}".to_owned(), "stop"))
        }
        Reply::Reset => {
            let half = Ok(Bytes::from_static(b"{\"choices\": ["));
            let pieces = [half, Err(std::io::Error::other("reset"))];
            json(200, Body::from_stream(tokio_stream::iter(pieces)))
        }
    }
}
