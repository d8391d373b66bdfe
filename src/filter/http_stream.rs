//! One HTTP stream of a release: the SDK's `HttpContext`.

use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

use super::build::IS_ROUTE;
use super::console_at_path::ConsoleAtPath;
use super::redirect;
use super::runtime::RolloutRuntime;
use super::stream_state::StreamState;

/// One HTTP stream. Without a runtime it lets everything pass.
pub struct HttpStream {
    state: StreamState,
    /// The console at a path of the listener, where it is configured.
    console: Option<Rc<ConsoleAtPath>>,
}

// === impl HttpStream ===

impl HttpStream {
    pub fn new(
        context_id: u32,
        runtime: Option<Rc<RolloutRuntime>>,
        console: Option<Rc<ConsoleAtPath>>,
    ) -> Self {
        Self { state: StreamState::new(context_id, runtime), console }
    }
}

impl Context for HttpStream {}

impl HttpContext for HttpStream {
    fn on_http_request_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        #[cfg(feature = "trap-for-tests")]
        trap_if_marked();
        if let (false, Some(console), Some(runtime)) =
            (IS_ROUTE, &self.console, &self.state.runtime)
            && let Some(action) = console.answer(runtime)
        {
            return action;
        }
        let runtime = self.state.runtime.as_deref();
        let redirected_state =
            runtime.filter(|_| !IS_ROUTE).and_then(redirect::take_continued_stream);
        if let Some(redirected_state) = redirected_state {
            // It was assigned, patched and counted before, and is on its way to the same cluster.
            self.state = redirected_state;
            self.state.is_continued = true;
            return Action::Continue;
        }
        self.state.request_headers(end_of_stream)
    }

    #[cfg(not(feature = "route"))]
    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        self.state.request_body(size, end_of_stream)
    }

    #[cfg(not(feature = "route"))]
    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        self.state.request_trailers()
    }

    #[cfg(not(feature = "route"))]
    fn on_http_response_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        self.state.response_headers(end_of_stream);
        Action::Continue
    }

    #[cfg(not(feature = "route"))]
    fn on_http_response_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        self.state.response_body(size, end_of_stream);
        Action::Continue
    }

    #[cfg(not(feature = "route"))]
    fn on_http_response_trailers(&mut self, _count: usize) -> Action {
        self.state.response_trailers();
        Action::Continue
    }
}

/// The SDK drops the context when Envoy deletes it, which is how a stream learns that it has ended.
impl Drop for HttpStream {
    fn drop(&mut self) {
        if self.state.is_redirected() {
            self.state.stop_timing();
            let state = std::mem::replace(&mut self.state, StreamState::new(0, None));
            redirect::hold_redirected_stream(state);
        } else {
            self.state.finish();
        }
    }
}

/// Traps the VM on a marked request, as a bug in the filter would.
#[cfg(feature = "trap-for-tests")]
fn trap_if_marked() {
    if super::hostcalls::request_header("x-verdigris-trap").is_some() {
        core::arch::wasm32::unreachable();
    }
}
