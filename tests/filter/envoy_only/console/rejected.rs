//! A configuration that the filter rejected is shown until another one is accepted.

use serde_json::json;
use verdigris::console::View;

use super::super::ramp::new_client;
use super::{console, start, view};
use crate::envoy::process::wait_for;
use crate::envoy::{Envoy, Setup, filter_yaml, filter_yaml_of};
use crate::proxy::{Proxy as _, ROLLOUT, config, weights};

/// What is wrong: with the one rollout, and with none in particular.
fn problems(envoy: &Envoy) -> (Vec<String>, Vec<String>) {
    // A worker knows of a rollout when it has been configured, which may be after the console.
    let view = wait_for("the rollout", || {
        let View { rollouts, problems, .. } = view(envoy);
        (rollouts.len() == 1).then_some((rollouts, problems))
    });
    let (rollouts, others) = view;
    let of_rollout = rollouts[0].problems.iter().filter(|it| it.what.contains("rejected"));
    assert!(of_rollout.clone().chain(&others).all(|it| !it.is_severe && !it.mend.is_empty()));
    let what = |it: &verdigris::console::view::ProblemView| it.what.clone();
    (of_rollout.map(what).collect(), others.iter().map(what).collect())
}

/// Replaces a file by a rename, as Envoy's watch wants it.
fn replace(envoy: &Envoy, name: &str, text: &str) {
    let new = envoy.folder.path().join("new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(new, envoy.folder.path().join(name)).unwrap();
}

#[test]
fn a_rejected_configuration_is_shown_until_another_is_accepted() {
    let mut envoy = start(&weights(50, 50), None, 2);
    assert_eq!(problems(&envoy), (vec![], vec![]));
    let refused = filter_yaml_of(&weights(0, 0).to_string());
    envoy.write_filter(&refused).unwrap_err();
    let expected = "weights: {\"blue\":0,\"green\":0}: make at least one weight positive";
    let (shown, others) = problems(&envoy);
    assert!(shown.len() == 1 && shown[0].contains(expected), "{shown:?}");
    assert!(shown[0].contains(&format!("of rollout {ROLLOUT} was rejected at ")), "{shown:?}");
    assert!(others.is_empty());

    // Envoy takes the same text again for unchanged and counts a success.
    let taken = "extension_config_discovery.http_filter.verdigris.update_success";
    let before = envoy.read_stat(taken).unwrap();
    replace(&envoy, "filter.yaml", &refused);
    wait_for("Envoy to read it", || (envoy.read_stat(taken).unwrap() > before).then_some(()));
    assert_eq!(problems(&envoy).0, shown);
    // Nor is the filter told that the file was put back, as `weights` does.
    envoy.push(&weights(50, 50)).unwrap();
    assert_eq!(problems(&envoy).0, shown);

    // The latest one counts, whatever it names.
    for (text, expected) in [
        ("{\"rollout\": <b>".to_owned(), "of plugin verdigris was rejected at "),
        (config(json!({"rollout": "other-1", "weights": 1})).to_string(), "of rollout other-1 was"),
        (config(json!({"rollout": "<i>\u{202e}"})).to_string(), "of rollout <i>"),
    ] {
        envoy.write_filter(&filter_yaml_of(&text)).unwrap_err();
        let (shown, others) = problems(&envoy);
        assert!(shown.len() == 1 && shown[0].contains(expected), "{shown:?}");
        assert!(others.is_empty(), "{others:?}");
    }
    let page = new_client().get(console(&envoy, "/")).send().unwrap().text().unwrap();
    assert!(page.contains("was rejected at") && page.contains("&lt;i&gt;"), "{page}");
    assert!(!page.contains("<i>\u{202e}"));

    envoy.push(&weights(60, 40)).unwrap();
    wait_for("the note to go", || problems(&envoy).0.is_empty().then_some(()));
    // Envoy remembers the text and rejects it without the filter.
    envoy.write_filter(&refused).unwrap_err();
    assert_eq!(problems(&envoy).0, [""; 0]);
}

/// The console's listener is the first, so its VM keeps the note.
#[test]
fn what_was_rejected_at_the_start_is_shown_until_another_is_accepted() {
    let mut envoy = start(&weights(0, 0), None, 2);
    for _ in 0..2 {
        let View { rollouts, problems, .. } = view(&envoy);
        assert!(rollouts.is_empty() && problems.len() == 1, "{rollouts:?} {problems:?}");
        let expected = format!("A configuration of rollout {ROLLOUT} was rejected at ");
        assert!(problems[0].what.starts_with(&expected), "{problems:?}");
        assert!(problems[0].what.contains("make at least one weight positive"), "{problems:?}");
        let page = new_client().get(console(&envoy, "/")).send().unwrap().text().unwrap();
        assert!(page.contains(&expected), "{page}");
        assert!(envoy.log().contains("configuration refused"), "{}", envoy.log());
        envoy.restart();
    }
    envoy.push(&weights(60, 40)).unwrap();
    wait_for("the note to go", || problems(&envoy).0.is_empty().then_some(()));
    assert!(problems(&envoy).1.is_empty());
}

/// Where another listener is the first, no VM keeps it.
#[test]
fn what_was_rejected_before_there_is_a_console_is_in_the_log() {
    let last = |bootstrap: String, _: &_| {
        let (before, rest) = bootstrap.split_once("  - name: console\n").unwrap();
        let (listener, rest) = rest.split_once("\n  - name: llm\n").unwrap();
        let (others, after) = rest.split_once("\n  clusters:\n").unwrap();
        format!(
            "{before}  - name: llm\n{others}\n  - name: console\n{listener}\n  clusters:\n{after}"
        )
    };
    let filter = filter_yaml(&weights(0, 0));
    let envoy =
        Envoy::start_with(&Setup { filter: Some(&filter), change: &last, ..Setup::default() });
    let View { rollouts, problems, .. } = view(&envoy);
    assert!(rollouts.is_empty() && problems.is_empty(), "{rollouts:?} {problems:?}");
    let page = new_client().get(console(&envoy, "/")).send().unwrap().text().unwrap();
    assert!(page.contains("was rejected when Envoy started: Envoy’s log says why"), "{page}");
    assert!(envoy.log().contains("configuration refused"), "{}", envoy.log());
}

#[test]
fn a_rejected_console_is_shown_by_the_one_in_force() {
    let envoy = start(&weights(50, 50), None, 2);
    let shipped = std::fs::read_to_string(envoy.folder.path().join("console.yaml")).unwrap();
    let with = |hosts: &str| {
        let text = format!("{{\"role\": \"console\", \"console\": {{\"hosts\": {hosts}}}}}");
        shipped.replace("{\"role\": \"console\"}", &text)
    };
    replace(&envoy, "console.yaml", &with("[1]"));
    let (of_rollout, others) = wait_for("the note", || {
        let problems = problems(&envoy);
        (!problems.1.is_empty()).then_some(problems)
    });
    assert!(others[0].starts_with("A configuration of the console was rejected"), "{others:?}");
    assert!(others[0].contains("console.hosts[0]: 1: "), "{others:?}");
    assert!(of_rollout.is_empty());
    // A release that is accepted says nothing about the console.
    envoy.write_filter(&filter_yaml_of(&weights(60, 40).to_string())).unwrap();
    assert_eq!(problems(&envoy).1, others);
    replace(&envoy, "console.yaml", &with("[\"console.example\"]"));
    wait_for("the note to go", || problems(&envoy).1.is_empty().then_some(()));
}
