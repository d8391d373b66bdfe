//! The shipped files, exit codes and output.

use serde_json::{Value, json};

use crate::run::{Files, config, json_output, verdigris};

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

/// The arguments, and a part of the error.
#[test]
fn wrong_arguments_have_a_fix() {
    let filter = "envoy/config/filter.yaml";
    let cases: [(&[&str], &str); 16] = [
        (&["plan", filter, "--users", "x"], "write a whole number from 2 to 10000000"),
        (&["plan", filter, "--users", "1"], "write a whole number from 2 to 10000000"),
        (&["plan", filter, "--workers", "0"], "write a whole number from 1 to 100000"),
        (&["plan", filter, "--rps", "-3"], "write a number above 0 and at most 1000000"),
        (&["plan", filter, "--regression", "-10%"], "write how much worse green is"),
        (&["simulate", filter, "--runs", "0"], "write a whole number from 1 to 1000000"),
        (&["simulate", filter, "--runs", "x"], "write a whole number from 1 to 1000000"),
        (&["simulate", filter, "--hours", "0"], "write a whole number from 1 to 8760"),
        (&["simulate", filter, "--seed", "x"], "write a whole number from 0\n"),
        (&["simulate", filter, "--shared", "-1"], "write a number from 0 to 1, such as 0.5"),
        (&["explain", filter, "--step", "x"], "write a whole number from 0\n"),
        (&["explain", filter, "--share", "-1"], "write a share in percent"),
        (&["check", filter, "--from", filter, "--step", "-1"], "write a whole number from 0\n"),
        (&["pause", "a:1", "--step", "x"], "write a whole number from 0, or shadow\n"),
        (&["set-weights", filter, "-5"], "-5: write a share in percent"),
        (&["weights", "-5", "5", "a:1"], "-5 5: write the weights of blue and green"),
    ];
    for (arguments, expected) in cases {
        let output = verdigris(arguments);
        assert_eq!((output.code, output.out.as_str()), (2, ""), "{arguments:?}: {output:?}");
        assert!(output.err.contains(expected), "{arguments:?}: {output:?}");
        // The same as JSON.
        let output = verdigris(&[&["--json"], arguments].concat());
        let report: Value = serde_json::from_str(&output.out).unwrap();
        let error = report["error"].as_str().unwrap();
        assert!(format!("{error}\n").contains(expected) && !error.starts_with("error:"), "{error}");
        assert!(!error.contains("--help") && output.code == 2, "{error}");
    }
    let files = Files::new();
    let ramp = files.add("ramp.json", &config(json!({"ramp": {}})).to_string());
    let rate = "write a rate from 0 to below 1, such as 0.03 or 3%";
    let cases: [(&[&str], String); 5] = [
        (&["plan", &ramp, "--refusal-rate", "x"], format!("--refusal-rate \"x\": {rate}")),
        (&["plan", &ramp, "--error-rate", "3"], format!("--error-rate \"3\": {rate}")),
        (&["plan", &ramp, "--error-rate", "-1"], format!("--error-rate \"-1\": {rate}")),
        (
            &["plan", &ramp, "--blue", "errors=1%", "--error-rate", "2%"],
            "--error-rate \"2%\": --blue has this rate already".to_owned(),
        ),
        (
            &["restart", &ramp, "--to", ""],
            "--to \"\": ramp.restart has this text already".to_owned(),
        ),
    ];
    for (arguments, expected) in cases {
        let output = verdigris(arguments);
        assert!(output.code == 2 && output.err.contains(&expected), "{arguments:?}: {output:?}");
    }
}

/// Neither has a report.
#[test]
fn man_and_completions_have_no_option_for_json() {
    for (command, has_it) in [("man", false), ("completions", false), ("check", true)] {
        let output = verdigris(&[command, "--help"]);
        assert_eq!(output.out.contains("--json"), has_it, "{output:?}");
    }
}

/// The line that says why the exit code is 1.
#[test]
fn strict_says_why_it_exits_with_1() {
    let files = Files::new();
    let weights = |green: u32| {
        let config = config(json!({"weights": {"blue": 100 - green, "green": green}}));
        files.add(&format!("{green}.json"), &config.to_string())
    };
    let (less, more) = (weights(2), weights(5));
    let output = verdigris(&["check", "--strict", &less, "--from", &more]);
    let last = "1 warning about the reload; --strict exits with 1\n";
    assert!(output.code == 1 && output.out.ends_with(last), "{output:?}");
    let output = verdigris(&["check", "--strict", &more, "--from", &less]);
    assert!(output.code == 0 && !output.out.contains("--strict"), "{output:?}");
    let output = verdigris(&["check", &less, "--from", &more]);
    assert!(output.code == 0 && !output.out.contains("--strict"), "{output:?}");
    let cookie =
        files.add("cookie.json", &config(json!({"unit": {"cookie": "u"}, "ramp": {}})).to_string());
    let output = verdigris(&["check", "--strict", &cookie]);
    assert!(
        output.code == 1 && output.out.ends_with("1 warning; --strict exits with 1\n"),
        "{output:?}"
    );
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
