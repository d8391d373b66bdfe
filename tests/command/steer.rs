//! The subcommands that send operator commands, to a server with the console's access control.
//! `filter/envoy_only/abort.rs` sends them to Envoy.

use std::process::Command;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use axum::routing::{any, post};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use verdigris::config::{CommandRequest, ConsoleConfig, parse_command};
use verdigris::console::{ConsoleRequest, ConsoleRequestHead};
use verdigris::rollout::CommandKind;

use super::port::Port;
use super::run::{CommandOutput, Files, config};
use super::status::serve;
use super::terminal::Terminal;

const TOKEN: &str = "a-token-that-is-long";

/// The commands that a server has accepted, with the rollout that each names.
type Accepted = Arc<Mutex<Vec<(CommandRequest, Option<String>)>>>;

/// The arguments of a subcommand, and what it sends: the kind, the reason, the step and the rollout.
type SentCommand<'a> = (&'a [&'a str], CommandKind, &'a str, SentStep, Option<&'a str>);

/// The step that a command is for, and whether that is the shadow step.
type SentStep = (Option<u64>, Option<bool>);

const NO_STEP: SentStep = (None, None);

/// A server that accepts commands as the console does.
fn start_console(runtime: &Runtime) -> (Accepted, String) {
    let accepted = Accepted::default();
    let log = Arc::clone(&accepted);
    let answer = async move |request: Request| {
        let (head, body) = request.into_parts();
        let body = axum::body::to_bytes(body, 1 << 16).await.unwrap();
        let path = head.uri.to_string();
        let pseudo: [(&[u8], &[u8]); 2] =
            [(b":method", head.method.as_str().as_bytes()), (b":path", path.as_bytes())];
        let authority = head.headers["host"].as_bytes();
        let headers =
            head.headers.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()));
        let all = pseudo.into_iter().chain([(&b":authority"[..], authority)]).chain(headers);
        let head = ConsoleRequestHead::from_headers(all);
        match ConsoleRequest::parse(&head, &ConsoleConfig::default(), Some(TOKEN)) {
            Some(Ok(ConsoleRequest::Command { command, rollout })) => {
                let request = parse_command(command, &body, 0).unwrap();
                let decision = format!("assistant-v8: {}\n", request.command);
                log.lock().unwrap().push((request, rollout));
                decision.into_response()
            }
            Some(Err(refused)) => {
                let status = StatusCode::from_u16(u16::try_from(refused.status).unwrap()).unwrap();
                (status, refused.body.into_owned()).into_response()
            }
            _ => StatusCode::NOT_FOUND.into_response(),
        }
    };
    (accepted, serve(runtime, Router::new().fallback(any(answer))))
}

/// Runs the command with this token and as the user `ada`.
fn run(token: Option<&str>, arguments: &[&str]) -> CommandOutput {
    let mut command = Command::new(env!("CARGO_BIN_EXE_verdigris"));
    command.args(arguments).env("USER", "ada").env_remove("VERDIGRIS_CONSOLE_TOKEN");
    command.envs(token.map(|it| ("VERDIGRIS_CONSOLE_TOKEN", it))).output().unwrap().into()
}

#[test]
fn each_subcommand_sends_its_command() {
    let runtime = Runtime::new().unwrap();
    let (accepted, url) = start_console(&runtime);
    let cases: [SentCommand; 8] = [
        (
            &["rollback", "URL"],
            CommandKind::Rollback,
            "sent by ada with the verdigris command",
            NO_STEP,
            None,
        ),
        (
            &["pause", "URL", "--reason", " is it \"slow\"? "],
            CommandKind::Pause,
            "is it \"slow\"?",
            NO_STEP,
            None,
        ),
        (
            &["resume", "URL", "--reason", "a", "--rollout", "v-8"],
            CommandKind::Resume,
            "a",
            NO_STEP,
            Some("v-8"),
        ),
        (
            &["approve", "URL", "--reason", "a", "--step", "2"],
            CommandKind::Approve,
            "a",
            (Some(2), Some(false)),
            None,
        ),
        (
            &["pause", "URL", "--reason", "a", "--step", "shadow"],
            CommandKind::Pause,
            "a",
            (None, Some(true)),
            None,
        ),
        (&["promote", "URL", "--reason", "a", "--yes"], CommandKind::Promote, "a", NO_STEP, None),
        // Without a terminal there is no question.
        (&["promote", "URL", "--reason", "b"], CommandKind::Promote, "b", NO_STEP, None),
        (
            &["weights", "75", "25", "URL", "--reason", "a"],
            CommandKind::Weights(verdigris::assignment::Share::new(75, 25).unwrap()),
            "a",
            NO_STEP,
            None,
        ),
    ];
    for (arguments, kind, reason, step, rollout) in cases {
        let arguments: Vec<_> =
            arguments.iter().map(|it| if *it == "URL" { &url } else { *it }).collect();
        // A token that was created by `echo` ends with a newline.
        let output = run(Some("a-token-that-is-long\n"), &arguments);
        assert_eq!(output.code, 0, "{output:?}");
        let expected =
            format!("done: {url}/ assistant-v8: operator command: {}: {reason}\n", kind.as_str());
        assert_eq!((output.out, output.err.as_str()), (expected, ""));
        let (CommandRequest { command, step: sent_step, shadow }, sent_rollout) =
            accepted.lock().unwrap().pop().unwrap();
        assert_eq!((command.kind, command.reason()), (kind, reason));
        assert_eq!(((sent_step, shadow), sent_rollout.as_deref()), (step, rollout));
    }
}

