//! Routes.

use serde_json::json;

use super::{ENVOY, Expected, HTTP_FILTERS, ROUTE, Setup, patched, plugin, reading};
use super::{replaced, with_envoy};

const TO_CHAT: &str = "prefix_rewrite: /v1/chat/completions";

/// With another route before the last.
fn route(route: &str) -> Setup {
    with_envoy(replaced(ENVOY, ROUTE, &format!("              - {route}\n{ROUTE}")))
}

/// With this field in the last route's action.
fn in_route(field: &str) -> Setup {
    with_envoy(replaced(ENVOY, ROUTE, &format!("{ROUTE}                  {field}\n")))
}

/// With this matcher of the client's path, and this field in the action.
fn at_path(path: &str, field: &str) -> Setup {
    let route = ROUTE.replace("prefix: /", path);
    with_envoy(replaced(ENVOY, ROUTE, &format!("{route}                  {field}\n")))
}

fn expect(setup: &Setup, kind: &str, at: &str, text: &str) {
    setup.expect(&Expected { kind, file: "envoy.yaml", at, text });
}

#[test]
fn a_cluster_that_does_not_depend_on_the_version_is_warned_of() {
    let other = "{match: {prefix: /other}, route: {cluster: other}}";
    let text = "route.cluster: \"other\": does not depend on the version";
    expect(&route(other), "warning", "cluster: other", text);
    let weighted =
        "{match: {prefix: /o}, route: {weighted_clusters: {clusters: [{name: o, weight: 1}]}}}";
    let text = "route.weighted_clusters: does not depend on the version";
    expect(&route(weighted), "warning", "weighted_clusters", text);

    let off = "typed_per_filter_config: {verdigris: {\"@type\": \
               type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true}}";
    route(&format!("{{match: {{prefix: /other}}, route: {{cluster: other}}, {off}}}"))
        .expect_none();
    let by_version = "{match: {prefix: /, headers: [{name: x-verdigris-version, string_match: \
                      {exact: green}}]}, route: {cluster: llm-green}}";
    route(by_version).expect_none();
    route("{match: {prefix: /gone}, direct_response: {status: 410}}").expect_none();
}

const REMOVED: &str = "{remove: X-Verdigris-Version}";
const GREEN: &str = "match: {prefix: /, headers: [{name: x-verdigris-version, string_match: {exact: \
                     green}}]}";
const TO_GREEN: &str = "route: {cluster: llm-green}";
const ANY_TO_BLUE: &str = "match: {prefix: /}, route: {cluster: llm-blue}";

/// A rollout with `route_by: version_header`, and a bootstrap with this early header mutation and
/// these routes, as a control plane writes it from an HTTPRoute or a VirtualService.
fn by_version(early: &str, routes: &[&str]) -> Setup {
    let early = match early {
        "" => String::new(),
        mutation => format!(
            "          early_header_mutation_extensions:
          - name: early
            typed_config:
              \"@type\": type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation
              mutations: [{mutation}]
"
        ),
    };
    let listener = replaced(ENVOY, early_section(), &early);
    let at = listener.find(super::LISTENER).unwrap();
    let begin = at + listener[at..].find("              routes:\n").unwrap();
    let end = begin + listener[begin..].find(HTTP_FILTERS).unwrap();
    let routes: String = routes.iter().map(|it| format!("              - {{{it}}}\n")).collect();
    let envoy =
        format!("{}              routes:\n{routes}{}", &listener[..begin], &listener[end..]);
    with_envoy(envoy).with_filter(&plugin(json!({"route_by": "version_header"})))
}

#[test]
fn routes_can_match_the_version_header() {
    let overwritten = "{append: {header: {key: x-verdigris-version, value: blue}, append_action: \
                       OVERWRITE_IF_EXISTS_OR_ADD}}";
    let wrong = overwritten.replace("value: blue", "value: green");
    let with = |early: &str, green: &str| {
        by_version(early, &[&format!("{green}, {TO_GREEN}"), ANY_TO_BLUE])
    };
    with(REMOVED, GREEN).expect_none();
    with(overwritten, GREEN).expect_none();
    let in_filter = |setup: Setup, text: &str| {
        setup.expect(&Expected { kind: "warning", file: "filter.yaml", at: "\"rollout\"", text });
    };
    let field = "version_header: \"x-verdigris-version\": ";
    let choose = format!("{field}no early header mutation removes it");
    in_filter(with("", GREEN), &choose);
    let instead = format!("{field}early header mutation sets it to \"green\" instead of \"blue\"");
    in_filter(with(&wrong, GREEN), &instead);
    let none = format!("{field}no route matches it, so no request reaches green");
    in_filter(with(REMOVED, "match: {prefix: /green}"), &none);
}

