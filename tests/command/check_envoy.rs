//! What `verdigris check` says of Envoy's configuration: a line a case.

use serde_json::{Value, json};

use super::run::{Done, Files, config, filter_yaml, verdigris, verdigris_with};

pub const FILTER: &str = include_str!("../../envoy/filter.yaml");
pub const ENVOY: &str = include_str!("../../envoy/envoy.yaml");
const CONSOLE: &str = include_str!("../../envoy/console.yaml");
const DEFAULT: &str = "              default_config:
                \"@type\": type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation\n";
const LISTENER: &str = "  - name: llm\n";
const LIST: &str = "          http_filters:\n";
const ROUTER: &str = "          - name: envoy.filters.http.router\n";
const ROUTE: &str = "              - match: {prefix: /}\n                route:\n";

/// A file with something in another's place, the first time that it occurs; in a bootstrap the
/// first time in the release's listener or after it, if it occurs there.
pub fn with(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from}");
    let at = text.find(LISTENER).filter(|at| text[*at..].contains(from)).unwrap_or_default();
    format!("{}{}", &text[..at], text[at..].replacen(from, to, 1))
}

/// An HTTP filter of this type, with further fields of `typed_config`.
fn filter(kind: &str, fields: &str) -> String {
    let name = kind.split('.').next().unwrap();
    format!(
        "          - name: {name}\n            typed_config: {{\"@type\": \
         type.googleapis.com/envoy.extensions.filters.http.{kind}{fields}}}\n"
    )
}

fn before(kind: &str, fields: &str) -> String {
    with(ENVOY, LIST, &format!("{LIST}{}", filter(kind, fields)))
}

fn after(kind: &str, fields: &str) -> String {
    with(ENVOY, ROUTER, &format!("{}{ROUTER}", filter(kind, fields)))
}

/// With another route before the last.
fn route(route: &str) -> String {
    with(ENVOY, ROUTE, &format!("              - {route}\n{ROUTE}"))
}

/// With this field in the last route's action.
fn in_route(field: &str) -> String {
    with(ENVOY, ROUTE, &format!("{ROUTE}                  {field}\n"))
}

/// With this path of the client, and this field in the action.
fn at_path(path: &str, field: &str) -> String {
    let of_route = ROUTE.replace("prefix: /", path);
    with(ENVOY, ROUTE, &format!("{of_route}                  {field}\n"))
}

fn stats(matcher: &str) -> String {
    with(ENVOY, "stats_config:\n", &format!("stats_config:\n  stats_matcher: {matcher}\n"))
}

fn failover(kind: &str, members: &str) -> String {
    let of_type = format!(
        "cluster_type: {{name: envoy.clusters.{kind}, typed_config: {{\"@type\": \
         type.googleapis.com/envoy.extensions.clusters.{kind}.v3.ClusterConfig, clusters: {members}}}}}"
    );
    with(
        ENVOY,
        "  - name: llm-green\n    type: STATIC\n",
        &format!("  - name: llm-green\n    {of_type}\n"),
    )
}

pub fn plugin(fields: Value) -> String {
    filter_yaml(&config(fields).to_string())
}

/// Runs it on both files, in a folder with a `.wasm`.
pub fn check(filter: &str, envoy: &str) -> (Files, Done) {
    let files = Files::new();
    files.add("verdigris.wasm", "\0asm");
    let (filter, envoy) = (files.add("filter.yaml", filter), files.add("envoy.yaml", envoy));
    let done = verdigris(&["check", &filter, &envoy, "--json"]);
    (files, done)
}

/// All findings: the kind, the file's name, the line, and the rest of what is said.
pub fn findings(done: &Done) -> Vec<(String, String, u64, String)> {
    let told: Value = serde_json::from_str(&done.out).unwrap_or_else(|_| panic!("{done:?}"));
    let mut all = Vec::new();
    for kind in ["problem", "warning", "note"] {
        for it in told[format!("{kind}s")].as_array().unwrap() {
            let file = it["file"].as_str().unwrap().rsplit('/').next().unwrap();
            let value = it["value"].as_str().map(|it| format!("{it}: ")).unwrap_or_default();
            let text = format!(
                "{}: {value}{}",
                it["field"].as_str().unwrap(),
                it["mend"].as_str().unwrap()
            );
            all.push((kind.to_owned(), file.to_owned(), it["line"].as_u64().unwrap(), text));
        }
    }
    all
}

