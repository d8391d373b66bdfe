//! Envoy behaves as the findings of `verdigris check` say.

use serde_json::json;

use crate::artifacts;
use crate::envoy::process::wait_for;
use crate::envoy::upstream::{REPLAY_HEADER, Upstream};
use crate::envoy::{Envoy, Setup, filter_yaml, release_listener_offset};
use crate::proxy::{Proxy as _, Request, config, counter, set_fields, weights};

const ROUTER: &str = "          - name: envoy.filters.http.router\n";
const FILTER_LIST: &str = "          http_filters:\n";

/// Replaces the first `from` by `to`; in a bootstrap, the first one from the release listener on.
fn replace_first(text: &str, from: &str, to: &str) -> String {
    let start = if text.contains("  - name: llm\n") { release_listener_offset(text) } else { 0 };
    let (before, rest) = text.split_at(start);
    assert!(rest.contains(from), "{from}");
    format!("{before}{}", rest.replacen(from, to, 1))
}

/// Starts Envoy with an edited bootstrap. All users but `tia` are on green.
fn start(overrides: serde_json::Value, edit: &dyn Fn(String) -> String) -> Envoy {
    let mut fields = json!({"weights": {"blue": 0, "green": 1}, "pins": {"blue": ["tia"]}});
    set_fields(&mut fields, &overrides);
    let filter = filter_yaml(&config(fields));
    Envoy::start_with(&Setup {
        filter: Some(&filter),
        edit_bootstrap: &|bootstrap: String, _: &[Upstream; 3]| edit(bootstrap),
        ..Setup::default()
    })
}

#[test]
fn envoy_refuses_the_filter_yaml_that_check_refuses() {
    let mut envoy = Envoy::start(&weights(0, 1));
    let good = filter_yaml(&weights(1, 0));
    let console = std::fs::read_to_string(artifacts::shipped("config/console.yaml")).unwrap();
    let (_, second_resource) = console.split_once("resources:\n").unwrap();
    let wasm = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";
    for (filter, expected) in [
        (
            replace_first(&good, "  name: verdigris\n  typed", "  name: release\n  typed"),
            "Unexpected resource name in ExtensionConfigDS response: release",
        ),
        (replace_first(&good, "resources:", "resource:"), "Unexpected number of resources"),
        (format!("{good}{second_resource}"), "Unexpected number of resources"),
        (replace_first(&good, wasm, &wasm.replace("v3", "v2")), "could not find @type"),
        (replace_first(&good, wasm, &wasm.replace("v3.Wasm", "v3.WASM")), "could not find @type"),
        (replace_first(&good, wasm, wasm.split_once('/').unwrap().1), "@type must contain"),
    ] {
        let log = envoy.write_filter(&filter).unwrap_err();
        assert!(log.contains(expected), "{expected}\n{log}");
        assert_eq!(envoy.send(&Request::from_user("ada")).cluster, "llm-green", "{expected}");
    }
    envoy.write_filter(&good).unwrap();
    assert_eq!(envoy.send(&Request::from_user("ada")).cluster, "llm-blue");
}

#[test]
fn a_path_changed_without_clearing_the_route_cache_routes_only_green_by_the_new_path() {
    for (clears, green) in [("false", 404), ("true", 200)] {
        let lua = format!(
            "{FILTER_LIST}          - name: lua\n            typed_config:\n              \"@type\": \
             type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua\n              \
             clear_route_cache: {clears}\n              default_source_code:\n                \
             inline_string: |\n                  function envoy_on_request(h)\n                    \
             h:headers():replace(\":path\", \"/v1/chat/completions\")\n                  end\n"
        );
        // Without clearing, only a request whose version changes the cluster is routed again,
        // by the new path.
        let path = if clears == "true" { "/" } else { "/assistant" };
        let route = "              - match: {prefix: /}\n";
        let envoy = start(json!({}), &|bootstrap| {
            let routed = replace_first(
                &bootstrap,
                route,
                &route.replace("prefix: /", &format!("prefix: {path}")),
            );
            replace_first(&routed, FILTER_LIST, &lua)
        });
        let status = |user| {
            envoy.send_to("/assistant", &Request::from_user(user)).unwrap().status().as_u16()
        };
        assert_eq!((status("tia"), status("ada")), (200, green), "{clears}");
    }
}

