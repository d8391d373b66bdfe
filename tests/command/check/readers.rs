//! What reads a file decides what the filter gets: Envoy, or Kubernetes.

use serde_json::{Value, json};

use crate::run::{
    CommandOutput, Files, config, filter_yaml, struct_yaml, verdigris, verdigris_with,
};

const CONFIG: &str = "rollout: assistant-v8
unit: {header: x-user-id}
versions: {blue: {cluster: llm-blue}, green: {cluster: llm-green}}
";

/// The kinds of objects that have a plugin configuration as YAML.
const KINDS: [&str; 4] = ["WasmPlugin", "TrafficExtension", "EnvoyExtensionPolicy", "EnvoyFilter"];

/// A Kubernetes object with this plugin configuration as YAML, below other fields of the object.
fn object(kind: &str, before: &str, yaml: &str) -> String {
    let (parents, indent) = match kind {
        "WasmPlugin" => {
            ("spec:\n  url: oci://a/verdigris\n  failStrategy: FAIL_RELOAD\n  pluginConfig:\n", 4)
        }
        "TrafficExtension" => (
            "spec:\n  wasm:\n    url: oci://a/verdigris\n    failStrategy: FAIL_RELOAD\n    \
             pluginConfig:\n",
            6,
        ),
        "EnvoyExtensionPolicy" => ("spec:\n  wasm:\n  - name: verdigris\n    config:\n", 6),
        _ => (
            "spec:\n  configPatches:\n  - patch:\n      value:\n        typed_config:\n          \
             \"@type\": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm\n          \
             config:\n            root_id: verdigris\n            failure_policy: FAIL_RELOAD\n            \
             allow_on_headers_stop_iteration: true\n            configuration:\n              \"@type\": \
             type.googleapis.com/google.protobuf.Struct\n              value:\n",
            16,
        ),
    };
    let lines: String =
        yaml.lines().map(|line| format!("{}{line}\n", " ".repeat(indent))).collect();
    format!("kind: {kind}\nmetadata: {{name: a}}\n{before}{parents}{lines}")
}

fn check(text: &str) -> CommandOutput {
    verdigris_with(&["check", "--strict", "-"], text)
}

/// What is added to a configuration, and the problem with it in Envoy and in Kubernetes, if any.
#[test]
fn a_configuration_has_the_types_that_its_reader_gives_it() {
    for (added, envoy, kubernetes) in [
        ("weights: {blue: 0x10, green: 010}", None, None),
        ("weights: {blue: 0o20, green: 1}", Some("\"0o20\": is not a whole number"), None),
        ("weights: {blue: 0b11, green: 1}", Some("\"0b11\": is not a whole number"), None),
        ("max_request_body: 1_000_000", Some("\"1_000_000\": is not a whole number"), None),
        ("max_request_body: 3000000", None, None),
        ("max_request_body: 1e6", Some("\"1e6\": is not a whole number"), None),
        ("weights: {blue: 08, green: 1}", Some("\"08\": is not a whole number"), None),
        ("pins: {green: [on]}", Some("true: is not a string"), Some("true: is not a string")),
        ("pins: {green: [~]}", Some("null: is not a string"), Some("null: is not a string")),
        ("pins: {green: [No]}", Some("false: is not a string"), Some("false: is not a string")),
        ("pins: {green: [1_2]}", None, Some("12: is not a string")),
        ("pins: {green: [0o7]}", None, Some("7: is not a string")),
        ("pins: {green: [1.5]}", None, Some("1.5: is not a string")),
        ("pins: {green: [2026-11-28]}", None, None),
        ("pins: {green: [12:30]}", None, None),
        ("pins: {green: [!!str 12]}", Some("12: is not a string"), None),
        ("pins: {green: [! 12, '12', \"on\"]}", None, None),
        ("pins: {green: [.inf]}", None, Some("is no number of JSON: Kubernetes cannot read it")),
        ("pins: {~: [a]}", Some("pins.null"), Some("is null, which is no name")),
        (
            "pins: {[a]: [b]}",
            Some("which cannot be a list or a map"),
            Some("which cannot be a list"),
        ),
    ] {
        let yaml = format!("{CONFIG}{added}");
        let texts = KINDS.map(|kind| (kind, object(kind, "", &yaml), kubernetes));
        for (kind, text, expected) in
            texts.into_iter().chain([("Envoy", struct_yaml(&yaml), envoy)])
        {
            let output = check(&text);
            assert_eq!(output.code, i32::from(expected.is_some()), "{kind}: {added}\n{output:?}");
            assert!(output.out.contains(expected.unwrap_or("fine")), "{kind}: {added}\n{output:?}");
        }
    }
}

