//! `verdigris set-weights`.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::run::{Files, config, filter_yaml, json_output, struct_yaml, verdigris};

#[test]
fn only_the_weights_change() {
    let files = Files::new();
    let shipped = fs::read_to_string("envoy/config/filter.yaml").unwrap();
    let file = files.add("filter.yaml", &shipped);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let inode = fs::metadata(&file).unwrap().ino();
    let output = verdigris(&["set-weights", &file, "25"]);
    assert_eq!(output.code, 0, "{output:?}");
    let (growth, rest) = output.out.split_once('\n').unwrap();
    assert_eq!(
        growth,
        "note: weights: green's share changes from 5 % to 25 %: 20 % of all users move to green"
    );
    let (note, written) = rest.split_once('\n').unwrap();
    assert!(note.starts_with("note: weights: an operator command, if one is in force, ends"));
    assert_eq!(written, format!("written: {file}: weights 95/5 -> 75/25\n"));
    let expected = shipped.replace("\"blue\": 95, \"green\": 5}", "\"blue\": 75, \"green\": 25}");
    assert_eq!(fs::read_to_string(&file).unwrap(), expected);
    let meta = fs::metadata(&file).unwrap();
    assert_eq!(meta.permissions().mode() & 0o777, 0o640);
    // The file was replaced by a rename, and no temporary file is left.
    assert_ne!(meta.ino(), inode);
    assert_eq!(fs::read_dir(files.folder()).unwrap().count(), 1);
    // Without a change there is no rename.
    let inode = meta.ino();
    let output = verdigris(&["set-weights", &file, "75/25"]);
    let already = format!("fine: {file}: the weights are 75/25 already\n");
    assert!(output.out.starts_with(&already), "{output:?}");
    assert!(output.out.contains("./weights 75 25 asks Envoy and ends the command"), "{output:?}");
    assert_eq!(fs::metadata(&file).unwrap().ino(), inode);
    let output = verdigris(&["set-weights", &file, "10"]);
    assert!(
        output.out.starts_with("reload: weights: green's share changes from 25 % to 10 %: 15 % of"),
        "{output:?}"
    );
}

#[test]
fn weights_are_a_percentage_or_two_numbers() {
    let files = Files::new();
    let cases = [
        ("25", 75, 25),
        ("0", 100, 0),
        ("100", 0, 100),
        ("0.5", 995, 5),
        ("12.25", 8775, 1225),
        ("3/1", 3, 1),
        ("25%", 75, 25),
    ];
    for (text, blue, green) in cases {
        let file =
            files.add("filter.yaml", &fs::read_to_string("envoy/config/filter.yaml").unwrap());
        assert_eq!(
            json_output(&["set-weights", &file, text])["after"],
            json!({"blue": blue, "green": green})
        );
        let after = json_output(&["set-weights", &file, text, "--dry-run"]);
        assert_eq!(after["before"], json!({"blue": blue, "green": green}), "{text}");
    }
    // Two arguments are blue and green, as in ./weights.
    let file = files.add("filter.yaml", &fs::read_to_string("envoy/config/filter.yaml").unwrap());
    let changed = json_output(&["set-weights", &file, "75", "25"]);
    assert_eq!(changed["field"], "weights");
    assert_eq!(changed["after"], json!({"blue": 75, "green": 25}));
    for pair in [["75", "25%"], ["1", "-1"], ["0", "0"], ["1.5", "1"]] {
        let arguments =
            [&["set-weights", "envoy/config/filter.yaml", "--dry-run", "--"], &pair[..]];
        let output = verdigris(&arguments.concat());
        assert_eq!(output.code, 2, "{output:?}");
        assert!(output.err.contains("two whole numbers"), "{output:?}");
    }
    for text in ["101", "1e1", "-1", "0.005", "1/", "0/0", "2147483647/1", "a"] {
        let output =
            verdigris(&["set-weights", "envoy/config/filter.yaml", "--dry-run", "--", text]);
        assert_eq!(output.code, 2, "{text}: {output:?}");
    }
}

