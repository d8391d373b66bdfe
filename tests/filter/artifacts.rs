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
    std::env::var_os("ENVOY").map_or_else(|| tool("bin/envoy"), PathBuf::from)
}

/// The Python with the upstreams that speak the providers' APIs.
pub fn python() -> PathBuf {
    tool("venv/bin/python")
}

fn tool(path: &str) -> PathBuf {
    let path = project().join(".tools").join(path);
    assert!(path.exists(), "{} is not there; `make tools` installs it", path.display());
    path
}