/// Kubernetes merges maps, Envoy does not.
#[test]
fn merged_maps_are_read_as_their_reader_reads_them() {
    let base = "x: &x {blue: 1, green: 3}\n";
    let cases = [
        ("weights: {<<: *x, green: 1}", None),
        ("weights: *x", None),
        ("<<: {weights: *x, pins: {green: [a]}}\npins: {green: [b]}", None),
        ("weights: {<<: *x, gren: 1}", Some("gren: 1: unknown field")),
        ("weights: {<<: 5}", Some("must be a map or a list of maps")),
        ("weights: {green: 1, green: 2}", Some("green is written twice")),
    ];
    for (added, expected) in cases {
        for kind in KINDS {
            let output = check(&object(kind, base, &format!("{CONFIG}{added}")));
            assert_eq!(output.code, i32::from(expected.is_some()), "{kind}: {added}\n{output:?}");
            assert!(output.out.contains(expected.unwrap_or("fine")), "{kind}: {added}\n{output:?}");
        }
    }
    let merged = check(&struct_yaml(&format!("{CONFIG}weights: {{<<: {{blue: 1}}, green: 1}}")));
    assert!(merged.out.contains("<<: {\"blue\":1}: unknown field"), "{merged:?}");
    let mut envoy = filter_yaml(&config(json!({})).to_string());
    envoy = envoy.replace("      root_id", "      <<: {fail_open: false}\n      root_id");
    let output = check(&envoy);
    assert!(output.out.contains("<<: merges nothing in Envoy"), "{output:?}");
}

/// The weights after the merge, as another command reads them.
#[test]
fn commands_read_what_kubernetes_gives_the_filter() {
    let files = Files::new();
    for (weights, share) in [
        ("{<<: {blue: 1, green: 3}}", 0.75),
        ("{<<: {blue: 1, green: 3}, green: 1}", 0.5),
        ("{green: 1, <<: {blue: 1, green: 3}}", 0.75),
        ("{blue: 1_0, green: 0b11_1110}", 62.0 / 72.0),
        ("{blue: 1.0, green: 1e0}", 0.5),
    ] {
        let text = object("WasmPlugin", "", &format!("{CONFIG}weights: {weights}"));
        let file = files.add("plugin.yaml", &text);
        let output = verdigris(&["explain", &file, "--unit", "ada", "--json"]);
        let explained: Value = serde_json::from_str(&output.out).unwrap();
        let found = explained["share"].as_f64().unwrap();
        assert!((found - share).abs() < 1e-9, "{weights}: {found}");
    }
}

/// Envoy gives what is merged into requests as text where it is a decimal, and the filter makes a
/// number of it. A reload from the same number has no effect.
#[test]
fn a_merged_decimal_is_a_number_only_where_the_filter_gets_a_struct() {
    let files = Files::new();
    let is_same = |new: &str, value: &str| {
        let request =
            json!({"merge": {"temperature": serde_json::from_str::<Value>(value).unwrap()}});
        let green = json!({"cluster": "llm-green", "request": request});
        let versions = json!({"blue": {"cluster": "llm-blue"}, "green": green});
        let old = config(json!({"versions": versions, "read_body": "after_routing"}));
        let (old, new) = (files.add("old.json", &old.to_string()), files.add("new.yaml", new));
        let output = verdigris(&["check", &new, "--from", &old]);
        assert_eq!(output.code, 0, "{output:?}");
        output.out.contains("moves no users and affects no ramp")
    };
    for (value, in_struct, in_text) in [
        ("'1.5'", "1.5", "\"1.5\""),
        ("1.5", "1.5", "1.5"),
        ("0x80000000", "2147483648", "2147483648"),
        ("'15'", "\"15\"", "\"15\""),
    ] {
        let green = format!("cluster: llm-green, request: {{merge: {{temperature: {value}}}}}");
        let yaml = CONFIG.replace("cluster: llm-green", &green) + "read_body: after_routing\n";
        assert!(is_same(&struct_yaml(&yaml), in_struct), "{value}");
        assert!(!is_same(&struct_yaml(&yaml), "1"), "{value}");
        for kind in KINDS {
            let expected = if kind == "EnvoyFilter" { in_struct } else { in_text };
            assert!(is_same(&object(kind, "", &yaml), expected), "{kind}: {value}");
        }
    }
}

