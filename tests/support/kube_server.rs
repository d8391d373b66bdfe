//! The Kubernetes API by HTTPS, for real Envoys: a stand-in, or a real kube-apiserver.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::kube_api::{ApiAnswer, ApiRequest, KubeApi, NAMESPACE};
use crate::process::wait_for;
use crate::tcp_gate::{Gate, TcpGate};

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiFault {
    /// It never arrives, and the connection ends.
    LoseRequest,
    /// It takes effect, and the connection ends.
    LoseAnswer,
    /// It takes effect, and the answer ends after so many thousandths.
    CutAnswer(u16),
    /// It is refused with this status, and the `Status` of the API.
    Status(u16),
    /// It is refused with 429, and is to be repeated after so many seconds.
    TooMany(u16),
    /// A page with this status.
    Page(u16),
    /// 33 MiB with 200.
    Large,
    /// It takes this long, and then its usual course.
    Delay(Duration),
}

type Faults = Box<dyn FnMut(&ApiRequest) -> Option<ApiFault> + Send>;

#[derive(Default)]
struct Shared {
    api: Mutex<KubeApi>,
    faults: Mutex<Option<Faults>>,
    calls: Mutex<Vec<ServedCall>>,
}

/// A call that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServedCall {
    /// The method and the path, without the query.
    pub call: String,
    /// The sizes of the bodies, in bytes.
    pub sent: usize,
    pub received: usize,
    pub fault: Option<ApiFault>,
    /// When it was answered.
    pub at: Instant,
}

/// The API server. It ends with this value.
///
/// With `KUBE_APISERVER` in the environment it is a real one, which `tests/kube-apiserver.sh` starts: the
/// folder has the files `port`, `ca.crt` and `token`. Then a test cannot set what goes wrong with a call.
pub struct KubeServer {
    shared: Arc<Shared>,
    real: Option<RealServer>,
    gate: TcpGate,
    /// The authority's certificate, the token, and the file that names it.
    folder: TempDir,
}

/// The token that the API accepts at first.
const FIRST_TOKEN: &str = "first-token";
const HOST: &str = "kubernetes.default.svc";
const MOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

impl KubeServer {
    /// Starts a server without objects.
    pub fn start() -> Self {
        let Some(folder) = std::env::var_os("KUBE_APISERVER") else { return Self::stand_in() };
        let real = RealServer { folder: folder.into() };
        let gate = TcpGate::before(real.read("port").trim().parse().unwrap());
        let own = TempDir::with_prefix("verdigris-").unwrap();
        std::fs::write(own.path().join("ca.crt"), real.read("ca.crt")).unwrap();
        std::fs::write(own.path().join("token"), real.read("token")).unwrap();
        real.delete_all();
        let server = Self { shared: Arc::default(), real: Some(real), gate, folder: own };
        let secret = server.in_folder(&shipped("kubernetes-token.yaml"));
        std::fs::write(server.path("kubernetes-token.yaml"), secret).unwrap();
        server
    }

