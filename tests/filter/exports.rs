//! The callbacks that the built modules export. Envoy calls every callback that a module exports, at
//! some 2,200 instructions a call, and none that it does not export.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use wasmi::{Engine, Module};

use crate::artifacts::{filter_wasm, project, route_wasm, trapping_wasm};

/// The callbacks that the SDK exports, each with the code that implements it, without blanks.
const CALLBACKS: [(&str, &str); 25] = [
    ("proxy_on_context_create", "fncreate_http_context("),
    ("proxy_on_delete", "implDropfor"),
    ("proxy_on_done", "fnon_done(&mutself"),
    ("proxy_on_log", "fnon_log(&mutself"),
    ("proxy_on_vm_start", "fnon_vm_start(&mutself"),
    ("proxy_on_configure", "fnon_configure(&mutself"),
    ("proxy_on_tick", "fnon_tick(&mutself"),
    ("proxy_on_queue_ready", "fnon_queue_ready(&mutself"),
    ("proxy_on_request_headers", "fnon_http_request_headers(&mutself"),
    ("proxy_on_request_body", "fnon_http_request_body(&mutself"),
    ("proxy_on_request_trailers", "fnon_http_request_trailers(&mutself"),
    ("proxy_on_response_headers", "fnon_http_response_headers(&mutself"),
    ("proxy_on_response_body", "fnon_http_response_body(&mutself"),
    ("proxy_on_response_trailers", "fnon_http_response_trailers(&mutself"),
    ("proxy_on_http_call_response", "fnon_http_call_response(&mutself"),
    ("proxy_on_grpc_receive_initial_metadata", "fnon_grpc_stream_initial_metadata(&mutself"),
    ("proxy_on_grpc_receive", "fnon_grpc_stream_message(&mutself"),
    ("proxy_on_grpc_receive_trailing_metadata", "fnon_grpc_stream_trailing_metadata(&mutself"),
    ("proxy_on_grpc_close", "fnon_grpc_stream_close(&mutself"),
    ("proxy_on_foreign_function", "fnon_foreign_function(&mutself"),
    ("proxy_on_new_connection", "fnon_new_connection(&mutself"),
    ("proxy_on_downstream_data", "fnon_downstream_data(&mutself"),
    ("proxy_on_downstream_connection_close", "fnon_downstream_close(&mutself"),
    ("proxy_on_upstream_data", "fnon_upstream_data(&mutself"),
    ("proxy_on_upstream_connection_close", "fnon_upstream_close(&mutself"),
];

/// The host asks the module for memory by this one; the SDK implements it.
const ALLOCATE: &str = "proxy_on_memory_allocate";

fn exports(wasm: &Path) -> BTreeSet<String> {
    let module = Module::new(&Engine::default(), std::fs::read(wasm).unwrap()).unwrap();
    module.exports().map(|export| export.name().to_owned()).collect()
}

/// The text of the filter layer, without blanks.
fn filter_source(folder: PathBuf) -> String {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let text = entries.map(|path| match path.is_dir() {
        true => filter_source(path),
        false => std::fs::read_to_string(path).unwrap().split_whitespace().collect(),
    });
    text.collect()
}

#[test]
fn the_shipped_filter_exports_the_callbacks_that_it_implements_and_no_others() {
    let source = filter_source(project().join("src/filter"));
    let implemented = CALLBACKS.iter().filter(|(_, code)| source.contains(code));
    let implemented = implemented.map(|(export, _)| *export).chain([ALLOCATE]);
    let exports = exports(&filter_wasm());
    let exported = exports.iter().map(String::as_str).filter(|name| name.starts_with("proxy_on_"));
    assert_eq!(
        exported.collect::<BTreeSet<_>>(),
        implemented.collect::<BTreeSet<_>>(),
        "left: exported, right: implemented; `make build` leaves out callbacks by \
         src/filter/link.sh, and `cargo build` alone does not"
    );
}

/// The filter that traps is built by `cargo build` alone; the tests of traps show that it works.
#[test]
fn a_build_without_the_linker_script_exports_the_other_callbacks_of_the_sdk_as_well() {
    let (stripped, plain) = (exports(&filter_wasm()), exports(&trapping_wasm()));
    let left_out: BTreeSet<_> = plain.difference(&stripped).map(String::as_str).collect();
    let sdk = CALLBACKS.map(|(export, _)| export);
    let expected: BTreeSet<_> = sdk.into_iter().filter(|it| !stripped.contains(*it)).collect();
    assert_eq!(left_out, expected, "left: what is left out, right: what the table has besides");
    assert_eq!(stripped.difference(&plain).collect::<Vec<_>>(), Vec::<&String>::new());
}

/// Envoy calls the filter that only routes for a request's headers, and for nothing else of a stream.
#[test]
fn the_filter_that_routes_exports_no_callback_for_bodies_and_responses() {
    let exports = exports(&route_wasm());
    let callbacks = exports.iter().filter(|name| name.starts_with("proxy_on_"));
    let expected = [
        "proxy_on_configure",
        "proxy_on_context_create",
        "proxy_on_delete",
        "proxy_on_memory_allocate",
        "proxy_on_request_headers",
        "proxy_on_tick",
    ];
    assert_eq!(callbacks.collect::<Vec<_>>(), expected);
}
