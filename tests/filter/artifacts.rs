//! What `make test` has made ready.

use std::path::PathBuf;

fn project() -> PathBuf {
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
    tool("ENVOY", "envoy")
}

/// The upstream that speaks the providers' APIs.
pub fn llmock() -> PathBuf {
    tool("LLMOCK", "llmock")
}

fn tool(variable: &str, name: &str) -> PathBuf {
    let path = std::env::var_os(variable)
        .map(PathBuf::from)
        .unwrap_or_else(|| project().join(".tools/bin").join(name));
    assert!(path.exists(), "{} is not there; `make tools` installs it", path.display());
    path
}
