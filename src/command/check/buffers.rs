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

/// The largest body that Envoy must hold for a rollout.
#[derive(Clone, Copy)]
struct LargestBody {
    /// `max_request_body`.
    max: usize,
    /// What a patch can add to it.
    growth: usize,
}

/// Checks the buffers of a manager, and of its listener. Where the release's listener is in the file and
/// states no limit, Envoy's default applies.
pub fn check(manager: &Manager<'_>, rollouts: &[&Config], findings: &mut Findings) {
    if manager.purpose == Purpose::Console {
        return;
    }
    let bodies = rollouts.iter().filter(|it| it.reads_request_bodies());
    let bodies =
        bodies.map(|it| LargestBody { max: it.max_request_body, growth: it.patch_growth() });
    let Some(largest) = bodies.max_by_key(|it| it.bytes()) else { return };
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
    if let Some(listener) = listener.filter(has_default).filter(|_| largest.bytes() > DEFAULT_LIMIT)
    {
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
    largest: LargestBody,
) -> Option<Finding> {
    let text = node.text()?;
    let is_too_small = text.parse::<usize>().is_ok_and(|it| it < largest.bytes());
    is_too_small.then(|| finding(manager, field, node, text, largest))
}

/// The warning about a buffer of the size `text`, at `node`.
fn finding(
    manager: &Manager<'_>,
    field: &str,
    node: &YamlNode,
    text: &str,
    largest: LargestBody,
) -> Finding {
    let LargestBody { max, growth } = largest;
    let patch = match growth {
        0 => String::new(),
        _ => format!(", and the {growth} bytes that a patch can add"),
    };
    let fix = format!(
        "is less than max_request_body, {max}{patch}: Envoy answers 413 to a larger body that Verdigris \
         reads or writes, which may be green's alone; write {}, or a smaller max_request_body",
        largest.bytes().next_power_of_two()
    );
    Finding::new(manager.scope.file, manager.scope.position(node), field, Some(text), fix)
}

// === impl LargestBody ===

impl LargestBody {
    fn bytes(self) -> usize {
        self.max.saturating_add(self.growth)
    }
}
