//! `verdigris check`.

use serde_json::{Value, json};

use super::run::{Files, config, filter_yaml, told, verdigris, verdigris_with};

#[test]
fn what_is_shipped_is_fine() {
    let shipped = ["envoy/filter.yaml", "envoy/console.yaml", "envoy/envoy.yaml"];
    let done = verdigris(&[&["check", "--strict"], &shipped[..]].concat());
    assert_eq!((done.code, done.err.as_str()), (0, ""), "{done:?}");
    let expected = "fine: envoy/filter.yaml (assistant-v8)\nfine: envoy/console.yaml (the console)\n\
                    fine: envoy/envoy.yaml\n";
    // The project has no built `.wasm` in that folder.
    let note = done.out.strip_prefix(expected).unwrap();
    assert!(
        note.starts_with("note: envoy/filter.yaml:17: vm_config.code.local.filename: "),
        "{note}"
    );
    assert_eq!(note.lines().count(), 1, "{note}");
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
        ("hello".to_owned(), "file: holds neither a plugin configuration"),
        ("{\"rollout\": ".to_owned(), ":1: plugin configuration: \"{\\\"rollout\\\": \": EOF"),
        ("a: &a [*a]".to_owned(), "YAML: an alias stands within"),
        (
            shipped.replace("      root_id", "      configuration: {}\n      root_id"),
            ": configuration: is written twice in one map, of which Envoy takes the last",
        ),
        (
            shipped.replace("      root_id", "      rootId: other\n      root_id"),
            ": root_id: is written twice in one map",
        ),
        ("\u{feff}{}".to_owned(), ":1: file: begins with a byte order mark"),
        // What an unknown field makes of it is no bootstrap.
        (config(json!({"node": {}})).to_string(), ":1: node: {}: "),
        ("{\"role\": \"console\", \"admin\": 1}".to_owned(), ":1: admin: 1: "),
    ];
    for (text, expected) in cases {
        let done = verdigris_with(&["check", "-"], &text);
        assert_eq!(done.code, 1, "{text}\n{done:?}");
        assert!(done.out.contains(expected), "{done:?}\n{expected}");
    }
    let done = verdigris_with(&["check", "-"], &filter_yaml(&by_body));
    assert_eq!((done.code, done.out.as_str()), (0, "fine: stdin (assistant-v8)\n"));
}

