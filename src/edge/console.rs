//! Requests to the console: the page, the state, and orders.

use std::rc::Rc;

use super::root::{InUse, Root, Running};
use super::steering;
use super::stream::Flow;
use super::walker;
use super::{host, rejections};
use crate::config::{self, parse_command};
use crate::console::view::{ProblemView, RolloutView, SCHEMA};
use crate::console::{
    ConsoleRequest, ConsoleRequestHead, ControlState, HttpResponse, NO_ROLLOUT, Rejection, View,
    ViewInputs, page,
};
use crate::rollout::Clocks;

/// The console in one VM.
pub struct Console {
    config: config::ConsoleConfig,
    token: Option<String>,
}

/// A stream that the console answers.
pub struct ConsoleStream {
    console: Rc<Console>,
    /// What is to be done once the body has come.
    asked: Option<Asked>,
}

/// An order whose body is waited for.
struct Asked {
    order: &'static str,
    rollout: Option<String>,
    /// The body's length, where it is said.
    length: Option<usize>,
}

/// How large the body of an order may be, in bytes.
const MAX_BODY: usize = 4096;
/// A shorter token is guessed too easily.
const SHORT_TOKEN: usize = 16;

// === impl Console ===

impl Console {
    pub fn new(config: config::ConsoleConfig) -> Self {
        let token = steering::token().unwrap_or_else(|why| {
            log::error!("{why}");
            None
        });
        if token.as_ref().is_some_and(|token| token.len() < SHORT_TOKEN) {
            log::warn!("the console's token has less than {SHORT_TOKEN} bytes: use a longer one");
        }
        Self { config, token }
    }
}

// === impl ConsoleStream ===

impl ConsoleStream {
    pub fn new(console: Rc<Console>) -> Self {
        Self { console, asked: None }
    }

    /// The headers have come; `roots` are those of this VM.
    pub fn request_headers(&mut self, roots: &[Root], ends: bool) -> Flow {
        let Ok(headers) = host::request_headers() else {
            return answer(&HttpResponse::text(500, "Envoy did not show the request's headers."));
        };
        let Console { config, token } = &*self.console;
        let head = ConsoleRequestHead::from_headers(headers.iter());
        let Some(asked) = ConsoleRequest::of(&head, config, token.as_deref()) else {
            return Flow::Continue;
        };
        match asked {
            Ok(ConsoleRequest::Page) => {
                answer(&self.shown(roots, |view| Some(HttpResponse::page(page(view)))))
            }
            Ok(ConsoleRequest::State) => {
                answer(&self.shown(roots, |view| {
                    Some(HttpResponse::json(serde_json::to_string(view).ok()?))
                }))
            }
            Ok(ConsoleRequest::Command { order, rollout }) => {
                let asked = Asked { order, rollout, length: head.length };
                if ends {
                    return answer(&asked.obeyed(roots, &[]));
                }
                self.asked = Some(asked);
                Flow::Pause
            }
            Err(refused) => {
                match refused.status {
                    401 => log::warn!("an order was refused: {}", refused.body.trim_end()),
                    403 => log::info!("the console refused: {}", refused.body.trim_end()),
                    _ => {}
                }
                answer(&refused)
            }
        }
    }

    /// Some of the body has come, or all.
    pub fn request_body(&mut self, roots: &[Root], size: usize, ends: bool) -> Flow {
        let Some(asked) = self.asked.take() else { return Flow::Continue };
        if size > MAX_BODY {
            return answer(&HttpResponse::text(
                413,
                format!("An order has {MAX_BODY} bytes at most."),
            ));
        }
        // Where trailers follow, the body does not end the stream.
        if !ends && asked.length.is_none_or(|length| size < length) {
            self.asked = Some(asked);
            return Flow::Pause;
        }
        match host::request_body(size) {
            Ok(body) => answer(&asked.obeyed(roots, &body)),
            Err(_) => answer(&HttpResponse::text(500, "Envoy did not show the request's body.")),
        }
    }

