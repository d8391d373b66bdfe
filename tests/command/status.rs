//! `verdigris status`.

use std::net::TcpListener;

use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect};
use axum::routing::get;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use verdigris::console::view::RolloutView;

use super::fixtures;
use super::port::Port;
use super::run::verdigris;
use super::server::Server;

/// A console that serves each fixture at the path of its name.
pub struct Console {
    /// Ends the server when it is dropped.
    pub runtime: Runtime,
    pub server: Server,
    pub address: String,
}

impl Console {
    pub fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let (server, address) = runtime.block_on(Server::start());
        Self { runtime, server, address }
    }
}

/// Serves these routes and returns the address.
pub fn serve(runtime: &Runtime, routes: Router) -> String {
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    runtime.spawn(async move { axum::serve(listener, routes).await });
    address
}

#[test]
fn the_state_of_each_phase_is_shown() {
    let console = Console::start();
    let cases: [(&str, i32, &[&str]); 13] = [
        (
            "baseline",
            0,
            &[
                "Everyone is on blue: the ramp learns how users differ, and begins in about 2 hours.\n",
                "step       baseline, for 4 minutes: [baseline], 1 %, 5 %, 25 %, 50 %, 100 %",
                "waits for  What users are answered on blue, before the first step, in about 2 hours",
            ],
        ),
        (
            "shadow-step",
            0,
            &[
                "No evidence against green so far: 655 of 2,000 pairs, about 1,640 are needed; no user is on it.\n",
                "step       shadow, for 4 minutes: [shadow], 1 %, 5 %, 25 %, 50 %, 100 %",
                "waits for  Pairs of responses that show that green is safe",
                "shadow     No user is on green: it answers copies of the requests of 10 % of users. 655 of 2,000\n",
                "green has 1.02 times blue’s value, between 0.97 and 1.08 (412 users)",
            ],
        ),
        (
            "ramping",
            0,
            &[
                "As of 12:03:04 UTC\n",
                "✓ assistant-v8  ramping\n  Green is safe so far: 25 % of users are on it; the next step comes in",
                "  ✓ Traffic: 486 requests in the last minute\n  ✓ Users: 99.7 % of requests name a user\n",
                "blue       cluster llm-blue\n",
                "green      25 % of users; cluster llm-green, model gpt-5-mini, system prompt replaced, 2 body\n",
                "step       3 of 5, for 4 minutes: 1 %, 5 %, [25 %], 50 %, 100 % (needs approval)\n",
                "waits for  The step’s bake time, in about 6 minutes; 4 minutes of 10 minutes elapsed\n",
                "rollback: 4 % of the required amount",
                "shorter.\n    not critical; between",
                "Errors               1.1 %   1.0 %     ├─────◆─┼────┤···░░░░░░  ✓ safe\n    4 of 432 users hit an \
                 error on green, 15 of 1,386 on blue. The data show that green stays below\n    1.4 %.\n    \
                 between −0.46 pp and +0.31 pp; worse from +0.58 pp; evidence 100 % to advance, 2 % to roll back\n",
                "Output tokens        344     352     ░░░░░···  ├─┼─◆───┤·░░░░░  ✓ safe\n    Green’s answers are 2 % longer",
                "11:59:04, 4 minutes ago: ramping at 5 % -> ramping at 25 %: green is safe\n",
            ],
        ),
        ("holding", 0, &["… assistant-v8  holding\n", "612 ms  655 ms", "… inconclusive\n"]),
        ("rolled-back", 1, &["✕ assistant-v8  rolled back\n", "0.80 %  10.9 %", "✕ worse\n"]),
        (
            "problem",
            1,
            &["  problem    412 of 3,380 answers could not be read: they are encoded. Have"],
        ),
        (
            "no-data",
            0,
            &[
                "? assistant-v8  holding\n",
                "  ! Traffic: no requests since Envoy started\n",
                "  note       No request has come in this step.",
            ],
        ),
        (
            "paused",
            0,
            &[
                "  command    pause, 12:00:04, 3 minutes ago: the provider has an incident; wait for",
            ],
        ),
        ("by-hand", 0, &["Manual weights: 5 % on green, no automatic checks.\n"]),
        ("extreme", 1, &["◂───────────┼──▓▓▓▓▓▓▓▓▓▸", "– left out\n", "and 27 earlier decisions"]),
        (
            "rejected",
            0,
            &[
                "UTC\n\n  note       A configuration of the console was rejected at 11:23:04 UTC",
                "  note       A configuration of rollout assistant-v8 was rejected at 12:00:04 UTC",
            ],
        ),
        ("no-events", 0, &["between −0.54 pp and +1.6 pp; safe below +1.3 pp"]),
        (
            "nothing",
            0,
            &["This worker of Envoy has no rollout. Its VM may be new", "Envoy’s log says why.\n"],
        ),
    ];
    for (name, code, parts) in cases {
        let output = verdigris(&["status", &format!("{}/{name}", console.address)]);
        assert_eq!((output.code, output.err.as_str()), (code, ""), "{name}: {output:?}");
        for part in parts {
            assert!(output.out.contains(part), "{name}: {part}\n{}", output.out);
        }
        let longest = output.out.lines().map(|it| it.chars().count()).max().unwrap();
        assert!(longest <= 100, "{name}: {longest}\n{}", output.out);
    }
    // The most urgent rollout comes first.
    let output = verdigris(&["status", &format!("{}/several", console.address)]);
    let at = |name: &str| output.out.find(name).unwrap();
    assert!(
        [at(" search-3  "), at(" chat-7  "), at(" assistant-v8  ")].is_sorted(),
        "{}",
        output.out
    );
}