#[test]
fn a_filter_is_known_however_it_is_written() {
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
    let ways: [&dyn Fn(&str) -> String; 6] = [
        &camel,
        &no_root,
        &other_root,
        &|yaml| no_wasm(&no_root(yaml)),
        &|yaml| no_wasm(yaml),
        &|yaml| camel(&other_root(yaml)),
    ];
    for way in ways {
        let done = verdigris_with(&["check", "-"], &way(&wrong));
        assert_eq!(done.code, 1, "{}\n{done:?}", way(&wrong));
        assert!(done.out.contains("rollout: \"V8\": use"), "{done:?}");
        let done = verdigris_with(&["check", "-"], &way(&fine));
        assert_eq!((done.code, done.out.as_str()), (0, "fine: stdin (assistant-v8)\n"));
    }
    // Another's filter is none of ours.
    let other = no_wasm(&other_root(&filter_yaml("{\"rules\": []}")));
    let done = verdigris_with(&["check", "-"], &other);
    assert_eq!(done.code, 1, "{done:?}");
    assert!(done.out.contains("no Verdigris configuration found"), "{done:?}");
    // What Envoy's reader takes for true.
    let truths = [("yes", 0), ("True", 0), ("ON", 0), ("y", 0), ("tRUE", 1), ("no", 1)];
    for (truth, code) in truths.into_iter().chain([("\"true\"", 0), ("\"yes\"", 1)]) {
        let yaml = fine.replace("iteration: true", &format!("iteration: {truth}"));
        let done = verdigris_with(&["check", "-"], &yaml);
        assert_eq!(done.code, code, "{truth}: {done:?}");
    }
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
    let shipped = include_str!("../../envoy/envoy.yaml");
    let appends = shipped.replacen(OVERWRITE, "", 1);
    let (before, rest) = shipped.split_once("          early_header_mutation_ext").unwrap();
    let (_, after) = rest.split_once("          route_config:").unwrap();
    let (_, naked) = before.split_once("  - name: llm\n").unwrap();
    let (routes, _) = after.split_once("  # Gets a copy").unwrap();
    let naked = format!("  - name: naked\n{naked}          route_config:{routes}");
    let two = shipped.replacen("  - name: llm\n", &format!("{naked}  - name: llm\n"), 1);
    let no_route = shipped.replace("cluster_header: x-verdigris-cluster", "cluster: llm-blue");
    let removed_first = appends.replacen(
        "              - append:",
        "              - remove: x-verdigris-cluster\n              - append:",
        1,
    );
    for (envoy, expected) in [
        (appends, "cluster_header: \"x-verdigris-cluster\": early header mutation only adds"),
        (two, "in the listener \"naked\" no early header mutation puts \"llm-blue\" there"),
        (no_route, "cluster_header: \"x-verdigris-cluster\": no route has it as its"),
        (removed_first, ""),
    ] {
        let envoy = files.add("envoy.yaml", &envoy);
        let done = verdigris(&["check", "--strict", "envoy/filter.yaml", &envoy]);
        assert_eq!(done.code, i32::from(!expected.is_empty()), "{expected}: {done:?}");
        assert!(done.out.contains(expected), "{expected}: {done:?}");
    }
    // Which of the listeners comes first does not matter.
    let shadow_first =
        include_str!("../../envoy/envoy.yaml").replacen("  - name: llm\n", SHADOW, 1);
    let envoy = files.add("envoy.yaml", &shadow_first);
    let done = verdigris(&["check", "--strict", "envoy/filter.yaml", &envoy]);
    assert_eq!(done.code, 0, "{done:?}");
    // What a CDS server has is not known here.
    let cds = "dynamic_resources: {cds_config: {ads: {}}}";
    let cds = files.add("cds.yaml", cds);
    let versions = json!({"blue": {"cluster": "llm-blue"}, "green": {"cluster": "llm-teal"}});
    let file =
        files.add("filter.yaml", &filter_yaml(&config(json!({"versions": versions})).to_string()));
    assert_eq!(verdigris(&["check", "--strict", &file, "envoy/envoy.yaml", &cds]).code, 0);
}

const OVERWRITE: &str = "\n                  append_action: OVERWRITE_IF_EXISTS_OR_ADD";

/// A listener of a shadow, and the beginning of the one that it stands before.
const SHADOW: &str = r#"  - name: another-shadow
    internal_listener: {}
    metadata: {filter_metadata: {verdigris: {role: shadow}}}
    filter_chains:
    - filters:
      - typed_config:
          early_header_mutation_extensions:
          - typed_config:
              mutations:
              - remove: x-verdigris-cluster
              - append: {header: {key: x-verdigris-version, value: shadow}}
  - name: llm
"#;

#[test]
fn a_shadow_s_way_is_looked_for() {
    let files = Files::new();
    let shipped = include_str!("../../envoy/envoy.yaml");
    let shadow = json!({"shadow": {"percent": 10}});
    let filter = files.add("filter.yaml", &filter_yaml(&config(shadow).to_string()));
    let cases = [
        (shipped.to_owned(), None),
        (
            shipped.replace("request_mirror_policies", "no_mirror_policies"),
            Some("no route that has request_mirror_policies matches it"),
        ),
        (
            shipped.replace("- remove: x-verdigris-shadow", "- remove: x-other"),
            Some("no early header mutation removes it, so a client may have its requests copied"),
        ),
        (
            shipped.replace("verdigris: {role: shadow}", "verdigris: {role: release}"),
            Some("no listener's metadata say verdigris.role: shadow"),
        ),
        (
            shipped.replace("- remove: x-verdigris-cluster", "- remove: x-other"),
            Some("the shadow's listener does not remove x-verdigris-cluster early"),
        ),
    ];
    for (envoy, expected) in cases {
        let envoy = files.add("envoy.yaml", &envoy);
        let done = verdigris(&["check", &filter, &envoy, "--strict"]);
        assert_eq!(done.code, i32::from(expected.is_some()), "{done:?}");
        let expected = expected.map(|it| format!("shadow.header: \"x-verdigris-shadow\": {it}"));
        assert!(done.out.contains(&expected.unwrap_or_default()), "{done:?}");
    }
    // A configuration of its own has the listener need no metadata.
    let own = files.add("shadow.json", &config(json!({"role": "shadow"})).to_string());
    let envoy = shipped.replace("verdigris: {role: shadow}", "verdigris: {}");
    let envoy = files.add("envoy.yaml", &envoy);
    let done = verdigris(&["check", &filter, &own, &envoy]);
    assert!(!done.out.contains("metadata"), "{done:?}");
}

