//! Configurations in files: formats, positions, and errors around them.

use serde_json::{Value, json};

use crate::run::{Files, config, filter_yaml, struct_yaml, verdigris, verdigris_with};

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
    let as_yaml = "rollout: V8 # a name\n\nunit: {header: u}\nversions:\n  blue: {cluster: b}\n  \
                   green: {cluster: ' g'}\n";
    let as_yaml = struct_yaml(as_yaml);
    let tagged = as_yaml.replace("V8", "&name V8").replace("' g'", "!x &g  ' g'");
    let anchored = yaml.replace("value: |", "value: &v | # JSON");
    assert!(tagged != as_yaml && anchored != yaml);
    let cases = [
        ("tagged.yaml", tagged, [first, first + 5]),
        ("anchored.yaml", anchored, [first + 1, first + 5]),
        ("struct-map.yaml", in_map("filter.yaml", &as_yaml), [first + 5, first + 10]),
        ("struct.yaml", as_yaml, [first, first + 5]),
        ("blank-map.yaml", in_map("filter.yaml", &format!("\n\n{yaml}")), [first + 8, first + 12]),
        ("map.yaml", in_map("filter.yaml", &yaml), [first + 6, first + 10]),
        ("json-map.yaml", in_map("filter.json", text), [7, 11]),
        ("plain.json", text.to_owned(), [2, 6]),
        ("blank.json", format!("\n \n  {text}"), [4, 8]),
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
        // The columns are those of the values, or of the quotes around all.
        for (problem, value) in problems.iter().zip(["V8", " g"]) {
            let [line, column] =
                ["line", "column"].map(|it| problem[it].as_u64().unwrap() as usize);
            let line = text.lines().nth(line - 1).unwrap();
            let at: String = line.chars().skip(column - 1).collect();
            let is_there = at.trim_start_matches(['"', '\'']).starts_with(value);
            assert!(is_there || name == "quoted.yaml" && at.starts_with('"'), "{name}: {at}");
        }
        assert_eq!(problems[0]["value"], "\"V8\"");
        assert!(problems[0]["mend"].as_str().unwrap().starts_with("use 1 to 63"));
        let output = verdigris(&["check", &file]);
        assert!(
            output.out.contains(&format!(
                "{file}:{}:{}: rollout: \"V8\": use",
                lines[0], problems[0]["column"]
            )),
            "{output:?}"
        );
        assert!(output.out.ends_with("2 problems\n"), "{output:?}");
    }
}

