//! Configurations in files: formats, positions, and errors around them.

use serde_json::{Value, json};

use crate::run::{Files, config, filter_yaml, verdigris, verdigris_with};

#[test]
fn an_error_has_the_line_of_its_field() {
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
    let in_map = |file: &str, text: &str| {
        let text: String = text.lines().map(|line| format!("    {line}\n")).collect();
        format!(
            "apiVersion: v1\nkind: ConfigMap\ndata:\n  a.json: '{{\"b\": 1}}'\n  {file}: |\n{text}"
        )
    };
    let cases = [
        ("map.yaml", in_map("filter.yaml", &yaml), [first + 6, first + 10]),
        ("json-map.yaml", in_map("filter.json", text), [7, 11]),
        ("plain.json", text.to_owned(), [2, 6]),
        ("filter.yaml", yaml.clone(), [first + 1, first + 5]),
        ("quoted.yaml", quoted, [first - 1, first - 1]),
        ("istio.yaml", istio, [13, 17]),
    ];
    for (name, text, lines) in cases {
        let file = files.add(name, &text);
        let output = verdigris(&["check", &file, "--json"]);
        assert_eq!(output.code, 1, "{output:?}");
        let report: Value = serde_json::from_str(&output.out).unwrap();
        let problems: Vec<_> = report["problems"].as_array().unwrap().iter().collect();
        let positions: Vec<_> = problems.iter().map(|it| (&it["line"], &it["field"])).collect();
        let expected = [json!("rollout"), json!("versions.green.cluster")];
        let lines = lines.map(Value::from);
        let expected: Vec<_> = lines.iter().zip(&expected).collect();
        assert_eq!(positions, expected, "{name}");
        assert_eq!(problems[0]["value"], "\"V8\"");
        assert!(problems[0]["mend"].as_str().unwrap().starts_with("use 1 to 63"));
        let output = verdigris(&["check", &file]);
        assert!(
            output.out.contains(&format!("{file}:{}: rollout: \"V8\": use", lines[0])),
            "{output:?}"
        );
        assert!(output.out.ends_with("2 problems\n"), "{output:?}");
    }
}

/// A file, and a part of the finding.
#[test]
fn errors_outside_of_the_plugin_configuration_are_problems() {
    let plain = config(json!({})).to_string();
    let by_body =
        config(json!({"conversation": {"id": {"pointer": "/conversation/id"}}})).to_string();
    let by_vote = config(json!({"feedback": {"path": "/f", "thumb": "/t"}})).to_string();
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
        (
            filter_yaml(&by_vote)
                .replace("allow_on_headers_stop_iteration: true", "fail_open: false"),
            "allow_on_headers_stop_iteration: missing or false: write true",
        ),
        ("a: [1".to_owned(), "YAML: while parsing"),
        ("hello".to_owned(), "file: is neither a plugin configuration"),
        ("{\"rollout\": ".to_owned(), ":1: plugin configuration: \"{\\\"rollout\\\": \": EOF"),
        ("a: &a [*a]".to_owned(), "YAML: an alias refers to a node that contains it"),
        (
            shipped.replace("      root_id", "      configuration: {}\n      root_id"),
            ": configuration: occurs twice in a map, of which Envoy uses the last",
        ),
        (
            shipped.replace("      root_id", "      rootId: other\n      root_id"),
            ": root_id: occurs twice in a map",
        ),
        ("\u{feff}{}".to_owned(), ":1: file: begins with a byte order mark"),
        // An unknown field does not make it a bootstrap.
        (config(json!({"node": {}})).to_string(), ":1: node: {}: "),
        ("{\"role\": \"console\", \"admin\": 1}".to_owned(), ":1: admin: 1: "),
    ];
    for (text, expected) in cases {
        let output = verdigris_with(&["check", "-"], &text);
        assert_eq!(output.code, 1, "{text}\n{output:?}");
        assert!(output.out.contains(expected), "{output:?}\n{expected}");
    }
    let output = verdigris_with(&["check", "-"], &filter_yaml(&by_body));
    assert_eq!((output.code, output.out.as_str()), (0, "fine: stdin (assistant-v8)\n"));
}

#[test]
fn a_filter_is_recognized_in_any_notation() {
    let wrong = filter_yaml(&config(json!({"rollout": "V8"})).to_string());
    let fine = filter_yaml(
        &config(json!({"conversation": {"id": {"pointer": "/conversation/id"}}})).to_string(),
    );
    let names = ["type_url", "root_id", "vm_config", "allow_on_headers_stop_iteration"];
    let camels = ["typeUrl", "rootId", "vmConfig", "allowOnHeadersStopIteration"];
    let camel = |yaml: &str| {
        names.iter().zip(camels).fold(yaml.to_owned(), |yaml, (name, it)| yaml.replace(name, it))
    };
    let no_root = |yaml: &str| yaml.replace("      root_id: verdigris\n", "");
    let no_wasm = |yaml: &str| yaml.replace("verdigris.wasm", "filter.wasm");
    let other_root = |yaml: &str| yaml.replace("root_id: verdigris", "root_id: other");
    let notations: [&dyn Fn(&str) -> String; 6] = [
        &camel,
        &no_root,
        &other_root,
        &|yaml| no_wasm(&no_root(yaml)),
        &|yaml| no_wasm(yaml),
        &|yaml| camel(&other_root(yaml)),
    ];
    for notation in notations {
        let output = verdigris_with(&["check", "-"], &notation(&wrong));
        assert_eq!(output.code, 1, "{}\n{output:?}", notation(&wrong));
        assert!(output.out.contains("rollout: \"V8\": use"), "{output:?}");
        let output = verdigris_with(&["check", "-"], &notation(&fine));
        assert_eq!((output.code, output.out.as_str()), (0, "fine: stdin (assistant-v8)\n"));
    }
    // Another Wasm filter is ignored.
    let other = no_wasm(&other_root(&filter_yaml("{\"rules\": []}")));
    let output = verdigris_with(&["check", "-"], &other);
    assert_eq!(output.code, 1, "{output:?}");
    assert!(output.out.contains("no Verdigris configuration found"), "{output:?}");
    // Booleans as Envoy's YAML parser reads them.
    let truths = [("yes", 0), ("True", 0), ("ON", 0), ("y", 0), ("tRUE", 1), ("no", 1)];
    for (truth, code) in truths.into_iter().chain([("\"true\"", 0), ("\"yes\"", 1)]) {
        let yaml = fine.replace("iteration: true", &format!("iteration: {truth}"));
        let output = verdigris_with(&["check", "-"], &yaml);
        assert_eq!(output.code, code, "{truth}: {output:?}");
    }
}