/// The line of the first occurrence, counted from 1.
pub fn line(text: &str, of: &str) -> u64 {
    let at = text.find(of).unwrap_or_else(|| panic!("{of} is not in\n{text}"));
    1 + text[..at].matches('\n').count() as u64
}

/// A bootstrap, and the one thing that is said of it: its kind, the text in whose line it is, and
/// how it begins.
#[test]
fn what_envoy_does_beside_the_filter_is_warned_of() {
    let answers = plugin(json!({"answers": {}}));
    let patched = plugin(json!({"versions": {
        "blue": {"cluster": "llm-blue"},
        "green": {"cluster": "llm-green", "request": {"model": "m"}},
    }}));
    let lua = ", clear_route_cache: false, default_source_code: {inline_string: 'h:headers():replace(\":path\", \"/v1\")'}";
    let to_chat = "prefix_rewrite: /v1/chat/completions";
    let plain = FILTER;
    let cases: Vec<(&str, String, &str, &str, &str)> = vec![
        // The order of filters.
        (
            plain,
            after("jwt_authn.v3.JwtAuthentication", ""),
            "warning",
            "- name: jwt_authn",
            "http_filters: \"jwt_authn\": authenticates after Verdigris, so the unit is read",
        ),
        (
            plain,
            after("ext_authz.v3.ExtAuthz", ""),
            "warning",
            "- name: ext_authz",
            "http_filters: \"ext_authz\": authenticates after",
        ),
        (
            plain,
            after("basic_auth.v3.BasicAuth", ""),
            "warning",
            "- name: basic_auth",
            "http_filters: \"basic_auth\": authenticates after",
        ),
        (
            plain,
            after("api_key_auth.v3.ApiKeyAuth", ""),
            "warning",
            "- name: api_key_auth",
            "http_filters: \"api_key_auth\": authenticates after",
        ),
        (
            plain,
            after("oauth2.v3.OAuth2", ""),
            "warning",
            "- name: oauth2",
            "http_filters: \"oauth2\": authenticates after",
        ),
        (
            plain,
            after("rbac.v3.RBAC", ""),
            "warning",
            "- name: rbac",
            "http_filters: \"rbac\": denies requests after Verdigris, so its 403",
        ),
        (
            plain,
            after("cors.v3.Cors", ""),
            "warning",
            "- name: cors",
            "http_filters: \"cors\": answers preflight requests after Verdigris",
        ),
        (
            plain,
            after("local_ratelimit.v3.LocalRateLimit", ""),
            "warning",
            "- name: local_ratelimit",
            "http_filters: \"local_ratelimit\": limits after Verdigris, so its 429 count as answers of a version, as answers.status_429 says: with \"compare\", the default",
        ),
        (
            plain,
            after("ratelimit.v3.RateLimit", ""),
            "warning",
            "- name: ratelimit",
            "http_filters: \"ratelimit\": limits after",
        ),
        (
            plain,
            after("fault.v3.HTTPFault", ""),
            "warning",
            "- name: fault",
            "http_filters: \"fault\": rejects requests by itself",
        ),
        (
            plain,
            after("health_check.v3.HealthCheck", ""),
            "warning",
            "- name: health_check",
            "http_filters: \"health_check\": answers health checks",
        ),
        (
            &answers,
            after("compressor.v3.Compressor", ""),
            "warning",
            "- name: compressor",
            "http_filters: \"compressor\": compresses answers before Verdigris reads them",
        ),
        (
            &patched,
            before("aws_request_signing.v3.AwsRequestSigning", ""),
            "warning",
            "- name: aws",
            "http_filters: \"aws_request_signing\": signs requests before",
        ),
        (
            plain,
            before("lua.v3.Lua", lua),
            "warning",
            "- name: lua",
            "http_filters: \"lua\": changes :path, and with clear_route_cache: false",
        ),
        (
            plain,
            before("ext_proc.v3.ExternalProcessor", ""),
            "note",
            "- name: ext_proc",
            "http_filters: \"ext_proc\": if it changes :path, Envoy keeps blue's route",
        ),
        (
            plain,
            after("lua.v3.Lua", lua),
            "note",
            "- name: lua",
            "http_filters: \"lua\": if it changes :path, Verdigris knows",
        ),
        (
            plain,
            before("stateful_session.v3.StatefulSession", ", strict: true"),
            "warning",
            "- name: stateful",
            "http_filters: \"stateful_session\": binds a session to a host",
        ),
        (
            plain,
            after("stateful_session.v3.StatefulSession", ", strict: true"),
            "warning",
            "- name: stateful",
            "http_filters: \"stateful_session\": binds",
        ),
        // Routes.
        (
            plain,
            in_route("internal_redirect_policy: {}"),
            "note",
            "internal_redirect_policy",
            "internal_redirect_policy: Envoy does not run early header mutation again for a redirected request, which gets 503 while the filter is not loaded: add a last route, {match: {prefix: /}, route: {cluster: llm-blue, …}}, and",
        ),
        (
            plain,
            route("{match: {prefix: /other}, route: {cluster: other}}"),
            "warning",
            "cluster: other",
            "route.cluster: \"other\": answers whatever the version",
        ),
        (
            plain,
            route(
                "{match: {prefix: /o}, route: {weighted_clusters: {clusters: [{name: o, weight: 1}]}}}",
            ),
            "warning",
            "weighted_clusters",
            "route.weighted_clusters: answers whatever the version",
        ),
        (
            &answers,
            at_path("prefix: /assistant", to_chat),
            "warning",
            "prefix_rewrite",
            "prefix_rewrite: \"/v1/chat/completions\": changes the path after Verdigris has looked at it, and the client's, /assistant, names no API, so answers are counted as unread: write \"answers\": {\"paths\": [{\"prefix\": \"/assistant\", \"format\": \"chat\"}]}",
        ),
        (
            &patched,
            at_path("path: /ask", "prefix_rewrite: /v1/messages"),
            "warning",
            "prefix_rewrite",
            "prefix_rewrite: \"/v1/messages\": changes the path",
        ),
        (
            &answers,
            at_path(
                "safe_regex: {regex: '/a/.*'}",
                "regex_rewrite: {pattern: {regex: '.*'}, substitution: /v1/responses}",
            ),
            "warning",
            "regex_rewrite",
            "regex_rewrite.substitution: \"/v1/responses\": changes the path",
        ),
        // Clusters.
        (
            plain,
            failover("aggregate", "[green-1, llm-blue]"),
            "warning",
            "cluster_type",
            "cluster_type aggregate: \"llm-green\": is green's cluster and fails over to others: answers of llm-blue, the other version's cluster, are counted as green's, so that a green that fails may be promoted; name the version's own cluster, and a composite one in versions.green.failover.cluster",
        ),
        (
            plain,
            failover("composite", "[{name: green-1}, {name: spare}]"),
            "warning",
            "cluster_type",
            "cluster_type composite: \"llm-green\": is green's cluster and fails over to others: answers of green-1, spare are counted as green's, so that a green that fails may be promoted; name the version's own cluster, and the composite one in versions.green.failover.cluster",
        ),
        // Stats.
        (
            plain,
            stats("{reject_all: true}"),
            "warning",
            "stats_matcher",
            "stats_config.stats_matcher: drops 76 of 76",
        ),
        (
            plain,
            stats("{inclusion_list: {patterns: [{prefix: cluster.}]}}"),
            "warning",
            "stats_matcher",
            "stats_config.stats_matcher: drops 76 of 76 of Verdigris' stats, such as wasmcustom.verdigris.assistant-v8.blue.requests",
        ),
        (
            plain,
            stats("{exclusion_list: {patterns: [{contains: WASM, ignore_case: true}]}}"),
            "warning",
            "stats_matcher",
            "stats_config.stats_matcher: drops 76 of 76",
        ),
        (
            plain,
            stats("{exclusion_list: {patterns: [{suffix: _ms}]}}"),
            "warning",
            "stats_matcher",
            "stats_config.stats_matcher: drops 4 of 76 of Verdigris' stats, such as wasmcustom.verdigris.assistant-v8.blue.duration_ms",
        ),
        (
            plain,
            stats("{exclusion_list: {patterns: [{safe_regex: {regex: '.*\\.green\\..*'}}]}}"),
            "warning",
            "stats_matcher",
            "stats_config.stats_matcher: drops 36 of 76",
        ),
        // How Envoy gets the configuration.
        (
            plain,
            with(ENVOY, "          - name: verdigris\n", "          - name: release\n"),
            "problem",
            "- name: release",
            "http_filters: \"release\": Envoy refuses the configuration in filter.yaml for it",
        ),
        (
            plain,
            with(ENVOY, DEFAULT, ""),
            "warning",
            "config_source:\n                path_config_source:\n                  path: filter.yaml",
            "config_discovery.default_config: \"missing\": where the configuration",
        ),
        (
            plain,
            with(ENVOY, "http.wasm.v3.Wasm", "http.wasm.v2.Wasm"),
            "problem",
            "http.wasm.v2",
            "config_discovery.type_urls: \"type.googleapis.com/envoy.extensions.filters.http.wasm.v2.Wasm\": does not name",
        ),
    ];
    for (filter, envoy, kind, place, expected) in cases {
        let (_files, done) = check(filter, &envoy);
        let found = findings(&done);
        let [(is, file, at, text)] = found.as_slice() else { panic!("{expected}: {found:#?}") };
        assert_eq!((is.as_str(), file.as_str()), (kind, "envoy.yaml"), "{text}");
        assert_eq!(*at, line(&envoy, place), "{text}");
        assert!(text.starts_with(expected), "{text}\n{expected}");
        assert_eq!(done.code, i32::from(kind == "problem"), "{done:?}");
    }
}

