//! Requests to the console: the page, the state, and operator commands.

use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

use super::active_rollouts::{ActiveRollout, active_rollouts};
use super::adopted_rollouts::{ForeignRollout, with_adopted};
use super::callout::Callouts;
use super::clock;
use super::command_answer::{CommandAnswer, DelayedResponse, TOO_MANY, response_to};
use super::console_view::view;
use super::runtime::RolloutRuntime;
use super::store::keys::versioned;
use super::store::shared_cell::{SharedCell, Update};
use super::{console_token, hostcalls};
use crate::config::{self, CommandRequest, parse_command};
use crate::console::{
    ConsoleRequest, ConsoleRequestHead, HttpResponse, NO_ROLLOUT, ROLLOUT_QUERY, Refusal,
    RefusedRequests, View, page,
};

/// The console in one VM.
pub struct ConsoleContext {
    config: config::ConsoleConfig,
    token: Option<String>,
    /// The call-outs of its root context.
    callouts: Rc<Callouts>,
}

/// A stream that the console answers.
pub struct ConsoleStream {
    context_id: u32,
    console: Rc<ConsoleContext>,
    /// The command whose body has not come completely.
    pending: Option<PendingCommand>,
    /// The answer to a command that is committed later.
    delayed: DelayedResponse,
}

/// An operator command whose body has not come completely.
pub struct PendingCommand {
    /// The command's name.
    pub command: &'static str,
    /// The rollout that the query names.
    pub rollout: Option<String>,
    /// The length of the body by its `content-length`.
    pub length: Option<usize>,
    /// How much of the body has come, in bytes.
    pub received: usize,
}

/// The maximum length of the body of a command, in bytes.
const MAX_BODY: usize = 4096;
/// A token of fewer bytes is too easy to guess.
const SHORT_TOKEN: usize = 16;

// === impl ConsoleContext ===

impl ConsoleContext {
    pub fn new(config: config::ConsoleConfig, callouts: &Rc<Callouts>) -> Self {
        let token = console_token::read().unwrap_or_else(|why| {
            log::error!("{why}");
            None
        });
        if token.as_ref().is_some_and(|token| token.len() < SHORT_TOKEN) {
            log::warn!("the console's token has less than {SHORT_TOKEN} bytes: use a longer one");
        }
        Self { config, token, callouts: Rc::clone(callouts) }
    }

    /// The rollouts of this VM and those that it can adopt from other VMs, and those that it cannot.
    fn rollouts(&self) -> (Vec<ActiveRollout>, Vec<ForeignRollout>) {
        with_adopted(active_rollouts(), &self.callouts)
    }

    /// The bearer token; `None` disables commands.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// The page.
    pub fn page(&self) -> HttpResponse {
        self.with_view(|view| Some(HttpResponse::page(page(view))))
    }

    /// `/state.json`.
    pub fn state(&self) -> HttpResponse {
        self.with_view(|view| Some(HttpResponse::json(serde_json::to_string(view).ok()?)))
    }

    fn with_view(&self, show: impl FnOnce(&View) -> Option<HttpResponse>) -> HttpResponse {
        let view = clock::clocks().map(|now| {
            let (in_use, foreign) = self.rollouts();
            view(now, &in_use, &foreign, self.token.is_some())
        });
        let shown = view.and_then(|view| show(&view));
        shown.unwrap_or_else(|| HttpResponse::text(500, "The host did not return the time."))
    }
}

// === impl ConsoleStream ===

impl ConsoleStream {
    pub fn new(context_id: u32, console: Rc<ConsoleContext>) -> Self {
        Self { context_id, console, pending: None, delayed: DelayedResponse::default() }
    }

