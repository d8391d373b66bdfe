//! The console at a path of the release's listener.

use serde_json::{Value, json};

use crate::schema::{assert_both_accept, assert_both_reject, parse_plugin};
use crate::{config_with, parse};

fn at(path: &Value) -> Value {
    config_with(json!({"console": {"path": path, "hosts": ["llm.example"]}}))
}

#[test]
fn the_path_is_off_by_default() {
    for config in [json!({}), json!({"console": {}}), json!({"console": {"path": null}})] {
        assert_eq!(parse(&config_with(config.clone())).unwrap().console, None);
        assert_both_accept(&config_with(config));
    }
    for path in ["/verdigris", "/ops/verdigris", "/a.b", "/...", "/-_~"] {
        let console = parse(&at(&json!(path))).unwrap().console.unwrap();
        assert_eq!(*console.path, *path);
        assert!(console.console.accepts_authority(b"llm.example"));
        assert_both_accept(&at(&json!(path)));
    }
    // A console's own configuration has no other listener.
    let console = json!({"role": "console", "console": {"path": "/verdigris"}});
    assert!(parse_plugin(&console).is_ok());
}

/// The console answers first, so that feedback was never received.
#[test]
fn feedback_at_or_below_the_path_is_rejected() {
    let with_feedback = |path: &str| {
        let feedback = json!({"path": path, "thumb": "/thumb"});
        parse(&config_with(json!({"console": {"path": "/verdigris"}, "feedback": feedback})))
    };
    for path in ["/verdigris", "/verdigris/", "/verdigris/feedback"] {
        let error = with_feedback(path).unwrap_err().to_string();
        let text = format!(
            "feedback.path: {path:?}: the console answers all requests to console.path, \"/verdigris\","
        );
        assert!(error.starts_with(&text), "{error}");
    }
    for path in ["/feedback", "/verdigris-feedback", "/v1/verdigris"] {
        assert!(with_feedback(path).is_ok(), "{path}");
    }
}

#[test]
fn a_path_that_requests_do_not_have_is_rejected() {
    let long = format!("/{}", "a".repeat(128));
    let paths = [
        "",
        "/",
        "verdigris",
        "/a/",
        "//a",
        "/a//b",
        "/a?b",
        "/a#b",
        "/a b",
        "/.",
        "/a/../b",
        "/ä",
        "/%61",
        &long,
    ];
    for path in paths {
        assert_both_reject(&at(&json!(path)));
        let errors = parse(&at(&json!(path))).unwrap_err().to_string();
        let begin = format!("console.path: \"{}", &path[..path.len().min(3)]);
        assert!(errors.starts_with(&begin) && errors.contains(": write a path"), "{errors}");
    }
    let hosts = config_with(json!({"console": {"path": "/a", "hosts": ["http://a"]}}));
    assert_both_reject(&hosts);
}