/// A rollout, and the one thing that is said of it.
#[test]
fn what_envoy_does_not_take_is_told() {
    let v2 = "type.googleapis.com/envoy.extensions.filters.http.wasm.v2.Wasm";
    let cases = [
        (
            with(FILTER, "  name: verdigris\n  typed", "  name: release\n  typed"),
            "problem",
            "name: release",
            "name: \"release\": Envoy refuses it (\"Unexpected resource name\")",
        ),
        (
            with(FILTER, "resources:", "resource:"),
            "problem",
            "resource:",
            "resource: is no field here, so Envoy finds no resource: write resources",
        ),
        (
            with(FILTER, "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm", v2),
            "problem",
            "wasm.v2",
            "@type: \"type.googleapis.com/envoy.extensions.filters.http.wasm.v2.Wasm\": is no type of Envoy",
        ),
        (with(FILTER, "http.wasm.v3.Wasm", "http.wasm.v3.WASM"), "problem", "v3.WASM", "@type: "),
        (
            with(FILTER, "type.googleapis.com/envoy.ext", "envoy.ext"),
            "problem",
            "\"@type\": envoy.ext",
            "@type: ",
        ),
        (
            format!("{FILTER}{}", CONSOLE.split_once("resources:\n").unwrap().1),
            "problem",
            "- \"@type\": type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig\n  name: verdigris-console",
            "resources: is a second resource",
        ),
        (
            with(FILTER, "      failure_policy: FAIL_RELOAD\n", ""),
            "warning",
            "      name: verdigris\n      root_id",
            "failure_policy: missing: the default, FAIL_CLOSED, answers 503",
        ),
        (
            with(FILTER, "FAIL_RELOAD\n", "UNSPECIFIED\n"),
            "warning",
            "failure_policy",
            "failure_policy: missing: the default",
        ),
        (
            with(FILTER, "filename: verdigris.wasm", "filename: other.wasm"),
            "note",
            "other.wasm",
            "vm_config.code.local.filename: \"other.wasm\": is not in this file's folder",
        ),
        (
            with(FILTER, "filename: verdigris.wasm", "filename: /no/such/verdigris.wasm"),
            "note",
            "/no/such",
            "vm_config.code.local.filename: \"/no/such/verdigris.wasm\": is not on this machine",
        ),
        (
            with(FILTER, "filename: verdigris.wasm", "filename: envoy.yaml"),
            "warning",
            "envoy.yaml",
            "vm_config.code.local.filename: \"envoy.yaml\": is no .wasm file",
        ),
    ];
    for (filter, kind, place, expected) in cases {
        let (_files, done) = check(&filter, ENVOY);
        let found = findings(&done);
        let [(is, file, at, text)] = found.as_slice() else { panic!("{expected}: {found:#?}") };
        assert_eq!((is.as_str(), file.as_str()), (kind, "filter.yaml"), "{text}");
        assert_eq!(*at, line(&filter, place), "{text}");
        assert!(text.starts_with(expected), "{text}\n{expected}");
        assert_eq!(done.code, i32::from(kind == "problem"), "{done:?}");
    }
}

