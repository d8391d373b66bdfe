//! The console at a path of the release's listener, `console.path`.
//!
//! Where the release's filter has a VM of its own, no other filter sees its rollouts. No request to the
//! path reaches an upstream, and none waits for its body.

use std::rc::Rc;

use proxy_wasm::types::Action;

use super::callout::Callouts;
use super::console_stream::{ConsoleContext, PendingCommand, limit_refusals};
use super::hostcalls;
use super::runtime::RolloutRuntime;
use crate::config::ConsolePath;
use crate::console::{ConsoleRequest, ConsoleRequestHead, HttpResponse};

/// The console at a path.
pub struct ConsoleAtPath {
    at: ConsolePath,
    context: ConsoleContext,
}

// === impl ConsoleAtPath ===

impl ConsoleAtPath {
    pub fn new(at: ConsolePath, callouts: &Rc<Callouts>) -> Self {
        let context = ConsoleContext::new(at.console.clone(), callouts);
        Self { at, context }
    }

    /// The response to the request at hand; `None` if its path is not the console's.
    fn response(&self) -> Option<HttpResponse> {
        self.at.rest(&hostcalls::request_header(":path")?)?;
        let Ok(headers) = hostcalls::request_headers() else {
            return Some(HttpResponse::text(500, "The host did not return the request's headers."));
        };
        let head = ConsoleRequestHead::from_headers(headers.iter());
        let request = ConsoleRequest::parse_at(&self.at, &head, self.context.token())?;
        Some(match request {
            Ok(ConsoleRequest::Page) => self.context.page(),
            Ok(ConsoleRequest::State) => self.context.state(),
            Ok(ConsoleRequest::Command { command, rollout }) => {
                let text = head.command.unwrap_or_default();
                let asked = PendingCommand { command, rollout, length: None, received: 0 };
                asked.apply_at_path(text, &self.context)
            }
            Err(refused) => limit_refusals(refused, head.has_credentials()),
        })
    }

    /// Answers the request at hand, if its path is the console's.
    pub fn answer(&self, runtime: &RolloutRuntime) -> Option<Action> {
        let response = self.response()?;
        let headers: Vec<_> = response.headers().collect();
        let details = "verdigris_console";
        let answered =
            hostcalls::send_local_response(response.status, details, &headers, &response.body);
        if answered.is_err() {
            // Envoy routes the request. Its upstream must not get the token.
            let _ = hostcalls::remove_request_header("authorization");
            runtime.route_unassigned();
            return Some(Action::Continue);
        }
        Some(Action::Pause)
    }
}
