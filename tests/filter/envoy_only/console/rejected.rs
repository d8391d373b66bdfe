//! The console shows a rejected configuration until another one is accepted.

use serde_json::json;
use verdigris::console::View;

use super::super::ramp_fixture::new_client;
use super::{console_url, read_view, start};
use crate::envoy::process::wait_for;
use crate::envoy::{Envoy, Setup, filter_yaml, filter_yaml_from_text};
use crate::proxy::{Proxy as _, ROLLOUT, config, weights};

/// The rejections that the console shows for the rollout, and those without a rollout.
fn rejections(envoy: &Envoy) -> (Vec<String>, Vec<String>) {
    // A worker shows the rollout once it is configured, which may be after the console.
    let view = wait_for("the rollout", || {
        let View { rollouts, problems, .. } = read_view(envoy);
        (rollouts.len() == 1).then_some((rollouts, problems))
    });
    let (rollouts, others) = view;
    let of_rollout =
        rollouts[0].problems.iter().filter(|problem| problem.what.contains("rejected"));
    assert!(
        of_rollout
            .clone()
            .chain(&others)
            .all(|problem| !problem.is_severe && !problem.fix.is_empty())
    );
    let what = |problem: &verdigris::console::view::ProblemView| problem.what.clone();
    (of_rollout.map(what).collect(), others.iter().map(what).collect())
}

