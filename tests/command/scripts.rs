//! Exit codes and errors, as scripts need them.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
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

/// The script changes its folder before it runs Envoy.
#[test]
fn the_start_script_takes_envoy_by_a_path_relative_to_the_caller() {
    let folder = tempfile::tempdir().unwrap();
    let (service, envoy) = (folder.path().join("a service"), folder.path().join("an envoy"));
    fs::create_dir(&service).unwrap();
    fs::copy("envoy/start", service.join("start")).unwrap();
    fs::write(&envoy, "#!/bin/sh\nprintf '%s %s' \"$PWD\" \"$*\"\n").unwrap();
    fs::set_permissions(&envoy, fs::Permissions::from_mode(0o755)).unwrap();
    for path in ["./an envoy", "a service/../an envoy", envoy.to_str().unwrap()] {
        let mut command = Command::new("sh");
        command.args(["a service/start", "--log-level", "info"]).current_dir(folder.path());
        let output = command.env("ENVOY", path).stderr(Stdio::null()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let expected = "/a service -c envoy.yaml --disable-hot-restart --log-level info";
        assert!(text.ends_with(expected), "{path}: {text}");
    }
}