#[test]
fn what_is_as_it_should_be_is_not_warned_of() {
    let answers = plugin(json!({"answers": {}}));
    let plain = plugin(json!({"answers": {"plain": true}}));
    let known = plugin(json!({"answers": {"paths": [{"prefix": "/assistant", "format": "chat"}]}}));
    let to_chat = "prefix_rewrite: /v1/chat/completions";
    let off = "typed_per_filter_config: {verdigris: {\"@type\": type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true}}";
    // As README has it.
    let by_header = "{name: x-verdigris-cluster, present_match: true}";
    let redirecting = ENVOY.replace(
        ROUTE,
        &format!(
            "              - match: {{prefix: /, headers: [{by_header}]}}\n                route:\n                  \
             internal_redirect_policy: {{}}\n"
        ),
    );
    let by_shadow = "{name: x-verdigris-shadow, present_match: true}";
    let redirecting = with(&redirecting, by_shadow, &format!("{by_shadow}, {by_header}"));
    let last = "              - {match: {prefix: /}, route: {cluster: llm-blue}}\n";
    let redirecting = with(&redirecting, LIST, &format!("{last}{LIST}"));
    let kept = ENVOY.replace(
        "request_headers_to_remove: [x-verdigris-cluster]",
        "request_headers_to_remove: []",
    );
    let cases = [
        (FILTER, ENVOY.to_owned()),
        (FILTER, before("jwt_authn.v3.JwtAuthentication", "")),
        (FILTER, before("cors.v3.Cors", "")),
        (&answers, before("compressor.v3.Compressor", "")),
        (FILTER, after("compressor.v3.Compressor", "")),
        (&plain, after("compressor.v3.Compressor", "")),
        (
            FILTER,
            after(
                "jwt_authn.v3.JwtAuthentication",
                "}\n            disabled: true\n            more: {",
            ),
        ),
        (FILTER, after("stateful_session.v3.StatefulSession", "")),
        (FILTER, before("ext_proc.v3.ExternalProcessor", ", route_cache_action: CLEAR")),
        (
            FILTER,
            with(
                &kept,
                ROUTE,
                &format!("{ROUTE}                  internal_redirect_policy: {{}}\n"),
            ),
        ),
        (FILTER, redirecting),
        (
            FILTER,
            route(&format!("{{match: {{prefix: /other}}, route: {{cluster: other}}, {off}}}")),
        ),
        (
            FILTER,
            route(
                "{match: {prefix: /, headers: [{name: x-verdigris-version, string_match: {exact: green}}]}, route: {cluster: llm-green}}",
            ),
        ),
        (FILTER, route("{match: {prefix: /gone}, direct_response: {status: 410}}")),
        (FILTER, at_path("prefix: /assistant", to_chat)),
        (&known, at_path("prefix: /assistant", to_chat)),
        (&answers, at_path("path: /x/chat/completions", to_chat)),
        (&answers, at_path("prefix: /assistant/", "prefix_rewrite: /")),
        (
            FILTER,
            stats("{inclusion_list: {patterns: [{prefix: wasmcustom.}, {prefix: cluster.}]}}"),
        ),
        (
            FILTER,
            stats(
                "{inclusion_list: {patterns: [{safe_regex: {regex: '(wasmcustom|http)\\..*'}}]}}",
            ),
        ),
        (FILTER, stats("{exclusion_list: {patterns: [{prefix: cluster.}, {unheard_of: a}]}}")),
    ];
    for (filter, envoy) in cases {
        let (_files, done) = check(filter, &envoy);
        assert_eq!((findings(&done), done.code), (Vec::new(), 0), "{envoy}");
    }
}

