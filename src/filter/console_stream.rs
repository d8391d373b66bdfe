//! Requests to the console: the page, the state, and orders.

use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

use super::active_rollouts::{ActiveRollout, active_rollouts};
use super::adopted_rollouts::{ForeignRollout, with_adopted};
use super::callout::Callouts;
use super::clock;
use super::command_answer::{CommandAnswer, DelayedResponse, TOO_MANY, response_to};
use super::runtime::RolloutRuntime;
use super::store::keys::versioned;
use super::store::rejections;
use super::store::shared_cell::{SharedCell, Update};
use super::{attributes, console_token, hostcalls};
use crate::config::{self, CommandRequest, parse_command};
use crate::console::view::{AboutView, FleetView, ProblemView, RolloutView, SCHEMA};
use crate::console::{
    Acceptance, ConsoleRequest, ConsoleRequestHead, ControlState, HttpResponse, NO_ROLLOUT,
    Refusal, RefusedRequests, Rejection, View, ViewInputs, page,
};
use crate::rollout::Clocks;

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
    /// What is to be done once the body has come.
    asked: Option<PendingCommand>,
    /// The answer to a command that is committed later.
    delayed: DelayedResponse,
}

/// An order whose body is waited for.
pub struct PendingCommand {
    pub command: &'static str,
    pub rollout: Option<String>,
    /// The body's length, where it is said.
    pub length: Option<usize>,
    /// How much of the body has come, in bytes.
    pub received: usize,
}

/// How large the body of an order may be, in bytes.
const MAX_BODY: usize = 4096;
/// A shorter token is guessed too easily.
const SHORT_TOKEN: usize = 16;

// === impl Console ===

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
        let view = clock::clocks().map(|now| view(now, self));
        let shown = view.and_then(|view| show(&view));
        shown.unwrap_or_else(|| HttpResponse::text(500, "Envoy did not tell the time."))
    }
}

// === impl ConsoleStream ===

impl ConsoleStream {
    pub fn new(context_id: u32, console: Rc<ConsoleContext>) -> Self {
        Self { context_id, console, asked: None, delayed: DelayedResponse::default() }
    }

