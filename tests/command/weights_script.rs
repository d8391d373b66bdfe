//! The edits of the script `envoy/weights`, without an Envoy. `filter/envoy_only/` runs it with
//! one.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Command;

use serde_json::json;

use super::port::Port;
use super::run::{Files, config, filter_yaml};

/// The script's exit code where Envoy does not answer, so that the edit stays.
const NOT_CONFIRMED: i32 = 3;

/// Runs the script with an address at which nothing listens. Returns the exit code and the errors.
fn weights(arguments: &[&str]) -> (i32, String) {
    let port = Port::reserve();
    let output = Command::new("sh")
        .arg("envoy/weights")
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("ADMIN", format!("http://127.0.0.1:{}", port.number))
        .output()
        .unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

/// The shipped filter.yaml with a plugin configuration in YAML.
fn yaml(fields: &str) -> String {
    let shipped = include_str!("../../envoy/config/filter.yaml");
    let (before, _) = shipped
        .split_once("        \"@type\": type.googleapis.com/google.protobuf.StringValue")
        .unwrap();
    let lines: String = fields.lines().map(|line| format!("          {line}\n")).collect();
    format!(
        "{before}        \"@type\": type.googleapis.com/google.protobuf.Struct\n        value:\n          \
         # The rollout.\n          rollout: assistant-v8\n{lines}          unit: {{header: x-user-id}}\n"
    )
}

/// The smallest configuration as JSON text, with these members.
fn json_with(members: &str) -> String {
    let config = config(json!({})).to_string();
    format!("{}, {members}}}", config.strip_suffix('}').unwrap())
}

#[test]
fn all_users_on_blue_is_one_edit_in_every_notation() {
    let history = "\"conversation\": {\"history\": [{\"since\": \"2026-11-25T10:00:00Z\", \
                   \"weights\": {\"blue\": 1, \"green\": 2}}]}";
    let json: [(&str, &str); 9] = [
        ("\"weights\": {\"blue\": 95, \"green\": 5}", "\"weights\": {\"blue\": 100, \"green\": 0}"),
        ("\"weights\":{\"green\":5,\n\"blue\":95}", "\"weights\":{\"green\":0,\n\"blue\":100}"),
        ("\"ramp\": {}", "\"ramp\": {\"rolled_back\": true}"),
        ("\"ramp\": {\n}", "\"ramp\": {\"rolled_back\": true\n}"),
        ("\"ramp\": {\"steps\": [1, 2]}", "\"ramp\": {\"rolled_back\": true, \"steps\": [1, 2]}"),
        ("\"ramp\":\n{\n\"steps\": [1]}", "\"ramp\":\n{\"rolled_back\": true,\n\"steps\": [1]}"),
        ("\"ramp\": {\"rolled_back\": false}", "\"ramp\": {\"rolled_back\": true}"),
        (
            "\"pins\": {\"blue\": [\"\\\"ramp\\\": {}\", \"{[\"]}, \"ramp\": {}",
            "\"pins\": {\"blue\": [\"\\\"ramp\\\": {}\", \"{[\"]}, \"ramp\": {\"rolled_back\": true}",
        ),
        (
            "\"x\": {\"rollout\": \"y\", \"ramp\": {}},\n\"weights\": {\"blue\": 1, \"green\": 2}",
            "\"x\": {\"rollout\": \"y\", \"ramp\": {}},\n\"weights\": {\"blue\": 100, \"green\": 0}",
        ),
    ];
    let native = [
        ("weights: {blue: 95, green: 5}", "weights: {blue: 100, green: 0}"),
        (
            "weights:\n  blue: 95\n  # Few.\n  green: 5",
            "weights:\n  blue: 100\n  # Few.\n  green: 0",
        ),
        (
            "weights: # blue: 9, green: 1\n  # Monday: blue: 95, green: 5\n  blue: 50 # green: 3\n  green: 50",
            "weights: # blue: 9, green: 1\n  # Monday: blue: 95, green: 5\n  blue: 100 # green: 3\n  green: 0",
        ),
        (
            "ramp: {steps: [1, 5]} # rolled_back: false",
            "ramp: {rolled_back: true, steps: [1, 5]} # rolled_back: false",
        ),
        (
            "ramp:\n  bake: 1h # rolled_back: false\n  warmup: 1s",
            "ramp:\n  rolled_back: true\n  bake: 1h # rolled_back: false\n  warmup: 1s",
        ),
        ("ramp: {}", "ramp: {rolled_back: true}"),
        ("ramp: {steps: [1, 2]}", "ramp: {rolled_back: true, steps: [1, 2]}"),
        (
            "# ramp: {}\nramp:\n\n  # Slow.\n  bake: 1h",
            "# ramp: {}\nramp:\n  rolled_back: true\n\n  # Slow.\n  bake: 1h",
        ),
        ("ramp:\n  bake: 1h\n  rolled_back: false", "ramp:\n  bake: 1h\n  rolled_back: true"),
    ];
    let mut cases = Vec::new();
    for (before, after) in json {
        for members in ["", history] {
            let with = |text: &str| match members {
                "" => json_with(text),
                members => json_with(&format!("{members},\n{text}")),
            };
            cases.push((with(before), with(after)));
            cases.push((filter_yaml(&with(before)), filter_yaml(&with(after))));
        }
    }
    cases.extend(native.map(|(before, after)| (yaml(before), yaml(after))));
    let files = Files::new();
    for (before, after) in cases {
        let file = files.add("filter.yaml", &before);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        let (code, text) = weights(&["100", "0", &file]);
        assert_eq!(code, NOT_CONFIRMED, "{before}\n{text}");
        assert_eq!(fs::read_to_string(&file).unwrap().trim_end(), after.trim_end());
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(files.folder()).unwrap().count(), 1, "a file was left");
        // Again it changes nothing.
        let written = fs::read_to_string(&file).unwrap();
        let (code, text) = weights(&["100", "0", &file]);
        assert_eq!(code, NOT_CONFIRMED);
        assert!(text.contains("already in the file, but not confirmed"), "{text}");
        assert_eq!(fs::read_to_string(&file).unwrap(), written);
        assert_eq!(fs::read_dir(files.folder()).unwrap().count(), 1, "a file was left");
    }
}

