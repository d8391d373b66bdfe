//! The console is closed to whom it is not for.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use reqwest::Method;
use serde_json::{Value, json};

use super::{TOKEN, console, order, start, view};
use crate::envoy::Envoy;
use crate::proxy::weights;

/// What a client that writes bytes of its own is answered.
fn answer_to(envoy: &Envoy, bytes: &[u8]) -> String {
    let address = envoy.console.as_ref().unwrap().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(bytes).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    // A connection that is reset has answered what it has.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// Everything but the time, the counters and what follows from them.
fn standing(envoy: &Envoy) -> Value {
    let mut view = view(envoy);
    view.now_ms = 0;
    for rollout in &mut view.rollouts {
        rollout.versions.clear();
        rollout.problems.clear();
    }
    serde_json::to_value(view).unwrap()
}

#[test]
fn without_the_token_nothing_changes_and_nothing_leaks() {
    let host = "127.0.0.1";
    let reason = r#"{"reason": "because"}"#;
    let weights_of = r#"{"reason": "because", "weights": {"blue": 0, "green": 1}}"#;
    let right = format!("authorization: Bearer {TOKEN}\r\n");
    let long = "x".repeat(100_000);
    let post = |path: &str, headers: &str, body: &str| {
        let length = body.len();
        format!(
            "POST {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\
             content-length: {length}\r\n{headers}\r\n{body}"
        )
    };
    let plain = |line: &str, headers: &str| {
        format!("{line} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{headers}\r\n")
    };
    let mut requests = vec![
        post("/rollback", "authorization: Bearer wrong\r\n", reason),
        post("/rollback", &format!("authorization: Bearer {TOKEN}x\r\n"), reason),
        post("/rollback", &format!("authorization: Basic {TOKEN}\r\n"), reason),
        post("/rollback", &format!("authorization: {TOKEN}\r\n"), reason),
        post("/rollback", &format!("x-authorization: Bearer {TOKEN}\r\n"), reason),
        post(&format!("/rollback?token={TOKEN}"), "", reason),
        post(&format!("/rollback?authorization=Bearer+{TOKEN}"), "", reason),
        post("/rollback", "cookie: token=x\r\nx-envoy-internal: true\r\n", reason),
        post("/rollback", &format!("{right}origin: http://elsewhere.example\r\n"), reason),
        post("/rollback", &format!("{right}origin: null\r\n"), reason),
        post("/rollback", &format!("{right}sec-fetch-site: cross-site\r\n"), reason),
        post("/rollback", &format!("{right}{right}"), reason),
        post("/rollback", &right, ""),
        post("/rollback", &right, "{"),
        post("/rollback", &right, "{}"),
        post("/rollback", &right, "[[[[[[[[[[[["),
        post("/rollback", &right, &"[".repeat(4000)),
        post("/rollback", &right, &format!(r#"{{"reason": "{long}"}}"#)),
        post("/rollback", &right, "\u{0}\u{0}"),
        post("/rollback?rollout=another", &right, reason),
        post("/rollback?rollout=a&rollout=b", &right, reason),
        post("/weights", &right, reason),
        post("/weights", &right, r#"{"reason": "b", "weights": {"blue": 0, "green": 0}}"#),
        post("/weights", &right, r#"{"reason": "b", "weights": {"blue": 1e9, "green": -1}}"#),
        post("/pause", &right, reason),
        post("/approve", &right, reason),
        post("/resume", &right, reason),
        post("/rollback/", &right, reason),
        post("//rollback", &right, reason),
        post("/ROLLBACK", &right, reason),
        post("/%72ollback", &right, reason),
        post("/x/../rollback", &right, reason),
        post("/", &right, reason),
        post("/state.json", &right, reason),
        plain("GET /rollback", &right),
        plain("OPTIONS /rollback", &format!("{right}access-control-request-method: POST\r\n")),
        plain("DELETE /", &right),
        plain("TRACE /", &right),
        plain("PROPFIND /", ""),
        plain("GET /config_dump", ""),
        plain("GET /quitquitquit", ""),
        plain("POST /quitquitquit", ""),
        plain("GET /../../etc/passwd", ""),
        plain(&format!("GET /{long}"), ""),
        plain("GET /", &format!("x: {long}\r\n")),
        format!("POST /rollback HTTP/1.0\r\n{right}content-length: 21\r\n\r\n{reason}"),
        format!("POST /rollback HTTP/1.1\r\n{right}content-length: 21\r\n\r\n{reason}"),
        format!(
            "POST /rollback HTTP/1.1\r\nhost: elsewhere.example\r\n{right}content-length: 21\r\n\r\n{reason}"
        ),
        format!(
            "POST /rollback HTTP/1.1\r\nhost: {host}\r\nhost: {host}\r\n{right}content-length: 21\r\n\r\n{reason}"
        ),
        // A body that never ends.
        format!(
            "POST /rollback HTTP/1.1\r\nhost: {host}\r\n{right}content-length: 99\r\n\r\n{reason}"
        ),
        format!(
            "POST /rollback HTTP/1.1\r\nhost: {host}\r\n{right}transfer-encoding: chunked\r\n\r\nffff\r\n{reason}"
        ),
        "\r\n\r\n".to_owned(),
        "\u{0}\u{1}\u{2}".to_owned(),
    ];
    // No order of any kind without the token.
    for order in ["pause", "resume", "rollback", "promote", "approve", "weights"] {
        requests.push(post(&format!("/{order}"), "", weights_of));
    }
    let envoy = start(&weights(50, 50), Some(TOKEN), 2);
    let before = standing(&envoy);
    for request in &requests {
        let answer = answer_to(&envoy, request.as_bytes());
        let shown = &request[..request.len().min(200)];
        assert!(!answer.starts_with("HTTP/1.1 2"), "{shown}\n{answer}");
        assert!(!answer.contains(TOKEN), "{shown}\n{answer}");
        assert!(!answer.contains("access-control"), "{shown}\n{answer}");
    }
    assert_eq!(standing(&envoy), before, "{}", envoy.log());
    for path in ["/config_dump", "/stats", "/clusters", "/server_info"] {
        assert!(!envoy.admin(path).contains(TOKEN), "{path}");
    }
    let html = envoy.one_off.get(console(&envoy, "/")).send().unwrap().text().unwrap();
    assert!(html.contains("data-order=\"rollback\"") && !html.contains(TOKEN));
    assert!(!envoy.log().contains(TOKEN));
    // It was nothing but the token that was missing.
    let done = order(&envoy, "rollback", &json!({"reason": "because"}));
    assert_eq!(done.status(), 200);
    assert_ne!(standing(&envoy), before);
    drop(envoy);

    // Where there is none, there is nothing to steer with.
    for token in [None, Some("")] {
        let envoy = start(&weights(50, 50), token, 2);
        let before = standing(&envoy);
        for request in &requests {
            let answer = answer_to(&envoy, request.as_bytes());
            assert!(!answer.starts_with("HTTP/1.1 2"), "{request}\n{answer}");
        }
        assert_eq!(order(&envoy, "rollback", &json!({"reason": "because"})).status(), 404);
        assert_eq!(standing(&envoy), before);
        assert!(!view(&envoy).can_steer);
        let html = envoy.one_off.get(console(&envoy, "/")).send().unwrap().text().unwrap();
        assert!(!html.contains("data-order=\""));
    }
}

#[test]
fn head_and_the_policy_are_as_they_should_be() {
    let envoy = start(&weights(50, 50), None, 2);
    for path in ["/", "/state.json"] {
        let head = envoy.one_off.request(Method::HEAD, console(&envoy, path)).send().unwrap();
        let get = envoy.one_off.get(console(&envoy, path)).send().unwrap();
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
