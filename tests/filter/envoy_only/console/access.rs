//! Access control of the console.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use reqwest::Method;
use serde_json::{Value, json};

use super::{TOKEN, console_url, read_view, send_command, start};
use crate::envoy::Envoy;
use crate::proxy::weights;

/// Sends bytes to the console and returns the answer.
fn send_raw(envoy: &Envoy, bytes: &[u8]) -> String {
    let address = envoy.console.as_ref().unwrap().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(bytes).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    // A reset of the connection may follow the answer.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// The state without the time, the counters and the problems, which change by themselves.
fn stable_state(envoy: &Envoy) -> Value {
    let mut view = read_view(envoy);
    view.now_ms = 0;
    for rollout in &mut view.rollouts {
        rollout.versions.clear();
        rollout.problems.clear();
    }
    serde_json::to_value(view).unwrap()
}

const HOST: &str = "127.0.0.1";
const REASON: &str = r#"{"reason": "because"}"#;

fn post(path: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: {HOST}\r\nconnection: close\r\n\
         content-length: {length}\r\n{headers}\r\n{body}"
    )
}

fn without_body(line: &str, headers: &str) -> String {
    format!("{line} HTTP/1.1\r\nhost: {HOST}\r\nconnection: close\r\n{headers}\r\n")
}

/// Requests without the token or with the token in the wrong place, and requests from other
/// origins.
fn unauthorized_requests(authorization: &str) -> Vec<String> {
    let mut requests = vec![
        post("/rollback", "authorization: Bearer wrong\r\n", REASON),
        post("/rollback", &format!("authorization: Bearer {TOKEN}x\r\n"), REASON),
        post("/rollback", &format!("authorization: Basic {TOKEN}\r\n"), REASON),
        post("/rollback", &format!("authorization: {TOKEN}\r\n"), REASON),
        post("/rollback", &format!("x-authorization: Bearer {TOKEN}\r\n"), REASON),
        post(&format!("/rollback?token={TOKEN}"), "", REASON),
        post(&format!("/rollback?authorization=Bearer+{TOKEN}"), "", REASON),
        post("/rollback", "cookie: token=x\r\nx-envoy-internal: true\r\n", REASON),
        post("/rollback", &format!("{authorization}origin: http://elsewhere.example\r\n"), REASON),
        post("/rollback", &format!("{authorization}origin: null\r\n"), REASON),
        post("/rollback", &format!("{authorization}sec-fetch-site: cross-site\r\n"), REASON),
        post("/rollback", &format!("{authorization}{authorization}"), REASON),
    ];
    let weights = r#"{"reason": "because", "weights": {"blue": 0, "green": 1}}"#;
    for command in ["pause", "resume", "rollback", "promote", "approve", "weights"] {
        requests.push(post(&format!("/{command}"), "", weights));
    }
    requests
}