    fn stand_in() -> Self {
        let certified = rcgen::generate_simple_self_signed(vec![HOST.to_owned()]).unwrap();
        let key =
            rustls::pki_types::PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], key.into())
            .unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let gate = TcpGate::before(listener.local_addr().unwrap().port());
        let shared = Arc::<Shared>::default();
        shared.api.lock().unwrap().token = Some(FIRST_TOKEN.to_owned());
        let (served, config) = (Arc::clone(&shared), Arc::new(config));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (shared, config) = (Arc::clone(&served), Arc::clone(&config));
                let Ok(stream) = stream else { continue };
                // A connection that fails is the client's affair.
                thread::spawn(move || drop(serve(&shared, config, stream)));
            }
        });
        let folder = TempDir::with_prefix("verdigris-").unwrap();
        std::fs::write(folder.path().join("ca.crt"), certified.cert.pem()).unwrap();
        std::fs::write(folder.path().join("token"), FIRST_TOKEN).unwrap();
        let server = Self { shared, real: None, gate, folder };
        let secret = server.in_folder(&shipped("kubernetes-token.yaml"));
        std::fs::write(server.path("kubernetes-token.yaml"), secret).unwrap();
        server
    }

    /// The shipped cluster, for this server.
    pub fn cluster(&self) -> String {
        let address = format!("{{address: {HOST}, port_value: 443}}");
        let cluster = shipped("kubernetes.yaml");
        assert!(cluster.contains(&address));
        let cluster = self
            .in_folder(&cluster)
            .replace(&address, &format!("{{address: 127.0.0.1, port_value: {}}}", self.gate.port))
            .replace("STRICT_DNS", "STATIC")
            .replace(
                "path: kubernetes-token.yaml",
                &format!("path: {}", self.path("kubernetes-token.yaml")),
            );
        cluster.lines().map(|line| format!("  {line}\n")).collect()
    }

    fn in_folder(&self, text: &str) -> String {
        assert!(text.contains(MOUNT));
        text.replace(MOUNT, self.folder.path().to_str().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// Accepts another token alone, and replaces the file as the kubelet does.
    pub fn rotate_token(&self, token: &str) {
        self.require_token(token);
        std::fs::write(self.path("new"), token).unwrap();
        std::fs::rename(self.path("new"), self.path("token")).unwrap();
    }

    /// Accepts another token alone, without replacing the file.
    pub fn require_token(&self, token: &str) {
        self.shared.api.lock().unwrap().token = Some(token.to_owned());
    }

    /// Sets what goes wrong with each call from now on.
    pub fn set_faults(&self, faults: impl FnMut(&ApiRequest) -> Option<ApiFault> + Send + 'static) {
        *self.shared.faults.lock().unwrap() = Some(Box::new(faults));
    }

    /// The calls since the last time.
    pub fn take_calls(&self) -> Vec<ServedCall> {
        std::mem::take(&mut self.shared.calls.lock().unwrap())
    }

    /// Waits for so many calls more.
    pub fn wait_for_calls(&self, count: usize) {
        self.take_calls();
        wait_for("more calls", || (self.shared.calls.lock().unwrap().len() >= count).then_some(()));
    }

    /// Whether an object exists.
    pub fn has(&self, name: &str) -> bool {
        if let Some(real) = &self.real {
            return real.request("GET", &format!("/{name}")).contains("resourceVersion");
        }
        self.shared.api.lock().unwrap().objects.contains_key(name)
    }

    /// Grows with each write. Of the stand-in alone.
    pub fn revision(&self) -> u64 {
        self.shared.api.lock().unwrap().revision
    }

    /// Resets all connections, and new ones.
    pub fn go_away(&self) {
        self.gate.set(Gate::Closed);
    }

    /// Serves again.
    pub fn come_back(&self) {
        self.gate.set(Gate::Open);
    }

    /// Loses all objects, and, if it is not a real one, begins with the first version.
    pub fn wipe(&self) {
        if let Some(real) = &self.real {
            return real.delete_all();
        }
        let mut api = self.shared.api.lock().unwrap();
        let token = api.token.take();
        *api = KubeApi::default();
        api.token = token;
    }
}

/// A real kube-apiserver.
struct RealServer {
    folder: PathBuf,
}

impl RealServer {
    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.join(name)).unwrap()
    }

    /// Asks for a path below the ConfigMaps, as an administrator. Returns the body.
    fn request(&self, method: &str, path: &str) -> String {
        let port = self.read("port");
        let output = Command::new("curl")
            .args(["--silent", "--request", method, "--cacert"])
            .arg(self.folder.join("ca.crt"))
            .args(["--resolve", &format!("{HOST}:{}:127.0.0.1", port.trim())])
            .args([
                "--header",
                &format!("authorization: Bearer {}", self.read("admin-token").trim()),
            ])
            .arg(format!(
                "https://{HOST}:{}/api/v1/namespaces/{NAMESPACE}/configmaps{path}",
                port.trim()
            ))
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    /// Deletes the objects of all rollouts.
    fn delete_all(&self) {
        let answer = self.request("DELETE", "?labelSelector=verdigris%2Frollout");
        assert!(answer.contains("ConfigMapList"), "{answer}");
    }
}

