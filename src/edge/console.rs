//! Requests to the console: the page, the state, and orders.

use std::rc::Rc;

use super::host;
use super::root::{Root, Running};
use super::steering;
use super::stream::Flow;
use super::walker;
use crate::config::{self, order};
use crate::console::view::{RolloutView, SCHEMA};
use crate::console::{Answer, Ask, Head, Known, Standing, View, page};
use crate::ramp::Now;

/// The console in one VM.
pub struct Console {
    config: config::Console,
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
}

/// How large the body of an order may be, in bytes.
const MAX_BODY: usize = 4096;
/// A shorter token is guessed too easily.
const SHORT_TOKEN: usize = 16;

// === impl Console ===

impl Console {
    pub fn new(config: config::Console) -> Self {
        let token = steering::token();
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
            return answer(&Answer::text(500, "Envoy did not show the request's headers."));
        };
        let Console { config, token } = &*self.console;
        match Ask::of(&Head::of(headers.iter()), config, token.as_deref()) {
            Ok(Ask::Page) => answer(&self.shown(roots, |view| Some(Answer::page(page(view))))),
            Ok(Ask::State) => answer(
                &self.shown(roots, |view| Some(Answer::json(serde_json::to_string(view).ok()?))),
            ),
            Ok(Ask::Steer { order, rollout }) => {
                let asked = Asked { order, rollout };
                if ends {
                    return answer(&asked.obeyed(roots, &[]));
                }
                self.asked = Some(asked);
                Flow::Pause
            }
            Err(refused) => {
                if matches!(refused.status, 401 | 403) {
                    log::warn!("the console refused a request: {}", refused.body.trim_end());
                }
                answer(&refused)
            }
        }
    }

    /// Some of the body has come, or all.
    pub fn request_body(&mut self, roots: &[Root], size: usize, ends: bool) -> Flow {
        let Some(asked) = self.asked.take() else { return Flow::Continue };
        if size > MAX_BODY {
            return answer(&Answer::text(413, format!("An order has {MAX_BODY} bytes at most.")));
        }
        if !ends {
            self.asked = Some(asked);
            return Flow::Pause;
        }
        match host::request_body(size) {
            Ok(body) => answer(&asked.obeyed(roots, &body)),
            Err(_) => answer(&Answer::text(500, "Envoy did not show the request's body.")),
        }
    }

    fn shown(&self, roots: &[Root], show: impl FnOnce(&View) -> Option<Answer>) -> Answer {
        let view = walker::now().map(|now| View {
            schema: SCHEMA,
            now_ms: now.unix.saturating_mul(1000),
            can_steer: self.console.token.is_some(),
            rollouts: Root::in_use(roots).iter().map(|running| running.view(now)).collect(),
        });
        let shown = view.and_then(|view| show(&view));
        shown.unwrap_or_else(|| Answer::text(500, "Envoy did not tell the time."))
    }
}

/// Where the host does not take the answer, the listener's route has one.
fn answer(answer: &Answer) -> Flow {
    let headers: Vec<_> = answer.headers().collect();
    let answered = host::respond(answer.status, "verdigris_console", &headers, &answer.body);
    if answered.is_ok() { Flow::Pause } else { Flow::Continue }
}

// === impl Asked ===

impl Asked {
    /// Does as asked; what is to be said of it.
    fn obeyed(&self, roots: &[Root], body: &[u8]) -> Answer {
        let in_use = Root::in_use(roots);
        let is_asked = |it: &&Rc<Running>| match &self.rollout {
            Some(name) => it.config.rollout.as_str() == name,
            None => in_use.len() == 1,
        };
        let Some(running) = in_use.iter().find(is_asked) else {
            let known: Vec<_> = in_use.iter().map(|it| it.config.rollout.as_str()).collect();
            let text = match known.as_slice() {
                [] => "This worker of Envoy runs on no rollout.".to_owned(),
                known => format!("Say which rollout, of {}: ?rollout=…", known.join(", ")),
            };
            return Answer::text(404, text);
        };
        let now_ms = host::wall_time().unwrap_or_default() / 1_000_000;
        let order = match order(self.order, body, now_ms) {
            Ok(order) => order,
            Err(refused) => return Answer::text(400, refused.to_string()),
        };
        let rollout = running.config.rollout.as_str();
        match running.order(&order) {
            Ok(entry) => Answer::text(200, format!("{rollout}: {entry}")),
            Err(refusal) => {
                log::warn!("rollout {rollout}: refused: {order}: {refusal}");
                Answer::text(409, format!("{rollout}: {refusal}"))
            }
        }
    }
}

// === impl Running ===

impl Running {
    /// What is shown of it.
    fn view(&self, now: Now) -> RolloutView {
        let state = self.walker.as_ref().and_then(|walker| walker.state());
        let weights = self.by_hand.as_ref().and_then(|by_hand| by_hand.state());
        let (versions, refused_stats) = self.metrics.counted();
        RolloutView::of(Known {
            config: &self.config,
            standing: match &self.config.ramp {
                Some(settings) => Standing::Ramp(settings, state.as_ref()),
                None => Standing::ByHand(weights.as_ref()),
            },
            share: self.share(),
            versions,
            refused_stats,
            now,
        })
    }
}
