//! `verdigris watch`.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use axum::routing::get;
use axum::{Json, Router};
use rustix::process::Signal;
use serde_json::Value;
use tokio::runtime::Runtime;
use verdigris::console::view::{
    EarlierEvidence, FleetView, InstanceView, JudgeView, JudgedAnswersView, JudgedPairsView,
    RolloutView, View,
};

use super::fixtures;
use super::status::{Console, serve};
use super::terminal::Terminal;

const PATIENCE: Duration = Duration::from_secs(120);

/// A command without a terminal, and its output lines.
struct Printed {
    child: Child,
    lines: Receiver<String>,
}

impl Printed {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_verdigris"))
            .args([&["watch", "--every", "100ms"], arguments].concat())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (to, lines) = channel();
        std::thread::spawn(move || {
            for line in out.lines() {
                let _ = to.send(line.unwrap());
            }
        });
        Self { child, lines }
    }

    fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).unwrap()
    }

    /// The next line that contains this.
    fn line_with(&self, part: &str) -> String {
        std::iter::repeat_with(|| self.line()).find(|line| line.contains(part)).unwrap()
    }
}

impl Drop for Printed {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A console whose state changes, and that counts its requests.
#[derive(Clone)]
pub struct ChangingConsole {
    view: Arc<Mutex<View>>,
    requests: Arc<AtomicUsize>,
}

impl ChangingConsole {
    pub fn start(runtime: &Runtime, rollout: RolloutView) -> (Self, String) {
        let view = Arc::new(Mutex::new(fixtures::view(vec![rollout])));
        let console = Self { view, requests: Arc::default() };
        let served = console.clone();
        let state = get(async move || {
            served.requests.fetch_add(1, Ordering::SeqCst);
            Json(served.view.lock().unwrap().clone())
        });
        let address = serve(runtime, Router::new().route("/state.json", state));
        (console, address)
    }

    /// Changes the state.
    pub fn show(&self, view: View) {
        *self.view.lock().unwrap() = view;
    }

    /// Changes the state, and waits until the client has processed it.
    fn change(&self, view: View) {
        self.show(view);
        // The client sends a request only after it has processed the response before.
        self.wait_for_requests(3);
    }