    fn request_headers(&mut self, ends: bool) -> Action {
        let Ok(headers) = hostcalls::request_headers() else {
            return answer(&HttpResponse::text(
                500,
                "The host did not return the request's headers.",
            ));
        };
        let ConsoleContext { config, token, .. } = &*self.console;
        let head = ConsoleRequestHead::from_headers(headers.iter());
        let Some(asked) = ConsoleRequest::parse(&head, config, token.as_deref()) else {
            return Action::Continue;
        };
        match asked {
            Ok(ConsoleRequest::Page) => answer(&self.console.page()),
            Ok(ConsoleRequest::State) => answer(&self.console.state()),
            Ok(ConsoleRequest::Command { command, rollout }) => {
                // In a fleet the request goes on to its route, whose upstream must not get the token.
                let _ = hostcalls::remove_request_header("authorization");
                let length = head.length;
                let asked = PendingCommand { command, rollout, length, received: 0 };
                if let Some(text) = head.command {
                    return asked.apply(text, self);
                }
                if ends {
                    return asked.apply(&[], self);
                }
                self.pending = Some(asked);
                Action::Pause
            }
            Err(refused) => answer(&limit_refusals(refused, head.has_credentials())),
        }
    }

    fn request_body(&mut self, size: usize, ends: bool) -> Action {
        let Some(mut pending) = self.pending.take() else {
            // The end of a body can come after its bytes.
            return if self.delayed.is_awaited() { Action::Pause } else { Action::Continue };
        };
        if size > MAX_BODY {
            return answer(&body_too_large());
        }
        // Where trailers follow, the body does not end the stream.
        if !ends && pending.length.is_none_or(|length| size < length) {
            pending.received = size;
            self.pending = Some(pending);
            return Action::Pause;
        }
        let body = if size == 0 { Ok(Vec::new()) } else { hostcalls::request_body(size) };
        match body {
            Ok(body) => pending.apply(&body, self),
            Err(_) => {
                answer(&HttpResponse::text(500, "The host did not return the request's body."))
            }
        }
    }

    /// Trailers end a body that does not end the stream.
    fn request_trailers(&mut self) -> Action {
        match self.pending.as_ref().map(|pending| pending.received) {
            Some(received) => self.request_body(received, true),
            None if self.delayed.is_awaited() => Action::Pause,
            None => Action::Continue,
        }
    }
}

impl Context for ConsoleStream {}

impl HttpContext for ConsoleStream {
    fn on_http_request_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        self.request_headers(end_of_stream)
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        self.request_body(size, end_of_stream)
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        self.request_trailers()
    }

    fn on_http_response_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        self.delayed.write_head();
        Action::Continue
    }

    fn on_http_response_body(&mut self, _size: usize, end_of_stream: bool) -> Action {
        self.delayed.write_body(end_of_stream);
        Action::Continue
    }
}

/// Counts refused requests for all VMs, logs them once a minute, and answers 429 instead of `refused` if
/// there are too many. A request without credentials always gets its 401: a browser sends no credentials
/// before it, and other clients must not be able to keep the browser from the page.
pub fn limit_refusals(refused: HttpResponse, has_credentials: bool) -> HttpResponse {
    if !matches!(refused.status, 401 | 403) {
        return refused;
    }
    let now_s = hostcalls::monotonic_time_ns().unwrap_or_default() / 1_000_000_000;
    let cell = SharedCell::new(versioned("/console", &format!("refused_{}", refused.status)));
    let counted = cell.update(|found: Option<RefusedRequests>| {
        let mut counts = found.unwrap_or_default();
        let refusal = counts.add(now_s);
        Update::Write(counts, refusal)
    });
    let Some(Refusal { is_limited, log }) = counted else { return refused };
    if let Some(others) = log {
        let why = refused.body.trim_end();
        log::warn!(
            "a request to the console was refused: {why} Further ones in this minute are not \
                    logged; {others} were refused since the last such line."
        );
    }
    let is_limited = is_limited && (has_credentials || refused.status != 401);
    if is_limited { HttpResponse::too_many_refused() } else { refused }
}