#[test]
fn the_worst_of_several_consoles_decides_the_exit_code() {
    let runtime = Runtime::new().unwrap();
    let (accepted, good) = start_console(&runtime);
    let routes = Router::new()
        .route(
            "/conflict/rollback",
            post(async || (StatusCode::CONFLICT, "v8: is rolled back already\n")),
        )
        .route(
            "/sent/rollback",
            post(async || {
                (StatusCode::ACCEPTED, "v8: the command was sent to the fleet's store\n")
            }),
        )
        .route(
            "/two/rollback",
            post(async || {
                let why = "Name one of the rollouts a, b in the query: ?rollout=NAME\n";
                (StatusCode::NOT_FOUND, why)
            }),
        )
        .route("/off/rollback", post(async || (StatusCode::SERVICE_UNAVAILABLE, "No rollout.\n")))
        .route("/shop/rollback", post(async || "<p>\u{1b}[2JThank you: come again"));
    let others = serve(&runtime, routes);
    let port = Port::reserve();
    let closed = format!("127.0.0.1:{}", port.number);
    let at = |path: &str| format!("{others}/{path}");
    let [conflict, off, shop, sent] = ["conflict", "off", "shop", "sent"].map(at);
    let cases: [(&[&str], i32, &[&str]); 7] = [
        (&[&good, &good], 0, &["done: ", "done: "]),
        (&[&good, &conflict], 1, &["done: ", "rejected: "]),
        (&[&conflict, &closed, &good], 3, &["rejected: ", "unreachable: ", "done: "]),
        (&[&off], 3, &["unreachable: "]),
        (&[&sent, &good], 0, &["sent: ", "done: "]),
        (&[&shop], 3, &["unreachable: "]),
        (&[&others], 1, &["rejected: "]),
    ];
    for (consoles, code, results) in cases {
        let output = run(Some(TOKEN), &[&["rollback"], consoles].concat());
        assert_eq!(output.code, code, "{output:?}");
        let lines: Vec<_> = output.out.lines().collect();
        assert_eq!(lines.len(), results.len(), "{output:?}");
        for ((line, result), console) in lines.iter().zip(results).zip(consoles) {
            assert!(line.starts_with(result) && line.contains(console), "{line}");
            assert!(!line.contains('\u{1b}'), "{line}");
        }
        let output = run(Some(TOKEN), &[&["rollback", "--json"], consoles].concat());
        let json: Value = serde_json::from_str(&output.out).unwrap();
        assert_eq!((output.code, &json["command"]), (code, &json!("rollback")));
        for (answer, result) in json["consoles"].as_array().unwrap().iter().zip(results) {
            assert_eq!(answer["result"], result.trim_end_matches([':', ' ']), "{answer}");
        }
    }
    assert_eq!(accepted.lock().unwrap().len(), 10);
    // The command names its own option in place of the query.
    for rollout in [&[][..], &["--rollout", "c"]] {
        let output = run(Some(TOKEN), &[&["rollback", &at("two")], rollout].concat());
        let expected =
            format!("rejected: {others}/two/ Name one of the rollouts a, b with --rollout NAME\n");
        assert_eq!((output.code, output.out), (1, expected));
    }
}

#[test]
fn a_command_without_an_answer_may_still_take_effect() {
    let runtime = Runtime::new().unwrap();
    let never = Router::new().fallback(any(async || std::future::pending::<()>().await));
    let url = serve(&runtime, never);
    let output = run(Some(TOKEN), &["rollback", &url, "--timeout", "100ms"]);
    let expected = format!(
        "unreachable: {url}/ no answer within 0.1 s: the command may still take effect: look at \
         `verdigris status`\n"
    );
    assert_eq!((output.code, output.out), (3, expected), "{}", output.err);
    // Without a connection it does not.
    let port = Port::reserve();
    let closed = format!("127.0.0.1:{}", port.number);
    let output = run(Some(TOKEN), &["rollback", &closed, "--timeout", "100ms"]);
    assert!(output.code == 3 && output.out.contains("cannot be reached"), "{output:?}");
    let output = run(Some(TOKEN), &["rollback", &url, "--timeout", "0s"]);
    assert!(output.code == 2 && output.err.contains("write a time, such as 30s"), "{output:?}");
}

