//! Internal redirects: Envoy follows an upstream's redirect itself, and passes the request through the
//! filters once more.
//!
//! The stream ends without a response, and a new one begins at once. Its headers and body are as the
//! filter and the route have left them: patched, with the version header, without the cluster header.
//! So the new stream takes over the state of the old one, and goes to the same cluster; nothing is
//! assigned, patched or counted again.
//!
//! A filter before this one may deny the new request, and then nothing continues the old stream. How it has
//! ended is not known.

use std::cell::RefCell;
use std::rc::Rc;

use super::host_error::HostError;
use super::hostcalls;
use super::limited_log::limited_error;
use super::runtime::RolloutRuntime;
use super::stream_state::StreamState;
use crate::assignment::{Assignment, Version};
use crate::config::{Config, Role, RouteBy};

/// The header that Envoy adds to a redirected request, and removes from clients' requests.
const ORIGINAL_URL: &str = "x-envoy-original-url";

/// How many streams are held.
const MAX_HELD: usize = 64;

/// For how long a stream is held. Envoy makes the request that follows at once.
const MAX_HELD_NS: u64 = 5_000_000_000;

thread_local! {
    /// The streams that have ended by a redirect, the oldest first.
    static REDIRECTED: RefCell<Vec<RedirectedStream>> = const { RefCell::new(Vec::new()) };
}

/// A stream that has ended by a redirect, until its request comes again.
struct RedirectedStream {
    state: StreamState,
    /// When it ended, on the monotonic clock; 0 if the host refuses it.
    ended_ns: u64,
}

/// Holds the state of a stream until its request comes again.
pub fn hold_redirected_stream(state: StreamState) {
    let ended_ns = hostcalls::monotonic_time_ns().unwrap_or_default();
    REDIRECTED.with_borrow_mut(|held| held.push(RedirectedStream { state, ended_ns }));
    let excess = REDIRECTED.with_borrow(|held| held.len().saturating_sub(MAX_HELD));
    discard(|at, _| at < excess);
}

/// Called when a configuration has ended. Its requests do not come any more.
pub fn clear(runtime: &Rc<RolloutRuntime>) {
    discard(|_, stream| stream.state.runs_on(runtime));
}

/// Called on ticks. Discards the streams whose requests have not come again.
pub fn discard_late() {
    if REDIRECTED.with_borrow(Vec::is_empty) {
        return;
    }
    let Ok(now_ns) = hostcalls::monotonic_time_ns() else { return };
    discard(|_, stream| now_ns.saturating_sub(stream.ended_ns) >= MAX_HELD_NS);
}

/// Counts the held streams that nothing continues, and drops them. `is_over` gets the place of each and the
/// stream.
fn discard(is_over: impl Fn(usize, &RedirectedStream) -> bool) {
    let (over, held): (Vec<_>, Vec<_>) = REDIRECTED
        .with_borrow_mut(std::mem::take)
        .into_iter()
        .enumerate()
        .partition(|(at, stream)| is_over(*at, stream));
    REDIRECTED.with_borrow_mut(|it| it.extend(held.into_iter().map(|(_, stream)| stream)));
    over.into_iter().for_each(|(_, mut stream)| stream.state.finish_unknown());
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
pub fn take_continued_stream(runtime: &RolloutRuntime) -> Option<StreamState> {
    if REDIRECTED.with_borrow(Vec::is_empty) {
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
            log_unrouted(error);
        }
    }
    before.set_reason(assignment);
    Some(stream)
}

fn log_unrouted(error: HostError) {
    limited_error!("a redirected request is not routed: the host answered {error:?}");
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
        log_unrouted(error);
    }
}

/// The state that the request continues, where a client can send the version header. Only the request
/// that comes next can continue a stream.
fn take_next(runtime: &RolloutRuntime, is_redirected: bool) -> Option<StreamState> {
    let continued = take_last_of(runtime, |_| true).and_then(|mut stream| {
        if is_redirected && is_continued(&stream) {
            return Some(stream);
        }
        stream.finish_unknown();
        None
    });
    // The requests of the others do not come again.
    discard(|_, stream| stream.state.has_rollout_of(runtime));
    continued
}

/// The state that was held last of those that the request may continue.
fn take_last(runtime: &RolloutRuntime) -> Option<StreamState> {
    take_last_of(runtime, is_continued)
}

/// The state of the rollout's stream that was held last of those that `matches`.
fn take_last_of(
    runtime: &RolloutRuntime,
    matches: impl Fn(&StreamState) -> bool,
) -> Option<StreamState> {
    REDIRECTED.with_borrow_mut(|held| {
        let is_wanted =
            |it: &RedirectedStream| it.state.has_rollout_of(runtime) && matches(&it.state);
        let at = held.iter().rposition(is_wanted)?;
        Some(held.remove(at).state)
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