/// Replaces a file by a rename, which triggers Envoy's watch.
fn replace_file(envoy: &Envoy, name: &str, text: &str) {
    let new = envoy.folder.path().join("new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(new, envoy.folder.path().join(name)).unwrap();
}

#[test]
fn a_rejected_configuration_is_shown_until_another_is_accepted() {
    let mut envoy = start(&weights(50, 50), None, 2);
    assert_eq!(rejections(&envoy), (vec![], vec![]));
    let invalid = filter_yaml_from_text(&weights(0, 0).to_string());
    envoy.write_filter(&invalid).unwrap_err();
    let expected = "weights: {\"blue\":0,\"green\":0}: make at least one weight positive";
    let (shown, others) = rejections(&envoy);
    assert!(shown.len() == 1 && shown[0].contains(expected), "{shown:?}");
    assert!(shown[0].contains(&format!("of rollout {ROLLOUT} was rejected at ")), "{shown:?}");
    assert!(others.is_empty());

    // Envoy considers the same text unchanged and counts a success.
    let success = "extension_config_discovery.http_filter.verdigris.update_success";
    let before = envoy.read_stat(success).unwrap();
    replace_file(&envoy, "config/filter.yaml", &invalid);
    wait_for("Envoy to read it", || (envoy.read_stat(success).unwrap() > before).then_some(()));
    assert_eq!(rejections(&envoy).0, shown);
    // Envoy does not configure the filter again when the previous text returns.
    envoy.push(&weights(50, 50)).unwrap();
    assert_eq!(rejections(&envoy).0, shown);

    // A later rejection replaces the note, whichever rollout it names.
    for (text, expected) in [
        ("{\"rollout\": <b>".to_owned(), "of plugin verdigris was rejected at "),
        (config(json!({"rollout": "other-1", "weights": 1})).to_string(), "of rollout other-1 was"),
        (config(json!({"rollout": "<i>\u{202e}"})).to_string(), "of rollout <i>"),
    ] {
        envoy.write_filter(&filter_yaml_from_text(&text)).unwrap_err();
        let (shown, others) = rejections(&envoy);
        assert!(shown.len() == 1 && shown[0].contains(expected), "{shown:?}");
        assert!(others.is_empty(), "{others:?}");
    }
    let page = new_client().get(console_url(&envoy, "/")).send().unwrap().text().unwrap();
    assert!(page.contains("was rejected at") && page.contains("&lt;i&gt;"), "{page}");
    assert!(!page.contains("<i>\u{202e}"));

    envoy.push(&weights(60, 40)).unwrap();
    wait_for("the note to go", || rejections(&envoy).0.is_empty().then_some(()));
    // Envoy remembers the text and rejects it without calling the filter.
    envoy.write_filter(&invalid).unwrap_err();
    assert_eq!(rejections(&envoy).0, [""; 0]);
}

/// The console's listener is the first one, so that its VM keeps the note.
#[test]
fn a_configuration_rejected_at_the_start_is_shown_until_another_is_accepted() {
    let mut envoy = start(&weights(0, 0), None, 2);
    for _ in 0..2 {
        let View { rollouts, problems, .. } = read_view(&envoy);
        assert!(rollouts.is_empty() && problems.len() == 1, "{rollouts:?} {problems:?}");
        let expected = format!("A configuration of rollout {ROLLOUT} was rejected at ");
        assert!(problems[0].what.starts_with(&expected), "{problems:?}");
        assert!(problems[0].what.contains("make at least one weight positive"), "{problems:?}");
        let page = new_client().get(console_url(&envoy, "/")).send().unwrap().text().unwrap();
        assert!(page.contains(&expected), "{page}");
        assert!(envoy.log().contains("configuration rejected"), "{}", envoy.log());
        envoy.restart();
    }
    envoy.push(&weights(60, 40)).unwrap();
    wait_for("the note to go", || rejections(&envoy).0.is_empty().then_some(()));
    assert!(rejections(&envoy).1.is_empty());
}

/// If another listener is the first one, no VM keeps the note.
#[test]
fn a_configuration_rejected_before_the_console_starts_is_in_the_log() {
    let last = |bootstrap: String, _: &_| {
        let (before, rest) = bootstrap.split_once("  - name: console\n").unwrap();
        let (listener, rest) = rest.split_once("\n  - name: llm\n").unwrap();
        let (others, after) = rest.split_once("\n  clusters:\n").unwrap();
        format!(
            "{before}  - name: llm\n{others}\n  - name: console\n{listener}\n  clusters:\n{after}"
        )
    };
    let filter = filter_yaml(&weights(0, 0));
    let envoy = Envoy::start_with(&Setup {
        filter: Some(&filter),
        edit_bootstrap: &last,
        ..Setup::default()
    });
    let View { rollouts, problems, .. } = read_view(&envoy);
    assert!(rollouts.is_empty() && problems.is_empty(), "{rollouts:?} {problems:?}");
    let page = new_client().get(console_url(&envoy, "/")).send().unwrap().text().unwrap();
    assert!(page.contains("was rejected when Envoy started: Envoy’s log says why"), "{page}");
    assert!(envoy.log().contains("configuration rejected"), "{}", envoy.log());
}

#[test]
fn a_rejected_configuration_of_the_console_is_shown_by_the_one_in_force() {
    let envoy = start(&weights(50, 50), None, 2);
    let shipped = std::fs::read_to_string(envoy.folder.path().join("config/console.yaml")).unwrap();
    let with = |hosts: &str| {
        let text = format!("{{\"role\": \"console\", \"console\": {{\"hosts\": {hosts}}}}}");
        shipped.replace("{\"role\": \"console\"}", &text)
    };
    replace_file(&envoy, "config/console.yaml", &with("[1]"));
    let (of_rollout, others) = wait_for("the note", || {
        let problems = rejections(&envoy);
        (!problems.1.is_empty()).then_some(problems)
    });
    assert!(others[0].starts_with("A configuration of the console was rejected"), "{others:?}");
    assert!(others[0].contains("console.hosts[0]: 1: "), "{others:?}");
    assert!(of_rollout.is_empty());
    // An accepted release does not remove the note on the console.
    envoy.write_filter(&filter_yaml_from_text(&weights(60, 40).to_string())).unwrap();
    assert_eq!(rejections(&envoy).1, others);
    replace_file(&envoy, "config/console.yaml", &with("[\"console.example\"]"));
    wait_for("the note to go", || rejections(&envoy).1.is_empty().then_some(()));
}
