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
    let bodies = rollouts.iter().filter(|it| reads_bodies(it)).map(|it| it.max_request_body);
    let Some(largest) = bodies.max() else { return };
    let limit = listener_of(manager).and_then(|it| it.get("per_connection_buffer_limit_bytes"));
    // Over HTTP/2, Envoy buffers at most what the window of a stream lets a client send.
    let is_http1 =
        manager.node.get("codec_type").is_some_and(|it| matches!(it.text(), Some("HTTP1" | "1")));
    let window = ["http2_protocol_options", "initial_stream_window_size"];
    let window = manager.node.at(&window).filter(|_| !is_http1);
    for (field, node) in [
        ("per_connection_buffer_limit_bytes", limit.map(|it| &**it)),
        ("http2_protocol_options.initial_stream_window_size", window),
    ] {
        let found = node.and_then(|it| too_small(manager, field, it, largest));
        let is_new = |it: &Finding| {
            let mut known = findings.warnings.iter();
            !known.any(|other| (&other.file, other.position) == (&it.file, it.position))
        };
        let found = found.filter(is_new);
        findings.warnings.extend(found);
    }
}

/// Whether the filter reads or changes bodies of requests, up to `max_request_body`.
fn reads_bodies(config: &Config) -> bool {
    let patches = [&config.blue_request, &config.green_request];
    let mut patches = patches.into_iter().flatten();
    patches.any(|it| it.body.is_required() || it.body.asks_for_usage)
        || config.conversation.as_ref().is_some_and(|it| !it.pointers.is_empty())
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
