//! A request's changes, written to the host.

use super::hostcalls;
use crate::patch::rewrite::{HeaderChange, RequestRewrite};

/// Writes the body, if it changes. Returns whether the host has accepted it.
pub fn write_body(rewrite: &RequestRewrite<'_>) -> bool {
    rewrite.body().is_none_or(|body| {
        let written = hostcalls::set_request_body(body.as_bytes());
        written.inspect_err(|error| log::error!("not patched: the host answered {error:?}")).is_ok()
    })
}

/// Writes the headers. A host that has accepted the route's headers accepts these as well.
pub fn write_headers(rewrite: &RequestRewrite<'_>) {
    rewrite.write_headers(|change| {
        let _ = match change {
            HeaderChange::Set(name, value) => hostcalls::replace_request_header(name, value),
            HeaderChange::Remove(name) => hostcalls::remove_request_header(name),
        };
    });
}
