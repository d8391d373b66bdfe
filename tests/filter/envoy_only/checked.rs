//! What `verdigris check` says that Envoy does, it does.

use serde_json::json;

use crate::artifacts;
use crate::envoy::process::wait_for;
use crate::envoy::upstream::{REPLAY, Upstream};
use crate::envoy::{Envoy, Setup, filter_yaml, release_listener};
use crate::proxy::{Proxy as _, Request, config, counter, weights};

const ROUTER: &str = "          - name: envoy.filters.http.router\n";
const LIST: &str = "          http_filters:\n";

/// The text with its first `from` exchanged; of a bootstrap, the first in the release's
/// listener or behind it.
fn with(text: &str, from: &str, to: &str) -> String {
    let begin = if text.contains("  - name: llm\n") { release_listener(text) } else { 0 };
    let (before, rest) = text.split_at(begin);
    assert!(rest.contains(from), "{from}");
    format!("{before}{}", rest.replacen(from, to, 1))
}

/// An Envoy whose bootstrap is changed; all are on green but for `tia`.
fn start(fields: serde_json::Value, change: &dyn Fn(String) -> String) -> Envoy {
    let mut all = json!({"weights": {"blue": 0, "green": 1}, "pins": {"blue": ["tia"]}});
    all.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let change = |bootstrap: String, _: &[Upstream; 3]| change(bootstrap);
    let filter = filter_yaml(&config(all));
    Envoy::start_with(&Setup { filter: Some(&filter), change: &change, ..Setup::default() })
}

/// A rollout that Envoy refuses, and what its log says.
#[test]
fn what_check_says_that_envoy_refuses_it_refuses() {
    let mut envoy = Envoy::start(&weights(0, 1));
    let good = filter_yaml(&weights(1, 0));
    let console = std::fs::read_to_string(artifacts::shipped("console.yaml")).unwrap();
    let (_, second) = console.split_once("resources:\n").unwrap();
    let wasm = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";
    for (filter, expected) in [
        (
            with(&good, "  name: verdigris\n  typed", "  name: release\n  typed"),
            "Unexpected resource name in ExtensionConfigDS response: release",
        ),
        (with(&good, "resources:", "resource:"), "Unexpected number of resources"),
        (format!("{good}{second}"), "Unexpected number of resources"),
        (with(&good, wasm, &wasm.replace("v3", "v2")), "could not find @type"),
        (with(&good, wasm, &wasm.replace("v3.Wasm", "v3.WASM")), "could not find @type"),
        (with(&good, wasm, wasm.split_once('/').unwrap().1), "@type must contain"),
    ] {
        let log = envoy.write_filter(&filter).unwrap_err();
        assert!(log.contains(expected), "{expected}\n{log}");
        assert_eq!(envoy.send(&Request::of("ada")).cluster, "llm-green", "{expected}");
    }
    envoy.write_filter(&good).unwrap();
    assert_eq!(envoy.send(&Request::of("ada")).cluster, "llm-blue");
}

#[test]
fn a_path_that_is_changed_without_clearing_the_route_parts_blue_and_green() {
    for (clears, green) in [("false", 404), ("true", 200)] {
        let lua = format!(
            "{LIST}          - name: lua\n            typed_config:\n              \"@type\": \
             type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua\n              \
             clear_route_cache: {clears}\n              default_source_code:\n                \
             inline_string: |\n                  function envoy_on_request(h)\n                    \
             h:headers():replace(\":path\", \"/v1/chat/completions\")\n                  end\n"
        );
        // The new path has a route only where the route is chosen by the old one, or by both.
        let path = if clears == "true" { "/" } else { "/assistant" };
        let route = "              - match: {prefix: /}\n";
        let envoy = start(json!({}), &|bootstrap| {
            let routed =
                with(&bootstrap, route, &route.replace("prefix: /", &format!("prefix: {path}")));
            with(&routed, LIST, &lua)
        });
        let status = |user| envoy.get("/assistant", &Request::of(user)).unwrap().status().as_u16();
        assert_eq!((status("tia"), status("ada")), (200, green), "{clears}");
    }
}

#[test]
fn a_strict_session_fails_who_is_moved_to_green() {
    let session = |strict| {
        format!(
            "{LIST}          - name: session\n            typed_config:\n              \"@type\": \
             type.googleapis.com/envoy.extensions.filters.http.stateful_session.v3.StatefulSession\n              \
             strict: {strict}\n              session_state:\n                name: \
             envoy.http.stateful_session.cookie\n                typed_config:\n                  \"@type\": \
             type.googleapis.com/envoy.extensions.http.stateful_session.cookie.v3.CookieBasedSessionState\n                  \
             cookie: {{name: session, path: /, ttl: 120s}}\n"
        )
    };
    for (strict, status) in [("true", 503), ("false", 200)] {
        let mut envoy = start(json!({}), &|bootstrap| with(&bootstrap, LIST, &session(strict)));
        let cookie = envoy.send(&Request::of("tia")).header("set-cookie").unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let moved = envoy.get("/", &Request::of("ada").header("cookie", cookie)).unwrap();
        assert_eq!(moved.status().as_u16(), status, "{strict}");
    }
}

#[test]
fn a_route_with_a_cluster_of_its_own_is_counted_for_the_version() {
    let off = "                typed_per_filter_config: {verdigris: {\"@type\": \
               type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true}}\n";
    let last = "              - match: {prefix: /}\n";
    for (per_route, counted) in [("", 2), (off, 1)] {
        let route = format!(
            "              - match: {{prefix: /fixed}}\n                route: {{cluster: llm-blue}}\n{per_route}{last}"
        );
        let mut envoy = start(json!({}), &|bootstrap| with(&bootstrap, last, &route));
        let answer = envoy.get("/fixed", &Request::of("ada")).unwrap();
        assert_eq!(crate::envoy::answer(answer).cluster, "llm-blue");
        assert_eq!(envoy.send(&Request::of("ada")).cluster, "llm-green");
        assert_eq!(envoy.stat(&counter("green", "requests")), Some(counted), "{per_route}");
    }
}

#[test]
fn a_compressor_after_the_filter_hides_answers_and_one_before_does_not() {
    let compressor = "          - name: compressor\n            typed_config:\n              \"@type\": \
        type.googleapis.com/envoy.extensions.filters.http.compressor.v3.Compressor\n              \
        response_direction_config: {common_config: {min_content_length: 30}}\n              \
        compressor_library:\n                name: gzip\n                typed_config: {\"@type\": \
        type.googleapis.com/envoy.extensions.compression.gzip.compressor.v3.Gzip}\n";
    for (place, plain, read) in [(ROUTER, false, false), (ROUTER, true, true), (LIST, false, true)]
    {
        let to = match place {
            LIST => format!("{LIST}{compressor}"),
            _ => format!("{compressor}{ROUTER}"),
        };
        let mut envoy =
            start(json!({"answers": {"plain": plain}}), &|bootstrap| with(&bootstrap, place, &to));
        // Of `gzip` alone the upstream would say that it does it itself.
        let request =
            Request::of("ada").header(REPLAY, "chat-plain").header("accept-encoding", "gzip, br");
        let request = request.post("/v1/chat/completions", "{}");
        let answer = envoy.get("/v1/chat/completions", &request).unwrap();
        assert_eq!(answer.headers().contains_key("content-encoding"), !plain, "{answer:?}");
        answer.bytes().unwrap();
        let counted = if read { "answers" } else { "unread_encoded" };
        let counted = counter("green", counted);
        wait_for("the answer to be counted", || (envoy.stat(&counted)? == 1).then_some(()));
    }
}
