//! What the project has, and what `make test` has made ready.

use std::path::PathBuf;

use serde_json::Value;

/// The project's folder.
pub fn project() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The filter as it is shipped.
pub fn filter_wasm() -> PathBuf {
    built("target/wasm32-wasip1/release/verdigris.wasm")
}

/// The filter that traps on a request with `x-verdigris-trap`.
pub fn trapping_wasm() -> PathBuf {
    built("target/trap/wasm32-wasip1/release/verdigris.wasm")
}

fn built(path: &str) -> PathBuf {
    let path = project().join(path);
    assert!(path.exists(), "{} is not there; `make test` builds it", path.display());
    path
}

/// A file of the folder that operators copy.
pub fn shipped(name: &str) -> PathBuf {
    project().join("envoy").join(name)
}

/// The Envoy binary: `$ENVOY`, or the one that `make tools` installs.
pub fn envoy() -> PathBuf {
    std::env::var_os("ENVOY").map_or_else(|| tool("bin/envoy"), PathBuf::from)
}

/// The Python with the upstreams that speak the providers' APIs.
pub fn python() -> PathBuf {
    tool("venv/bin/python")
}

/// What `make` has installed.
pub fn tool(path: &str) -> PathBuf {
    let path = project().join(".tools").join(path);
    assert!(path.exists(), "{} is not there; `make tools` installs it", path.display());
    path
}

/// A recorded answer, and the request's path.
pub struct Recorded {
    pub name: String,
    pub path: String,
    pub content_type: String,
    pub body: Vec<u8>,
    /// Input, cached, written to the cache, output, reasoning; -1 is "not told".
    pub tokens: [i64; 5],
    /// Whether the answer says that it is an error: 0 or 1.
    pub errors: u64,
}

/// The project's recorded answers.
pub fn recorded_answers() -> Vec<Recorded> {
    let files = std::fs::read_dir(project().join("tests/data/answers")).unwrap();
    let files = files.map(|file| file.unwrap().path());
    files
        .filter(|path| path.extension().is_some_and(|extension| extension == "body"))
        .map(|path| {
            let meta = std::fs::read(path.with_extension("meta.json")).unwrap();
            let meta: Value = serde_json::from_slice(&meta).unwrap();
            Recorded {
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