#[test]
fn a_name_is_compared_where_the_file_has_another_name_too() {
    let files = Files::new();
    files.add("verdigris.wasm", "\0asm");
    let envoy = files.add("envoy.yaml", ENVOY);
    for (name, kind) in [("verdigris", None), ("release", Some("warning"))] {
        let filter =
            FILTER.replace("  name: verdigris\n  typed", &format!("  name: {name}\n  typed"));
        let filter = files.add("new.yaml", &filter);
        let done = verdigris(&["check", "--json", &filter, &envoy]);
        let kinds: Vec<_> = findings(&done).into_iter().map(|it| it.0).collect();
        assert_eq!(kinds.first().map(String::as_str), kind, "{done:?}");
    }
}

#[test]
fn where_nothing_is_found_that_is_said() {
    let other = "static_resources: {clusters: [{name: a}]}\n";
    for text in [other, "admin: {}\n", "kind: Deployment\n", "hello"] {
        let done = verdigris_with(&["check", "-"], text);
        assert_eq!(done.code, 1, "{text}: {done:?}");
        assert!(done.out.contains("no Verdigris configuration found"), "{done:?}");
        assert!(!done.out.contains("fine"), "{done:?}");
    }
    // The bootstrap alone has the filter, and says where its configuration is.
    let done = verdigris(&["check", "--strict", "envoy/envoy.yaml"]);
    assert_eq!(done.code, 0, "{done:?}");
    let expected = "http_filters: \"verdigris\": has its plugin configuration in filter.yaml, which was not checked";
    assert!(done.out.contains(expected), "{done:?}");
}

