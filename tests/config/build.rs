//! Valid configurations.

use serde_json::json;
use verdigris::assignment::{MissingUnitPolicy, Share, UnitSource, Version};
use verdigris::names::HeaderName;
use verdigris::patch::PATCH_ROOM;

use crate::{error_fields, minimal_config, parse};

#[test]
fn only_three_fields_are_required() {
    let config = parse(&minimal_config()).unwrap();
    assert_eq!(config.rollout.as_str(), "assistant-v8");
    assert_eq!(config.unit, [UnitSource::Header(HeaderName::new("x-user-id").unwrap())]);
    assert_eq!(config.cluster(Version::Blue).as_str(), "llm-blue");
    assert_eq!(config.cluster(Version::Green).as_str(), "llm-green");
    assert_eq!(config.default_cluster.as_str(), "llm-blue");
    assert_eq!(config.share, Share::ZERO);
    assert_eq!(config.on_missing, MissingUnitPolicy::Blue);
    assert_eq!(config.force_header, None);
    assert_eq!(config.cluster_header.as_str(), "x-verdigris-cluster");
    assert_eq!(config.version_header.as_str(), "x-verdigris-version");
}

#[test]
fn every_field_can_be_set() {
    let config = parse(&json!({
        "rollout": "assistant-v8",
        "unit": [{"header": "X-User-Id"}, {"cookie": "uid"}],
        "versions": {"blue": {"cluster": "llm-blue"}, "green": {"cluster": "llm-green"}},
        "weights": {"blue": 0, "green": 7},
        "default_cluster": "outbound|80||llm.prod.svc.cluster.local",
        "on_missing": "random",
        "pins": {"blue": ["u1"], "green": ["qa-7", "山田"]},
        "force_header": "x-verdigris-force",
        "cluster_header": "x-cluster",
        "version_header": "x-version",
    }))
    .unwrap();
    assert_eq!(config.unit.len(), 2);
    assert_eq!(config.unit[0], UnitSource::Header(HeaderName::new("x-user-id").unwrap()));
    assert_eq!(config.share, Share::new(0, 7).unwrap());
    assert_eq!(config.default_cluster.as_str(), "outbound|80||llm.prod.svc.cluster.local");
    assert_eq!(config.on_missing, MissingUnitPolicy::Random);
    assert_eq!(config.pins.find(b"u1"), Some(Version::Blue));
    assert_eq!(config.pins.find("山田".as_bytes()), Some(Version::Green));
    assert_eq!(config.pins.find(b"u2"), None);
    assert_eq!(config.force_header.unwrap().as_str(), "x-verdigris-force");
    assert_eq!(config.cluster_header.as_str(), "x-cluster");
    assert_eq!(config.version_header.as_str(), "x-version");
}

#[test]
fn a_patch_needs_room_in_the_largest_body() {
    let mut config = minimal_config();
    let text = "x".repeat(PATCH_ROOM);
    config["versions"]["green"]["request"] = json!({"system": {"append": text}});
    config["max_request_body"] = json!(66);
    let error = parse(&config).unwrap_err().to_string();
    let expected = "max_request_body: 66: versions.green.request can add 48642 bytes to a body";
    assert!(error.starts_with(expected), "{error}");
    config["max_request_body"] = json!(67);
    assert!(parse(&config).is_ok());
}

/// It would be used for two purposes.
#[test]
fn the_unit_s_header_is_no_id_of_conversations_by_default() {
    let mut config = minimal_config();
    config["unit"] = json!({"header": "X-Session-Id"});
    config["conversation"] = json!({});
    let ids = parse(&config).unwrap().conversation.unwrap().ids;
    let is_unit = |it: &UnitSource| it.header().is_some_and(|it| it.as_str() == "x-session-id");
    assert!(ids.len() == 5 && !ids.iter().any(is_unit), "{ids:?}");
    config["conversation"] = json!({"id": {"header": "x-session-id"}});
    assert_eq!(error_fields(&parse(&config).unwrap_err()), ["conversation.id"]);
}

/// A line of the log is one error, and in the order of its characters.
#[test]
fn an_error_shows_what_would_not_be_seen() {
    let config = |rollout: &str| {
        json!({
            "rollout": rollout,
            "unit": {"header": "u"},
            "versions": {"blue": {"cluster": "b"}, "green": {"cluster": "g"}},
            "weights": {"blue": 1, "green": 1},
        })
    };
    let mut unknown = config("v8");
    unknown["x\nrollout v8: promoted"] = json!(1);
    let table = [
        (config("v8\u{202e}\u{200b}"), r"v8\u{202e}\u{200b}"),
        (unknown, r"x\u{a}rollout v8: promoted"),
    ];
    for (config, shown) in table {
        let text = parse(&config).unwrap_err().to_string();
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains(shown), "{text}");
    }
}

#[test]
fn all_errors_are_reported_at_once() {
    let config = json!({
        "rollout": "V8",
        "unit": [{"header": "a b"}, {"cookie": ""}],
        "versions": {"green": {"cluster": "llm-green"}},
        "weights": {"blue": 0, "green": 0},
    });
    let invalid = parse(&config).unwrap_err();
    assert_eq!(
        error_fields(&invalid),
        ["rollout", "unit[0].header", "unit[1].cookie", "versions.blue.cluster", "weights"]
    );
    assert_eq!(invalid.to_string().lines().count(), 5);
}