#[test]
fn a_missing_or_wrong_token_is_explained() {
    let runtime = Runtime::new().unwrap();
    let (accepted, url) = start_console(&runtime);
    let cases = [
        (None, 2, "VERDIGRIS_CONSOLE_TOKEN is not set"),
        (Some(" "), 2, "VERDIGRIS_CONSOLE_TOKEN is not set"),
        (Some("tökén"), 2, "a token consists of visible ASCII characters"),
        (Some("another"), 1, "Set VERDIGRIS_CONSOLE_TOKEN to the token in Envoy's environment."),
    ];
    for (token, code, message) in cases {
        for command in [&["rollback"][..], &["pause"], &["promote"], &["weights", "1", "1"]] {
            let output = run(token, &[command, &[&url]].concat());
            assert_eq!(output.code, code, "{output:?}");
            assert!((output.out + &output.err).contains(message), "{command:?}");
        }
    }
    // The way that needs no token is named.
    assert!(run(None, &["rollback", &url]).err.contains("verdigris rollback --file filter.yaml"));
    assert!(accepted.lock().unwrap().is_empty());
}

#[test]
fn wrong_usage_is_explained() {
    let cases: [(&[&str], &str); 8] = [
        (&["rollback"], "verdigris rollback --file <FILE>"),
        (&["rollback", "a:1", "--file", "b"], "cannot be used with"),
        (&["pause"], "<URL>..."),
        (&["pause", "a:1", "--reason", " "], "write why, such as"),
        (&["pause", "a:1", "--rollout", "A b"], "1 to 63"),
        (&["pause", "https://a"], "https is not supported"),
        (&["weights", "a:1", "75", "25"], "before the URL: verdigris weights 75 25 URL"),
        (&["restart", "http://a:1"], "restart changes the file that Envoy watches"),
    ];
    for (arguments, message) in cases {
        let output = run(Some(TOKEN), arguments);
        assert_eq!(output.code, 2, "{output:?}");
        assert!(output.err.contains(message), "{output:?}");
    }
}

#[test]
fn a_promotion_asks_on_a_terminal() {
    let runtime = Runtime::new().unwrap();
    let (accepted, url) = start_console(&runtime);
    let promote = ["promote", url.as_str(), "--rollout", "v8"];
    for (answer, code, sent) in [("n\n", 1, 0), ("\n", 1, 0), ("y\n", 0, 1), ("yes\n", 0, 2)] {
        let terminal = Terminal::start_with(&promote, &[("VERDIGRIS_CONSOLE_TOKEN", TOKEN)]);
        terminal.wait_for("Promote v8 (1 console)? All users move to green");
        terminal.write(answer);
        let (ended, text) = terminal.wait();
        assert_eq!(ended, Some(code), "{text}");
        assert_eq!(text.contains("nothing was sent"), code == 1, "{text}");
        assert_eq!(accepted.lock().unwrap().len(), sent);
    }
    let yes = [&promote[..], &["--yes"]].concat();
    let terminal = Terminal::start_with(&yes, &[("VERDIGRIS_CONSOLE_TOKEN", TOKEN)]);
    let (ended, text) = terminal.wait();
    assert!(ended == Some(0) && !text.contains("[y/N]"), "{text}");
}

#[test]
fn a_rollback_by_file_needs_no_token() {
    let files = Files::new();
    let ramp = config(json!({"ramp": {}})).to_string();
    let weights = config(json!({"weights": {"blue": 1, "green": 3}})).to_string();
    for (before, after) in [
        (ramp.clone(), ramp.replace("\"ramp\":{}", "\"ramp\":{\"rolled_back\": true}")),
        (weights.clone(), weights.replace("\"blue\":1,\"green\":3", "\"blue\":100,\"green\":0")),
    ] {
        let file = files.add("filter.json", &before);
        let output = run(None, &["rollback", "--file", &file]);
        assert_eq!(output.code, 0, "{output:?}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), after);
    }
    // All users are on blue already.
    let smallest = config(json!({})).to_string();
    let file = files.add("smallest.json", &smallest);
    let output = run(None, &["rollback", "--file", &file]);
    let expected =
        format!("fine: {file} has neither weights nor ramp: all users are on blue already\n");
    assert_eq!((output.code, output.out), (0, expected), "{}", output.err);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), smallest);
    assert_eq!(run(None, &["rollback", "--file", "nowhere.yaml"]).code, 2);
}
