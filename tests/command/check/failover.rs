//! Failover.

use serde_json::{Value, json};

use super::{ENVOY, Expected, Setup, findings, plugin, replaced, with_envoy};

const INTERNAL: &str = "{envoy_internal_address: {server_listener_name: llm-green}}";
const SOCKET: &str = "{socket_address: {address: 127.0.0.1, port_value: 4021}}";
const BREAKERS: &str = "thresholds: [{max_retries: 100000}]";
const EXACT: &str = "string_match: {exact: llm-green-failover}";

/// A rollout with failover, and further fields of green.
fn failing_over(fields: &Value) -> String {
    let mut green = json!({"cluster": "llm-green", "failover": {"cluster": "llm-green-failover"}});
    green.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    plugin(json!({"versions": {"blue": {"cluster": "llm-blue"}, "green": green}}))
}

/// The shipped bootstrap with a change, and a rollout with failover.
fn changed(from: &str, to: &str) -> Setup {
    with_envoy(replaced(ENVOY, from, to)).with_filter(&failing_over(&json!({})))
}

/// The same with a rollout that changes green's requests.
fn changed_with_patch(from: &str, to: &str) -> Setup {
    changed(from, to).with_filter(&failing_over(&json!({"request": {"model": "m"}})))
}

/// The shipped setup with further text at the end of the bootstrap.
fn appended(setup: Setup, text: &str) -> Setup {
    Setup { envoy: setup.envoy + text, ..setup }
}

fn expect(setup: &Setup, at: &str, text: &str) {
    setup.expect(&Expected { kind: "warning", file: "envoy.yaml", at, text });
}

#[test]
fn a_missing_failover_cluster_is_a_problem() {
    let text = "versions.green.failover.cluster: \"llm-green-failover\": is no cluster of the \
                bootstrap, which has verdigris-shadow, ";
    let expected = Expected { kind: "problem", file: "filter.yaml", at: "{\"blue\"", text };
    changed("- name: llm-green-failover", "- name: other").expect(&expected);
    let cds = "\ndynamic_resources: {cds_config: {ads: {}}}\n";
    let setup = appended(changed("  - name: llm-green-failover\n", "  - name: other\n"), cds);
    let found = findings(&setup.check());
    assert_eq!(found.iter().map(|it| it.kind).collect::<Vec<_>>(), ["note"], "{found:?}");
}

#[test]
fn a_cluster_that_is_not_composite_is_warned_of() {
    let text =
        "cluster_type: \"llm-green-failover\": is no composite cluster, so blue does not answer";
    expect(&changed("cluster_type:", "not_a_type:"), "- name: llm-green-failover", text);
    let aggregate = changed("envoy.clusters.composite", "envoy.clusters.aggregate");
    let envoy = aggregate.envoy.replacen("clusters.composite.v3", "clusters.aggregate.v3", 1);
    let aggregate = Setup { envoy, ..aggregate };
    let text = "cluster_type: \"llm-green-failover\": is no composite cluster: it retries a request \
                on the same";
    expect(&aggregate, "name: envoy.clusters.aggregate", text);
}

#[test]
fn few_retries_are_warned_of() {
    let few = "thresholds: [{max_retries: 3}]";
    let text = "circuit_breakers.max_retries: \"llm-green-failover\": allows at most 3";
    expect(&changed(BREAKERS, few), few, text);
    let of_high = "thresholds: [{max_retries: 9, priority: HIGH}, {}]";
    expect(&changed(BREAKERS, of_high), of_high, "circuit_breakers.max_retries: ");
    for many in ["[{priority: DEFAULT, max_retries: 9}]", "[{retry_budget: {}}]"] {
        changed(BREAKERS, &format!("thresholds: {many}")).expect_none();
    }
}

#[test]
fn a_route_without_retries_is_warned_of() {
    let text = "route_config: \"llm-green-failover\": no route matches x-verdigris-cluster: \
                llm-green-failover, so";
    let unmatched = changed(EXACT, "string_match: {exact: other}");
    expect(&unmatched, "name: llm\n            virtual_hosts", text);
    changed(EXACT, "exact_match: llm-green-failover").expect_none();

    let other = changed("retry_on: 5xx,retriable-status-codes,", "retry_on: gateway-error,");
    let text = "retry_policy.retry_on: \"gateway-error,internal,";
    expect(&other, "retry_on: gateway-error", text);
    let policy = "                  retry_policy:\n                    retry_on: 5xx";
    let without = changed(policy, &policy.replace("retry_policy", "no_policy"));
    let at = "match:\n                  prefix: /\n                  headers: [{name: x-verdigris-cluster";
    let text = "retry_policy.retry_on: does not retry requests that green answers with 5xx";
    expect(&without, at, text);
}

#[test]
fn endpoints_without_green_s_metadata_are_warned_of() {
    let metadata = "metadata: {filter_metadata: {verdigris: {version: green}}}";
    let text = "lb_endpoints.metadata: is an endpoint of green without its metadata";
    expect(&changed(metadata, "metadata: {}"), INTERNAL, text);
    let text = "lb_endpoints.metadata: \"next\": is an endpoint of green";
    expect(&changed(metadata, &metadata.replace("green", "next")), INTERNAL, text);
}

#[test]
fn changes_to_green_s_requests_need_its_listener() {
    let socket = SOCKET.replace("4021", "4023");
    let text =
        "lb_endpoints.endpoint: is no internal listener with the metadata verdigris.role: green";
    expect(&changed_with_patch(INTERNAL, &socket), "port_value: 4023", text);
    changed(INTERNAL, SOCKET).expect_none();

    let unknown = ("server_listener_name: llm-green}", "server_listener_name: llm-none}");
    let text = "lb_endpoints.endpoint: \"llm-none\": is no internal listener";
    let setup = changed_with_patch(unknown.0, unknown.1);
    expect(&setup, "server_listener_name: llm-none", text);
    appended(setup, "\ndynamic_resources: {lds_config: {ads: {}}}\n").expect_none();
}

#[test]
fn upgrades_that_an_internal_listener_refuses_are_warned_of() {
    let upgrades = |listener: &str| {
        format!(
            "          stat_prefix: {listener}\n          # As for the release, or Envoy refuses \
             WebSockets here with 403.\n          upgrade_configs: [{{upgrade_type: websocket}}]\n"
        )
    };
    for listener in ["llm-green", "llm-blue"] {
        let (shipped, prefix) = (upgrades(listener), format!("stat_prefix: {listener}\n"));
        let at = format!("- name: {listener}\n    internal_listener");
        let text = "upgrade_configs: \"websocket\": is refused by this listener with 403, but";
        expect(&changed(&shipped, &format!("          {prefix}")), &at, text);
        let off = shipped.replace("websocket}", "websocket, enabled: false}");
        expect(&changed(&shipped, &off), &at, text);
        changed(&shipped, &shipped.replace("websocket", "WebSocket")).expect_none();
    }
    // The release's listener takes none.
    let of_release = "          upgrade_configs: [{upgrade_type: websocket}]\n          # Before";
    changed(of_release, "          # Before").expect_none();
}

#[test]
fn the_shipped_bootstrap_supports_failover() {
    with_envoy(ENVOY.to_owned()).expect_none();
    changed(BREAKERS, BREAKERS).expect_none();
    changed_with_patch(BREAKERS, BREAKERS).expect_none();
}
