//! The clusters for providers in the documentation, `docs/how-to/providers.md`.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use serde_json::json;

use crate::artifacts;
use crate::documents::page;
use crate::envoy::{Envoy, Setup, filter_yaml};
use crate::patching::{CHAT, json_post};
use crate::proxy::config;

const HOST: &str = "api.openai.com";

/// The page's YAML blocks: the cluster, the key, the route, the cluster of Bedrock.
fn blocks() -> Vec<String> {
    let page = page("how-to/providers.md");
    let fenced = page.split("```yaml\n").skip(1);
    fenced.map(|rest| rest.split_once("```").unwrap().0.to_owned()).collect()
}

/// The bootstrap with the route's host rewrite of the documentation, and with this cluster in
/// the place of blue's.
fn with_cluster(bootstrap: &str, cluster: &str) -> String {
    let begin = bootstrap.find("  - name: llm-blue\n    type: STATIC\n").unwrap();
    let end = begin + bootstrap[begin..].find("  - name: llm-green\n").unwrap();
    let cluster: String = cluster.lines().map(|line| format!("  {line}\n")).collect();
    let route = "cluster_header: x-verdigris-cluster\n";
    assert!(bootstrap.contains(route));
    (bootstrap[..begin].to_owned() + &cluster + &bootstrap[end..])
        .replace(route, &format!("{route}                  auto_host_rewrite: true\n"))
}

/// What the provider receives of a request.
struct Received {
    server_name: Option<String>,
    /// The header lines, in lower case.
    head: Vec<String>,
}

/// A server with TLS and HTTP/1.1, and its certificate in a file in `folder`.
fn start_provider(folder: &Path) -> (u16, Receiver<Received>) {
    let certified = rcgen::generate_simple_self_signed(vec![HOST.to_owned()]).unwrap();
    fs::write(folder.join("ca.pem"), certified.cert.pem()).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key.into())
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, received) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = rustls::ServerConnection::new(config.clone()).unwrap();
            let mut reader = BufReader::new(rustls::StreamOwned::new(connection, stream.unwrap()));
            let mut head = Vec::new();
            let mut line = String::new();
            // A connection without a request is Envoy's own preconnection.
            while reader.read_line(&mut line).is_ok_and(|length| length > 2) {
                head.push(line.trim_end().to_ascii_lowercase());
                line.clear();
            }
            if head.is_empty() {
                continue;
            }
            let server_name = reader.get_ref().conn.server_name().map(str::to_owned);
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
            reader.get_mut().write_all(answer).unwrap();
            reader.get_mut().flush().unwrap();
            if sender.send(Received { server_name, head }).is_err() {
                break;
            }
        }
    });
    (port, received)
}

/// The documented cluster sends the provider its host name, in TLS and in the request, and the
/// API key in the place of the client's.
#[test]
fn the_documented_cluster_authenticates_at_the_provider() {
    let [cluster, key, route, _] = &blocks()[..] else { panic!("four blocks") };
    assert!(route.contains("auto_host_rewrite: true"));
    let folder = tempfile::tempdir().unwrap();
    let (port, received) = start_provider(folder.path());
    let in_folder = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(in_folder("openai"), "sk-first").unwrap();
    fs::write(
        in_folder("openai-key.yaml"),
        key.replace("/run/secrets/openai", &in_folder("openai")),
    )
    .unwrap();
    let address = format!("{{address: {HOST}, port_value: 443}}");
    assert!(cluster.contains(&address));
    let cluster = cluster
        .replace(&address, &format!("{{address: 127.0.0.1, port_value: {port}}}"))
        .replace("/etc/ssl/certs/ca-certificates.crt", &in_folder("ca.pem"))
        .replace("path: secrets", &format!("path: {}", folder.path().display()))
        // The server speaks HTTP/1.1 alone, and the test needs no name resolution.
        .replace("[h2, http/1.1]", "[http/1.1]")
        .replace("LOGICAL_DNS", "STATIC");
    let filter = filter_yaml(&config(json!({"weights": {"blue": 1, "green": 0}})));
    let envoy = Envoy::start_with(&Setup {
        filter: Some(&filter),
        edit_bootstrap: &|bootstrap, _| with_cluster(&bootstrap, &cluster),
        ..Setup::default()
    });
    let request = json_post(CHAT, "{}").header("authorization", "Bearer client");
    let answer = envoy.send_to(CHAT, &request).unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["x-verdigris-version"], "blue");
    let received = received.recv().unwrap();
    assert_eq!(received.server_name.as_deref(), Some(HOST));
    for line in [&format!("host: {HOST}"), "authorization: bearer sk-first"] {
        assert!(received.head.iter().any(|it| it == line), "{line}: {:?}", received.head);
    }
    let has = |name: &str| received.head.iter().any(|it| it.starts_with(name));
    assert!(!has("authorization: bearer client") && !has("x-verdigris-cluster"));
}

/// Envoy accepts each documented cluster, and so does `verdigris check`'s view of routes.
#[test]
fn envoy_accepts_the_documented_clusters() {
    let shipped = fs::read_to_string(artifacts::shipped("envoy.yaml")).unwrap();
    let [openai, key, _, bedrock] = &blocks()[..] else { panic!("four blocks") };
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    for name in ["config", "secrets"] {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    write("config/filter.yaml", "resources: []");
    write("config/console.yaml", "resources: []");
    write("openai", "sk-first");
    write("ca.pem", &rcgen::generate_simple_self_signed(vec![HOST.to_owned()]).unwrap().cert.pem());
    let secret = folder.path().join("openai");
    write("secrets/openai-key.yaml", &key.replace("/run/secrets/openai", secret.to_str().unwrap()));
    for cluster in [openai, bedrock] {
        let cluster = cluster.replace("/etc/ssl/certs/ca-certificates.crt", "ca.pem");
        write("envoy.yaml", &with_cluster(&shipped, &cluster));
        let output = Command::new(artifacts::envoy())
            .args(["--mode", "validate", "-c", "envoy.yaml"])
            .current_dir(folder.path())
            .output()
            .unwrap();
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{log}");
        assert!(!log.contains("update rejected"), "{log}");
    }
}