/// The headline of these states does not say that they are bad.
#[test]
fn a_severe_problem_decides_the_exit_code() {
    let console = Console::start();
    let severe = || fixtures::problem().problems;
    let in_ramp = |waits_for: &str| {
        let mut rollout = fixtures::ramping();
        rollout.ramp.as_mut().unwrap().waits_for = waits_for.into();
        RolloutView { problems: severe(), ..rollout }
    };
    let unknown = RolloutView { is_known: false, ramp: None, ..in_ramp("bake") };
    let replaced = RolloutView { is_replaced: true, ..in_ramp("bake") };
    for (rollout, code) in [(in_ramp("state_lost"), 1), (unknown, 1), (replaced, 0)] {
        console.server.show("ramping", fixtures::view(vec![rollout]));
        let output = verdigris(&["status", &format!("{}/ramping", console.address)]);
        assert_eq!(output.code, code, "{output:?}");
        assert!(output.out.contains("  problem    "), "{output:?}");
    }
}

#[test]
fn units_are_named_by_what_the_gates_count() {
    let console = Console::start();
    let mut rollout = fixtures::ramping();
    let analysis = rollout.ramp.as_mut().unwrap().judgement.as_mut().unwrap();
    analysis.counts = "requests".into();
    let gate = &mut analysis.gates[0];
    gate.verdict = "not_comparable".into();
    (gate.blue_missing, gate.green_missing, gate.blue_units, gate.green_units) = (3, 57, 20, 10);
    console.server.show("ramping", fixtures::view(vec![rollout]));
    let output = verdigris(&["status", &format!("{}/ramping", console.address)]);
    let text = output.out.split_whitespace().collect::<Vec<_>>().join(" ");
    let expected = "missing for 3 and 57 requests; of 20 and 10 requests";
    assert!(text.contains(expected), "{}", output.out);
}

#[test]
fn json_output_is_the_state_as_received() {
    let console = Console::start();
    let shown = fixtures::all();
    let (_, view) = shown.iter().find(|(name, _)| *name == "rolled-back").unwrap();
    let sent = serde_json::to_string(view).unwrap();
    let plain = console.address.strip_prefix("http://").unwrap();
    for url in [
        format!("{}/rolled-back", console.address),
        format!("{}/rolled-back/", console.address),
        format!("{}/rolled-back/state.json", console.address),
        format!("{plain}/rolled-back"),
    ] {
        let output = verdigris(&["status", &url, "--json"]);
        assert_eq!((output.code, output.out.trim_end()), (1, sent.as_str()), "{url}");
    }
}