fn shipped(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("envoy").join(name);
    std::fs::read_to_string(path).unwrap()
}

/// Serves the requests of a connection, one after the other.
fn serve(
    shared: &Shared,
    config: Arc<rustls::ServerConfig>,
    stream: TcpStream,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let connection = rustls::ServerConnection::new(config).map_err(std::io::Error::other)?;
    let mut reader = BufReader::new(rustls::StreamOwned::new(connection, stream));
    while let Some(request) = read_request(&mut reader)? {
        let fault = shared.faults.lock().unwrap().as_mut().and_then(|it| it(&request));
        if let Some(ApiFault::Delay(time)) = fault {
            thread::sleep(time);
        }
        let refused = |status: u16| {
            let body = format!(
                r#"{{"kind":"Status","apiVersion":"v1","status":"Failure","code":{status},"message":"as the test has it"}}"#
            );
            ApiAnswer { status, body: body.into_bytes() }
        };
        let answer = match fault {
            Some(ApiFault::LoseRequest) => return Ok(()),
            Some(ApiFault::Status(status) | ApiFault::TooMany(status)) if status >= 400 => {
                refused(status)
            }
            Some(ApiFault::TooMany(_)) => refused(429),
            Some(ApiFault::Page(status)) => {
                ApiAnswer { status, body: b"<html><body>Bad gateway</body></html>".to_vec() }
            }
            Some(ApiFault::Large) => ApiAnswer { status: 200, body: vec![b' '; 33 << 20] },
            _ => shared.api.lock().unwrap().answer(&request),
        };
        shared.calls.lock().unwrap().push(ServedCall {
            call: format!("{} {}", request.method, request.path.split('?').next().unwrap()),
            sent: request.body.len(),
            received: answer.body.len(),
            fault,
            at: Instant::now(),
        });
        let retry_after = match fault {
            Some(ApiFault::TooMany(seconds)) => format!("retry-after: {seconds}\r\n"),
            _ => String::new(),
        };
        let head = format!(
            "HTTP/1.1 {} X\r\ncontent-type: application/json\r\n{retry_after}content-length: {}\r\n\r\n",
            answer.status,
            answer.body.len()
        );
        let whole = [head.into_bytes(), answer.body].concat();
        let size = match fault {
            Some(ApiFault::LoseAnswer) => 0,
            Some(ApiFault::CutAnswer(thousandths)) => whole.len() * usize::from(thousandths) / 1000,
            _ => whole.len(),
        };
        reader.get_mut().write_all(&whole[..size])?;
        reader.get_mut().flush()?;
        if size < whole.len() {
            return Ok(());
        }
    }
    Ok(())
}

/// The next request; `None` where the connection has ended.
fn read_request(
    reader: &mut BufReader<rustls::StreamOwned<rustls::ServerConnection, TcpStream>>,
) -> std::io::Result<Option<ApiRequest>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let line = line.trim_end().to_owned();
        if line.is_empty() {
            break;
        }
        lines.push(line);
    }
    let headers: BTreeMap<String, String> = lines
        .iter()
        .skip(1)
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let header = |name: &str| headers.get(name).cloned().unwrap_or_default();
    let mut body = vec![0; header("content-length").parse().unwrap_or(0)];
    reader.read_exact(&mut body)?;
    let mut words = lines[0].split(' ').map(str::to_owned);
    Ok(Some(ApiRequest {
        method: words.next().unwrap_or_default(),
        path: words.next().unwrap_or_default(),
        accept: header("accept"),
        content_type: header("content-type"),
        authorization: header("authorization"),
        body,
    }))
}