/// Requests with the token, but with an invalid command, body, path or method.
fn invalid_requests(authorization: &str) -> Vec<String> {
    let long = "x".repeat(100_000);
    vec![
        post("/rollback", authorization, ""),
        post("/rollback", authorization, "{"),
        post("/rollback", authorization, "{}"),
        post("/rollback", authorization, "[[[[[[[[[[[["),
        post("/rollback", authorization, &"[".repeat(4000)),
        post("/rollback", authorization, &format!(r#"{{"reason": "{long}"}}"#)),
        post("/rollback", authorization, "\u{0}\u{0}"),
        post("/rollback?rollout=another", authorization, REASON),
        post("/rollback?rollout=a&rollout=b", authorization, REASON),
        post("/weights", authorization, REASON),
        post("/weights", authorization, r#"{"reason": "b", "weights": {"blue": 0, "green": 0}}"#),
        post(
            "/weights",
            authorization,
            r#"{"reason": "b", "weights": {"blue": 1e9, "green": -1}}"#,
        ),
        post("/pause", authorization, REASON),
        post("/approve", authorization, REASON),
        post("/resume", authorization, REASON),
        post("/rollback/", authorization, REASON),
        post("//rollback", authorization, REASON),
        post("/ROLLBACK", authorization, REASON),
        post("/%72ollback", authorization, REASON),
        post("/x/../rollback", authorization, REASON),
        post("/", authorization, REASON),
        post("/state.json", authorization, REASON),
        without_body("GET /rollback", authorization),
        without_body(
            "OPTIONS /rollback",
            &format!("{authorization}access-control-request-method: POST\r\n"),
        ),
        without_body("DELETE /", authorization),
        without_body("TRACE /", authorization),
        without_body("PROPFIND /", ""),
        without_body("GET /config_dump", ""),
        without_body("GET /quitquitquit", ""),
        without_body("POST /quitquitquit", ""),
        without_body("GET /../../etc/passwd", ""),
        without_body(&format!("GET /{long}"), ""),
        without_body("GET /", &format!("x: {long}\r\n")),
    ]
}

/// Requests with an invalid version, host or body of HTTP/1.1.
fn malformed_requests(authorization: &str) -> Vec<String> {
    vec![
        format!("POST /rollback HTTP/1.0\r\n{authorization}content-length: 21\r\n\r\n{REASON}"),
        format!("POST /rollback HTTP/1.1\r\n{authorization}content-length: 21\r\n\r\n{REASON}"),
        format!(
            "POST /rollback HTTP/1.1\r\nhost: elsewhere.example\r\n{authorization}content-length: 21\r\n\r\n{REASON}"
        ),
        format!(
            "POST /rollback HTTP/1.1\r\nhost: {HOST}\r\nhost: {HOST}\r\n{authorization}content-length: 21\r\n\r\n{REASON}"
        ),
        // A body that is shorter than its length.
        format!(
            "POST /rollback HTTP/1.1\r\nhost: {HOST}\r\n{authorization}content-length: 99\r\n\r\n{REASON}"
        ),
        format!(
            "POST /rollback HTTP/1.1\r\nhost: {HOST}\r\n{authorization}transfer-encoding: chunked\r\n\r\nffff\r\n{REASON}"
        ),
        "\r\n\r\n".to_owned(),
        "\u{0}\u{1}\u{2}".to_owned(),
    ]
}

fn all_refused_requests() -> Vec<String> {
    let authorization = format!("authorization: Bearer {TOKEN}\r\n");
    [
        unauthorized_requests(&authorization),
        invalid_requests(&authorization),
        malformed_requests(&authorization),
    ]
    .concat()
}

#[test]
fn a_refused_request_changes_nothing_and_reveals_nothing() {
    let requests = all_refused_requests();
    let envoy = start(&weights(50, 50), Some(TOKEN), 2);
    let before = stable_state(&envoy);
    for request in &requests {
        let answer = send_raw(&envoy, request.as_bytes());
        let shown = &request[..request.len().min(200)];
        assert!(!answer.starts_with("HTTP/1.1 2"), "{shown}\n{answer}");
        assert!(!answer.contains(TOKEN), "{shown}\n{answer}");
        assert!(!answer.contains("access-control"), "{shown}\n{answer}");
    }
    assert_eq!(stable_state(&envoy), before, "{}", envoy.log());
    for path in ["/config_dump", "/stats", "/clusters", "/server_info"] {
        assert!(!envoy.admin(path).contains(TOKEN), "{path}");
    }
    let html = envoy.unpooled_client.get(console_url(&envoy, "/")).send().unwrap().text().unwrap();
    assert!(html.contains("data-order=\"rollback\"") && !html.contains(TOKEN));
    assert!(!envoy.log().contains(TOKEN));
    // The same command with the token is accepted.
    let accepted = send_command(&envoy, "rollback", &json!({"reason": "because"}));
    assert_eq!(accepted.status(), 200);
    assert_ne!(stable_state(&envoy), before);
}

#[test]
fn without_a_configured_token_the_console_accepts_no_command() {
    let requests = all_refused_requests();
    for token in [None, Some("")] {
        let envoy = start(&weights(50, 50), token, 2);
        let before = stable_state(&envoy);
        for request in &requests {
            let answer = send_raw(&envoy, request.as_bytes());
            assert!(!answer.starts_with("HTTP/1.1 2"), "{request}\n{answer}");
        }
        assert_eq!(send_command(&envoy, "rollback", &json!({"reason": "because"})).status(), 404);
        assert_eq!(stable_state(&envoy), before);
        assert!(!read_view(&envoy).can_steer);
        let html =
            envoy.unpooled_client.get(console_url(&envoy, "/")).send().unwrap().text().unwrap();
        assert!(!html.contains("data-order=\""));
    }
}

#[test]
fn the_page_and_the_state_have_security_headers_and_answer_head() {
    let envoy = start(&weights(50, 50), None, 2);
    for path in ["/", "/state.json"] {
        let head =
            envoy.unpooled_client.request(Method::HEAD, console_url(&envoy, path)).send().unwrap();
        let get = envoy.unpooled_client.get(console_url(&envoy, path)).send().unwrap();
        for answer in [&head, &get] {
            assert_eq!(answer.status(), 200, "{path}");
            let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
            assert_eq!(header("cache-control"), "no-store");
            let policy = header("content-security-policy");
            assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
            assert!(!policy.contains("unsafe"), "{policy}");
        }
        assert!(head.text().unwrap().is_empty());
        assert!(!get.text().unwrap().is_empty());
    }
}

/// The right token is accepted: clients that guess tokens must not prevent a rollback.
#[test]
fn wrong_tokens_are_limited_and_write_one_line_a_minute() {
    const GUESSES: usize = 200;
    let envoy = start(&weights(50, 50), Some(TOKEN), 2);
    let guess = |_| {
        let request = envoy.unpooled_client.post(console_url(&envoy, "/rollback"));
        request.bearer_auth("wrong").body(REASON).send().unwrap().status().as_u16()
    };
    let answers: Vec<u16> = (0..GUESSES).map(guess).collect();
    let limited = answers.iter().filter(|status| **status == 429).count();
    assert!(answers.iter().all(|status| matches!(status, 401 | 429)), "{answers:?}");
    // More than one minute may have begun.
    assert!(limited > 0, "{answers:?}");
    let lines = envoy.log().matches("a request to the console was refused").count();
    let minutes = (GUESSES - limited).div_ceil(60);
    assert!((1..=minutes).contains(&lines), "{lines} lines, {limited} limited");
    assert_eq!(send_command(&envoy, "rollback", &json!({"reason": "because"})).status(), 200);
}
