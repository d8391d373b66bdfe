//! Requests whose headers wait for their body, and their release where the body cannot come.
//!
//! Without `allow_on_headers_stop_iteration: true` Envoy passes no body on while the headers wait, and
//! nothing that a plugin can ask says whether it is set. So until one body has come while its headers
//! waited, a request that has waited for [`MAX_WAIT_NS`] continues to blue. From the first such request on,
//! only [`MAX_WAITING`] requests wait at once, and further ones continue to blue immediately.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use super::hostcalls;
use super::limited_log::LimitedLog;

/// How long the headers of a request wait for the first piece of its body.
const MAX_WAIT_NS: u64 = 5_000_000_000;

/// How many requests continue in one callback. Envoy continues each within the callbacks of the one
/// before, on the same stack, so that many hundreds would overflow it.
const MAX_RELEASED: usize = 128;

/// How many requests wait at once where one had to be released: as many as can be released while one of
/// them waits, at two ticks a second. With more, the wait would grow without bound.
const MAX_WAITING: usize = MAX_RELEASED * 2 * (MAX_WAIT_NS / 1_000_000_000) as usize;

/// The requests of one configuration in this VM that wait.
#[derive(Default)]
pub struct WaitingStreams {
    streams: RefCell<Vec<Weak<WaitingStream>>>,
    /// Whether the plugin is known to get bodies while headers wait.
    gets_bodies: Cell<bool>,
    /// Whether a request had to be released.
    has_released: Cell<bool>,
    /// Any client can send such requests while no body has come.
    log: LimitedLog,
}

/// A request that waits.
pub struct WaitingStream {
    context_id: u32,
    since_ns: u64,
    is_released: Cell<bool>,
}

// === impl WaitingStream ===

impl WaitingStream {
    /// Whether its headers have continued without the body.
    pub fn is_released(&self) -> bool {
        self.is_released.get()
    }
}

// === impl WaitingStreams ===

impl WaitingStreams {
    /// Adds a stream, which waits since `since_ns` if that is known. Returns `None` if no stream needs a
    /// release. Where too many wait for a body that does not arrive, the stream that is returned is released already.
    pub fn add(&self, context_id: u32, since_ns: Option<u64>) -> Option<Rc<WaitingStream>> {
        if self.gets_bodies.get() {
            return None;
        }
        let since_ns = since_ns.or_else(|| hostcalls::monotonic_time_ns().ok())?;
        let mut streams = self.streams.borrow_mut();
        let is_released = Cell::new(self.has_released.get() && streams.len() >= MAX_WAITING);
        let stream = Rc::new(WaitingStream { context_id, since_ns, is_released });
        if !stream.is_released() {
            streams.push(Rc::downgrade(&stream));
        }
        Some(stream)
    }

    /// Records that a body has come while its headers waited.
    pub fn record_body(&self) {
        if !self.gets_bodies.replace(true) {
            self.streams.borrow_mut().clear();
        }
    }

    /// Lets the headers continue that have waited too long. `route` routes the request of the stream
    /// that is the effective context, `root` is the context whose callback this is.
    pub fn release_late(&self, root: u32, route: impl Fn()) {
        if self.streams.borrow().is_empty() {
            return;
        }
        let Ok(now_ns) = hostcalls::monotonic_time_ns() else { return };
        let mut late = Vec::new();
        self.streams.borrow_mut().retain(|stream| {
            let Some(stream) = stream.upgrade() else { return false };
            let is_late =
                late.len() < MAX_RELEASED && now_ns.saturating_sub(stream.since_ns) >= MAX_WAIT_NS;
            if is_late {
                late.push(stream);
            }
            !is_late
        });
        if !late.is_empty() {
            self.has_released.set(true);
        }
        let mut released = 0;
        for stream in late {
            // The stream may have ended.
            if hostcalls::set_effective_context(stream.context_id).is_err() {
                continue;
            }
            stream.is_released.set(true);
            route();
            let _ = hostcalls::continue_request();
            released += 1;
        }
        let _ = hostcalls::set_effective_context(root);
        self.log_released(released, now_ns);
    }

    /// Logs how many requests have continued without their bodies.
    fn log_released(&self, released: u64, now_ns: u64) {
        let Some(released) = self.log.count(released, now_ns) else { return };
        log::error!(
            "requests go to blue, {released} since the last such line, because they waited for their \
             bodies for {} s: set allow_on_headers_stop_iteration: true in Envoy's Wasm filter, or write \
             \"read_body\": \"after_routing\"",
            MAX_WAIT_NS / 1_000_000_000
        );
    }
}
