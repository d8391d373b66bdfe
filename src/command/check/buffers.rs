//! Checks that Envoy's buffers hold the bodies that the filter reads.

use std::ptr;

use super::envoy::{Manager, Purpose, listeners};
use super::findings::Findings;
use crate::command::source::Finding;
use crate::command::yaml::YamlNode;
use crate::config::Config;

/// Checks the buffers of a manager, and of its listener. Only what the file states is checked: Envoy's
/// defaults are large enough for the default of `max_request_body`.
pub fn check(manager: &Manager<'_>, rollouts: &[&Config], findings: &mut Findings) {
    if manager.purpose == Purpose::Console {
        return;
    }
    let bodies =
        rollouts.iter().filter(|it| it.reads_request_bodies()).map(|it| it.max_request_body);
    let Some(largest) = bodies.max() else { return };
    let limit = listener_of(manager).and_then(|it| it.get("per_connection_buffer_limit_bytes"));
    // Over HTTP/2, Envoy buffers at most what the window of a stream lets a client send.
    let is_http1 =
        manager.node.get("codec_type").is_some_and(|it| matches!(it.text(), Some("HTTP1" | "1")));
    let window = ["http2_protocol_options", "initial_stream_window_size"];
    let window = manager.node.at(&window).filter(|_| !is_http1);
    let mut found = Findings::default();
    for (field, node) in [
        ("per_connection_buffer_limit_bytes", limit.map(|it| &**it)),
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
    if text.parse::<usize>().ok()? >= largest {
        return None;
    }
    let fix = format!(
        "is less than max_request_body, {largest}: Envoy answers 413 to a larger body that Verdigris \
         reads, which may be green's alone; write {}, or a smaller max_request_body",
        largest.next_power_of_two()
    );
    let position = manager.scope.position(node);
    Some(Finding::new(manager.scope.file, position, field, Some(text), fix))
}
