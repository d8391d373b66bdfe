//! Configurations of the console.

use serde_json::json;

use crate::run::{Files, config, filter_yaml, json_output, verdigris, verdigris_with};

#[test]
fn a_console_s_configuration_is_valid() {
    let files = Files::new();
    let file = files.add("console.yaml", &console_yaml());
    let output =
        verdigris(&["check", "--strict", &file, "envoy/config/filter.yaml", "envoy/envoy.yaml"]);
    assert_eq!((output.code, output.err.as_str()), (0, ""), "{output:?}");
    assert!(output.out.contains(&format!("fine: {file} (the console)\n")), "{output:?}");
    assert_eq!(json_output(&["check", &file])["files"][0]["consoles"], 1);
    let wrong =
        files.add("wrong.json", r#"{"role": "console", "console": {"hosts": ["http://a"]}}"#);
    let output = verdigris(&["check", &wrong]);
    assert_eq!(output.code, 1);
    assert!(
        output.out.contains(":1:43: console.hosts[0]: \"http://a\": write a host name"),
        "{output:?}"
    );
}

#[test]
fn a_console_in_another_vm_is_warned_of() {
    let files = Files::new();
    let filter = filter_yaml(&config(json!({})).to_string());
    let filter = files.add("filter.yaml", &filter);
    for (part, other) in
        [("vm_id: verdigris", "vm_id: console"), ("VERDIGRIS_CONSOLE_TOKEN", "OTHER")]
    {
        let separate = files.add("separate.yaml", &console_yaml().replace(part, other));
        let output = verdigris(&["check", &filter, &separate]);
        assert_eq!(output.code, 0, "{output:?}");
        assert!(output.out.contains("vm_config: differs: must equal that in "), "{output:?}");
    }
}

#[test]
fn a_console_with_a_token_must_be_able_to_wait_for_bodies() {
    let cannot_wait =
        console_yaml().replace("allow_on_headers_stop_iteration: true", "fail_open: false");
    let output = verdigris_with(&["check", "-"], &cannot_wait);
    assert_eq!(output.code, 1, "{output:?}");
    let expected = "an operator command is answered before its body has arrived";
    assert!(output.out.contains(expected), "{output:?}");
    let without_token = cannot_wait.replace("VERDIGRIS_CONSOLE_TOKEN", "OTHER");
    let output = verdigris_with(&["check", "-"], &without_token);
    assert_eq!(output.code, 0, "no operator command is possible: {output:?}");
}

#[test]
fn commands_for_rollouts_reject_a_console_s_configuration() {
    let files = Files::new();
    let file = files.add("console.yaml", &console_yaml());
    for arguments in [
        &["explain", &file, "--unit", "a"][..],
        &["plan", &file],
        &["simulate", &file],
        &["set-weights", &file, "25"],
    ] {
        let output = verdigris(arguments);
        assert_eq!(output.code, 1, "{output:?}");
        let why = "role: \"console\": this configures the console, not a rollout";
        assert!(output.err.contains(why), "{output:?}");
    }
}

/// Envoy reads one document and one resource of a file, but another program may write more.
#[test]
fn a_console_beside_a_rollout_is_ignored_by_commands_for_rollouts() {
    let files = Files::new();
    let (filter, console) = (filter_yaml(&config(json!({})).to_string()), console_yaml());
    let both = files.add("both.yaml", &format!("{filter}---\n{console}"));
    assert_eq!(json_output(&["explain", &both, "--unit", "ada"])["version"], "blue");
    let output = verdigris(&["check", &both]);
    assert_eq!(output.code, 1, "{output:?}");
    assert!(
        output.out.contains("YAML: begins a second document, but Envoy reads only"),
        "{output:?}"
    );
    let (_, resource) = console.split_once("resources:\n").unwrap();
    let both = files.add("both.yaml", &format!("{filter}{resource}"));
    let output = verdigris(&["check", &both]);
    assert_eq!(output.code, 1, "{output:?}");
    assert!(output.out.contains("resources: is a second resource"), "{output:?}");
}

/// A file with the console's configuration.
fn console_yaml() -> String {
    filter_yaml("{\"role\": \"console\"}")
        .replace("  name: verdigris\n  typed_config", "  name: verdigris-console\n  typed_config")
}
