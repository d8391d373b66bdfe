//! Two rollouts in one VM without a `vm_id`, as Istio configures them, in a real Envoy.

use serde_json::{Value, json};
use verdigris::console::View;

use crate::console_path::{TOKEN, release};
use crate::envoy::process::wait_for;
use crate::envoy::upstream::Upstream;
use crate::envoy::{Envoy, Setup, filter_yaml, release_listener_offset};

/// The shipped filter without a `vm_id`.
fn without_vm_id(config: &Value) -> String {
    let (filter, vm_id) = (filter_yaml(config), "        vm_id: verdigris\n");
    assert!(filter.contains(vm_id));
    filter.replace(vm_id, "")
}

/// Adds a listener with the other rollout.
fn with_other(bootstrap: String, _: &[Upstream; 3]) -> String {
    let (before, rest) = bootstrap.split_at(release_listener_offset(&bootstrap));
    let (listener, rest) = rest.split_once("  # Gets a copy").unwrap();
    let other = listener.replace("- name: llm\n    address", "- name: other\n    address");
    let other = other.replace("config/filter.yaml", "config/other.yaml");
    assert_ne!(listener, other);
    format!("{before}{listener}{other}  # Gets a copy{rest}")
}

#[test]
fn two_rollouts_in_one_vm_are_independent() {
    let filter = without_vm_id(&release(json!({"weights": {"blue": 1, "green": 0}})));
    let mut other = release(json!({"weights": {"blue": 0, "green": 1}}));
    other["rollout"] = json!("search-v2");
    let other = without_vm_id(&other);
    // filter.yaml's folder has only what a setup names, so the other one is inline.
    let inline = |bootstrap: String, upstreams: &[Upstream; 3]| {
        let bootstrap = with_other(bootstrap, upstreams);
        let (before, rest) = bootstrap.split_once("          - name: verdigris\n            config_discovery:\n              config_source:\n                path_config_source:\n                  path: config/other.yaml\n").unwrap();
        let (_, rest) = rest.split_once("          - name: envoy.filters.http.router\n").unwrap();
        let (_, typed) = other.split_once("  typed_config:\n").unwrap();
        let typed: String = typed.lines().map(|line| format!("          {line}\n")).collect();
        format!(
            "{before}          - name: verdigris\n            typed_config:\n{typed}          - name: envoy.filters.http.router\n{rest}"
        )
    };
    let envoy = Envoy::start_with(&Setup {
        filter: Some(&filter),
        token: Some(TOKEN),
        edit_bootstrap: &inline,
        ..Setup::default()
    });
    let listeners: Value = serde_json::from_str(&envoy.admin("/listeners?format=json")).unwrap();
    let port = |name: &str| {
        let all = listeners["listener_statuses"].as_array().unwrap();
        let found = all.iter().find(|it| it["name"] == name).unwrap();
        found.pointer("/local_address/socket_address/port_value").unwrap().clone()
    };
    let urls = ["llm", "other"].map(|name| format!("http://127.0.0.1:{}", port(name)));
    let cluster = |url: &String| {
        let answer = envoy.unpooled_client.get(url).header("x-user-id", "ada").send().unwrap();
        let answer: Value = serde_json::from_slice(&answer.bytes().unwrap()).unwrap();
        answer["cluster"].as_str().unwrap().to_owned()
    };
    assert_eq!(urls.each_ref().map(cluster), ["llm-blue", "llm-green"]);
    wait_for("both rollouts in one VM", || {
        let state = envoy.unpooled_client.get(format!("{}/ops/state.json", urls[0]));
        let state = state.bearer_auth(TOKEN).send().unwrap();
        let view: View = serde_json::from_slice(&state.bytes().unwrap()).unwrap();
        let mut names: Vec<_> = view.rollouts.iter().map(|it| it.rollout.clone()).collect();
        names.sort();
        (names == ["assistant-v8", "search-v2"]).then_some(())
    });
    let command = json!({"reason": "as asked"}).to_string();
    let rollback =
        envoy.unpooled_client.post(format!("{}/ops/rollback?rollout=search-v2", urls[0]));
    let rollback = rollback.bearer_auth(TOKEN).header("x-verdigris-command", command);
    let answer = rollback.send().unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text().unwrap());
    wait_for("the rollback", || (0..16).all(|_| cluster(&urls[1]) == "llm-blue").then_some(()));
    let stats: Vec<_> = ["assistant-v8", "search-v2"]
        .map(|it| envoy.read_stat(&format!("wasmcustom.verdigris.{it}.phase")))
        .into();
    assert_eq!(stats, [Some(5), Some(4)]);
}
