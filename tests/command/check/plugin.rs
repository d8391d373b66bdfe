//! Plugin configurations and the filter around them.

use serde_json::{Value, json};

use super::{Expected, FILTER, plugin, replaced, with_filter};
use crate::run::{config, filter_yaml, struct_yaml, verdigris_with};

#[test]
fn a_missing_failure_policy_is_warned_of() {
    let policy = "      failure_policy: FAIL_RELOAD\n";
    let at = "      name: verdigris\n      root_id";
    let text = "failure_policy: missing: the default, FAIL_CLOSED, answers every request with 503";
    let expected = Expected { kind: "warning", file: "filter.yaml", at, text };
    with_filter(replaced(FILTER, policy, "")).expect(&expected);
    let unspecified = replaced(FILTER, "FAIL_RELOAD\n", "UNSPECIFIED\n");
    with_filter(unspecified).expect(&Expected { at: "failure_policy", ..expected });
}

/// The console's path, and an API whose requests it would answer.
#[test]
fn a_console_in_the_place_of_an_api_is_warned_of() {
    for (path, api) in [
        ("/v1", "/v1/chat/completions"),
        ("/v1/messages", "/v1/messages"),
        ("/api", "/api/chat"),
        ("/openai", "/openai/deployments"),
    ] {
        let text = format!(
            "console.path: {path:?}: the console answers all requests to this path and below it, so none \
             to {api} reaches a version"
        );
        let filter = plugin(json!({"console": {"path": path}}));
        let at = "\"console\"";
        with_filter(filter).expect(&Expected {
            kind: "warning",
            file: "filter.yaml",
            at,
            text: &text,
        });
    }
    for path in ["/verdigris", "/v1/verdigris", "/v"] {
        with_filter(plugin(json!({"console": {"path": path}}))).expect_none();
    }
}

/// A file name, and the finding.
#[test]
fn the_wasm_file_is_looked_for() {
    for (name, kind, text) in [
        (
            "other.wasm",
            "note",
            "is not in this file's folder (Envoy uses the folder that it is started in): if Envoy does \
             not find it, Envoy rejects this configuration: when Envoy starts, everyone is then on \
             blue; later the configuration in force stays",
        ),
        ("/no/such/verdigris.wasm", "note", "is not on this machine"),
        ("envoy.yaml", "problem", "is no .wasm file, so Envoy rejects this configuration: write"),
    ] {
        let filter = replaced(FILTER, "filename: verdigris.wasm", &format!("filename: {name}"));
        let text = format!("vm_config.code.local.filename: \"{name}\": {text}");
        let at = format!("filename: {name}");
        let expected = Expected { kind, file: "filter.yaml", at: &at, text: &text };
        with_filter(filter).expect(&expected);
    }
}

/// Fields, and a part of the finding.
#[test]
fn an_unknown_name_has_a_suggestion() {
    let gate = |metric: &str| json!({"ramp": {"gates": [{"metric": metric}]}});
    let cases = [
        (
            json!({"wieghts": {}}),
            "wieghts: {}: unknown field; did you mean weights? the fields are",
        ),
        (json!({"ramp": {"stpes": []}}), "ramp.stpes: []: unknown field; did you mean steps?"),
        (json!({"answers": {"formt": "chat"}}), "did you mean format?"),
        (gate("latency"), "ramp.gates[0].metric: \"latency\": did you mean duration? write one of"),
        (gate("errors"), "\"errors\": did you mean error_rate?"),
        (gate("error-rate"), "\"error-rate\": did you mean error_rate?"),
        (gate("p99"), "\"p99\": did you mean duration_p99 or ttft_p99?"),
        (gate("latency_p95"), "\"latency_p95\": did you mean duration_p95 or ttft_p95?"),
        (gate("p50"), "\"p50\": did you mean duration_p90, duration_p95 or duration_p99?"),
        (gate("durations"), "\"durations\": did you mean duration?"),
        (gate("tokens"), "\"tokens\": did you mean output_tokens?"),
        (gate("success_rate"), "did you mean error_rate, which is the opposite?"),
        (
            json!({"ramp": {"tripwires": [{"metric": "time_to_first_token", "limit": "1s"}]}}),
            "did you mean ttft?",
        ),
        (gate("zzz"), "\"zzz\": write one of"),
        (gate("Error_Rate"), "\"Error_Rate\": did you mean error_rate?"),
        // A known metric is never suggested.
        (
            json!({"ramp": {"gates": [{"metric": "error_rate"}, {"metric": "error_rate"}]}}),
            "\"error_rate\": already has a gate",
        ),
        (
            json!({"ramp": {"tripwires": [{"metric": "duration_p95", "limit": "1s"}]}}),
            "\"duration_p95\": ",
        ),
    ];
    for (fields, expected) in cases {
        let output = verdigris_with(&["check", "-"], &config(fields).to_string());
        assert_eq!(output.code, 1, "{output:?}");
        assert!(output.out.contains(expected), "{output:?}\n{expected}");
        let is_repeated = output.out.contains("\"duration_p95\": did you mean");
        assert!(!is_repeated, "{output:?}");
    }
}

