//! The shipped files, exit codes and output.

use crate::run::{json_output, verdigris};

#[test]
fn the_shipped_files_have_no_findings() {
    let shipped = ["envoy/config/filter.yaml", "envoy/config/console.yaml", "envoy/envoy.yaml"];
    let output = verdigris(&[&["check", "--strict"], &shipped[..]].concat());
    assert_eq!((output.code, output.err.as_str()), (0, ""), "{output:?}");
    let expected = "fine: envoy/config/filter.yaml (assistant-v8)\nfine: envoy/config/console.yaml (the console)\n\
                    fine: envoy/envoy.yaml\n";
    // There is no built `.wasm` in that folder.
    let note = output.out.strip_prefix(expected).unwrap();
    assert!(
        note.starts_with("note: envoy/config/filter.yaml:17:34: vm_config.code.local.filename: "),
        "{note}"
    );
    assert_eq!(note.lines().count(), 1, "{note}");
}

#[test]
fn a_command_that_cannot_be_run_exits_with_2() {
    for arguments in [
        &["check"][..],
        &["check", "no-such-file"],
        &["check", "envoy/config/filter.yaml", "--from", "no-such-file"],
        &["check", "envoy/config/filter.yaml", "--from", "envoy/config/filter.yaml", "--step", "1"],
        &["unknown"],
        &["plan", "envoy/config/filter.yaml", "--rps", "0"],
        &["explain", "envoy/config/filter.yaml", "--at", "yesterday"],
        &["set-weights", "envoy/config/filter.yaml", "101"],
    ] {
        let output = verdigris(arguments);
        assert_eq!((output.code, output.out.as_str()), (2, ""), "{arguments:?}: {output:?}");
        assert!(!output.err.is_empty());
    }
    // The shipped rollout has weights.
    let output = verdigris(&["plan", "envoy/config/filter.yaml"]);
    assert_eq!(output.code, 1, "{output:?}");
    assert!(output.err.contains("replace weights with \"ramp\": {}"), "{output:?}");
}

#[test]
fn the_schema_is_printed() {
    let output = verdigris(&["check", "--schema"]);
    assert_eq!(output.out, include_str!("../../../src/config/schema.json"));
}

#[test]
fn completions_and_the_man_page_are_printed() {
    for shell in ["bash", "zsh", "fish"] {
        let output = verdigris(&["completions", shell]);
        assert!(output.code == 0 && output.out.contains("set-weights"), "{output:?}");
    }
    let output = verdigris(&["man"]);
    for part in [".TH verdigris", ".SH \"SIMULATE\"", ".SH \"WATCH\"", "regression", "Exit codes"] {
        assert!(output.code == 0 && output.out.contains(part), "{part}");
    }
}

#[test]
fn output_without_a_terminal_has_no_colours() {
    let output = verdigris(&["check", "envoy/config/filter.yaml", "no-such-file"]);
    assert!(!output.out.contains('\u{1b}') && !output.err.contains('\u{1b}'), "{output:?}");
    assert_eq!(
        json_output(&["check", "envoy/config/filter.yaml"])["files"][0]["rollouts"][0],
        "assistant-v8"
    );
}
