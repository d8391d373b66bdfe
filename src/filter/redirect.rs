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
use crate::assignment::{Assignment, Version};
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

/// Drops the held states of a configuration that has ended. Their requests do not come any more, and
/// how their streams have ended is not known.
pub fn clear(runtime: &Rc<RolloutRuntime>) {
    HELD.with_borrow_mut(|held| held.retain(|stream| !stream.runs_on(runtime)));
}

/// If the current request is a redirected one, routes it to the same cluster again, and returns the state
/// of the stream that it continues.
///
/// That stream may have run on an earlier configuration of the rollout, on which it stays: its headers
/// and its patch are that configuration's.
///
/// The host is not called while no stream is held, which is nearly always. A client cannot forge such a
/// request: early header mutation gives each request from outside a cluster header. Without a cluster
/// header, only the request that follows at once continues a stream: no other request is between a
/// redirect and the request that it makes.
pub fn take(runtime: &RolloutRuntime) -> Option<StreamState> {
    if HELD.with_borrow(Vec::is_empty) {
        return None;
    }
    let is_redirected = hostcalls::request_header(ORIGINAL_URL).is_some();
    let stream = match runtime.config.route_by {
        RouteBy::VersionHeader => take_next(runtime, is_redirected)?,
        RouteBy::ClusterHeader if is_redirected => {
            let stream = take_last(runtime);
            if stream.is_none() {
                restore_headers(runtime);
            }
            stream?
        }
        RouteBy::ClusterHeader => return None,
    };
    let (before, assignment) = (stream.runtime.as_ref()?, stream.committed?);
    if before.config.route_by == RouteBy::ClusterHeader {
        let Config { cluster_header, green_cluster, .. } = &before.config;
        let cluster = match stream.role {
            Role::Release => before.config.cluster_for_release(assignment.version),
            Role::Shadow | Role::Green => green_cluster,
        };
        let routed = hostcalls::replace_request_header(cluster_header.as_str(), cluster.as_str());
        if let Err(error) = routed {
            log::error!("a redirected request is not routed: the host answered {error:?}");
        }
    }
    before.set_reason(assignment);
    Some(stream)
}

/// Gives a redirected request that continues no held stream the headers that early header mutation gives
/// to others: Envoy has removed the cluster header, without which there is no route to blue.
fn restore_headers(runtime: &RolloutRuntime) {
    let Config { cluster_header, default_cluster, version_header, .. } = &runtime.config;
    if hostcalls::request_header(cluster_header.as_str()).is_some()
        || runtime.role() != Some(Role::Release)
    {
        return;
    }
    let written =
        hostcalls::replace_request_header(version_header.as_str(), Version::Blue.as_str())
            .and_then(|()| {
                hostcalls::replace_request_header(cluster_header.as_str(), default_cluster.as_str())
            });
    if let Err(error) = written {
        log::error!("a redirected request is not routed: the host answered {error:?}");
    }
}

/// The state that the request continues, where a client can send the version header. Only the request
/// that comes next can continue a stream.
fn take_next(runtime: &RolloutRuntime, is_redirected: bool) -> Option<StreamState> {
    let (mut ended, others): (Vec<_>, Vec<_>) = HELD
        .with_borrow_mut(std::mem::take)
        .into_iter()
        .partition(|stream| stream.has_rollout_of(runtime));
    HELD.with_borrow_mut(|held| held.extend(others));
    // The requests of the others do not come again. Their streams cannot be asked how they have ended.
    ended.pop_if(|stream| is_redirected && is_continued(stream))
}

/// The state that was held last of those that the request may continue.
fn take_last(runtime: &RolloutRuntime) -> Option<StreamState> {
    HELD.with_borrow_mut(|held| {
        let at = held.iter().rposition(|it| it.has_rollout_of(runtime) && is_continued(it))?;
        Some(held.remove(at))
    })
}

/// Whether the headers of the current request are as the filter and Envoy have left those of this stream.
fn is_continued(stream: &StreamState) -> bool {
    let (Some(before), Some(version)) = (&stream.runtime, version_header(stream)) else {
        return false;
    };
    let Config { cluster_header, version_header, .. } = &before.config;
    hostcalls::request_header(cluster_header.as_str()).is_none()
        && hostcalls::request_header(version_header.as_str())
            .is_some_and(|it| *it == *version.as_bytes())
}

/// The version header of a stream's request, as the filter has written it.
fn version_header(stream: &StreamState) -> Option<&'static str> {
    let Assignment { version, .. } = stream.committed?;
    Some(match stream.role {
        Role::Release => version.as_str(),
        Role::Shadow | Role::Green => stream.role.as_str(),
    })
}
