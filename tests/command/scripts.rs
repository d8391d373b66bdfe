//! Exit codes and errors, as scripts need them.

use std::fs::File;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::run::{Files, config, verdigris};

#[test]
fn errors_are_printed_as_json_too() {
    let files = Files::new();
    let weights = files.add("w.json", &config(json!({})).to_string());
    let ramp = files.add("r.json", &config(json!({"ramp": {"bake": "2h"}})).to_string());
    let refused = files.add("x.json", "{}");
    let every = json!({"ramp": {"evidence": "every_request"}});
    let every = files.add("e.json", &config(every).to_string());
    let cases: [(&[&str], i32, &str); 7] = [
        (&["plan", &weights], 1, "w.json: the configuration has no ramp"),
        (&["explain", &refused], 1, "rollout: missing"),
        (&["set-weights", &ramp, "5"], 1, "this rollout has a ramp"),
        (&["check", "nowhere.json"], 2, "nowhere.json"),
        (&["plan", &ramp, "--regression", "+99999%"], 2, "green's rate would be above 1"),
        (&["simulate", &ramp, "--hours", "1"], 2, "no step ends before its bake time"),
        (&["simulate", &every, "--users", "100"], 2, "the ramp counts every request"),
    ];
    for (arguments, code, why) in cases {
        let output = verdigris(&[arguments, &["--json"]].concat());
        assert_eq!(output.code, code, "{output:?}");
        let report: Value =
            serde_json::from_str(&output.out).unwrap_or_else(|_| panic!("{output:?}"));
        assert!(report["error"].as_str().unwrap().contains(why), "{output:?}");
        assert!(output.err.contains(why), "{output:?}");
    }
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    let files = Files::new();
    let file = files.add("w.json", &config(json!({})).to_string());
    for arguments in [&["check", &file][..], &["explain", &file, "--json"], &["man"]] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_verdigris"));
        let status = command.args(arguments).stdout(full).stderr(Stdio::null()).status().unwrap();
        assert_eq!(status.code(), Some(2), "{arguments:?}");
    }
}