#[test]
fn weights_that_the_filter_rejects_are_not_written() {
    let files = Files::new();
    let text = json_with("\"weights\": {\"blue\": 95, \"green\": 5}");
    let file = files.add("filter.json", &text);
    for (blue, green) in [("0", "0"), ("2147483647", "1"), ("1", "9999999999"), ("1", "-1")] {
        let (code, errors) = weights(&[blue, green, &file]);
        assert_eq!(code, 2, "{errors}");
        assert!(errors.contains("at least one of them positive and their sum at most 2147483647"));
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
    }
    assert_eq!(weights(&["2147483646", "1", &file]).0, NOT_CONFIRMED);
}

#[test]
fn a_file_that_the_script_cannot_edit_stays_as_it_is() {
    let ramp = json_with("\"ramp\": {}");
    let in_double_quotes = format!("configuration: {}\n", serde_json::Value::from(ramp.as_str()));
    let cases: [(&str, [&str; 2], i32, &str); 10] = [
        (&ramp, ["75", "25"], 1, "To move all users to blue now: weights 100 0"),
        (&ramp, ["0", "100"], 1, "both need VERDIGRIS_CONSOLE_TOKEN"),
        (&json_with("\"pins\": {}"), ["100", "0"], 1, "the rollout has no \"weights\""),
        (
            &json_with("\"ramp\": 1"),
            ["100", "0"],
            1,
            "the \"ramp\" cannot be edited by this script",
        ),
        (
            &json_with("\"weights\": {\"blue\": 1}"),
            ["1", "1"],
            1,
            "the \"weights\" cannot be edited",
        ),
        (
            &json_with("\"weights\": {\"blue\": 9.5e1, \"green\": 5e0}"),
            ["75", "25"],
            1,
            "the \"weights\" cannot be edited",
        ),
        (
            &yaml("weights:\n  # blue: 1\n  # green: 2\n  blue: 9.5\n  green: 5"),
            ["75", "25"],
            1,
            "the \"weights\" cannot be edited",
        ),
        (
            &in_double_quotes,
            ["100", "0"],
            1,
            "exactly one rollout, in JSON or YAML that is not in double quotes",
        ),
        (&yaml("ramp: *common"), ["100", "0"], 1, "the \"ramp\" cannot be edited"),
        (&format!("{0}---\n{0}", filter_yaml(&ramp)), ["100", "0"], 1, "exactly one rollout"),
    ];
    let files = Files::new();
    for (text, [blue, green], code, message) in cases {
        let file = files.add("filter.yaml", text);
        let output = weights(&[blue, green, &file]);
        assert_eq!(output.0, code, "{text}\n{output:?}");
        assert!(output.1.contains(message), "{text}\n{output:?}");
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
        assert_eq!(fs::read_dir(files.folder()).unwrap().count(), 1, "a file was left");
    }
    let file = files.add("filter.yaml", &ramp);
    let blocked = files.path("filter.yaml.new");
    fs::create_dir(&blocked).unwrap();
    let output = weights(&["100", "0", &file]);
    assert!(output.0 == 1 && output.1.contains("cannot be written to"), "{output:?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), ramp);
    fs::remove_dir_all(&blocked).unwrap();
    let link = files.path("link.yaml");
    symlink(&file, &link).unwrap();
    let output = weights(&["100", "0", link.to_str().unwrap()]);
    assert!(output.0 == 1 && output.1.contains("is a link"), "{output:?}");
    assert!(link.is_symlink());
    let output = weights(&["100", "0", files.path("nowhere.yaml").to_str().unwrap()]);
    assert!(output.0 == 2 && output.1.contains("there is no such file"), "{output:?}");
}
