//! `verdigris check`.

use serde_json::{Value, json};

use super::run::{Files, config, filter_yaml, told, verdigris, verdigris_with};

#[test]
fn what_is_shipped_is_fine() {
    let done = verdigris(&["check", "--strict", "envoy/filter.yaml", "envoy/envoy.yaml"]);
    assert_eq!((done.code, done.err.as_str()), (0, ""), "{done:?}");
    assert_eq!(done.out, "fine: envoy/filter.yaml (assistant-v8)\nfine: envoy/envoy.yaml\n");
}

#[test]
fn a_problem_is_told_with_its_place() {
    let files = Files::new();
    let text = "{\n  \"rollout\": \"V8\",\n  \"unit\": {\"header\": \"u\"},\n  \"versions\": {\n    \
                \"blue\": {\"cluster\": \"b\"},\n    \"green\": {\"cluster\": \" g\"}\n  }\n}\n";
    let yaml = filter_yaml(text);
    let first = 1 + yaml[..yaml.find("{\n").unwrap()].matches('\n').count();
    let quoted = yaml.split_once("value: |\n").unwrap().0.to_owned()
        + &format!("value: {}\n", json!(text.replace('\n', " ")));
    let istio = format!(
        "patch:\n  value:\n    typed_config:\n      \"@type\": type.googleapis.com/udpa.type.v1.TypedStruct\n      \
         type_url: type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm\n      value:\n        \
         config:\n          root_id: verdigris\n          configuration:\n            \
         \"@type\": type.googleapis.com/google.protobuf.StringValue\n            value: |\n{}",
        text.lines().map(|line| format!("              {line}\n")).collect::<String>()
    );
    let cases = [
        ("plain.json", text.to_owned(), [2, 6]),
        ("filter.yaml", yaml.clone(), [first + 1, first + 5]),
        ("quoted.yaml", quoted, [first - 1, first - 1]),
        ("istio.yaml", istio, [13, 17]),
    ];
    for (name, text, lines) in cases {
        let file = files.add(name, &text);
        let done = verdigris(&["check", &file, "--json"]);
        assert_eq!(done.code, 1, "{done:?}");
        let told: Value = serde_json::from_str(&done.out).unwrap();
        let problems: Vec<_> = told["problems"].as_array().unwrap().iter().collect();
        let places: Vec<_> = problems.iter().map(|it| (&it["line"], &it["field"])).collect();
        let expected = [json!("rollout"), json!("versions.green.cluster")];
        let lines = lines.map(Value::from);
        let expected: Vec<_> = lines.iter().zip(&expected).collect();
        assert_eq!(places, expected, "{name}");
        assert_eq!(problems[0]["value"], "\"V8\"");
        assert!(problems[0]["mend"].as_str().unwrap().starts_with("use 1 to 63"));
        let done = verdigris(&["check", &file]);
        assert!(
            done.out.contains(&format!("{file}:{}: rollout: \"V8\": use", lines[0])),
            "{done:?}"
        );
        assert!(done.out.ends_with("2 problems\n"), "{done:?}");
    }
}

/// A file, and a part of what is said of it.
#[test]
fn what_is_wrong_around_a_configuration_is_told() {
    let plain = config(json!({})).to_string();
    let by_body =
        config(json!({"conversation": {"id": {"pointer": "/conversation/id"}}})).to_string();
    let shipped = filter_yaml(&plain);
    let cases = [
        (
            shipped.replace("StringValue", "Struct"),
            "configuration.@type: type.googleapis.com/google.protobuf.Struct: write",
        ),
        (
            shipped.replace("configuration:", "konfiguration:"),
            "configuration: missing: write the plugin",
        ),
        (
            filter_yaml(&by_body)
                .replace("allow_on_headers_stop_iteration: true", "fail_open: false"),
            "allow_on_headers_stop_iteration: missing or false: write true",
        ),
        (shipped.replace("root_id: verdigris", "root_id: other"), "with a filter envoy.extensions"),
        ("a: [1".to_owned(), "YAML: while parsing"),
        ("hello".to_owned(), "file: holds neither a plugin configuration"),
        ("{\"rollout\": ".to_owned(), ":1: plugin configuration: \"{\\\"rollout\\\": \": EOF"),
        ("a: &a [*a]".to_owned(), "YAML: an alias stands within"),
    ];
    for (text, expected) in cases {
        let done = verdigris_with(&["check", "-"], &text);
        // Envoy's configuration without the filter may be one of several files.
        assert_eq!(done.code, i32::from(!text.contains("other")), "{text}\n{done:?}");
        assert!(done.out.contains(expected) || text.contains("other"), "{done:?}\n{expected}");
    }
    let done = verdigris_with(&["check", "-"], &filter_yaml(&by_body));
    assert_eq!((done.code, done.out.as_str()), (0, "fine: stdin (assistant-v8)\n"));
}