#[test]
fn a_decimal_in_the_judge_s_parameters_is_a_number_in_a_struct() {
    for (tokens, expected) in [
        ("50.0", "fine"),
        ("50.5", "judge.parameters.max_tokens: 50.5: write a whole number"),
        ("'50'", "judge.parameters.max_tokens: \"50\": write a whole number"),
    ] {
        let judge =
            format!("judge: {{cluster: j, model: m, parameters: {{max_tokens: {tokens}}}}}\n");
        let output = check(&struct_yaml(&format!("{CONFIG}{judge}")));
        assert!(output.out.contains(expected), "{tokens}: {output:?}");
    }
}

/// A file's name and text, and the problem with it, if any.
#[test]
fn a_file_is_read_by_its_name() {
    let files = Files::new();
    let plain = config(json!({})).to_string();
    let yaml = filter_yaml(&plain).replace("/etc/verdigris/", "");
    let as_json = {
        let text = Value::from(plain.as_str());
        format!(
            "{{\"resources\": [{{\"@type\": \"type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig\", \
             \"name\": \"verdigris\", \"typed_config\": {{\"@type\": \
             \"type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm\", \"config\": {{\"root_id\": \
             \"verdigris\", \"failure_policy\": \"FAIL_RELOAD\", \"allow_on_headers_stop_iteration\": true, \
             \"configuration\": {{\"@type\": \"type.googleapis.com/google.protobuf.StringValue\", \"value\": \
             {text}}}}}}}}}]}}"
        )
    };
    let mark = "\u{feff}";
    let mark_problem = Some("file: begins with a byte order mark");
    let json_problem = Some("file: is YAML, but Envoy reads a file as JSON");
    for (name, text, expected) in [
        ("a.yaml", yaml.clone(), None),
        ("a.yml", format!("{mark}{yaml}"), None),
        ("a.yaml", yaml.replace('\n', "\r\n"), None),
        ("a.yaml", format!("{mark}{as_json}"), None),
        ("a.json", as_json.clone(), None),
        ("a.json", format!("{mark}{as_json}"), mark_problem),
        ("a.json", format!("{mark}{plain}"), mark_problem),
        ("a.json", as_json.replace("}}]}", "},}],}"), None),
        ("a.json", format!("{{ # a comment\n{}", &as_json[1..]), json_problem),
        ("a.json", as_json.replace("assistant-v8", "a#8"), Some("rollout: \"a#8\"")),
        ("a.json", yaml.clone(), json_problem),
    ] {
        let file = files.add(name, &text);
        let output = verdigris(&["check", &file]);
        assert_eq!(output.code, i32::from(expected.is_some()), "{text}\n{output:?}");
        assert!(output.out.contains(expected.unwrap_or("fine")), "{text}\n{output:?}");
    }
    // The mark stays.
    let before = struct_yaml(&format!("{CONFIG}weights: {{blue: 95, green: 5}}"));
    let file = files.add("a.yaml", &format!("{mark}{before}"));
    let output = verdigris(&["set-weights", &file, "25"]);
    assert_eq!(output.code, 0, "{output:?}");
    let after = before.replace("blue: 95, green: 5", "blue: 75, green: 25");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), format!("{mark}{after}"));
}