#[test]
fn the_version_header_must_select_green_in_each_virtual_host() {
    let green = format!("{GREEN}, {TO_GREEN}");
    let green = green.as_str();
    let by_path = green.replace("prefix: /", "prefix: /v1/chat");
    let narrow = "match: {prefix: /v1/chat, headers: [{name: a, present_match: true}]}, route: \
                  {cluster: llm-blue}";
    let other_host = |action: &str| {
        format!(
            "{ANY_TO_BLUE}}}\n            - name: b\n              domains: [b]\n              routes:\n              - {{{action}"
        )
    };
    let same = format!("{GREEN}, route: {{cluster: llm-blue}}");
    let blue_first = "match: {prefix: /, headers: [{name: X-Verdigris-Version, string_match: \
                      {exact: blue}}]}, route: {cluster: llm-blue}";
    let first = "match: the route in line ";
    let only_blue = "route.cluster: \"other\": no route of this virtual host matches \
                     x-verdigris-version, so no request of it reaches green";
    let both = "route.cluster: \"llm-blue\": is also blue's cluster (line ";
    let other = other_host("match: {prefix: /}, route: {cluster: other}");
    for (routes, at, text) in [
        (&[ANY_TO_BLUE, green][..], green, first),
        (&["match: {prefix: /v1/}, route: {cluster: llm-blue}", &by_path], &by_path, first),
        (&[green, &other], "cluster: other", only_blue),
        (&[&same, ANY_TO_BLUE], &same, both),
        (&[blue_first, &same], &same, both),
    ] {
        expect(&by_version(REMOVED, routes), "warning", at, text);
    }

    let off = "match: {prefix: /}, route: {cluster: other}, typed_per_filter_config: {verdigris: \
               {\"@type\": type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true}}";
    for routes in [
        &[narrow, green, ANY_TO_BLUE][..],
        &[&by_path, "match: {prefix: /v1/chat}, route: {cluster: llm-blue}", green, ANY_TO_BLUE],
        &["match: {prefix: /v1}, direct_response: {status: 404}", green, ANY_TO_BLUE],
        &[blue_first, green],
        &[green, &other_host(off)],
        &[green, &other_host("match: {prefix: /}, redirect: {https_redirect: true}")],
        // The same cluster by another path.
        &[&same.replace("route: {", "route: {prefix_rewrite: /green/, "), ANY_TO_BLUE],
    ] {
        by_version(REMOVED, routes).expect_none();
    }
    // With a request of its own, green may have blue's cluster.
    let request = json!({"route_by": "version_header", "versions": {
        "blue": {}, "green": {"request": {"model": "m"}},
    }});
    by_version(REMOVED, &[&same, ANY_TO_BLUE]).with_filter(&plugin(request)).expect_none();
}

/// The early header mutation of the release's listener.
fn early_section() -> &'static str {
    let (_, listener) = ENVOY.split_once(super::LISTENER).unwrap();
    let begin = listener.find("          early_header_mutation_extensions:").unwrap();
    let end = listener.find("          route_config:").unwrap();
    &listener[begin..end]
}

#[test]
fn an_internal_redirect_needs_a_last_route() {
    let text = "internal_redirect_policy: Envoy does not run early header mutation again for a \
                redirected request, which gets 503 while the filter is not loaded: add a last route, \
                {match: {prefix: /}, route: {cluster: llm-blue, …}}, and";
    let redirect = "internal_redirect_policy: {}";
    expect(&in_route(redirect), "note", "internal_redirect_policy", text);

    // As in docs/how-to/install.md.
    let by_header = "{name: x-verdigris-cluster, present_match: true}";
    let envoy = ENVOY.replace(
        ROUTE,
        &format!(
            "              - match: {{prefix: /, headers: [{by_header}]}}\n                route:\n                  \
             {redirect}\n"
        ),
    );
    let by_shadow = "{name: x-verdigris-shadow, present_match: true}";
    let envoy = replaced(&envoy, by_shadow, &format!("{by_shadow}, {by_header}"));
    let last = "              - {match: {prefix: /}, route: {cluster: llm-blue}}\n";
    with_envoy(replaced(&envoy, HTTP_FILTERS, &format!("{last}{HTTP_FILTERS}"))).expect_none();

    let removed = "request_headers_to_remove: [x-verdigris-cluster]";
    let kept = ENVOY.replace(removed, "request_headers_to_remove: []");
    let route = format!("{ROUTE}                  {redirect}\n");
    with_envoy(replaced(&kept, ROUTE, &route)).expect_none();
}

#[test]
fn a_rewrite_that_hides_the_format_is_warned_of_where_it_is_needed() {
    let text = "prefix_rewrite: \"/v1/chat/completions\": changes the path after Verdigris has read \
                it, and the client's path, /assistant, is no API's, so answers count as unread: write \
                \"answers\": {\"paths\": [{\"prefix\": \"/assistant\", \"format\": \"chat\"}]}";
    let rewritten = || at_path("prefix: /assistant", TO_CHAT);
    expect(&rewritten().with_filter(&reading()), "warning", "prefix_rewrite", text);
    let messages = at_path("path: /ask", "prefix_rewrite: /v1/messages").with_filter(&patched());
    let text = "prefix_rewrite: \"/v1/messages\": changes the path";
    expect(&messages, "warning", "prefix_rewrite", text);
    let regex = "regex_rewrite: {pattern: {regex: '.*'}, substitution: /v1/responses}";
    let regex = at_path("safe_regex: {regex: '/a/.*'}", regex).with_filter(&reading());
    let text = "regex_rewrite.substitution: \"/v1/responses\": changes the path";
    expect(&regex, "warning", "regex_rewrite", text);

    rewritten().expect_none();
    let paths = json!({"answers": {"paths": [{"prefix": "/assistant", "format": "chat"}]}});
    rewritten().with_filter(&plugin(paths)).expect_none();
    at_path("path: /x/chat/completions", TO_CHAT).with_filter(&reading()).expect_none();
    at_path("prefix: /assistant/", "prefix_rewrite: /").with_filter(&reading()).expect_none();
}
