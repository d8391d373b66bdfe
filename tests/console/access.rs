//! Access control of the console.

use proptest::prelude::*;
use verdigris::analysis::StepIndex;
use verdigris::config::{ConsoleConfig, parse_command};
use verdigris::console::{ConsoleRequest, ConsoleRequestHead, HttpResponse};
use verdigris::rollout::ExpectedStep;

const TOKEN: &str = "a-secret-of-sixteen";
const LOCAL_80: (&str, &str) = (":authority", "localhost:80");

/// Parses a request to `127.0.0.1:9902`; `differs` replaces headers.
fn parse(
    method: &str,
    path: &str,
    differs: &[(&str, &str)],
    token: Option<&str>,
) -> Option<Result<ConsoleRequest, HttpResponse>> {
    let mut headers = vec![(":method", method), (":path", path), (":authority", "127.0.0.1:9902")];
    headers.retain(|(name, _)| !differs.iter().any(|(it, _)| it == name));
    headers.extend(differs);
    let headers = headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    let console = ConsoleConfig { hosts: vec!["verdigris.example".into()] };
    ConsoleRequest::parse(&ConsoleRequestHead::from_headers(headers), &console, token)
}

/// Parses a request with a path of the console's.
fn parse_own(
    method: &str,
    path: &str,
    differs: &[(&str, &str)],
    token: Option<&str>,
) -> Result<ConsoleRequest, HttpResponse> {
    parse(method, path, differs, token).unwrap_or_else(|| panic!("{path} is not the console's"))
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

#[test]
fn the_page_and_the_state_are_served_under_accepted_host_names() {
    let ok = |request| Ok(request);
    let table = [
        ("GET", "/", "127.0.0.1:9902", ok(ConsoleRequest::Page)),
        ("HEAD", "/", "127.0.0.1:9902", ok(ConsoleRequest::Page)),
        ("GET", "/?x=1", "localhost", ok(ConsoleRequest::Page)),
        ("GET", "/state.json", "[::1]:9902", ok(ConsoleRequest::State)),
        ("GET", "/state.json?", "10.0.0.7:80", ok(ConsoleRequest::State)),
        ("GET", "/", "verdigris.example", ok(ConsoleRequest::Page)),
        ("GET", "/", "VERDIGRIS.example:443", ok(ConsoleRequest::Page)),
        ("GET", "/", "elsewhere.example:9902", Err(403)),
        ("GET", "/", "verdigris.example.elsewhere.example", Err(403)),
        ("GET", "/", "127.0.0.1.elsewhere.example", Err(403)),
        ("GET", "/", "localhost:", Err(403)),
        ("GET", "/", "", Err(403)),
        ("GET", "/", "user@localhost", Err(403)),
        ("POST", "/", "localhost", Err(405)),
        ("OPTIONS", "/state.json", "localhost", Err(405)),
        ("", "/", "localhost", Err(405)),
        ("get", "/", "localhost", Err(405)),
        ("GET", "/pause", "localhost", Err(405)),
        ("CONNECT", "/", "localhost", Err(405)),
    ];
    for (method, path, authority, expected) in table {
        let request = parse_own(method, path, &[(":authority", authority)], Some(TOKEN));
        assert_eq!(request.map_err(|it| it.status), expected, "{method} {path} {authority}");
    }
}

/// Other paths continue to the listener's routes.
#[test]
fn other_paths_are_not_the_console_s() {
    let paths = [
        "",
        "//",
        "/state.json/",
        "/State.json",
        "/%2e%2e/state.json",
        "state.json",
        "http://localhost/state.json",
        "/favicon.ico",
        "/v1/chat/completions",
        "/pause/",
        "/paus",
        "/Pause",
        "/%70ause",
    ];
    let right = bearer(TOKEN);
    for path in paths {
        for method in ["GET", "POST"] {
            let request = parse(method, path, &[("authorization", &right)], Some(TOKEN));
            assert_eq!(request, None, "{path}");
        }
    }
}

#[test]
fn a_command_needs_the_token_and_the_console_s_origin() {
    let right = bearer(TOKEN);
    let wrong = bearer("a-secret-of-sixteeN");
    let table: &[(&[(&str, &str)], u32)] = &[
        (&[("authorization", &right)], 200),
        (&[("authorization", "bEaReR a-secret-of-sixteen")], 200),
        (&[("authorization", &right), ("origin", "http://127.0.0.1:9902")], 200),
        (&[("authorization", &right), ("origin", "https://127.0.0.1:9902")], 200),
        (&[("authorization", &right), ("sec-fetch-site", "same-origin")], 200),
        (&[], 401),
        (&[("authorization", "")], 401),
        (&[("authorization", "Bearer")], 401),
        (&[("authorization", "Bearer ")], 401),
        (&[("authorization", "Bearer é")], 401),
        (&[("authorization", &wrong)], 401),
        (&[("authorization", &right[..right.len() - 1])], 401),
        (&[("authorization", &format!("{right}x"))], 401),
        (&[("authorization", &format!("Basic {TOKEN}"))], 401),
        (&[("authorization", TOKEN)], 401),
        // A proxy in front may have checked either of two headers.
        (&[("authorization", &right), ("authorization", &right)], 401),
        // A proxy in front may have rewritten the name or the port.
        (&[("authorization", &right), ("origin", "https://verdigris.example")], 200),
        (&[("authorization", &right), ("origin", "https://verdigris.example:8443")], 200),
        (&[LOCAL_80, ("authorization", &right), ("origin", "http://localhost")], 200),
        (&[LOCAL_80, ("authorization", &right), ("origin", "https://localhost")], 403),
        (&[LOCAL_80, ("authorization", &right), ("origin", "http://localhost:8080")], 403),
        (&[("authorization", &right), ("origin", "http://elsewhere.example")], 403),
        (&[("authorization", &right), ("origin", "http://x.verdigris.example")], 403),
        (&[("authorization", &right), ("origin", "http://127.0.0.1:9903")], 403),
        (&[("authorization", &right), ("origin", "http://localhost:9902")], 403),
        (&[("authorization", &right), ("origin", "ftp://127.0.0.1:9902")], 403),
        (&[("authorization", &right), ("origin", "127.0.0.1:9902")], 403),
        (&[("authorization", &right), ("origin", "null")], 403),
        (&[("authorization", &right), ("origin", "")], 403),
        (&[("authorization", &right), ("sec-fetch-site", "cross-site")], 403),
        (&[("authorization", &right), ("sec-fetch-site", "same-site")], 403),
        (&[("authorization", &right), (":authority", "elsewhere.example")], 403),
        (&[("authorization", &right), (":method", "PUT")], 405),
        (&[("authorization", &right), (":method", "GET")], 405),
    ];
    for (headers, expected) in table {
        for command in ["pause", "resume", "rollback", "promote", "approve", "weights"] {
            let request = parse_own("POST", &format!("/{command}"), headers, Some(TOKEN));
            let status = request.map_or_else(|it| it.status, |_| 200);
            assert_eq!(status, *expected, "{command} {headers:?}");
        }
        // Without a configured token, there are no commands.
        let response = parse_own("POST", "/pause", headers, None).unwrap_err();
        let status = if headers.contains(&(":authority", "elsewhere.example")) { 403 } else { 404 };
        assert_eq!(response.status, status, "{headers:?}");
    }
}

#[test]
fn a_command_may_name_its_rollout() {
    let right = bearer(TOKEN);
    let pause = |rollout: Option<&str>| {
        Ok(ConsoleRequest::Command { command: "pause", rollout: rollout.map(str::to_owned) })
    };
    let table = [
        ("/pause", pause(None)),
        ("/pause?", pause(None)),
        ("/pause?rollout=assistant-v8", pause(Some("assistant-v8"))),
        ("/pause?rollout=", pause(Some(""))),
        ("/pause?rollouts=a", Err(400)),
        ("/pause?rollout=a&rollout=b", Err(400)),
        ("/pause?rollout=a&reason=x", Err(400)),
        ("/pause?a", Err(400)),
    ];
    for (path, expected) in table {
        let request = parse_own("POST", path, &[("authorization", &right)], Some(TOKEN));
        assert_eq!(request.map_err(|it| it.status), expected, "{path}");
    }
}

#[test]
fn a_command_s_body_has_a_reason_and_its_parameters() {
    let table: &[(&str, &str, Result<&str, &str>)] = &[
        ("pause", r#"{"reason": "slow"}"#, Ok("operator command: pause: slow")),
        ("rollback", r#"{"reason": " two\nlines "}"#, Ok("operator command: rollback: two lines")),
        (
            "weights",
            r#"{"reason": "more", "weights": {"blue": 1, "green": 3}}"#,
            Ok("operator command: weights: more"),
        ),
        ("pause", "", Err("the body: \"\": write one JSON object, such as {\"reason\":")),
        ("pause", "reason=slow", Err("the body: ")),
        ("pause", "[]", Err("the body: []: write one JSON object")),
        ("pause", "{}", Err("reason: missing: write the reason")),
        ("pause", r#"{"reason": "\t\n"}"#, Err("reason: missing: write the reason")),
        ("pause", r#"{"reason": 5}"#, Err("reason: 5: is not a string")),
        ("pause", r#"{"reason": "a", "reason": "b"}"#, Err("the body: ")),
        ("pause", r#"{"reason": "a", "weights": {}}"#, Err("weights: {}: unknown field")),
        ("weights", r#"{"reason": "a"}"#, Err("weights: missing: write the weights")),
        (
            "weights",
            r#"{"reason": "a", "weights": {"blue": 0, "green": 0}}"#,
            Err("weights: {\"blue\":0,\"green\":0}: make at least one"),
        ),
        (
            "weights",
            r#"{"reason": "a", "weights": {"blue": 50, "green": -1}}"#,
            Err("weights.green: -1: is not a whole number"),
        ),
        (
            "pause",
            r#"{"reason": "a", "step": 0, "shadow": 1}"#,
            Err("shadow: 1: is not true or false"),
        ),
        ("pause", r#"{"reason": "a", "step": -1}"#, Err("step: -1: is not a whole number")),
        ("dance", r#"{"reason": "a"}"#, Err("")),
    ];
    for (name, text, expected) in table {
        match (parse_command(name, text.as_bytes(), 0), expected) {
            (Ok(request), Ok(expected)) => assert_eq!(request.command.to_string(), *expected),
            (Err(error), Err(expected)) => {
                assert!(error.to_string().starts_with(expected), "{name} {text}: {error}");
            }
            (parsed, _) => panic!("{name} {text}: {parsed:?}"),
        }
    }
}

/// A client of an older page does not say `shadow`.
#[test]
fn a_command_may_name_its_step() {
    let expected = |fields: &str| {
        let text = format!(r#"{{"reason": "a"{fields}}}"#);
        let request = parse_command("approve", text.as_bytes(), 0).unwrap();
        request.expected_step().unwrap()
    };
    let step = Some(StepIndex::new(2));
    assert_eq!(expected(""), ExpectedStep::default());
    assert_eq!(expected(r#", "step": 2"#), ExpectedStep { step, is_shadow_step: None });
    let named = ExpectedStep { step, is_shadow_step: Some(false) };
    assert_eq!(expected(r#", "step": 2, "shadow": false"#), named);
}

#[test]
fn every_response_has_the_security_headers() {
    let responses = [
        HttpResponse::page(String::new()),
        HttpResponse::json(String::new()),
        HttpResponse::text(200, "done"),
        HttpResponse::not_found(),
        HttpResponse::wrong_method("POST"),
        HttpResponse::unauthorized(),
    ];
    for response in responses {
        let headers: Vec<_> = response.headers().collect();
        let wanted = [
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("cross-origin-resource-policy", "same-origin"),
        ];
        assert!(wanted.iter().all(|it| headers.contains(it)), "{headers:?}");
        assert!(headers.iter().any(|(name, _)| *name == "content-security-policy"));
        assert!(!headers.iter().any(|(name, _)| name.starts_with("access-control")));
    }
}

proptest! {
    #[test]
    fn no_headers_panic(values: Vec<Vec<u8>>, token: Option<String>, path in "/|/pause|/pause\\?.*") {
        let own: [(&[u8], &[u8]); 3] =
            [(b":method", b"POST"), (b":path", path.as_bytes()), (b":authority", b"localhost")];
        let names: [&[u8]; 4] =
            [b"origin", b"authorization", b"sec-fetch-site", b"content-length"];
        let others = names.iter().zip(&values).map(|(name, value)| (*name, &**value));
        let headers = own.into_iter().chain(others);
        let _ = ConsoleRequest::parse(&ConsoleRequestHead::from_headers(headers), &ConsoleConfig::default(), token.as_deref());
    }

    #[test]
    fn no_request_without_the_token_runs_a_command(
        command in "pause|resume|rollback|promote|approve|weights",
        query in "(\\?[a-z=&]{0,12})?",
        authorization in "|Bearer .{0,24}|bearer|Basic .{0,24}|.{0,40}",
    ) {
        let path = format!("/{command}{query}");
        let request = parse_own("POST", &path, &[("authorization", &authorization)], Some(TOKEN));
        prop_assert_eq!(request.unwrap_err().status, 401);
    }

    #[test]
    fn no_body_panics(text: Vec<u8>, name in "pause|weights") {
        let _ = parse_command(&name, &text, 0);
    }
}