#[test]
fn of_a_folder_the_files_are_read_that_hold_a_configuration() {
    let files = Files::new();
    files.add("verdigris.wasm", "\0asm");
    for (name, text) in [
        ("filter.yaml", FILTER),
        ("envoy.yaml", ENVOY),
        ("console.yaml", CONSOLE),
        ("kustomization.yaml", "resources: [a.yaml]\n"),
        ("package.json", "{\"name\": \"a\"}"),
        ("broken.yml", "a: [1"),
        ("notes.txt", "hello"),
    ] {
        files.add(name, text);
    }
    let folder = files.folder().to_str().unwrap();
    let done = verdigris(&["check", "--strict", folder]);
    assert_eq!(done.code, 0, "{done:?}");
    let names: Vec<_> = done.out.lines().map(|it| it.rsplit('/').next().unwrap()).collect();
    assert_eq!(names, ["console.yaml (the console)", "envoy.yaml", "filter.yaml (assistant-v8)"]);
    files.add("filter.yaml", &FILTER.replace("resources:", "resources: ["));
    assert_eq!(verdigris(&["check", folder]).code, 1);
    let empty = Files::new();
    let done = verdigris(&["check", empty.folder().to_str().unwrap()]);
    assert_eq!(done.code, 1, "{done:?}");
    assert!(done.err.contains("no Verdigris configuration found"), "{done:?}");
}
