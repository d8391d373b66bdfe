//! Whether Envoy accepts the filter's configuration.

use super::{CONSOLE, ENVOY, Expected, FILTER, findings, replaced, with_envoy, with_filter};
use crate::run::{Files, verdigris};

const WASM: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";

#[test]
fn errors_in_config_discovery_are_reported() {
    let default = "              default_config:
                \"@type\": type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation\n";
    for (envoy, kind, at, text) in [
        (
            replaced(ENVOY, "          - name: verdigris\n", "          - name: release\n"),
            "problem",
            "- name: release",
            "http_filters: \"release\": Envoy rejects the configuration in filter.yaml for it",
        ),
        (
            replaced(ENVOY, default, ""),
            "warning",
            "config_source:\n                path_config_source:\n                  path: config/filter.yaml",
            "config_discovery.default_config: \"missing\": if the configuration",
        ),
        (
            replaced(ENVOY, "http.wasm.v3.Wasm", "http.wasm.v2.Wasm"),
            "problem",
            "http.wasm.v2",
            "config_discovery.type_urls: \
             \"type.googleapis.com/envoy.extensions.filters.http.wasm.v2.Wasm\": does not have",
        ),
    ] {
        with_envoy(envoy).expect(&Expected { kind, file: "envoy.yaml", at, text });
    }
}

/// At the level debug Envoy's file watcher logs each change in a watched folder.
#[test]
fn a_watch_of_envoys_own_folder_is_reported() {
    const SHIPPED: &str =
        "path: config/filter.yaml\n                  watched_directory: {path: config}\n";
    let folder = |path: &str| format!("path: filter.yaml\n                  {path}\n");
    for (source, value, at) in [
        (folder("watched_directory: {path: .}"), ".", "{path: .}"),
        (folder("watched_directory: {path: ./}"), "./", "{path: ./}"),
        ("path: ./filter.yaml\n".to_owned(), "./filter.yaml", "path: ./filter.yaml"),
    ] {
        let field = "config_discovery.path_config_source";
        let text = format!("{field}: {value:?}: watches the folder in which Envoy runs");
        let envoy = ENVOY.replacen(SHIPPED, &source, 1);
        let (kind, file) = ("warning", "envoy.yaml");
        with_envoy(envoy).expect(&Expected { kind, file, at, text: &text });
    }
    for source in [
        folder("watched_directory: {path: /etc/envoy}"),
        "path: /etc/envoy/filter.yaml\n".to_owned(),
    ] {
        with_envoy(ENVOY.replacen(SHIPPED, &source, 1)).expect_none();
    }
}

#[test]
fn a_bootstrap_without_the_filter_is_reported() {
    let envoy = "static_resources:
  listeners:
  - filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          http_filters:
          - name: envoy.filters.http.router
  clusters: [{name: llm-blue}, {name: llm-green}]
";
    with_envoy(envoy.to_owned()).expect(&Expected {
        kind: "warning",
        file: "envoy.yaml",
        at: "- name: envoy.filters.http.router",
        text: "http_filters: no filter here reads filter.yaml",
    });
}

#[test]
fn errors_in_the_resource_are_reported() {
    let two = format!("{FILTER}{}", CONSOLE.split_once("resources:\n").unwrap().1);
    let second = "- \"@type\": type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig\n  \
                  name: verdigris-console";
    for (filter, at, text) in [
        (
            replaced(FILTER, "  name: verdigris\n  typed", "  name: release\n  typed"),
            "name: release",
            "name: \"release\": Envoy rejects it (\"Unexpected resource name\")",
        ),
        (
            replaced(FILTER, "resources:", "resource:"),
            "resource:",
            "resource: is an unknown field, so Envoy finds no resource: write resources",
        ),
        (
            replaced(FILTER, WASM, &WASM.replace("v3", "v2")),
            "wasm.v2",
            "@type: \"type.googleapis.com/envoy.extensions.filters.http.wasm.v2.Wasm\": is no type of \
             Envoy",
        ),
        (replaced(FILTER, "http.wasm.v3.Wasm", "http.wasm.v3.WASM"), "v3.WASM", "@type: "),
        (
            replaced(FILTER, "type.googleapis.com/envoy.ext", "envoy.ext"),
            "\"@type\": envoy.ext",
            "@type: ",
        ),
        (two, second, "resources: is a second resource"),
    ] {
        with_filter(filter).expect(&Expected { kind: "problem", file: "filter.yaml", at, text });
    }
}

#[test]
fn a_resource_in_a_file_of_another_name_may_be_for_any_filter() {
    let files = Files::new();
    files.add("verdigris.wasm", "\0asm");
    let envoy = files.add("envoy.yaml", ENVOY);
    for (name, kind) in [("verdigris", None), ("release", Some("problem"))] {
        let resource = format!("  name: {name}\n  typed");
        let filter = FILTER.replace("  name: verdigris\n  typed", &resource);
        let filter = files.add("new.yaml", &filter);
        let output = verdigris(&["check", "--json", &filter, &envoy]);
        let found = findings(&output);
        assert_eq!(found.first().map(|it| it.kind), kind, "{output:?}");
        assert_eq!(output.code, i32::from(kind.is_some()), "{output:?}");
    }
    // A spare file beside the one that the filter reads.
    let shipped = files.add("filter.yaml", FILTER);
    let output = verdigris(&[
        "check",
        "--json",
        &files.path("new.yaml").to_string_lossy(),
        &shipped,
        &envoy,
    ]);
    let found = findings(&output);
    let text =
        "name: \"release\": if an HTTP filter of this bootstrap reads the file, Envoy rejects it";
    let is_expected = |it: &super::FoundFinding| it.kind == "warning" && it.text.starts_with(text);
    assert!(found.iter().any(is_expected), "{output:?}");
}
