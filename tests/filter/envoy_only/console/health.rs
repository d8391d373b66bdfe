//! The console says whether a rollout gets what it needs, and what runs it.

use serde_json::{Value, json};
use verdigris::console::view::{HealthView, RolloutView};

use super::{TOKEN, read_view, start};
use crate::envoy::process::wait_for;
use crate::envoy::{Envoy, filter_yaml_from_text};
use crate::proxy::{Proxy as _, Request, set_fields, weights};

/// The text of a check, where it has this status.
fn text_of(rollout: &RolloutView, check: &str, status: &str) -> Option<String> {
    let is_wanted = |it: &&HealthView| it.check == check && it.status == status;
    rollout.health.iter().find(is_wanted).map(|it| it.text.replace('\u{a0}', " "))
}

/// Waits until a worker shows this check with this status.
fn wait_for_check(envoy: &Envoy, check: &str, status: &str) -> String {
    wait_for(&format!("{check} to be {status}"), || {
        text_of(read_view(envoy).rollouts.first()?, check, status)
    })
}

#[test]
fn the_console_shows_what_runs_the_rollout_and_whether_it_has_traffic() {
    let mut config = weights(50, 50);
    let request = json!({"model": "gpt-5-mini", "system": {"append": "a secret"}});
    set_fields(&mut config["versions"]["green"], &json!({"request": request}));
    let mut envoy = start(&config, Some(TOKEN), 2);
    let view =
        wait_for("the rollout", || Some(read_view(&envoy)).filter(|view| view.rollouts.len() == 1));
    assert_eq!(view.about.verdigris, env!("CARGO_PKG_VERSION"));
    assert_eq!(view.about.node.as_deref(), Some("envoy"));
    // "…/1.40.0/Clean/RELEASE/BoringSSL"
    let info: Value = serde_json::from_str(&envoy.admin("/server_info")).unwrap();
    let version = view.about.envoy.expect("Envoy has a version");
    let long = info["version"].as_str().unwrap();
    assert!(long.contains(&format!("/{version}/")), "{version} is not in {long}");

    let green = view.rollouts[0].versions[1].about.clone().unwrap();
    assert_eq!(green.cluster, config["versions"]["green"]["cluster"].as_str().unwrap());
    assert_eq!(green.model.as_deref(), Some("gpt-5-mini"));
    assert_eq!(green.system.as_deref(), Some("append"));
    assert!(!serde_json::to_string(&green).unwrap().contains("secret"));

    assert_eq!(
        text_of(&view.rollouts[0], "traffic", "warning").unwrap(),
        "no requests since Envoy started"
    );
    assert!(wait_for_check(&envoy, "configuration", "ok").starts_with("accepted at "));
    for user in 0..100 {
        envoy.send(&Request::from_user(format!("user-{user}")));
    }
    // A worker that has ticked knows when these came.
    wait_for("the requests to be recent", || {
        let text = text_of(read_view(&envoy).rollouts.first()?, "traffic", "ok")?;
        text.starts_with("100 requests in the last ").then_some(())
    });
    assert_eq!(wait_for_check(&envoy, "users", "ok"), "100 % of requests name a user");
    let split = wait_for_check(&envoy, "split", "ok");
    assert!(split.contains("of requests went to green") && split.ends_with("50 % configured"));
    for _ in 0..30 {
        envoy.send(&Request::anonymous());
    }
    let users = wait_for_check(&envoy, "users", "warning");
    assert!(users.starts_with("only 76.9 % of requests name a user"), "{users}");

    envoy.write_filter(&filter_yaml_from_text(&weights(0, 0).to_string())).unwrap_err();
    let rejected = wait_for_check(&envoy, "configuration", "warning");
    assert!(
        rejected.contains("weights: {\"blue\":0,\"green\":0}: make at least one"),
        "{rejected}"
    );
}