#[test]
fn an_address_without_a_console_is_an_error() {
    let runtime = Runtime::new().unwrap();
    let json = |json: Value| get(async move || json.to_string());
    let large = || async { Body::from(vec![b' '; 100 << 20]) };
    let routes = Router::new()
        .route(
            "/off/state.json",
            get(async || (StatusCode::SERVICE_UNAVAILABLE, "The console is not loaded.\n")),
        )
        .route("/moved/state.json", get(async || Redirect::temporary("http://a.example/")))
        .route("/large/state.json", get(large))
        .route("/page/state.json", get(async || Html("<p>\u{1b}[2JHello").into_response()))
        .route("/other/state.json", json(json!({"a": 1})))
        .route("/newer/state.json", json(json!({"schema": 2, "rollouts": {}})))
        .route("/broken/state.json", json(json!({"schema": 1})))
        .route("/empty/state.json", get(async || ""));
    let address = serve(&runtime, routes);
    // A server that never responds, and an address without a server.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = silent.local_addr().map(|it| (it, silent)).unwrap();
    let closed = Port::reserve();
    let cases = [
        (
            format!("{address}/off"),
            "responds with 503 Service Unavailable: The console is not loaded.",
        ),
        (format!("{address}/moved"), "redirects (307 Temporary Redirect) to http://a.example/"),
        (format!("{address}/large"), "is no console: the response is larger than 16 MB"),
        (format!("{address}/page"), "other than a console's state: <p>\u{fffd}[2JHello"),
        (
            format!("{address}/other"),
            "responds with something other than a console's state: {\"a\":1}",
        ),
        (
            format!("{address}/newer"),
            "has a state of schema 2, but verdigris 0.1.0 reads schema 1: the filter is newer; install \
             the matching version of this command",
        ),
        (format!("{address}/broken"), "a state that cannot be parsed: missing field `now_ms`"),
        (format!("{address}/empty"), "other than a console's state: an empty body"),
        (format!("{address}/none"), "responds with 404 Not Found: an empty body"),
        (silent.0.to_string(), "cannot be reached: timeout: global: is Envoy running"),
        (
            format!("127.0.0.1:{}", closed.number),
            "Connection refused (os error 111): is Envoy running, with the console's",
        ),
    ];
    for (url, why) in cases {
        let output = verdigris(&["status", &url]);
        assert_eq!((output.code, output.out.as_str()), (3, ""), "{url}: {output:?}");
        assert!(output.err.contains(why), "{url}: {}", output.err);
    }
    for (url, why) in [
        ("https://a.example", "https is not supported"),
        ("http://ada:secret@127.0.0.1:1", "comes from the environment variable"),
        ("ftp://a", "write the address that the console listens on"),
        ("127.0.0.1:99999", "write the address that the console listens on"),
        ("localhost:", "write the address that the console listens on"),
        ("[::1", "write the address that the console listens on"),
    ] {
        let output = verdigris(&["status", url]);
        assert!(output.code == 2 && output.err.contains(why), "{output:?}");
    }
}

/// A state may contain any text: reasons are free text, and any server may be at the address.
#[test]
fn control_characters_in_a_state_are_replaced() {
    let console = Console::start();
    let mut rollout = fixtures::paused();
    rollout.order.as_mut().unwrap().reason = "\u{1b}]0;owned\u{7}\u{9b}2J\u{202e}a".into();
    rollout.decisions[0].why = "b\r\u{8}c".into();
    console.server.show("paused", fixtures::view(vec![rollout]));
    let output = verdigris(&["status", &format!("{}/paused", console.address)]);
    assert_eq!(output.code, 0, "{output:?}");
    assert!(output.out.contains("]0;owned"), "{output:?}");
    let is_wrong = |it: char| (it.is_control() && it != '\n') || it == '\u{202e}';
    assert!(!output.out.contains(is_wrong), "{output:?}");
}