    fn shown(
        &self,
        roots: &[Root],
        show: impl FnOnce(&View) -> Option<HttpResponse>,
    ) -> HttpResponse {
        let view = walker::now().map(|now| view(roots, now, self.console.token.is_some()));
        let shown = view.and_then(|view| show(&view));
        shown.unwrap_or_else(|| HttpResponse::text(500, "Envoy did not tell the time."))
    }
}

/// What is shown of everything that this VM knows.
fn view(roots: &[Root], now: Clocks, can_steer: bool) -> View {
    let now_ms = now.unix_ms;
    let in_use = Root::in_use(roots);
    let rejections = rejections::known();
    let is_for = |it: &Rejection, used: &InUse| {
        let Running { plugin, config, .. } = &*used.running;
        !used.is_replaced && it.is_for(plugin, config.rollout.as_str())
    };
    let rollouts = in_use.iter().map(|used| {
        let of_it = rejections.iter().filter(|it| is_for(it, used));
        used.view(now, of_it.map(|it| it.problem(now_ms)))
    });
    let of_none = rejections.iter().filter(|it| !in_use.iter().any(|used| is_for(it, used)));
    View {
        schema: SCHEMA,
        now_ms,
        can_steer,
        rollouts: rollouts.collect(),
        problems: of_none.map(|it| it.problem(now_ms)).collect(),
    }
}

/// Where the host does not take the answer, the listener's route has one.
fn answer(answer: &HttpResponse) -> Flow {
    let headers: Vec<_> = answer.headers().collect();
    let answered = host::respond(answer.status, "verdigris_console", &headers, &answer.body);
    if answered.is_ok() { Flow::Pause } else { Flow::Continue }
}

// === impl Asked ===

impl Asked {
    /// Does as asked; what is to be said of it.
    fn obeyed(&self, roots: &[Root], body: &[u8]) -> HttpResponse {
        let in_use = Root::in_use(roots);
        let of_now = || in_use.iter().filter(|it| !it.is_replaced);
        let asked = match &self.rollout {
            Some(name) => in_use.iter().find(|it| it.running.config.rollout.as_str() == name),
            None if of_now().count() == 1 => of_now().next(),
            None => None,
        };
        let Some(InUse { running, .. }) = asked else {
            let known: Vec<_> =
                in_use.iter().map(|it| it.running.config.rollout.as_str()).collect();
            return match known.as_slice() {
                [] => HttpResponse::text(503, NO_ROLLOUT),
                known => {
                    let known = known.join(", ");
                    HttpResponse::text(404, format!("Say which rollout, of {known}: ?rollout=…"))
                }
            };
        };
        let now_ms = host::wall_time().unwrap_or_default() / 1_000_000;
        let ordered = match parse_command(self.order, body, now_ms) {
            Ok(ordered) => ordered,
            Err(refused) => return HttpResponse::text(400, refused.to_string()),
        };
        let rollout = running.config.rollout.as_str();
        match running.order(&ordered) {
            Ok(entry) => HttpResponse::text(200, format!("{rollout}: {entry}")),
            Err(refusal) => {
                log::warn!("rollout {rollout}: refused: {}: {refusal}", ordered.command);
                HttpResponse::text(409, format!("{rollout}: {refusal}"))
            }
        }
    }
}

// === impl InUse ===

impl InUse {
    /// What is shown of it.
    fn view(&self, now: Clocks, problems: impl Iterator<Item = ProblemView>) -> RolloutView {
        let running = &self.running;
        let state = running.walker.as_ref().and_then(|walker| walker.state());
        let weights = running.by_hand.as_ref().and_then(|by_hand| by_hand.state());
        let (versions, refused_stats) = running.metrics.counted();
        let mut view = RolloutView::new(ViewInputs {
            config: &running.config,
            standing: match &running.config.ramp {
                Some(settings) => ControlState::Ramp(settings, state.as_ref()),
                None => ControlState::ByHand(weights.as_ref()),
            },
            in_force: running.place(),
            is_replaced: self.is_replaced,
            versions,
            refused_stats,
            now,
        });
        view.problems.extend(problems);
        view
    }
}