/// Escapes and numbers of JSON, at their positions.
#[test]
fn a_json_file_of_envoy_has_the_types_of_json() {
    let files = Files::new();
    let plugin = |pins: &str, name: &str| {
        let as_json = json!({
            "resources": [{
                "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
                "name": "verdigris",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
                    "config": {
                        "name": "NAME", "root_id": "verdigris", "failure_policy": "FAIL_RELOAD",
                        "allow_on_headers_stop_iteration": true,
                        "configuration": {
                            "@type": "type.googleapis.com/google.protobuf.Struct",
                            "value": config(json!({"pins": {"green": ["PINS"]}})),
                        },
                    },
                },
            }],
        });
        as_json.to_string().replace("\"PINS\"", pins).replace("NAME", name)
    };
    let smile = r"\ud83d\ude00";
    for (pins, expected) in [
        (r#""a""#.to_owned(), None),
        (format!("\"{smile}\""), None),
        (r#""3000000000""#.to_owned(), None),
        ("3000000000".to_owned(), Some("3000000000: is not a string")),
        ("0.5".to_owned(), Some("0.5: is not a string")),
        (format!("\"{smile}\", 0.5"), Some("0.5: is not a string")),
        (r#""\ud83d""#.to_owned(), Some("unexpected end of hex escape")),
    ] {
        let text = plugin(&pins, smile);
        let file = files.add("a.json", &text);
        let output = verdigris(&["check", "--json", &file]);
        let report: Value = serde_json::from_str(&output.out).unwrap();
        assert_eq!(output.code, i32::from(expected.is_some()), "{pins}: {output:?}");
        let Some(expected) = expected else { continue };
        let [problem] = report["problems"].as_array().unwrap().as_slice() else {
            panic!("{pins}: {report}")
        };
        let found = ["field", "value"].map(|it| problem[it].as_str().unwrap_or_default());
        let found = format!("{}: {}: {}", found[0], found[1], problem["mend"].as_str().unwrap());
        assert!(found.contains(expected), "{found}");
        if let Some(number) = expected.strip_suffix(": is not a string") {
            let column = problem["column"].as_u64().unwrap() as usize;
            assert_eq!(column, 1 + text.rfind(number).unwrap(), "{pins}: {problem}");
        }
    }
}

/// Empty documents before an object are no documents, and an Envoy reads the first one only.
#[test]
fn documents_are_counted_as_their_reader_counts_them() {
    let plugin = object("WasmPlugin", "", CONFIG);
    let filter = filter_yaml(&config(json!({})).to_string());
    for (text, is_fine) in [
        (format!("---\n# Source: a\n---\n{plugin}"), true),
        (format!("{plugin}---\n{plugin}"), true),
        (format!("---\n{filter}---\n"), true),
        (format!("---\n---\n{filter}"), false),
        (format!("{filter}---\n{filter}"), false),
    ] {
        let output = verdigris_with(&["check", "-"], &text);
        assert_eq!(output.code, i32::from(!is_fine), "{text}\n{output:?}");
        assert_eq!(output.out.contains("begins a second document"), !is_fine, "{output:?}");
    }
}

/// Envoy leaves out a field with this tag, whose anchors other fields use.
#[test]
fn ignored_fields_are_left_out() {
    let broken = struct_yaml("rollout: V8").replace("resources:", "!ignore unused:");
    let shipped = filter_yaml(&config(json!({})).to_string());
    let output = verdigris_with(&["check", "-"], &format!("{broken}{shipped}"));
    assert_eq!(output.code, 0, "{output:?}");
    let shared = format!("!ignore shared: &shared {{green: 1, blue: 1}}\n{}", struct_yaml(CONFIG));
    let output = verdigris_with(&["check", "-"], &format!("{shared}          weights: *shared\n"));
    assert_eq!((output.code, output.out.as_str()), (0, "fine: stdin (assistant-v8)\n"));
}

#[test]
fn the_data_of_a_config_map_must_be_text() {
    let json = config(json!({})).to_string();
    let indented: String = filter_yaml(&json).lines().map(|line| format!("    {line}\n")).collect();
    for (data, expected) in [
        (format!("  filter.json: '{json}'\n"), None),
        (format!("  filter.json: >\n    {json}\n"), None),
        // Two names, of which protobuf would make one.
        (format!("  logLevel: a\n  log_level: b\n  filter.json: '{json}'\n"), None),
        (
            format!("  logLevel: a\n  logLevel: b\n  filter.json: '{json}'\n"),
            Some("logLevel: occurs twice in a map"),
        ),
        (format!("  filter.yaml: |\n{indented}"), None),
        (format!("  filter.json: {json}\n"), Some("data.filter.json: is no text")),
        (format!("  filter.yaml:\n{indented}"), Some("data.filter.yaml: is no text")),
        (
            format!("  filter.json: '{json}'\n  console.yaml: |\n    a: [ # verdigris\n"),
            Some("YAML: while parsing"),
        ),
        (format!("  filter.json: '{json}'\n  run.sh: |\n    a: [ # verdigris\n"), None),
    ] {
        let text = format!("kind: ConfigMap\nmetadata: {{name: a}}\ndata:\n{data}");
        let output = verdigris_with(&["check", "-"], &text);
        assert_eq!(output.code, i32::from(expected.is_some()), "{text}\n{output:?}");
        assert!(output.out.contains(expected.unwrap_or("fine")), "{text}\n{output:?}");
    }
}

/// Long chains of aliases nest as deeply as what they refer to.
#[test]
fn aliases_of_aliases_do_not_exhaust_the_stack() {
    let chain: String = (1..50_000).map(|at| format!("a{at}: &a{at} [*a{}]\n", at - 1)).collect();
    let output = check(&format!("a0: &a0 []\n{chain}"));
    assert_eq!(output.code, 1, "{output:?}");
    assert!(output.out.contains("YAML: is nested too deeply"), "{output:?}");
}
