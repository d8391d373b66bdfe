//! Effects of a console's reload.

use serde_json::{Value, json};

use crate::run::{Files, config, verdigris};

#[test]
fn changes_of_a_console() {
    let files = Files::new();
    let console = |name: &str, hosts: &str| {
        files.add(name, &format!(r#"{{"role": "console", "console": {{"hosts": {hosts}}}}}"#))
    };
    let rollout = files.add("rollout.json", &config(json!({})).to_string());
    let all = console("all.json", r#"["a.example", "b.example"]"#);
    let one = console("one.json", r#"["a.example"]"#);
    for (new, old, expected) in [
        (&one, &all, "console.hosts: the page is no longer served as b.example"),
        (&all, &one, "moves no users"),
        (&one, &rollout, "role: the console replaces a rollout"),
        (&rollout, &one, "role: a rollout replaces the console"),
    ] {
        let output = verdigris(&["check", new, "--from", old]);
        let expected = format!("reload: {expected}");
        assert!(output.code == 0 && output.out.starts_with(&expected), "{output:?}");
    }
}

/// A rollout is compared with a rollout or with what takes it out, and a console with a console.
#[test]
fn a_console_of_another_file_replaces_no_rollout() {
    let files = Files::new();
    let add = |name: &str, json: Value| files.add(name, &json.to_string());
    let console = add("console.json", json!({"role": "console"}));
    let old_console =
        add("old-console.json", json!({"role": "console", "console": {"hosts": ["a.example"]}}));
    let weights = json!({"weights": {"blue": 3, "green": 1}});
    let (rollout, ramp) =
        (add("a.json", config(weights)), add("b.json", config(json!({"ramp": {}}))));
    let off = "envoy/filter-off.yaml";
    let rolled_out = "reload: resources: the filter is out: all users are on blue";
    let quarter = format!("{rolled_out}; 25 % of all users move back to blue\n");
    let at_most = format!("{rolled_out}; at most 100 % of all users move back to blue\n");
    let hosts = "reload: console.hosts: the page is no longer served as a.example";
    for (new, old, code, expected) in [
        (&[off][..], &rollout, 0, quarter.as_str()),
        (&[off, &console], &rollout, 0, &quarter),
        (&[off], &ramp, 0, &at_most),
        (&[&console, "envoy/envoy.yaml"], &rollout, 2, "which it compares with one, but the files"),
        (&[&rollout, &console], &old_console, 0, hosts),
        (&[&rollout, "envoy/envoy.yaml"], &old_console, 2, "the configuration of a console, which"),
        (&[&rollout, &ramp], &rollout, 2, "the files have 2 configurations of a rollout"),
    ] {
        let output = verdigris(&[&["check"], new, &["--from", old]].concat());
        assert_eq!(output.code, code, "{output:?}");
        assert!((output.out + &output.err).contains(expected), "{expected}");
    }
    let strict = verdigris(&["check", "--strict", off, "--from", &rollout]);
    assert_eq!(strict.code, 1, "{strict:?}");
}
