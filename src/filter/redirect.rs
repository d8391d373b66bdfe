//! Internal redirects: Envoy follows an upstream's redirect itself, and passes the request through the
//! filters once more.
//!
//! The stream ends without a response, and a new one begins at once. Its headers and body are as the
//! filter and the route have left them: patched, with the version header, without the cluster header.
//! So the new stream takes over the state of the old one, and goes to the same cluster; nothing is
//! assigned, patched or counted again.

use std::cell::RefCell;
use std::rc::Rc;

use super::hostcalls;
use super::runtime::RolloutRuntime;
use super::stream_state::StreamState;
use crate::assignment::Assignment;
use crate::config::{Config, Role, RouteBy};

/// The header that Envoy adds to a redirected request, and removes from clients' requests.
const ORIGINAL_URL: &str = "x-envoy-original-url";

/// How many streams are held. A filter before this one may deny a redirected request, whose stream is
/// then held until its configuration ends.
const MAX_HELD: usize = 64;

thread_local! {
    /// The states of streams that have ended by a redirect, the oldest first.
    static HELD: RefCell<Vec<StreamState>> = const { RefCell::new(Vec::new()) };
}

/// Holds the state of a stream until its request comes again.
pub fn hold(stream: StreamState) {
    HELD.with_borrow_mut(|held| {
        if held.len() >= MAX_HELD {
            held.remove(0);
        }
        held.push(stream);
    });
}

/// Drops the held states of a configuration that has ended.
pub fn clear(runtime: &Rc<RolloutRuntime>) {
    HELD.with_borrow_mut(|held| held.retain(|stream| !stream.runs_on(runtime)));
}

/// If the current request is a redirected one, routes it to the same cluster again, and returns the state
/// of the stream that it continues.
///
/// The host is not called while no stream is held, which is nearly always. A client cannot forge such a
/// request: early header mutation gives each request from outside a cluster header. Without a cluster
/// header, only the request that follows at once continues a stream: no other request is between a
/// redirect and the request that it makes.
pub fn take(runtime: &Rc<RolloutRuntime>) -> Option<StreamState> {
    if HELD.with_borrow(Vec::is_empty) {
        return None;
    }
    let Config { route_by, cluster_header, version_header, green_cluster, .. } = &runtime.config;
    if *route_by == RouteBy::VersionHeader {
        return take_next(runtime);
    }
    hostcalls::request_header(ORIGINAL_URL)?;
    if hostcalls::request_header(cluster_header.as_str()).is_some() {
        return None;
    }
    let version = hostcalls::request_header(version_header.as_str())?;
    let stream = take_last(runtime, &version)?;
    let assignment = stream.committed?;
    let cluster = match stream.role {
        Role::Release => runtime.config.cluster_for_release(assignment.version),
        Role::Shadow | Role::Green => green_cluster,
    };
    let routed = hostcalls::replace_request_header(cluster_header.as_str(), cluster.as_str());
    if let Err(error) = routed {
        log::error!("a redirected request is not routed: the host answered {error:?}");
    }
    runtime.set_reason(assignment);
    Some(stream)
}

/// As [`take`], where the routes match the version header, which the redirected request still has.
fn take_next(runtime: &Rc<RolloutRuntime>) -> Option<StreamState> {
    let (mut ended, others): (Vec<_>, Vec<_>) = HELD
        .with_borrow_mut(std::mem::take)
        .into_iter()
        .partition(|stream| stream.runs_on(runtime));
    HELD.with_borrow_mut(|held| held.extend(others));
    let is_redirected = || {
        hostcalls::request_header(ORIGINAL_URL)?;
        hostcalls::request_header(runtime.config.version_header.as_str())
    };
    let version = is_redirected();
    let is_next = |stream: &mut StreamState| {
        version_header(stream).is_some_and(|it| Some(it.as_bytes()) == version.as_deref())
    };
    let next = ended.pop_if(is_next);
    // The requests of the others do not come again. Their streams cannot be asked how they have ended.
    drop(ended);
    if let Some(assignment) = next.as_ref().and_then(|stream| stream.committed) {
        runtime.set_reason(assignment);
    }
    next
}

/// The state that was held last of those with this version header.
fn take_last(runtime: &Rc<RolloutRuntime>, version: &[u8]) -> Option<StreamState> {
    HELD.with_borrow_mut(|held| {
        let is_match = |stream: &StreamState| {
            stream.runs_on(runtime)
                && version_header(stream).is_some_and(|it| it.as_bytes() == version)
        };
        let at = held.iter().rposition(is_match)?;
        Some(held.remove(at))
    })
}

/// The version header of a stream's request, as the filter has written it.
fn version_header(stream: &StreamState) -> Option<&'static str> {
    let Assignment { version, .. } = stream.committed?;
    Some(match stream.role {
        Role::Release => version.as_str(),
        Role::Shadow | Role::Green => stream.role.as_str(),
    })
}
