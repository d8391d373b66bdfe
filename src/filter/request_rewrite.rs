//! A request's changes, written to the host.
//!
//! `capability_restriction_config` may leave out any of the calls, and a written header cannot be taken
//! back without its old value. So nothing is written before it is known that all of it can be.

use std::cell::Cell;
use std::thread::LocalKey;

use super::host_error::HostError;
use super::hostcalls;
use super::limited_log::limited_error;
use super::runtime::RolloutRuntime;
use crate::assignment::Version;
use crate::config::Role;
use crate::patch::rewrite::{HeaderChange, RequestRewrite};

/// A header that no request needs.
const PROBED_HEADER: &str = "x-verdigris-probe";

thread_local! {
    /// Whether the host is known to let this VM set request headers.
    static CAN_SET: Cell<bool> = const { Cell::new(false) };
    /// Whether the host is known to let this VM remove request headers.
    static CAN_REMOVE: Cell<bool> = const { Cell::new(false) };
}

/// Whether the host accepts changes of headers such as these. Call it before the request is routed. It
/// makes host calls until the first patch in this VM has succeeded.
pub fn can_write_headers(
    runtime: &RolloutRuntime,
    role: Role,
    rewrite: &RequestRewrite<'_>,
) -> bool {
    let (mut sets, mut removes) = (rewrite.body().is_some(), false);
    rewrite.write_headers(|change| match change {
        HeaderChange::Set(..) => sets = true,
        HeaderChange::Remove(_) => removes = true,
    });
    if !sets && !removes {
        return true;
    }
    // A patched request that cannot be routed to its version would go to blue.
    let set = || {
        let unrouted = match role {
            Role::Release => Version::Blue.as_str(),
            Role::Shadow | Role::Green => role.as_str(),
        };
        hostcalls::replace_request_header(runtime.config.version_header.as_str(), unrouted)
    };
    let remove = || hostcalls::remove_request_header(PROBED_HEADER);
    is_allowed(&CAN_SET, set) && (!removes || is_allowed(&CAN_REMOVE, remove))
}

/// Whether the host allows a call, which `known` says once it has been made.
fn is_allowed(
    known: &'static LocalKey<Cell<bool>>,
    call: impl FnOnce() -> Result<(), HostError>,
) -> bool {
    if !known.get() {
        known.set(call().inspect_err(log_unpatched).is_ok());
    }
    known.get()
}

/// Writes the body, if it changes. Returns whether the host has accepted it.
pub fn write_body(rewrite: &RequestRewrite<'_>) -> bool {
    rewrite.body().is_none_or(|body| {
        hostcalls::set_request_body(body.as_bytes()).inspect_err(log_unpatched).is_ok()
    })
}

/// Writes the headers, after [`can_write_headers`].
pub fn write_headers(rewrite: &RequestRewrite<'_>) {
    rewrite.write_headers(|change| {
        let _ = match change {
            HeaderChange::Set(name, value) => hostcalls::replace_request_header(name, value),
            HeaderChange::Remove(name) => hostcalls::remove_request_header(name),
        };
    });
}

/// Logs why a request is not patched.
pub fn log_unpatched(error: &HostError) {
    limited_error!("not patched: the host answered {error:?}");
}