/// A file that cannot be changed, the exit code, and a part of the error.
#[test]
fn a_file_that_cannot_be_changed_stays_as_it_is() {
    let plain = |fields: Value| config(fields).to_string();
    let weights = json!({"blue": 95, "green": 5});
    let two = filter_yaml(&plain(json!({"weights": weights})));
    let yaml = |weights: &str| {
        struct_yaml(&format!(
            "rollout: a\nunit: {{header: u}}\nversions: {{blue: {{cluster: b}}, green: {{cluster: g}}}}\n{weights}"
        ))
    };
    let aliased = "max_request_body: &many 100000\nweights: {blue: 95, green: *many}";
    let cases = [
        (plain(json!({"ramp": {}})), 1, "this rollout has a ramp"),
        (plain(json!({})), 1, "weights: missing: add"),
        (plain(json!({"weights": weights, "rollout": "V8"})), 1, "rollout: \"V8\": use 1 to 63"),
        (format!("{two}---\n{two}"), 2, "has 2 plugin configurations"),
        ("hello".to_owned(), 1, "is neither a plugin configuration"),
        (yaml(""), 1, "weights: missing: add weights: {blue: 100, green: 0} first"),
        (yaml("ramp: {}"), 1, "this rollout has a ramp"),
        (yaml(aliased), 1, "weights: this part of the YAML is used in several places by an alias"),
        (yaml("weights: {blue: 1, green: 1}\nrollout: a"), 1, "rollout is written twice"),
    ];
    let files = Files::new();
    for (text, code, expected) in cases {
        let file = files.add("file", &text);
        let output = verdigris(&["set-weights", &file, "25"]);
        assert_eq!(output.code, code, "{output:?}");
        assert!(output.err.contains(expected), "{output:?}");
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
    }
    let inner = yaml("weights: {blue: 95, green: 5}").replace('\n', "\n    ");
    let map = format!("kind: ConfigMap\ndata:\n  filter.yaml: |\n    {inner}\n");
    let output = verdigris(&["set-weights", &files.add("file", &map), "25"]);
    assert_eq!(output.code, 1, "{output:?}");
    assert!(
        output.err.contains("in a text within this file, such as in a ConfigMap"),
        "{output:?}"
    );
    assert_eq!(fs::read_to_string(files.path("file")).unwrap(), map);
    // A mounted ConfigMap has links.
    let file = files.add("file", &plain(json!({"weights": weights})));
    symlink(&file, files.path("link")).unwrap();
    let output = verdigris(&["set-weights", files.path("link").to_str().unwrap(), "25"]);
    assert_eq!(output.code, 2);
    assert!(output.err.contains("is a link to"), "{output:?}");
    assert!(files.path("link").is_symlink());
}

/// An anchor or a tag before a map is no part of it.
#[test]
fn maps_with_anchors_and_tags_can_be_edited() {
    let files = Files::new();
    for (before, after) in [
        ("{bake: 10m}", "{restart: \"2\", bake: 10m}"),
        ("&r {bake: 10m}", "&r {restart: \"2\", bake: 10m}"),
        ("!x &r {}", "!x &r {restart: \"2\"}"),
        ("&r !x {bake: 10m}", "&r !x {restart: \"2\", bake: 10m}"),
        ("&r # why\n  {bake: 10m}", "&r # why\n  {restart: \"2\", bake: 10m}"),
        ("&r\n  bake: 10m", "&r\n  restart: \"2\"\n  bake: 10m"),
        ("&r # why\n\n  bake: 10m", "&r # why\n\n  restart: \"2\"\n  bake: 10m"),
        ("{restart: &a \"1\"}", "{restart: &a \"2\"}"),
    ] {
        let text = |ramp: &str| {
            struct_yaml(&format!(
                "rollout: a\nunit: {{header: u}}\nversions: {{blue: {{cluster: b}}, green: {{cluster: \
                 g}}}}\nramp: {ramp}\n"
            ))
        };
        let file = files.add("filter.yaml", &text(before));
        let output = verdigris(&["restart", &file]);
        assert_eq!(output.code, 0, "{before}: {output:?}");
        let written = fs::read_to_string(&file).unwrap();
        assert_eq!(written, text(after), "{before}");
        let output = verdigris(&["rollback", "--file", &file]);
        assert_eq!(output.code, 0, "{before}: {output:?}");
    }
}