#[test]
fn a_console_s_configuration_is_checked_as_one() {
    let files = Files::new();
    let console = filter_yaml("{\"role\": \"console\"}")
        .replace("  name: verdigris\n  typed_config", "  name: verdigris-console\n  typed_config");
    let file = files.add("console.yaml", &console);
    let done = verdigris(&["check", "--strict", &file, "envoy/filter.yaml", "envoy/envoy.yaml"]);
    assert_eq!((done.code, done.err.as_str()), (0, ""), "{done:?}");
    assert!(done.out.contains(&format!("fine: {file} (the console)\n")), "{done:?}");
    assert_eq!(told(&["check", &file])["files"][0]["consoles"], 1);
    let wrong =
        files.add("wrong.json", r#"{"role": "console", "console": {"hosts": ["http://a"]}}"#);
    let done = verdigris(&["check", &wrong]);
    assert_eq!(done.code, 1);
    assert!(done.out.contains(":1: console.hosts[0]: \"http://a\": write a host name"), "{done:?}");

    // Another VM knows of no rollout.
    let filter = filter_yaml(&config(json!({})).to_string());
    let filter = files.add("filter.yaml", &filter);
    for (part, other) in
        [("vm_id: verdigris", "vm_id: console"), ("VERDIGRIS_CONSOLE_TOKEN", "OTHER")]
    {
        let alone = files.add("alone.yaml", &console.replace(part, other));
        let done = verdigris(&["check", &filter, &alone]);
        assert_eq!(done.code, 0, "{done:?}");
        assert!(done.out.contains("vm_config: is another one: write all of it as "), "{done:?}");
    }
    let waits = console.replace("allow_on_headers_stop_iteration: true", "fail_open: false");
    let done = verdigris_with(&["check", "-"], &waits);
    assert_eq!(done.code, 1, "{done:?}");
    assert!(done.out.contains("an order is answered before its body has come"), "{done:?}");
    let done = verdigris_with(&["check", "-"], &waits.replace("VERDIGRIS_CONSOLE_TOKEN", "OTHER"));
    assert_eq!(done.code, 0, "nobody can order anything: {done:?}");

    // It is no rollout's.
    for arguments in [
        &["explain", &file, "--unit", "a"][..],
        &["plan", &file],
        &["simulate", &file],
        &["set-weights", &file, "25"],
    ] {
        let done = verdigris(arguments);
        assert_eq!(done.code, 1, "{done:?}");
        let why = "role: \"console\": this configures the console, not a rollout";
        assert!(done.err.contains(why), "{done:?}");
    }
    // Beside a rollout it is not asked for.
    let both = files.add(
        "both.yaml",
        &format!("{}---\n{console}", filter_yaml(&config(json!({})).to_string())),
    );
    assert_eq!(told(&["explain", &both, "--unit", "ada"])["version"], "blue");
    let done = verdigris(&["check", &both]);
    assert_eq!(done.code, 1, "{done:?}");
    assert!(done.out.contains("YAML: begins a second document, and Envoy reads only"), "{done:?}");
    let (filter, (_, resource)) =
        (std::fs::read_to_string(&filter).unwrap(), console.split_once("resources:\n").unwrap());
    let both = files.add("both.yaml", &format!("{filter}{resource}"));
    // Envoy takes one resource a file, but another program may write both into one.
    let done = verdigris(&["check", &both]);
    assert_eq!(done.code, 1, "{done:?}");
    assert!(done.out.contains("resources: is a second resource"), "{done:?}");
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
    for part in [".TH verdigris", ".SH \"SIMULATE\"", ".SH \"WATCH\"", "regression", "Exit codes"] {
        assert!(done.code == 0 && done.out.contains(part), "{part}");
    }
}

#[test]
fn nothing_is_coloured_where_no_person_looks() {
    let done = verdigris(&["check", "envoy/filter.yaml", "no-such-file"]);
    assert!(!done.out.contains('\u{1b}') && !done.err.contains('\u{1b}'), "{done:?}");
    assert_eq!(told(&["check", "envoy/filter.yaml"])["files"][0]["rollouts"][0], "assistant-v8");
}
