//! The OCI images of `make image`, as the loaders of Istio and of Envoy Gateway read them, and through a
//! registry.
//!
//! Both loaders (`extractOCIStandardImage` and `extractOCIArtifactImage` in Envoy Gateway's
//! `internal/wasm/imagefetcher.go`, and the same in Istio's `pkg/wasm/imagefetcher.go`) take the last layer
//! if it is `application/vnd.oci.image.layer.v1.tar+gzip`, and `plugin.wasm` in it. Otherwise they ask for
//! exactly two layers, one of them `application/vnd.module.wasm.content.layer.v1+wasm`.

use std::io::Write as _;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

const MODULE: &[u8] = b"\0asm\x01\0\0\0 a module";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Writes both layouts of a module into a folder.
fn write_images(folder: &Path) {
    let wasm = folder.join("verdigris.wasm");
    std::fs::write(&wasm, MODULE).unwrap();
    let mut python = Command::new("python3");
    python.arg(root().join("envoy/kubernetes/image.py")).arg(&wasm).arg("1.2.3");
    let output = python.arg(folder.join("image")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// A blob of a layout, whose digest must be right.
fn blob(layout: &Path, descriptor: &Value) -> Vec<u8> {
    let digest = descriptor["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
    let blob = std::fs::read(layout.join("blobs/sha256").join(digest)).unwrap();
    let found: String = Sha256::digest(&blob).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(found, digest);
    assert_eq!(descriptor["size"], blob.len());
    blob
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

fn manifest(layout: &Path) -> Value {
    let index = json(&std::fs::read(layout.join("index.json")).unwrap());
    assert_eq!(index["manifests"].as_array().unwrap().len(), 1);
    json(&blob(layout, &index["manifests"][0]))
}

/// The module as a loader finds it.
fn load(layout: &Path) -> Vec<u8> {
    let manifest = manifest(layout);
    let layers = manifest["layers"].as_array().unwrap();
    let last = layers.last().unwrap();
    if last["mediaType"] == "application/vnd.oci.image.layer.v1.tar+gzip" {
        let mut tar = Command::new("tar");
        tar.args(["-xzO", "plugin.wasm"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut tar = tar.spawn().unwrap();
        tar.stdin.take().unwrap().write_all(&blob(layout, last)).unwrap();
        return tar.wait_with_output().unwrap().stdout;
    }
    assert_eq!(layers.len(), 2);
    let is_module =
        |it: &&Value| it["mediaType"] == "application/vnd.module.wasm.content.layer.v1+wasm";
    blob(layout, layers.iter().find(is_module).unwrap())
}

#[test]
fn both_loaders_find_the_module() {
    let folder = tempfile::tempdir().unwrap();
    write_images(folder.path());
    let digests = ["compat", "artifact"].map(|name| {
        let layout = folder.path().join("image").join(name);
        assert_eq!(load(&layout), MODULE, "{name}");
        std::fs::read(layout.join("index.json")).unwrap()
    });
    // The same module gives the same digests.
    write_images(folder.path());
    let again = ["compat", "artifact"].map(|name| {
        std::fs::read(folder.path().join("image").join(name).join("index.json")).unwrap()
    });
    assert_eq!(digests, again);
    let compat = folder.path().join("image/compat");
    let config = json(&blob(&compat, &manifest(&compat)["config"]));
    assert_eq!(config["os"], "linux");
}

/// A registry, which ends with the test.
struct Registry {
    process: Child,
    port: u16,
}

impl Registry {
    fn start(folder: &Path) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = folder.join("registry.yaml");
        let storage = folder.join("registry");
        let text = format!(
            "version: 0.1\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: \"127.0.0.1:{port}\"}}\n",
            storage.display()
        );
        std::fs::write(&config, text).unwrap();
        let log = || Stdio::from(std::fs::File::create(folder.join("registry.log")).unwrap());
        let mut command = Command::new(root().join(".tools/bin/docker-registry"));
        command.arg("serve").arg(&config).stdout(log()).stderr(log());
        let process = command.spawn().expect("make tools");
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(60), "the registry does not start");
            std::thread::yield_now();
        }
        Self { process, port }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn skopeo(folder: &Path, from: &str, to: &str) {
    let policy = folder.join("policy.json");
    std::fs::write(&policy, r#"{"default": [{"type": "insecureAcceptAnything"}]}"#).unwrap();
    let mut command = Command::new(root().join(".tools/bin/skopeo"));
    command.arg("--policy").arg(&policy).arg("copy").arg("--src-tls-verify=false");
    let output = command.args(["--dest-tls-verify=false", from, to]).output().expect("make tools");
    assert!(output.status.success(), "{from} {to}: {output:?}");
}

#[test]
fn an_image_is_pushed_to_a_registry_and_pulled_from_it() {
    let folder = tempfile::tempdir().unwrap();
    write_images(folder.path());
    let registry = Registry::start(folder.path());
    for name in ["compat", "artifact"] {
        let layout: PathBuf = folder.path().join("image").join(name);
        let pulled = folder.path().join("pulled").join(name);
        std::fs::create_dir_all(&pulled).unwrap();
        let remote = format!("docker://127.0.0.1:{}/verdigris:{name}", registry.port);
        skopeo(folder.path(), &format!("oci:{}", layout.display()), &remote);
        skopeo(folder.path(), &remote, &format!("oci:{}", pulled.display()));
        assert_eq!(manifest(&pulled), manifest(&layout), "{name}");
        assert_eq!(load(&pulled), MODULE, "{name}");
    }
}