#[test]
fn all_users_on_blue_rolls_a_ramp_back_and_restart_starts_it_again() {
    let ramp = |members: &str| {
        let config = config(json!({"ramp": "THE RAMP"})).to_string();
        config.replace("\"THE RAMP\"", &format!("{{{members}}}"))
    };
    // The members of the ramp before, rolled back, and started again.
    let cases = [
        ("", "\"rolled_back\": true", "\"restart\": \"2\", \"rolled_back\": false"),
        (
            "\"bake\": \"2h\"",
            "\"rolled_back\": true, \"bake\": \"2h\"",
            "\"restart\": \"2\", \"rolled_back\": false, \"bake\": \"2h\"",
        ),
        (
            "\n\"restart\": \"9\" ",
            "\"rolled_back\": true,\n\"restart\": \"9\" ",
            "\"rolled_back\": false,\n\"restart\": \"10\" ",
        ),
        (
            "\"rolled_back\": false, \"restart\": \"\"",
            "\"rolled_back\": true, \"restart\": \"\"",
            "\"rolled_back\": false, \"restart\": \"2\"",
        ),
    ];
    let files = Files::new();
    for (before, rolled_back, again) in cases {
        for in_envoy in [false, true] {
            let text = |members: &str| match in_envoy {
                false => ramp(members),
                true => filter_yaml(&ramp(members)),
            };
            let file = files.add("file", &text(before));
            for arguments in [&["100", "0"][..], &["0"], &["100/0"]] {
                let output = verdigris(&[&["set-weights", &file], arguments].concat());
                assert_eq!(output.code, 0, "{output:?}");
                let next = format!("To start the ramp again: verdigris restart {file}\n");
                assert!(output.out.ends_with(&next), "{output:?}");
                assert_eq!(fs::read_to_string(&file).unwrap(), text(rolled_back));
            }
            assert!(verdigris(&["set-weights", &file, "0"]).out.contains("is true already"));
            let restarted = json_output(&["restart", &file]);
            assert_eq!(restarted["field"], "ramp.restart");
            assert_eq!(fs::read_to_string(&file).unwrap(), text(again));
        }
    }
}

/// A ramp as YAML: before, rolled back, and started again.
#[test]
fn a_ramp_as_yaml_is_rolled_back_and_started_again() {
    let yaml = |ramp: &str| {
        struct_yaml(&format!(
            "rollout: a\nunit: {{header: u}}\nversions: {{blue: {{cluster: b}}, green: {{cluster: g}}}}\nramp:{ramp}"
        ))
    };
    let cases = [
        (" {}", " {rolled_back: true}", " {restart: \"2\", rolled_back: false}"),
        (
            " {bake: 2h} # slow",
            " {rolled_back: true, bake: 2h} # slow",
            " {restart: \"2\", rolled_back: false, bake: 2h} # slow",
        ),
        (
            "\n  # slow\n  bake: 1h30m",
            "\n  # slow\n  rolled_back: true\n  bake: 1h30m",
            "\n  # slow\n  restart: \"2\"\n  rolled_back: false\n  bake: 1h30m",
        ),
        (
            "\n  restart: '9'\n  rolled_back: no\n  bake: 2h",
            "\n  restart: '9'\n  rolled_back: true\n  bake: 2h",
            "\n  restart: \"10\"\n  rolled_back: false\n  bake: 2h",
        ),
    ];
    let files = Files::new();
    for (before, rolled_back, again) in cases {
        let file = files.add("file", &yaml(before));
        for arguments in [&["rollback", "--file", &file][..], &["set-weights", &file, "100", "0"]] {
            let output = verdigris(arguments);
            assert_eq!(output.code, 0, "{output:?}");
            assert_eq!(fs::read_to_string(&file).unwrap(), yaml(rolled_back));
        }
        let output = verdigris(&["restart", &file]);
        assert_eq!(output.code, 0, "{output:?}");
        assert_eq!(fs::read_to_string(&file).unwrap(), yaml(again));
    }
}

#[test]
fn restart_writes_another_text() {
    let files = Files::new();
    let with = |ramp: Value| config(json!({"ramp": ramp})).to_string();
    let restart = |ramp: Value, arguments: &[&str]| {
        let file = files.add("file", &with(ramp));
        let output = verdigris(&[&["restart", &file, "--json"], arguments].concat());
        let json: Value = serde_json::from_str(&output.out).unwrap();
        (output.code, json, fs::read_to_string(&file).unwrap())
    };
    let (code, json, text) = restart(json!({"restart": "7"}), &[]);
    assert_eq!((code, &json["after"]), (0, &json!("8")));
    assert_eq!(text, with(json!({"restart": "8"})));
    let (_, json, _) = restart(json!({"restart": "since monday"}), &[]);
    let after = json["after"].as_str().unwrap();
    assert!(after.starts_with("20") && after.ends_with('Z'), "{after}");
    let (_, json, text) = restart(json!({}), &["--to", "it's \"new\""]);
    assert_eq!(json["before"], "");
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["ramp"]["restart"], "it's \"new\"");
    let (_, json, text) = restart(json!({"restart": "7"}), &["--dry-run"]);
    assert_eq!((&json["written"], text), (&json!(false), with(json!({"restart": "7"}))));
    let (code, json, _) = restart(json!({"restart": "7"}), &["--to", "7"]);
    assert_eq!(code, 2);
    assert!(json["error"].as_str().unwrap().contains("has this text already"), "{json}");
    let weights = config(json!({"weights": {"blue": 1, "green": 1}})).to_string();
    let output = verdigris(&["restart", &files.add("file", &weights)]);
    assert_eq!(output.code, 1);
    assert!(output.err.contains("has no ramp to start again"), "{output:?}");
}