#[test]
fn steps_that_may_be_fractions_are_warned_of() {
    for (steps, expected) in [
        (
            json!([0.01, 0.05, 0.5]),
            Some("at most 0.5 % of users; if these are fractions, write [1,5,50]"),
        ),
        (
            json!([0.1, {"percent": 1, "approve": true}]),
            Some("at most 1 % of users; if these are fractions, write [10,100]"),
        ),
        (json!([1, 5, 25]), None),
        (json!([0.5, 5, 100]), None),
        (json!([1]), None),
        (json!(["0.5%", "1%"]), None),
    ] {
        let json =
            serde_json::to_string_pretty(&config(json!({"ramp": {"steps": steps}}))).unwrap();
        // JSON is YAML, too.
        let code = verdigris_with(&["check", "-", "--strict"], &struct_yaml(&json)).code;
        assert_eq!(code, i32::from(expected.is_some()), "{json}");
        let yaml = filter_yaml(&json);
        let output = verdigris_with(&["check", "-", "--json"], &yaml);
        let report: Value = serde_json::from_str(&output.out).unwrap();
        let warnings = report["warnings"].as_array().unwrap();
        assert_eq!(warnings.len(), usize::from(expected.is_some()), "{output:?}");
        let Some(expected) = expected else { continue };
        assert!(warnings[0]["mend"].as_str().unwrap().ends_with(expected), "{output:?}");
        let line = 1 + yaml[..yaml.find("\"steps\"").unwrap()].matches('\n').count();
        assert_eq!(warnings[0]["line"], line);
        assert_eq!(verdigris_with(&["check", "-", "--strict"], &yaml).code, 1);
    }
}

#[test]
fn a_cookie_that_feeds_a_ramp_is_warned_of() {
    let cookie = json!({"cookie": "uid"});
    let both = json!([{"header": "x-user-id"}, {"cookie": "uid"}]);
    let header = json!({"header": "x-user-id"});
    let table = [
        (json!({"unit": cookie, "ramp": {}}), true),
        (json!({"unit": both, "ramp": {}}), true),
        (json!({"unit": header, "ramp": {}}), false),
        (json!({"unit": cookie, "weights": {"blue": 1, "green": 1}}), false),
        (json!({"unit": cookie, "ramp": {}, "conversation": {}}), true),
        (json!({"unit": header, "ramp": {}, "conversation": {}}), false),
    ];
    for (fields, is_warned) in table {
        let yaml = filter_yaml(&config(fields.clone()).to_string());
        let output = verdigris_with(&["check", "-", "--json"], &yaml);
        let report: Value = serde_json::from_str(&output.out).unwrap();
        let warnings = report["warnings"].as_array().unwrap();
        assert_eq!(warnings.len(), usize::from(is_warned), "{fields}: {output:?}");
        for warning in warnings {
            assert_eq!(
                (&warning["field"], &warning["value"]),
                (&json!("unit"), &json!("cookie uid"))
            );
            assert!(warning["mend"].as_str().unwrap().contains("your authentication sets"));
        }
        let explained = verdigris_with(&["explain", "-", "--unit", "ada"], &yaml);
        assert_eq!(explained.out.contains("a client with another cookie"), is_warned);
    }
}

#[test]
fn a_json_syntax_error_has_its_line() {
    let json = "{\n  \"rollout\": \"a\",\n  \"unit\": {\"header\": \"u\"},\n}\n";
    let yaml = filter_yaml(json);
    let of_yaml = 1 + yaml[..yaml.find("\"u\"}").unwrap()].matches('\n').count();
    for (text, line, column) in [
        (json.to_owned(), 4, 1),
        (format!("\n\n{json}"), 6, 1),
        (yaml, of_yaml + 1, 11),
        (filter_yaml("{\n  \"rollout\": \"a\",\n  \"rollout\": \"b\"\n}"), of_yaml, 13),
    ] {
        let output = verdigris_with(&["check", "-"], &text);
        assert_eq!(output.code, 1, "{output:?}");
        assert!(
            output.out.contains(&format!("stdin:{line}:{column}: plugin configuration: ")),
            "{line}: {output:?}"
        );
        assert!(!output.out.contains("column"), "{output:?}");
        let is_comma = text.contains("},\n}");
        assert_eq!(
            output.out.contains("trailing comma; remove it"),
            is_comma || text.contains("},\n          }"),
            "{output:?}"
        );
    }
}

