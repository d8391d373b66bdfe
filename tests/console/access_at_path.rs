//! Access control of the console at a path of the release's listener.

use proptest::prelude::*;
use verdigris::config::{ConsoleConfig, ConsolePath};
use verdigris::console::{ConsoleRequest, ConsoleRequestHead, HttpResponse};

const TOKEN: &str = "a-secret-of-sixteen";
const BEARER: (&str, &str) = ("authorization", "Bearer a-secret-of-sixteen");
/// `operator:a-secret-of-sixteen`.
const BASIC: (&str, &str) = ("authorization", "Basic b3BlcmF0b3I6YS1zZWNyZXQtb2Ytc2l4dGVlbg==");

fn parse(
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    token: Option<&str>,
) -> Option<Result<ConsoleRequest, HttpResponse>> {
    let mut all = vec![(":method", method), (":path", path)];
    if !headers.iter().any(|(name, _)| *name == ":authority") {
        all.push((":authority", "llm.example"));
    }
    all.extend(headers);
    let all = all.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    let console = ConsoleConfig { hosts: vec!["llm.example".into()] };
    let at = ConsolePath { path: "/ops/verdigris".into(), console };
    ConsoleRequest::parse_at(&at, &ConsoleRequestHead::from_headers(all), token)
}

/// A method, a path, headers, and what the request asks for or the status of its refusal.
type Row =
    (&'static str, &'static str, Vec<(&'static str, &'static str)>, Result<ConsoleRequest, u32>);

#[test]
fn each_request_needs_the_token() {
    let wrong = ("authorization", "Bearer a-secret-of-sixteem");
    let wrong_password = ("authorization", "Basic b3BlcmF0b3I6YS1zZWNyZXQtb2Ytc2l4dGVlYg==");
    let no_user = ("authorization", "Basic OmEtc2VjcmV0LW9mLXNpeHRlZW4=");
    let elsewhere = (":authority", "elsewhere.example");
    let cross_site = ("sec-fetch-site", "cross-site");
    let origin = ("origin", "https://elsewhere.example");
    let own = ("origin", "https://llm.example");
    let pause = || Ok(ConsoleRequest::Command { command: "pause", rollout: None });
    let page = || Ok(ConsoleRequest::Page);
    let table: Vec<Row> = vec![
        ("GET", "/", vec![BEARER], page()),
        ("HEAD", "/?a=b", vec![BASIC], page()),
        ("GET", "/", vec![no_user], page()),
        ("GET", "/state.json", vec![BEARER], Ok(ConsoleRequest::State)),
        ("GET", "/state.json", vec![BASIC], Ok(ConsoleRequest::State)),
        ("POST", "/pause", vec![BEARER], pause()),
        ("POST", "/pause", vec![BEARER, own], pause()),
        ("GET", "/", vec![], Err(401)),
        ("GET", "/state.json", vec![], Err(401)),
        ("GET", "/nothing", vec![], Err(401)),
        // A password asked for here would be sent to the paths beside the console's.
        ("GET", "", vec![], Err(307)),
        ("GET", "/", vec![wrong], Err(401)),
        ("GET", "/", vec![wrong_password], Err(401)),
        ("GET", "/", vec![BEARER, BEARER], Err(401)),
        ("GET", "/", vec![("authorization", "Basic ")], Err(401)),
        ("GET", "/", vec![("authorization", "Basic")], Err(401)),
        ("POST", "/pause", vec![], Err(401)),
        // A browser sends a password with requests of other sites, too.
        ("POST", "/pause", vec![BASIC], Err(401)),
        ("POST", "/pause", vec![BEARER, origin], Err(403)),
        ("POST", "/pause", vec![BEARER, cross_site], Err(403)),
        ("GET", "/", vec![BEARER, elsewhere], Err(403)),
        ("GET", "/", vec![elsewhere], Err(403)),
        ("POST", "/", vec![BEARER], Err(405)),
        ("GET", "/pause", vec![BEARER], Err(405)),
        ("GET", "", vec![BEARER], Err(307)),
        ("GET", "?a=b", vec![BASIC], Err(307)),
        ("GET", "/nothing", vec![BEARER], Err(404)),
        ("GET", "//", vec![BEARER], Err(404)),
        ("GET", "/../", vec![BEARER], Err(404)),
        ("POST", "/pause/", vec![BEARER], Err(404)),
    ];
    for (method, rest, headers, expected) in table {
        let path = format!("/ops/verdigris{rest}");
        let request = parse(method, &path, &headers, Some(TOKEN)).expect("the console's");
        assert_eq!(request.map_err(|it| it.status), expected, "{method} {path} {headers:?}");
        let request = parse(method, &path, &headers, None).expect("the console's");
        assert_eq!(request.map_err(|it| it.status), Err(404), "without a token: {path}");
    }
}

#[test]
fn a_browser_is_asked_for_the_token_and_redirected_to_the_page() {
    let refused = |headers: &[(&str, &str)], path: &str| {
        let request = parse("GET", path, headers, Some(TOKEN)).unwrap().unwrap_err();
        request.headers().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>()
    };
    let asked = refused(&[], "/ops/verdigris/");
    let basic = "www-authenticate: Basic realm=\"Verdigris\", charset=\"UTF-8\"";
    assert!(asked.iter().any(|it| it == basic), "{asked:?}");
    assert!(asked.iter().any(|it| it == "cache-control: no-store"));
    let redirected = refused(&[BEARER], "/ops/verdigris");
    assert!(redirected.iter().any(|it| it == "location: /ops/verdigris/"), "{redirected:?}");
}

proptest! {
    /// No request at the path reaches an upstream, and no request elsewhere is answered.
    #[test]
    fn the_console_answers_at_its_path_only(rest in "[ -~]{0,40}", is_below in any::<bool>()) {
        let path = format!("/ops/verdigris{}{rest}", if is_below { "/" } else { "" });
        let is_own = is_below || rest.is_empty() || rest.starts_with(['/', '?']);
        for token in [None, Some(TOKEN)] {
            prop_assert_eq!(parse("GET", &path, &[BEARER], token).is_some(), is_own, "{}", path);
        }
        let elsewhere = format!("/ops{rest}");
        let is_own = elsewhere.starts_with("/ops/verdigris");
        prop_assert!(is_own || parse("GET", &elsewhere, &[BEARER], Some(TOKEN)).is_none());
    }
}
