//! The native command. All of it is in the library.

#[cfg(target_arch = "wasm32")]
compile_error!(
    "the filter is the library alone, and this command would take its file's name: \
     make build, or cargo build --lib --release --target wasm32-wasip1"
);

#[cfg(not(target_arch = "wasm32"))]
fn main() -> std::process::ExitCode {
    verdigris::command::main()
}

#[cfg(target_arch = "wasm32")]
fn main() {}