/// The response to a command with a body that is too large.
fn body_too_large() -> HttpResponse {
    let why = format!("The body of a command may have at most {MAX_BODY} bytes.");
    HttpResponse::text(413, why)
}

/// Answers the request. If the host does not accept the response, the request continues to the
/// listener's route, which has one.
fn answer(answer: &HttpResponse) -> Action {
    let headers: Vec<_> = answer.headers().collect();
    let answered =
        hostcalls::send_local_response(answer.status, "verdigris_console", &headers, &answer.body);
    if answered.is_ok() { Action::Pause } else { Action::Continue }
}

// === impl PendingCommand ===

impl PendingCommand {
    /// Applies the command and answers. In a fleet, the answer follows once the command is committed.
    fn apply(&self, body: &[u8], stream: &ConsoleStream) -> Action {
        let ConsoleStream { context_id: stream, console, delayed, .. } = stream;
        let (runtime, request) = match self.parse(body, console) {
            Ok(parsed) => parsed,
            Err(refused) => return answer(&refused),
        };
        let rollout = runtime.config.rollout.as_str();
        if let Some(link) = &runtime.fleet {
            let Some(turn) = link.begin_command() else {
                return answer(&response_to(self.command, rollout, TOO_MANY));
            };
            let root = link.callouts.context_id();
            let answer = CommandAnswer::new(self.command, rollout, *stream, root, delayed.clone());
            runtime.command_fleet(link, turn, request, answer);
            return Action::Pause;
        }
        answer(&response_to(self.command, rollout, runtime.apply_command(&request)))
    }

    /// Applies the command, and returns the response. In a fleet it says only that the command is sent,
    /// since a response that comes later would need a request that continues to an upstream.
    pub fn apply_at_path(&self, body: &[u8], console: &ConsoleContext) -> HttpResponse {
        let (runtime, request) = match self.parse(body, console) {
            Ok(parsed) => parsed,
            Err(refused) => return refused,
        };
        let rollout = runtime.config.rollout.as_str();
        if let Some(link) = &runtime.fleet {
            let Some(turn) = link.begin_command() else {
                return response_to(self.command, rollout, TOO_MANY);
            };
            let answer = CommandAnswer::logged(self.command, rollout);
            runtime.command_fleet(link, turn, request, answer);
            return HttpResponse::accepted(rollout);
        }
        response_to(self.command, rollout, runtime.apply_command(&request))
    }

    /// The rollout that the command is for, and what the body says.
    fn parse(
        &self,
        body: &[u8],
        console: &ConsoleContext,
    ) -> Result<(Rc<RolloutRuntime>, CommandRequest), HttpResponse> {
        if body.len() > MAX_BODY {
            return Err(body_too_large());
        }
        let (in_use, foreign) = console.rollouts();
        let current = || in_use.iter().filter(|it| !it.is_replaced);
        let asked = match &self.rollout {
            Some(name) => in_use.iter().find(|it| it.runtime.config.rollout.as_str() == name),
            None if current().count() == 1 => current().next(),
            None => None,
        };
        let Some(ActiveRollout { runtime, .. }) = asked else {
            let known: Vec<_> =
                in_use.iter().map(|it| it.runtime.config.rollout.as_str()).collect();
            return Err(match known.as_slice() {
                [] => match foreign.first() {
                    Some(foreign) => {
                        let why = format!("{} {}", foreign.problem(), ForeignRollout::FIX);
                        HttpResponse::text(503, why)
                    }
                    None => HttpResponse::text(503, NO_ROLLOUT),
                },
                known => {
                    let known = known.join(", ");
                    let why = format!("Name one of the rollouts {known} {ROLLOUT_QUERY}");
                    HttpResponse::text(404, why)
                }
            });
        };
        let now_ms = hostcalls::unix_ms();
        let request = parse_command(self.command, body, now_ms)
            .map_err(|invalid| HttpResponse::text(400, invalid.to_string()))?;
        Ok((Rc::clone(runtime), request))
    }
}