#[test]
fn what_disagrees_with_the_bootstrap_is_told() {
    let files = Files::new();
    let versions = json!({"blue": {"cluster": "llm-blue"}, "green": {"cluster": "llm-teal"}});
    let cases = [
        (
            json!({"versions": versions}),
            "versions.green.cluster: \"llm-teal\": is no cluster of the bootstrap, which has verdigris-shadow, llm-blue, llm-green",
        ),
        (
            json!({"default_cluster": "llm-green"}),
            "early header mutation puts \"llm-blue\" there, and default_cluster is \"llm-green\"",
        ),
        (
            json!({"version_header": "x-v"}),
            "version_header: \"x-v\": no early header mutation puts \"blue\" there",
        ),
    ];
    for (fields, expected) in cases {
        let file = files.add("filter.yaml", &filter_yaml(&config(fields).to_string()));
        let done = verdigris(&["check", &file, "envoy/envoy.yaml"]);
        assert_eq!(done.code, 0, "{done:?}");
        assert!(done.out.contains("warning: ") && done.out.contains(expected), "{done:?}");
        assert_eq!(verdigris(&["check", "--strict", &file, "envoy/envoy.yaml"]).code, 1);
    }
    // What a CDS server has is not known here.
    let cds = "dynamic_resources: {cds_config: {ads: {}}}";
    let cds = files.add("cds.yaml", cds);
    let versions = json!({"blue": {"cluster": "llm-blue"}, "green": {"cluster": "llm-teal"}});
    let file =
        files.add("filter.yaml", &filter_yaml(&config(json!({"versions": versions})).to_string()));
    assert_eq!(verdigris(&["check", "--strict", &file, "envoy/envoy.yaml", &cds]).code, 0);
}

#[test]
fn what_cannot_be_done_exits_with_2() {
    for arguments in [
        &["check"][..],
        &["check", "no-such-file"],
        &["check", "envoy/filter.yaml", "--from", "no-such-file"],
        &["check", "envoy/filter.yaml", "--from", "envoy/filter.yaml", "--step", "1"],
        &["unknown"],
        &["plan", "envoy/filter.yaml", "--rps", "0"],
        &["explain", "envoy/filter.yaml", "--at", "yesterday"],
        &["set-weights", "envoy/filter.yaml", "101"],
    ] {
        let done = verdigris(arguments);
        assert_eq!((done.code, done.out.as_str()), (2, ""), "{arguments:?}: {done:?}");
        assert!(!done.err.is_empty());
    }
    // The shipped one has weights.
    let done = verdigris(&["plan", "envoy/filter.yaml"]);
    assert_eq!(done.code, 1, "{done:?}");
    assert!(done.err.contains("write \"ramp\": {} in the place of weights"), "{done:?}");
}

#[test]
fn the_schema_is_printed() {
    let done = verdigris(&["check", "--schema"]);
    assert_eq!(done.out, include_str!("../../src/config/schema.json"));
}

#[test]
fn completions_and_the_man_page_are_printed() {
    for shell in ["bash", "zsh", "fish"] {
        let done = verdigris(&["completions", shell]);
        assert!(done.code == 0 && done.out.contains("set-weights"), "{done:?}");
    }
    let done = verdigris(&["man"]);
    for part in [".TH verdigris", ".SH \"SIMULATE\"", "regression", "Exit codes"] {
        assert!(done.code == 0 && done.out.contains(part), "{part}");
    }
}

#[test]
fn nothing_is_coloured_where_no_person_looks() {
    let done = verdigris(&["check", "envoy/filter.yaml", "no-such-file"]);
    assert!(!done.out.contains('\u{1b}') && !done.err.contains('\u{1b}'), "{done:?}");
    assert_eq!(told(&["check", "envoy/filter.yaml"])["files"][0]["rollouts"][0], "assistant-v8");
}
