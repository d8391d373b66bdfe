//! What the host calls, by proxy-wasm ABI 0.2.1.
//!
//! A host skips what a module does not export, and each call into a VM costs an
//! Envoy some 2,200 instructions, also one that does nothing. So there is no
//! callback here that the filter does not need; what ends a context is
//! `proxy_on_delete` alone, after which nothing of it is asked any more.
//!
//! Source: the proxy-wasm specification, `abi-versions/v0.2.1`.
#![allow(unsafe_code, reason = "the host finds what it calls by unmangled names")]

use super::contexts::{self, with_stream};
use super::logger;

/// The filter goes on with the response.
const CONTINUE: u32 = 0;

unsafe extern "C" {
    fn __wasm_call_ctors();
}

/// Says which ABI this is.
#[unsafe(no_mangle)]
extern "C" fn proxy_abi_version_0_2_1() {}

/// Called once per VM, before anything else.
#[unsafe(no_mangle)]
extern "C" fn _initialize() {
    // SAFETY: the linker makes it, and who has an `_initialize` is to call it, once.
    unsafe { __wasm_call_ctors() };
    logger::install();
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_context_create(context_id: u32, root_id: u32) {
    contexts::create(context_id, root_id);
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_configure(context_id: u32, _size: usize) -> u32 {
    contexts::configure(context_id).into()
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_tick(context_id: u32) {
    contexts::tick(context_id);
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_headers(context_id: u32, _count: usize, ends: u32) -> u32 {
    contexts::request_headers(context_id, ends != 0) as u32
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_body(context_id: u32, size: usize, ends: u32) -> u32 {
    contexts::request_body(context_id, size, ends != 0) as u32
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_headers(context_id: u32, _count: usize, ends: u32) -> u32 {
    with_stream(context_id, |stream| stream.response_headers(ends != 0));
    CONTINUE
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_body(context_id: u32, size: usize, ends: u32) -> u32 {
    with_stream(context_id, |stream| stream.response_body(size, ends != 0));
    CONTINUE
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_trailers(context_id: u32, _count: usize) -> u32 {
    with_stream(context_id, |stream| stream.response_trailers());
    CONTINUE
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_delete(context_id: u32) {
    contexts::end(context_id);
}
