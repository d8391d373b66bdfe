//! `verdigris status`.

use std::net::TcpListener;

use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect};
use axum::routing::get;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::fixtures;
use super::port::Port;
use super::run::verdigris;
use super::server::Server;

/// A console that shows the fixtures, each at its name.
pub struct Console {
    /// It ends with this.
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

/// Serves these routes; where.
pub fn serve(runtime: &Runtime, routes: Router) -> String {
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    runtime.spawn(async move { axum::serve(listener, routes).await });
    address
}

#[test]
fn it_says_how_releases_stand() {
    let console = Console::start();
    let cases: [(&str, i32, &[&str]); 11] = [
        (
            "ramping",
            0,
            &[
                "As of 12:03:04 UTC\n",
                "✓ assistant-v8  ramping\n  Green is safe so far: 25 % of users are on it, the next step comes in",
                "green      25 % of users\n",
                "step       3 of 5, for 4 minutes: 1 %, 5 %, [25 %], 50 %, 100 % (ask)\n",
                "waits for  The step’s bake time, in about 6 minutes; 4 minutes of 10 minutes are over\n",
                "rollback is at 4 % of what it takes",
                "Errors               1.1 %   1.0 %     ├─────◆─┼────┤···░░░░░░  ✓ safe\n    between −0.46 pp and \
                 +0.31 pp; worse from +0.58 pp; evidence 100 % to go on, 2 % to roll back\n",
                "Output tokens        344     352     ░░░░░···  ├─┼─◆───┤·░░░░░  ✓ safe\n    only watched; between",
                "11:59:04, 4 minutes ago: ramping at 5 % -> ramping at 25 %: green is safe\n",
            ],
        ),
        ("holding", 0, &["… assistant-v8  holding\n", "612 ms  655 ms", "… not yet known\n"]),
        ("rolled-back", 1, &["✕ assistant-v8  rolled back\n", "0.80 %  10.9 %", "✕ worse\n"]),
        (
            "problem",
            1,
            &["  problem    412 of 3,380 answers could not be read: they are encoded. Have"],
        ),
        (
            "no-data",
            0,
            &["? assistant-v8  holding\n", "  note       No request has come in this step."],
        ),
        (
            "paused",
            0,
            &[
                "  by hand    pause, 12:00:04, 3 minutes ago: the provider has an incident; wait for",
            ],
        ),
        ("by-hand", 0, &["Weights by hand: 5 % on green, and nothing is judged.\n"]),
        ("extreme", 1, &["◂───────────┼──═════════▸", "– left out\n", "and 27 earlier ones"]),
        (
            "rejected",
            0,
            &[
                "UTC\n\n  note       A configuration of the console was rejected at 11:23:04 UTC",
                "  note       A configuration of rollout assistant-v8 was rejected at 12:00:04 UTC",
            ],
        ),
        ("no-events", 0, &["between −0.54 pp and +1.6 pp; safe below +1.3 pp"]),
        ("nothing", 0, &["The filter runs on no rollout.\n"]),
    ];
    for (name, code, parts) in cases {
        let done = verdigris(&["status", &format!("{}/{name}", console.address)]);
        assert_eq!((done.code, done.err.as_str()), (code, ""), "{name}: {done:?}");
        for part in parts {
            assert!(done.out.contains(part), "{name}: {part}\n{}", done.out);
        }
        let longest = done.out.lines().map(|it| it.chars().count()).max().unwrap();
        assert!(longest <= 100, "{name}: {longest}\n{}", done.out);
    }
    // What most needs a person comes first.
    let done = verdigris(&["status", &format!("{}/several", console.address)]);
    let at = |name: &str| done.out.find(name).unwrap();
    assert!(
        [at(" search-3  "), at(" chat-7  "), at(" assistant-v8  ")].is_sorted(),
        "{}",
        done.out
    );
}

#[test]
fn as_json_the_state_is_as_it_came() {
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
        let done = verdigris(&["status", &url, "--json"]);
        assert_eq!((done.code, done.out.trim_end()), (1, sent.as_str()), "{url}");
    }
}

#[test]
fn what_is_no_console_is_said_to_be_none() {
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
    // One that takes a request and never answers, and one that is not there.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = silent.local_addr().map(|it| (it, silent)).unwrap();
    let closed = Port::reserve();
    let cases = [
        (format!("{address}/off"), "answers 503 Service Unavailable: The console is not loaded."),
        (
            format!("{address}/moved"),
            "sends elsewhere (307 Temporary Redirect), to http://a.example/",
        ),
        (format!("{address}/large"), "answers with more than 16 MB: that is no console"),
        (format!("{address}/page"), "what is no console's state: <p>\u{fffd}[2JHello"),
        (format!("{address}/other"), "answers with what is no console's state: {\"a\":1}"),
        (
            format!("{address}/newer"),
            "has a state of schema 2, and this is verdigris 0.1.0, which reads 1: the filter there is \
             newer; install the command that belongs to it",
        ),
        (format!("{address}/broken"), "a state that cannot be read: missing field `now_ms`"),
        (format!("{address}/empty"), "answers with what is no console's state: nothing"),
        (format!("{address}/none"), "answers 404 Not Found: nothing"),
        (silent.0.to_string(), "cannot be reached: timeout: global: does Envoy run"),
        (
            format!("127.0.0.1:{}", closed.number),
            "Connection refused (os error 111): does Envoy run, with the console's",
        ),
    ];
    for (url, why) in cases {
        let done = verdigris(&["status", &url]);
        assert_eq!((done.code, done.out.as_str()), (3, ""), "{url}: {done:?}");
        assert!(done.err.contains(why), "{url}: {}", done.err);
    }
    for (url, why) in [
        ("https://a.example", "https is not spoken here"),
        ("http://ada:secret@127.0.0.1:1", "nothing secret is sent anywhere"),
        ("ftp://a", "write where the console listens"),
        ("127.0.0.1:99999", "write where the console listens"),
        ("localhost:", "write where the console listens"),
        ("[::1", "write where the console listens"),
    ] {
        let done = verdigris(&["status", url]);
        assert!(done.code == 2 && done.err.contains(why), "{done:?}");
    }
}

/// A reason is written by people, and a state by whoever is at that address.
#[test]
fn no_text_of_a_state_moves_the_cursor() {
    let console = Console::start();
    let mut rollout = fixtures::paused();
    rollout.order.as_mut().unwrap().reason = "\u{1b}]0;owned\u{7}\u{9b}2J\u{202e}a".into();
    rollout.decisions[0].why = "b\r\u{8}c".into();
    console.server.show("paused", fixtures::of(vec![rollout]));
    let done = verdigris(&["status", &format!("{}/paused", console.address)]);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.out.contains("]0;owned"), "{done:?}");
    let is_wrong = |it: char| (it.is_control() && it != '\n') || it == '\u{202e}';
    assert!(!done.out.contains(is_wrong), "{done:?}");
}
