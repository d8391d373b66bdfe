//! The files that are checked.

use super::{CONSOLE, ENVOY, FILTER};
use crate::run::{Files, verdigris, verdigris_with};

#[test]
fn files_without_a_verdigris_configuration_are_a_problem() {
    let other = "static_resources: {clusters: [{name: a}]}\n";
    for text in [other, "admin: {}\n", "kind: Deployment\n", "hello"] {
        let output = verdigris_with(&["check", "-"], text);
        assert_eq!(output.code, 1, "{text}: {output:?}");
        assert!(output.out.contains("no Verdigris configuration found"), "{output:?}");
        assert!(!output.out.contains("fine"), "{output:?}");
    }
}

#[test]
fn a_bootstrap_alone_names_the_file_with_the_plugin_configuration() {
    let output = verdigris(&["check", "--strict", "envoy/envoy.yaml"]);
    assert_eq!(output.code, 0, "{output:?}");
    let expected = "http_filters: \"verdigris\": has its plugin configuration in filter.yaml, which was not checked";
    assert!(output.out.contains(expected), "{output:?}");
}

/// The shipped file for emergencies.
#[test]
fn a_filter_that_is_taken_out_is_recognised() {
    const OFF: &str = include_str!("../../../envoy/filter-off.yaml");
    let files = Files::new();
    files.add("verdigris.wasm", "\0asm");
    let off = files.add("filter.yaml", OFF);
    let [envoy, console] = [("envoy.yaml", ENVOY), ("console.yaml", CONSOLE)]
        .map(|(name, text)| files.add(name, text));
    let folder = files.folder().to_str().unwrap().to_owned();
    let note = "resources: \"verdigris\": the filter is out: all users are on blue\n";
    let all: [&[&str]; 4] = [&[&off], &[&off, &envoy], &[&off, &envoy, &console], &[&folder]];
    for names in all {
        let output = verdigris(&[&["check", "--strict"], names].concat());
        assert_eq!(output.code, 0, "{output:?}");
        assert!(output.out.contains(note), "{output:?}");
        assert!(!output.out.contains("was not checked"), "{output:?}");
    }
    // Beside the filter's own file, or without one that Envoy reads, it is a spare.
    for is_given in [true, false] {
        let files = Files::new();
        for (name, text) in
            [("verdigris.wasm", "\0asm"), ("filter-off.yaml", OFF), ("envoy.yaml", ENVOY)]
        {
            files.add(name, text);
        }
        if is_given {
            files.add("filter.yaml", FILTER);
        }
        let output = verdigris(&["check", files.folder().to_str().unwrap()]);
        assert_eq!(output.code, 0, "{output:?}");
        assert!(!output.out.contains("is out"), "{output:?}");
        let is_missing = output.out.contains("in filter.yaml, which was not checked");
        assert_eq!(is_missing, !is_given, "{output:?}");
    }
    for changed in [
        OFF.replace("name: verdigris", "name: other"),
        format!("{OFF}    mutations: {{request_mutations: [{{remove: a}}]}}\n"),
    ] {
        let output = verdigris_with(&["check", "-"], &changed);
        assert_eq!(output.code, 1, "{output:?}");
    }
}

#[test]
fn of_a_folder_only_files_with_a_configuration_are_checked() {
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
    let output = verdigris(&["check", "--strict", folder]);
    assert_eq!(output.code, 0, "{output:?}");
    let names: Vec<_> = output.out.lines().map(|it| it.rsplit('/').next().unwrap()).collect();
    assert_eq!(names, ["console.yaml (the console)", "envoy.yaml", "filter.yaml (assistant-v8)"]);
    // Other programs have files in other encodings.
    let add = |bytes: &[u8]| std::fs::write(files.folder().join("other.json"), bytes).unwrap();
    add(b"{\"a\": \"\xff\"}");
    assert_eq!(verdigris(&["check", "--strict", folder]).code, 0);
    add(b"{\"rollout\": \"verdigris\xff\"}");
    let output = verdigris(&["check", folder]);
    assert!(output.code == 2 && output.err.contains("is not a text file in UTF-8"), "{output:?}");
    std::fs::remove_file(files.folder().join("other.json")).unwrap();
    files.add("filter.yaml", &FILTER.replace("resources:", "resources: ["));
    assert_eq!(verdigris(&["check", folder]).code, 1);
    let empty = Files::new();
    let output = verdigris(&["check", empty.folder().to_str().unwrap()]);
    assert_eq!(output.code, 1, "{output:?}");
    assert!(output.err.contains("no Verdigris configuration found"), "{output:?}");
}