const WASM_PLUGIN: &str = "apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {name: release}
spec:
  url: oci://registry.example/verdigris:1
  failStrategy: FAIL_RELOAD
  pluginConfig:
    rollout: assistant-v8
    unit: {header: x-user-id}
    versions:
      blue: {cluster: llm-blue}
      green: {cluster: llm-green}
    weights: {blue: 95, green: 5}
";

const EXTENSION_POLICY: &str = "apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyExtensionPolicy
metadata: {name: release}
spec:
  wasm:
  - name: verdigris
    rootID: verdigris
    config:
      rollout: assistant-v8
      unit: {header: x-user-id}
      versions:
        blue: {cluster: llm-blue}
        green: {cluster: llm-green}
";

/// A document, and the line and a part of its finding, if there is one.
#[test]
fn objects_of_istio_and_envoy_gateway_are_checked() {
    let body = "    conversation: {id: {pointer: /c}}\n";
    for (text, expected) in [
        (WASM_PLUGIN.to_owned(), None),
        (EXTENSION_POLICY.to_owned(), None),
        (
            WASM_PLUGIN.replace("x-user-id}", "x-user-id, heder: a}"),
            Some((
                9,
                "problem: stdin:9:31: unit.heder: \"a\": unknown field; did you mean header?",
            )),
        ),
        (
            WASM_PLUGIN.replace("green: 5", "green: five"),
            Some((13, "problem: stdin:13:32: weights.green: \"five\": is not a whole number")),
        ),
        (
            EXTENSION_POLICY.replace("rollout: assistant-v8", "rollout: V8"),
            Some((9, "problem: stdin:9:16: rollout: \"V8\": use 1 to 63")),
        ),
        (
            WASM_PLUGIN.replace("  failStrategy: FAIL_RELOAD\n", ""),
            Some((
                5,
                "warning: stdin:5:3: failStrategy: missing: the default, FAIL_CLOSE, answers every request with 503",
            )),
        ),
        (
            format!("{WASM_PLUGIN}{body}"),
            Some((
                5,
                "allow_on_headers_stop_iteration: missing or false: this configuration reads request bodies, and without it such a request waits for 5 s and then goes to blue, and Istio's WasmPlugin does not support it: write \"read_body\": \"after_routing\"",
            )),
        ),
        // No such field is in these objects, and Kubernetes knows no names in snake_case.
        (
            format!("{WASM_PLUGIN}{body}  allow_on_headers_stop_iteration: true\n"),
            Some((5, "and Istio's WasmPlugin does not support it")),
        ),
        (
            WASM_PLUGIN.replace("failStrategy", "fail_strategy"),
            Some((5, "warning: stdin:5:3: failStrategy: missing")),
        ),
        (
            WASM_PLUGIN.replace("pluginConfig", "plugin_config"),
            Some((
                8,
                "problem: stdin:8:5: spec.pluginConfig: plugin_config: is a name that Kubernetes does not know",
            )),
        ),
        (
            format!("{EXTENSION_POLICY}  {body}"),
            Some((6, "Envoy Gateway's EnvoyExtensionPolicy does not support it")),
        ),
        (
            WASM_PLUGIN.split_once("  pluginConfig").unwrap().0.to_owned(),
            Some((
                5,
                "problem: stdin:5:3: spec.pluginConfig: missing: write the plugin configuration there",
            )),
        ),
    ] {
        let output = verdigris_with(&["check", "-"], &text);
        let Some((line, expected)) = expected else {
            assert_eq!(
                (output.code, output.out.as_str()),
                (0, "fine: stdin (assistant-v8)\n"),
                "{output:?}"
            );
            continue;
        };
        assert!(output.out.contains(expected), "{output:?}\n{expected}");
        assert!(output.out.contains(&format!("stdin:{line}:")), "{output:?}");
        assert_eq!(output.code, i32::from(!expected.starts_with("warning")), "{output:?}");
    }
    // Another plugin is ignored.
    let other = WASM_PLUGIN.split_once("    rollout").unwrap().0.replace("verdigris", "other");
    assert_eq!(verdigris_with(&["check", "-"], &format!("{other}    rules: []\n")).code, 1);
}

#[test]
fn the_build_that_routes_refuses_what_it_cannot_run() {
    let files = crate::run::Files::new();
    files.add("verdigris.wasm", "\0asm");
    let filter = files.add("filter.yaml", &super::reading());
    let output = crate::run::verdigris(&["check", &filter]);
    assert_eq!(output.code, 0, "{output:?}");
    let output = crate::run::verdigris(&["check", &filter, "--artifact", "route"]);
    assert_eq!(output.code, 1, "{output:?}");
    let fix = "answers: set: verdigris-route.wasm does not see responses: load verdigris.wasm";
    assert!((output.out + &output.err).contains(fix));
}