    fn request_headers(&mut self, ends: bool) -> Action {
        let Ok(headers) = hostcalls::request_headers() else {
            return answer(&HttpResponse::text(500, "Envoy did not show the request's headers."));
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
                self.asked = Some(asked);
                Action::Pause
            }
            Err(refused) => answer(&brake(refused, head.has_credentials())),
        }
    }

    fn request_body(&mut self, size: usize, ends: bool) -> Action {
        let Some(mut asked) = self.asked.take() else {
            // The end of a body can come after its bytes.
            return if self.delayed.is_awaited() { Action::Pause } else { Action::Continue };
        };
        if size > MAX_BODY {
            return answer(&HttpResponse::text(
                413,
                format!("An order has {MAX_BODY} bytes at most."),
            ));
        }
        // Where trailers follow, the body does not end the stream.
        if !ends && asked.length.is_none_or(|length| size < length) {
            asked.received = size;
            self.asked = Some(asked);
            return Action::Pause;
        }
        let body = if size == 0 { Ok(Vec::new()) } else { hostcalls::request_body(size) };
        match body {
            Ok(body) => asked.apply(&body, self),
            Err(_) => answer(&HttpResponse::text(500, "Envoy did not show the request's body.")),
        }
    }

    /// Trailers end a body that does not end the stream.
    fn request_trailers(&mut self) -> Action {
        match self.asked.as_ref().map(|asked| asked.received) {
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

/// What is shown of everything that this VM knows.
fn view(now: Clocks, console: &ConsoleContext) -> View {
    let now_ms = now.unix_ms;
    let (in_use, foreign) = console.rollouts();
    let rejections = rejections::load();
    let is_for = |it: &Rejection, used: &ActiveRollout| {
        let RolloutRuntime { plugin, config, .. } = &*used.runtime;
        !used.is_replaced && it.is_for(plugin, config.rollout.as_str())
    };
    let rollouts = in_use.iter().map(|used| {
        let of_it: Vec<_> = rejections.iter().filter(|it| is_for(it, used)).collect();
        let acceptance = Acceptance {
            accepted_at_ms: rejections.accepted_at_ms(&used.runtime.plugin),
            rejection: of_it.last().copied(),
        };
        used.view(now, acceptance, of_it.iter().map(|it| it.problem(now_ms)))
    });
    let of_none = rejections.iter().filter(|it| !in_use.iter().any(|used| is_for(it, used)));
    let foreign = foreign.iter().map(|it| ProblemView {
        is_severe: true,
        what: it.message(),
        fix: "Until then the page neither shows nor steers this plugin's rollout.".to_owned(),
    });
    View {
        schema: SCHEMA,
        now_ms,
        can_steer: console.token.is_some(),
        rollouts: rollouts.collect(),
        problems: of_none.map(|it| it.problem(now_ms)).chain(foreign).collect(),
        about: AboutView {
            verdigris: env!("CARGO_PKG_VERSION").to_owned(),
            envoy: attributes::envoy_version(),
            node: attributes::node_id(),
        },
    }
}

/// Counts and logs a request that was refused, once a minute for all VMs, and answers too many of them
/// with 429. One without credentials is always asked for them: a browser sends none before, and nobody must be
/// able to keep it from the page.
pub fn brake(refused: HttpResponse, has_credentials: bool) -> HttpResponse {
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

/// Where the host does not take the answer, the listener's route has one.
fn answer(answer: &HttpResponse) -> Action {
    let headers: Vec<_> = answer.headers().collect();
    let answered =
        hostcalls::send_local_response(answer.status, "verdigris_console", &headers, &answer.body);
    if answered.is_ok() { Action::Pause } else { Action::Continue }
}

// === impl Asked ===

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
            return Err(HttpResponse::text(413, format!("An order has {MAX_BODY} bytes at most.")));
        }
        let (in_use, foreign) = console.rollouts();
        let of_now = || in_use.iter().filter(|it| !it.is_replaced);
        let asked = match &self.rollout {
            Some(name) => in_use.iter().find(|it| it.runtime.config.rollout.as_str() == name),
            None if of_now().count() == 1 => of_now().next(),
            None => None,
        };
        let Some(ActiveRollout { runtime, .. }) = asked else {
            let known: Vec<_> =
                in_use.iter().map(|it| it.runtime.config.rollout.as_str()).collect();
            return Err(match known.as_slice() {
                [] => match foreign.first() {
                    Some(foreign) => HttpResponse::text(503, foreign.message()),
                    None => HttpResponse::text(503, NO_ROLLOUT),
                },
                known => {
                    let known = known.join(", ");
                    HttpResponse::text(404, format!("Say which rollout, of {known}: ?rollout=…"))
                }
            });
        };
        let now_ms = hostcalls::wall_time_ns().unwrap_or_default() / 1_000_000;
        let request = parse_command(self.command, body, now_ms)
            .map_err(|invalid| HttpResponse::text(400, invalid.to_string()))?;
        Ok((Rc::clone(runtime), request))
    }
}

// === impl InUse ===

impl ActiveRollout {
    /// What is shown of it.
    fn view(
        &self,
        now: Clocks,
        acceptance: Acceptance<'_>,
        problems: impl Iterator<Item = ProblemView>,
    ) -> RolloutView {
        let running = &self.runtime;
        let state = running.ramp.as_ref().and_then(|ramp| ramp.state());
        let differences = running.ramp.as_ref().map(|ramp| ramp.differences());
        let weights = running.manual_worker.as_ref().and_then(|by_hand| by_hand.state());
        let counters = running.metrics.counter_values();
        let log = match (&state, &weights) {
            (Some(state), _) => Some(&state.log),
            (None, weights) => weights.as_ref().map(|it| &it.log),
        };
        let changed_s = log.and_then(|log| log.iter().next_back()).map_or(0, |it| it.at_s);
        let changed_s_ago = now.unix_s().saturating_sub(changed_s);
        let (phase, green_share) = running.phase_and_share();
        let fleet = running.fleet.as_ref().map(|link| link.status());
        let ramp_now = match fleet.as_ref().and_then(Option::as_ref) {
            Some(status) => Clocks { monotonic_ns: status.fleet_ns(now.monotonic_ns), ..now },
            None => now,
        };
        let fleet = fleet
            .zip(running.config.fleet.as_ref())
            .map(|(status, config)| FleetView::new(config, status.as_ref(), now.monotonic_ns));
        let mut view = RolloutView::new(ViewInputs {
            config: &running.config,
            control: match &running.config.ramp {
                Some(settings) => ControlState::Ramp(settings, state.as_ref()),
                None => ControlState::Manual(weights.as_ref()),
            },
            phase,
            green_share,
            is_replaced: self.is_replaced,
            differences: differences.unwrap_or_default(),
            versions: counters.versions,
            recent: running.metrics.recent_requests(now.monotonic_s(), changed_s_ago),
            acceptance,
            refused_stats: counters.refused,
            fleet,
            judge: running.judge_spending(),
            now: ramp_now,
        });
        view.problems.extend(problems);
        view
    }
}
