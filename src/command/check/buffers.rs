//! Checks that Envoy's buffers hold the bodies that the filter reads.

use std::ptr;

use super::envoy::{Manager, Purpose, listeners};
use super::findings::Findings;
use crate::command::source::Finding;
use crate::command::yaml::YamlNode;
use crate::config::Config;

const LIMIT: &str = "per_connection_buffer_limit_bytes";

/// Envoy's default of `per_connection_buffer_limit_bytes`.
const DEFAULT_LIMIT: usize = 1 << 20;

/// Checks the buffers of a manager, and of its listener. Where the release's listener is in the file and
/// states no limit, Envoy's default applies.
pub fn check(manager: &Manager<'_>, rollouts: &[&Config], findings: &mut Findings) {
    if manager.purpose == Purpose::Console {
        return;
    }
    let bodies =
        rollouts.iter().filter(|it| it.reads_request_bodies()).map(|it| it.max_request_body);
    let Some(largest) = bodies.max() else { return };
    let listener = listener_of(manager);
    let limit = listener.and_then(|it| it.get(LIMIT));
    // Over HTTP/2, Envoy buffers at most what the window of a stream lets a client send.
    let is_http1 =
        manager.node.get("codec_type").is_some_and(|it| matches!(it.text(), Some("HTTP1" | "1")));
    let window = ["http2_protocol_options", "initial_stream_window_size"];
    let window = manager.node.at(&window).filter(|_| !is_http1);
    let mut found = Findings::default();
    // Internal listeners get what the release's has let pass, and may get nothing.
    let has_default = |it: &&YamlNode| {
        let is_release = manager.purpose == Purpose::Release;
        is_release && limit.is_none() && it.get("filter_chains").is_some()
    };
    if let Some(listener) = listener.filter(has_default).filter(|_| largest > DEFAULT_LIMIT) {
        let default = format!("{DEFAULT_LIMIT}, the default");
        found.warnings.push(finding(manager, LIMIT, listener, &default, largest));
    }
    for (field, node) in [
        (LIMIT, limit.map(|it| &**it)),
        ("http2_protocol_options.initial_stream_window_size", window),
    ] {
        found.warnings.extend(node.and_then(|it| too_small(manager, field, it, largest)));
    }
    // Managers of several filter chains may have one listener.
    findings.add_new(found);
}

fn listener_of<'a>(manager: &Manager<'a>) -> Option<&'a YamlNode> {
    let has_manager = |listener: &&YamlNode| {
        let mut is_found = false;
        listener.walk(&mut |node| is_found |= ptr::eq(node, manager.node));
        is_found
    };
    listeners(&manager.scope.document.root).into_iter().find(has_manager)
}

fn too_small(
    manager: &Manager<'_>,
    field: &str,
    node: &YamlNode,
    largest: usize,
) -> Option<Finding> {
    let text = node.text()?;
    let is_too_small = text.parse::<usize>().is_ok_and(|it| it < largest);
    is_too_small.then(|| finding(manager, field, node, text, largest))
}

/// The warning about a buffer of the size `text`, at `node`.
fn finding(
    manager: &Manager<'_>,
    field: &str,
    node: &YamlNode,
    text: &str,
    largest: usize,
) -> Finding {
    let fix = format!(
        "is less than max_request_body, {largest}: Envoy answers 413 to a larger body that Verdigris \
         reads, which may be green's alone; write {}, or a smaller max_request_body",
        largest.next_power_of_two()
    );
    Finding::new(manager.scope.file, manager.scope.position(node), field, Some(text), fix)
}