    /// Waits for this many more requests.
    pub fn wait_for_requests(&self, count: usize) {
        let before = self.requests.load(Ordering::SeqCst);
        let began = Instant::now();
        while self.requests.load(Ordering::SeqCst) < before + count {
            assert!(began.elapsed() < PATIENCE, "the client sends no requests");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A ramp of a fleet with a judge, in which this many seconds have passed and answers were judged.
fn judged_in_a_fleet(number: u64) -> RolloutView {
    let instance = InstanceView {
        name: "gateway-1".into(),
        seen_s_ago: number,
        green_bp: 500,
        evidence: number as f64 / 100.0,
        is_current: true,
        lags: false,
    };
    let fleet = FleetView {
        instance: "gateway-1".into(),
        decider: Some("gateway-1".into()),
        store_silent_s: Some(number),
        is_store_away: false,
        is_rolled_back_alone: false,
        error: None,
        instances: vec![instance],
    };
    let answers = JudgedAnswersView { judged: number, ..JudgedAnswersView::default() };
    let judge = JudgeView {
        model: "judge".into(),
        mode: "both".into(),
        spent_microusd: number,
        max_cost_microusd: None,
        fleet_max_cost_microusd: None,
        is_exhausted: false,
        blue: answers.clone(),
        green: answers,
        pairs: Some(JudgedPairsView { judged: number, ..JudgedPairsView::default() }),
    };
    RolloutView { fleet: Some(fleet), judge: Some(judge), ..fixtures::ramping() }
}

#[test]
fn only_changes_are_printed() {
    let runtime = Runtime::new().unwrap();
    for as_json in [false, true] {
        let (console, address) = ChangingConsole::start(&runtime, judged_in_a_fleet(1));
        let options = if as_json { &["--json"][..] } else { &[] };
        let printed = Printed::start(&[&[address.as_str()], options].concat());
        // A part of the line with which each output begins.
        let mark = if as_json { "{\"schema\":1," } else { "As of " };
        assert!(printed.line_with(mark).contains(if as_json { "\"ramping\"" } else { "12:03:04" }));
        // Time and traffic alone are no change.
        let mut later = judged_in_a_fleet(2);
        let ramp = later.ramp.as_mut().unwrap();
        (ramp.in_step_s, ramp.about_s) = (240, Some(360));
        ramp.at_half_time = Some(EarlierEvidence { ago_s: 120, green_units: 20, safe: 0.3 });
        let analysis = ramp.judgement.as_mut().unwrap();
        analysis.blue_units = 2000;
        analysis.gates[0].green_missing = 3;
        analysis.gates[0].bad_units_needed = 5;
        (analysis.gates[0].blue, analysis.gates[0].worse) = (Some(0.02), 0.1);
        later.versions[0].counters[0].1 += 1;
        later.health[0].text = "1 request in the last minute".into();
        let mut view = fixtures::view(vec![later]);
        view.now_ms += 10_000;
        console.change(view);
        // A verdict is a change.
        let mut view = fixtures::view(vec![fixtures::holding()]);
        view.now_ms += 20_000;
        console.change(view);
        let line = printed.line_with(mark);
        let expected = if as_json { "\"phase\":\"holding\"" } else { "As of 12:03:24 UTC" };
        assert!(line.contains(expected), "{line}");
    }
}

#[test]
fn an_unreachable_console_is_retried() {
    let runtime = Runtime::new().unwrap();
    let is_up = Arc::new(AtomicBool::new(false));
    let body = serde_json::to_string(&fixtures::view(vec![fixtures::promoted()])).unwrap();
    let is_up_there = Arc::clone(&is_up);
    let answer = async move || match is_up_there.load(Ordering::Relaxed) {
        true => body.into_response(),
        false => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    };
    let address = serve(&runtime, Router::new().route("/state.json", get(answer)));
    let printed = Printed::start(&[&address]);
    let as_json = Printed::start(&[&address, "--json"]);
    let line = printed.line();
    assert!(line.starts_with("unreachable: ") && line.ends_with("retrying"), "{line}");
    let line: Value = serde_json::from_str(&as_json.line()).unwrap();
    assert!(line["unreached"].as_str().unwrap().contains("responds with 503"), "{line}");
    is_up.store(true, Ordering::Relaxed);
    printed.line_with("Promoted: everyone is on green.");
    assert!(as_json.line().starts_with("{\"schema\":1,"));
    is_up.store(false, Ordering::Relaxed);
    printed.line_with("unreachable: ");
    assert!(as_json.line().starts_with("{\"unreached\":"));
    is_up.store(true, Ordering::Relaxed);
    printed.line_with("Promoted: everyone is on green.");
    assert!(as_json.line().starts_with("{\"schema\":1,"));
}

#[test]
fn a_terminal_is_redrawn_and_restored() {
    let console = Console::start();
    let url = format!("{}/ramping", console.address);
    for in_colour in [true, false] {
        console.server.show("ramping", fixtures::view(vec![fixtures::ramping()]));
        let terminal = Terminal::start(&["watch", &url, "--every", "100ms"], in_colour);
        terminal.wait_for("\u{1b}[?1049h");
        terminal.wait_for("Green is safe so far");
        terminal.wait_for("more lines: enlarge the window to see them");
        console.server.show("ramping", fixtures::view(vec![fixtures::rolled_back()]));
        terminal.wait_for("Rolled back: green had more refusals");
        console.server.show("ramping", fixtures::view(vec![]));
        terminal.wait_for("This worker of Envoy has no rollout.");
        let (code, text) = terminal.end(Signal::INT);
        assert_eq!(code, Some(130), "{text}");
        assert!(text.ends_with("\u{1b}[?7h\u{1b}[?25h\u{1b}[?1049l"), "{text:?}");
        assert_eq!(text.contains("\u{1b}[31m"), in_colour, "{text:?}");
        assert!(text.contains("\u{1b}[H"), "{text:?}");
    }
}

/// A terminal cuts what is longer than its lines.
#[test]
fn the_verdicts_fit_into_a_narrow_terminal() {
    let console = Console::start();
    let mut rollout = fixtures::ramping();
    let analysis = rollout.ramp.as_mut().unwrap().judgement.as_mut().unwrap();
    analysis.gates[0].verdict = "not_comparable".into();
    console.server.show("ramping", fixtures::view(vec![rollout]));
    let url = format!("{}/ramping", console.address);
    for columns in [70, 80, 100] {
        let no_colour = [("NO_COLOR", "1")];
        let terminal = Terminal::start_at(columns, &["status", &url], &no_colour);
        let (code, text) = terminal.wait();
        assert_eq!(code, Some(0), "{text}");
        assert!(text.contains("≠ not comparable\r\n"), "{text}");
        let longest = text.lines().map(|it| it.chars().count()).max().unwrap();
        assert!(longest <= usize::from(columns), "{columns} columns, {longest}:\n{text}");
    }
}

#[test]
fn a_terminal_shows_that_the_console_is_unreachable() {
    let console = Console::start();
    let url = format!("{}/ramping", console.address);
    let terminal = Terminal::start(&["watch", &url, "--every", "100ms"], false);
    terminal.wait_for("Green is safe so far");
    console.runtime.shutdown_background();
    terminal.wait_for("Unreachable for ");
    terminal.wait_for("Retrying. The last known state is below.\u{1b}[K");
    terminal.wait_for("Green is safe so far");
    let (code, _) = terminal.end(Signal::TERM);
    assert_eq!(code, Some(130));
}