/// A configuration, and the lines below its first problem.
#[test]
fn a_problem_shows_its_line_with_a_caret() {
    let green = |pin: &str| config(json!({"pins": {"green": [pin, 1]}})).to_string();
    let (short, long) = (green("ä"), green(&"ä".repeat(200)));
    let start: String = short.chars().take(90).collect();
    let at = 1 + short[..short.find(",1]").unwrap() + 1].chars().count();
    let cases = [
        (
            "{\n\t\"rollout\": 1\n}".to_owned(),
            "     2 | \t\"rollout\": 1\n       | \t           ^\n".to_owned(),
        ),
        (
            "{\"rollout\":1}".to_owned(),
            format!("     1 | {{\"rollout\":1}}\n       | {:>12}\n", "^"),
        ),
        (short.clone(), format!("     1 | {start}…\n       | {:>at$}\n", "^")),
        (long, format!("     1 | …{}\",1]}},", "ä".repeat(58))),
        (
            struct_yaml("rollout: a\nunit: {header: u, heder: v}\n"),
            format!("       | {:>29}\n", "^"),
        ),
    ];
    for (text, expected) in cases {
        let output = verdigris_with(&["check", "-"], &text);
        assert!(output.out.contains(&expected), "{}\n{expected}", output.out);
        // An error of another command has the same position and lines.
        let file = Files::new();
        let error =
            verdigris(&["plan", &file.add("file", &text), "--users", "9", "--rps", "1"]).err;
        assert!(error.contains(&expected), "{error}\n{expected}");
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
            shipped.replace("StringValue", "BytesValue"),
            "configuration.@type: type.googleapis.com/google.protobuf.BytesValue: write",
        ),
        (
            shipped.replace("StringValue", "Struct"),
            "configuration.value: write the fields of the plugin configuration below value:",
        ),
        (
            struct_yaml("rollout: a").replace("Struct", "StringValue"),
            "configuration.value: write JSON text, such as after value: |, or use google.protobuf.Struct",
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
        ("{\"rollout\": ".to_owned(), ":1:12: plugin configuration: \"{\\\"rollout\\\": \": EOF"),
        ("a: &a [*a]".to_owned(), "YAML: an alias refers to a node that contains it"),
        (
            shipped.replace("      root_id", "      configuration: {}\n      root_id"),
            ": configuration: occurs twice in a map, of which Envoy uses the last",
        ),
        (
            shipped.replace("      root_id", "      rootId: other\n      root_id"),
            ": root_id: occurs twice in a map",
        ),
        ("\u{feff}{}".to_owned(), ":1:1: file: begins with a byte order mark"),
        // An unknown field does not make it a bootstrap.
        (config(json!({"node": {}})).to_string(), ": node: {}: "),
        ("{\"role\": \"console\", \"admin\": 1}".to_owned(), ":1:21: admin: 1: "),
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

const YAML: &str = "rollout: assistant-v8
unit: {header: x-user-id}
versions:
  blue: {cluster: llm-blue}
  green: {cluster: llm-green}
weights: {blue: 95, green: 5}
";

/// What is appended to a configuration in YAML, and the problem with its line there.
#[test]
fn a_configuration_as_yaml_is_checked_as_json_text_is() {
    let first = line_of_value(&struct_yaml(YAML));
    for (added, line, expected) in [
        ("wieghts: {}", 7, "wieghts: {}: unknown field; did you mean weights?"),
        (
            "pins:\n  green: [qa-7]\n  grean: []",
            9,
            "pins.grean: []: unknown field; did you mean green?",
        ),
        ("rollout: b", 7, "rollout is written twice"),
        ("pins: {blue: [a], blue: [b]}", 7, "blue is written twice"),
        // Envoy reads it as true.
        ("default_cluster: on", 7, "default_cluster: true: is not a string"),
        ("force_header: 12", 7, "force_header: 12: is not a string"),
        ("max_request_body: 1.5", 7, "max_request_body: \"1.5\": is not a whole number"),
        ("max_request_body: 3000000000", 7, "max_request_body: 3000000000: "),
    ] {
        let output =
            verdigris_with(&["check", "-", "--json"], &struct_yaml(&format!("{YAML}{added}")));
        assert_eq!(output.code, 1, "{output:?}");
        let report: Value = serde_json::from_str(&output.out).unwrap();
        let [problem] = report["problems"].as_array().unwrap().as_slice() else {
            panic!("{added}: {output:?}")
        };
        assert_eq!(problem["line"], first + line - 1, "{output:?}");
        let output = verdigris_with(&["check", "-"], &struct_yaml(&format!("{YAML}{added}")));
        assert!(output.out.contains(expected), "{output:?}\n{expected}");
    }
    for added in ["", "max_request_body: 0x1000\n", "answers: {}\n", "pins: {green: [yes-7]}\n"] {
        let yaml = struct_yaml(&format!("{YAML}{added}"));
        let output = verdigris_with(&["check", "--strict", "-"], &yaml);
        assert_eq!((output.code, output.out.as_str()), (0, "fine: stdin (assistant-v8)\n"));
    }
    // The console is recognized in the bootstrap as well.
    let files = Files::new();
    files.add("verdigris.wasm", "\0asm");
    let console =
        crate::check::CONSOLE.split_once("value: ").unwrap().0.replace("StringValue", "Struct");
    let console = files.add("console.yaml", &format!("{console}value: {{role: console}}\n"));
    let [filter, envoy] = [super::FILTER, super::ENVOY];
    let [filter, envoy] = [files.add("filter.yaml", filter), files.add("envoy.yaml", envoy)];
    let output = verdigris(&["check", "--strict", &filter, &console, &envoy]);
    assert_eq!(output.code, 0, "{output:?}");
    let output = verdigris_with(&["check", "--strict", "-"], &struct_yaml("role: console"));
    assert_eq!((output.code, output.out.as_str()), (0, "fine: stdin (the console)\n"));
}

/// The line after `value:`.
fn line_of_value(yaml: &str) -> usize {
    2 + yaml[..yaml.find("value:\n").unwrap()].matches('\n').count()
}

/// Reads a configuration as YAML as it reads its JSON.
#[test]
fn commands_read_a_configuration_as_yaml() {
    let files = Files::new();
    let ramp = "ramp:\n  steps: [1, 12.5, {percent: 50, approve: true}, 100]\n  bake: 10m\n";
    let yaml = YAML.replace("weights: {blue: 95, green: 5}\n", ramp);
    let json = config(json!({
        "ramp": {"steps": [1, 12.5, {"percent": 50, "approve": true}, 100], "bake": "10m"},
    }));
    let yaml = files.add("filter.yaml", &struct_yaml(&yaml));
    let json = files.add("filter.json", &json.to_string());
    files.add("verdigris.wasm", "\0asm");
    for arguments in [
        &["plan", "FILE", "--users", "7000", "--rps", "10"][..],
        &["explain", "FILE", "--unit", "ada", "--step", "1"],
        &["simulate", "FILE", "--users", "700", "--rps", "5", "--runs", "2"],
        &["check", "FILE", "--from", "FILE"],
    ] {
        let run = |file: &str| {
            let arguments: Vec<&str> =
                arguments.iter().map(|it| if *it == "FILE" { file } else { it }).collect();
            let output = verdigris(&arguments);
            (output.code, output.out.replace(file, "FILE"), output.err.replace(file, "FILE"))
        };
        let (code, out, err) = run(&yaml);
        assert_eq!(code, 0, "{arguments:?}: {out}{err}");
        assert_eq!((code, out), (run(&json).0, run(&json).1), "{arguments:?}");
    }
}