/// A file with this JSON, in one of eight notations.
fn written(json: &Value, style: u8, space: &str) -> String {
    let pretty =
        serde_json::to_string_pretty(json).unwrap().replace("\": ", &format!("\":{space}"));
    let yaml = filter_yaml(&pretty);
    let before = yaml.split_once("value: |\n").unwrap().0;
    match style {
        0 => format!("\n{pretty}\n"),
        1 => format!("{yaml}# a comment {{\"weights\": {{\"blue\": 1, \"green\": 2}}}}\n"),
        2 => format!("{before}value: '{}'\n", json.to_string().replace('\'', "''")),
        3 => format!("{before}value: {}\n", Value::from(pretty)),
        4 => format!("{}# weights: {{blue: 1, green: 2}}\n", struct_yaml(&block_yaml(json, space))),
        // JSON is YAML.
        5 => struct_yaml(&pretty),
        6 => {
            let yaml = block_yaml(json, space).replace('\n', "\n    ");
            format!("kind: WasmPlugin\nspec:\n  url: verdigris.wasm\n  pluginConfig:\n    {yaml}\n")
        }
        _ => {
            let value = json!({"@type": "type.googleapis.com/google.protobuf.StringValue", "value": pretty});
            let config = json!({"root_id": "verdigris", "configuration": value});
            json!({"resources": [{"typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm", "config": config,
            }}]})
            .to_string()
        }
    }
}

/// The configuration as YAML, with comments.
fn block_yaml(json: &Value, space: &str) -> String {
    let Value::Object(fields) = json else { panic!("{json}") };
    let mut yaml = String::new();
    for (name, value) in fields.iter().filter(|(name, _)| *name != "weights") {
        match value {
            Value::Object(members) if name == "ramp" => {
                yaml += "ramp: # grows\n  # automatically\n";
                yaml.extend(members.iter().map(|(name, it)| format!("  {name}: {it} # {name}\n")));
            }
            _ => yaml += &format!("{name}: {value} # {name}\n"),
        }
    }
    let Some(weights) = fields.get("weights") else { return yaml };
    yaml += &format!(
        "weights: # of both: 1\n  green: {space}{}{space} # green: 2\n  blue:   {}",
        weights["green"], weights["blue"]
    );
    yaml
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The new file has the weights, and all other bytes are the same.
    #[test]
    fn all_other_bytes_stay(
        (blue, green) in (0_u32..1000, 1_u32..1000),
        (from_blue, from_green) in (1_u32..1000, 0_u32..1000),
        style in 0_u8..8,
        space in "[ ]{0,3}",
        pin in "[a-zä山'\"{}:#\\\\ ]{0,12}[a-z]",
    ) {
        let pins = json!({"green": [pin.trim(), "\"weights\": {\"blue\": 1}"]});
        let weights = json!({"blue": from_blue, "green": from_green});
        let before = config(json!({"pins": pins, "weights": weights}));
        let files = Files::new();
        let file = files.add("file", &written(&before, style, &space));
        let output = verdigris(&["set-weights", &file, &format!("{blue}/{green}"), "--json"]);
        prop_assert_eq!(output.code, 0, "{:?}", output);
        let mut after = before;
        after["weights"] = json!({"blue": blue, "green": green});
        prop_assert_eq!(fs::read_to_string(&file).unwrap(), written(&after, style, &space));
    }

    /// The rolled back ramp is the only change, in every notation.
    #[test]
    fn a_rollback_changes_nothing_else(style in 0_u8..8, pin in "[a-zä山'\"{}:#\\\\ ]{0,12}[a-z]") {
        let pins = json!({"green": [pin.trim(), "\"ramp\": {\"bake\": \"1h\"}"]});
        let before = config(json!({"pins": pins, "ramp": {"bake": "1h"}}));
        let files = Files::new();
        let text = written(&before, style, " ");
        let file = files.add("file", &text);
        let output = verdigris(&["set-weights", &file, "100", "0"]);
        prop_assert_eq!(output.code, 0, "{:?}", output);
        let after = fs::read_to_string(&file).unwrap();
        let notations = [
            "\"rolled_back\": true,",
            "\\\"rolled_back\\\": true,",
            "rolled_back: true,",
            "rolled_back: true\n",
        ];
        let inserted = notations.into_iter().find(|it| after.contains(it));
        let rest = after.replacen(inserted.unwrap(), "", 1);
        prop_assert_eq!(rest.replace([' ', '\n'], ""), text.replace([' ', '\n'], ""));
    }
}