#[test]
fn a_strict_stateful_session_fails_users_who_move_to_green() {
    let session = |strict| {
        format!(
            "{FILTER_LIST}          - name: session\n            typed_config:\n              \"@type\": \
             type.googleapis.com/envoy.extensions.filters.http.stateful_session.v3.StatefulSession\n              \
             strict: {strict}\n              session_state:\n                name: \
             envoy.http.stateful_session.cookie\n                typed_config:\n                  \"@type\": \
             type.googleapis.com/envoy.extensions.http.stateful_session.cookie.v3.CookieBasedSessionState\n                  \
             cookie: {{name: session, path: /, ttl: 120s}}\n"
        )
    };
    for (strict, status) in [("true", 503), ("false", 200)] {
        let mut envoy =
            start(json!({}), &|bootstrap| replace_first(&bootstrap, FILTER_LIST, &session(strict)));
        let cookie = envoy.send(&Request::from_user("tia")).header("set-cookie").unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let moved =
            envoy.send_to("/", &Request::from_user("ada").header("cookie", cookie)).unwrap();
        assert_eq!(moved.status().as_u16(), status, "{strict}");
    }
}

#[test]
fn a_request_on_a_route_with_a_fixed_cluster_is_counted_for_its_version() {
    let off = "                typed_per_filter_config: {verdigris: {\"@type\": \
               type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true}}\n";
    let last = "              - match: {prefix: /}\n";
    for (per_route, counted) in [("", 2), (off, 1)] {
        let route = format!(
            "              - match: {{prefix: /fixed}}\n                route: {{cluster: llm-blue}}\n{per_route}{last}"
        );
        let mut envoy = start(json!({}), &|bootstrap| replace_first(&bootstrap, last, &route));
        let answer = envoy.send_to("/fixed", &Request::from_user("ada")).unwrap();
        assert_eq!(crate::envoy::read_answer(answer).cluster, "llm-blue");
        assert_eq!(envoy.send(&Request::from_user("ada")).cluster, "llm-green");
        assert_eq!(envoy.stat(&counter("green", "requests")), Some(counted), "{per_route}");
    }
}

#[test]
fn only_a_compressor_after_the_filter_makes_answers_unreadable() {
    let compressor = "          - name: compressor\n            typed_config:\n              \"@type\": \
        type.googleapis.com/envoy.extensions.filters.http.compressor.v3.Compressor\n              \
        response_direction_config: {common_config: {min_content_length: 30}}\n              \
        compressor_library:\n                name: gzip\n                typed_config: {\"@type\": \
        type.googleapis.com/envoy.extensions.compression.gzip.compressor.v3.Gzip}\n";
    for (place, plain, read) in
        [(ROUTER, false, false), (ROUTER, true, true), (FILTER_LIST, false, true)]
    {
        let to = match place {
            FILTER_LIST => format!("{FILTER_LIST}{compressor}"),
            _ => format!("{compressor}{ROUTER}"),
        };
        let mut envoy = start(json!({"answers": {"plain": plain}}), &|bootstrap| {
            replace_first(&bootstrap, place, &to)
        });
        // For `gzip` alone the test's upstream would claim that its answer is compressed.
        let request = Request::from_user("ada")
            .header(REPLAY_HEADER, "chat-plain")
            .header("accept-encoding", "gzip, br");
        let request = request.post("/v1/chat/completions", "{}");
        let answer = envoy.send_to("/v1/chat/completions", &request).unwrap();
        assert_eq!(answer.headers().contains_key("content-encoding"), !plain, "{answer:?}");
        answer.bytes().unwrap();
        let stat = counter("green", if read { "answers" } else { "unread_encoded" });
        wait_for("the answer to be counted", || (envoy.stat(&stat)? == 1).then_some(()));
    }
}
