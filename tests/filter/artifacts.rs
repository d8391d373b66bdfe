//! Paths of the project's files and of the files that `make test` builds and installs.

use std::path::PathBuf;

use serde_json::Value;

/// The root folder of the project.
pub fn project() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The shipped filter.
pub fn filter_wasm() -> PathBuf {
    built("target/wasm32-wasip1/release/verdigris.wasm")
}

/// The filter that only routes.
pub fn route_wasm() -> PathBuf {
    built("target/wasm32-wasip1/release/verdigris-route.wasm")
}

/// A build of the filter that traps on a request with the header `x-verdigris-trap`.
pub fn trapping_wasm() -> PathBuf {
    built("target/trap/wasm32-wasip1/release/verdigris.wasm")
}

fn built(path: &str) -> PathBuf {
    let path = project().join(path);
    assert!(path.exists(), "{} is missing; `make test` builds it", path.display());
    path
}

/// A file in `envoy/`, the folder that operators copy, by its path there.
pub fn shipped(name: &str) -> PathBuf {
    project().join("envoy").join(name)
}

/// The Envoy binary: `$ENVOY`, or the one that `make tools` installs.
pub fn envoy() -> PathBuf {
    std::env::var_os("ENVOY").map_or_else(|| tool("bin/envoy"), PathBuf::from)
}

/// The etcd binary that `make tools` installs.
pub fn etcd() -> PathBuf {
    tool("bin/etcd")
}

/// The Python interpreter whose packages include the emulators of the providers' APIs.
pub fn python() -> PathBuf {
    tool("venv/bin/python")
}

/// A file that `make tools` installs.
pub fn tool(path: &str) -> PathBuf {
    let path = project().join(".tools").join(path);
    assert!(path.exists(), "{} is missing; `make tools` installs it", path.display());
    path
}

/// A recorded answer of a provider.
pub struct RecordedAnswer {
    pub name: String,
    /// The path of the request.
    pub path: String,
    pub content_type: String,
    pub body: Vec<u8>,
    /// Input, cached, cache-write, output and reasoning tokens; -1 if the answer does not say.
    pub tokens: [i64; 5],
    /// 1 if the answer reports an error, otherwise 0.
    pub errors: u64,
}

/// All recorded answers in `tests/data/answers`.
pub fn recorded_answers() -> Vec<RecordedAnswer> {
    let files = std::fs::read_dir(project().join("tests/data/answers")).unwrap();
    let files = files.map(|file| file.unwrap().path());
    files
        .filter(|path| path.extension().is_some_and(|extension| extension == "body"))
        .map(|path| {
            let meta = std::fs::read(path.with_extension("meta.json")).unwrap();
            let meta: Value = serde_json::from_slice(&meta).unwrap();
            RecordedAnswer {
                name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
                path: meta["path"].as_str().unwrap().to_owned(),
                content_type: meta["content-type"].as_str().unwrap().to_owned(),
                body: std::fs::read(&path).unwrap(),
                tokens: serde_json::from_value(meta["tokens"].clone()).unwrap(),
                errors: meta["errors"].as_u64().unwrap_or(0),
            }
        })
        .collect()
}
