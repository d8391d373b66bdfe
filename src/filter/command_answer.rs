//! The answer to a command, which comes after the callback that has received it.
//!
//! Envoy 1.40 must not be given a response outside of the stream's own callbacks: what
//! `proxy_send_local_response` stops is then the next callback of any stream of the VM, the response
//! itself or another request. So the stream continues to its route, whose direct response passes the
//! filter, where [`DelayedResponse`] puts the answer in its place.
//!
//! Source: proxy-wasm-cpp-host, `stopNextIteration` in `src/exports.cc` and `isNextIterationStopped` in
//! `src/context.cc`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::hostcalls;
use crate::console::HttpResponse;
use crate::rollout::{CommandError, Transition};

/// The result of a command that is one too many.
pub const TOO_MANY: Result<Transition, CommandError> = Err(CommandError::TooManyCommands);

/// The answer that a stream waits for. Dropping it answers that the store is not available.
pub struct CommandAnswer {
    command: &'static str,
    rollout: String,
    /// The stream that waits; `None` if the answer is only logged.
    waits: Option<WaitingStream>,
    response: DelayedResponse,
    is_given: bool,
}

/// A stream that waits for the answer.
struct WaitingStream {
    context_id: u32,
    /// The root context in whose callbacks the answer is given.
    root_context_id: u32,
}

/// A response that takes the place of the route's.
#[derive(Clone, Default)]
pub struct DelayedResponse {
    response: Rc<RefCell<Option<HttpResponse>>>,
    is_awaited: Rc<Cell<bool>>,
}

// === impl CommandAnswer ===

impl CommandAnswer {
    pub fn new(
        command: &'static str,
        rollout: &str,
        stream: u32,
        root: u32,
        response: DelayedResponse,
    ) -> Self {
        response.is_awaited.set(true);
        let waits = Some(WaitingStream { context_id: stream, root_context_id: root });
        Self { command, rollout: rollout.to_owned(), waits, response, is_given: false }
    }

    /// An answer that no stream waits for.
    pub fn logged(command: &'static str, rollout: &str) -> Self {
        let response = DelayedResponse::default();
        Self { command, rollout: rollout.to_owned(), waits: None, response, is_given: false }
    }

    /// Answers with the result.
    pub fn give(mut self, applied: Result<Transition, CommandError>) {
        self.give_once(applied);
    }

    fn give_once(&mut self, applied: Result<Transition, CommandError>) {
        if std::mem::replace(&mut self.is_given, true) {
            return;
        }
        let response = response_to(self.command, &self.rollout, applied);
        self.response.is_awaited.set(false);
        if let Ok(mut delayed) = self.response.response.try_borrow_mut() {
            *delayed = Some(response);
        }
        let Some(waits) = &self.waits else { return };
        // The stream may have ended.
        if hostcalls::set_effective_context(waits.context_id).is_ok() {
            let _ = hostcalls::continue_request();
            let _ = hostcalls::set_effective_context(waits.root_context_id);
        }
    }
}

impl Drop for CommandAnswer {
    fn drop(&mut self) {
        self.give_once(Err(CommandError::StoreUnavailable));
    }
}

/// The response to a command. Logs a rejected command.
pub fn response_to(
    command: &str,
    rollout: &str,
    applied: Result<Transition, CommandError>,
) -> HttpResponse {
    match applied {
        Ok(transition) => HttpResponse::text(200, format!("{rollout}: {transition}")),
        Err(error) => {
            log::warn!("rollout {rollout}: refused: {command}: {error}");
            let is_away =
                matches!(error, CommandError::StoreUnavailable | CommandError::TooManyCommands);
            let status = if is_away { 503 } else { 409 };
            HttpResponse::text(status, format!("{rollout}: {error}"))
        }
    }
}

// === impl DelayedResponse ===

impl DelayedResponse {
    /// Whether the stream waits for the response.
    pub fn is_awaited(&self) -> bool {
        self.is_awaited.get()
    }

    /// Puts the response's head in the place of the route's, in the callback of the latter.
    pub fn write_head(&self) {
        let Ok(response) = self.response.try_borrow() else { return };
        let Some(response) = &*response else { return };
        let _ = hostcalls::replace_response_header(":status", &response.status.to_string());
        let length = response.body.len().to_string();
        let _ = hostcalls::replace_response_header("content-length", &length);
        for (name, value) in response.headers() {
            let _ = hostcalls::replace_response_header(name, value);
        }
    }

    /// Puts the response's body in the place of the route's, of which this is one chunk.
    pub fn write_body(&self, is_last: bool) {
        let Ok(response) = self.response.try_borrow() else { return };
        let Some(response) = &*response else { return };
        let body = if is_last { response.body.as_bytes() } else { &[] };
        let _ = hostcalls::set_response_body(body);
    }
}
