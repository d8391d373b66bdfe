//! What `verdigris check` says of failover: a line a case.

use serde_json::json;

use super::check_envoy::{ENVOY, FILTER, check, findings, line, plugin, with};

fn failing_over(fields: &serde_json::Value) -> String {
    let mut green = json!({"cluster": "llm-green", "failover": {"cluster": "llm-green-failover"}});
    green.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    plugin(json!({"versions": {"blue": {"cluster": "llm-blue"}, "green": green}}))
}

const INTERNAL: &str = "{envoy_internal_address: {server_listener_name: llm-green}}";
const SOCKET: &str = "{socket_address: {address: 127.0.0.1, port_value: 4021}}";

/// A change to the shipped bootstrap, and what is said of it: its kind, the text in whose line it
/// is, and how it begins. Where there is no text, it is of filter.yaml.
#[test]
fn what_failover_needs_is_looked_for() {
    let plain = failing_over(&json!({}));
    let patched = failing_over(&json!({"request": {"model": "m"}}));
    let of = |from: &str, to: &str| with(ENVOY, from, to);
    let retry_on = "retry_on: 5xx,retriable-status-codes,";
    let aggregate = of("envoy.clusters.composite", "envoy.clusters.aggregate").replacen(
        "clusters.composite.v3",
        "clusters.aggregate.v3",
        1,
    );
    let breakers = "thresholds: [{max_retries: 100000}]";
    let cases = [
        (
            &plain,
            of("- name: llm-green-failover", "- name: other"),
            "problem",
            "",
            "versions.green.failover.cluster: \"llm-green-failover\": is no cluster of the bootstrap, which has verdigris-shadow, ",
        ),
        (
            &plain,
            of("cluster_type:", "not_a_type:"),
            "warning",
            "- name: llm-green-failover",
            "cluster_type: \"llm-green-failover\": is no composite cluster, so blue does not answer",
        ),
        (
            &plain,
            aggregate,
            "warning",
            "name: envoy.clusters.aggregate",
            "cluster_type: \"llm-green-failover\": is no composite cluster: it retries a request on the same",
        ),
        (
            &plain,
            of(breakers, "thresholds: [{max_retries: 3}]"),
            "warning",
            "thresholds: [{max_retries: 3}]",
            "circuit_breakers.max_retries: \"llm-green-failover\": allows at most 3 retries",
        ),
        (
            &plain,
            of(breakers, "thresholds: [{max_retries: 9, priority: HIGH}, {}]"),
            "warning",
            "thresholds: [{max_retries: 9",
            "circuit_breakers.max_retries: ",
        ),
        (
            &plain,
            of("string_match: {exact: llm-green-failover}", "string_match: {exact: other}"),
            "warning",
            "name: llm\n            virtual_hosts",
            "route_config: \"llm-green-failover\": no route matches x-verdigris-cluster: llm-green-failover, so",
        ),
        (
            &plain,
            of(retry_on, "retry_on: gateway-error,"),
            "warning",
            "retry_on: gateway-error",
            "retry_policy.retry_on: \"gateway-error,internal,",
        ),
        (
            &plain,
            of(
                "                  retry_policy:\n                    retry_on: 5xx",
                "                  no_policy:\n                    retry_on: 5xx",
            ),
            "warning",
            "match:\n                  prefix: /\n                  headers: [{name: x-verdigris-cluster",
            "retry_policy.retry_on: does not retry what green answers with 5xx",
        ),
        (
            &plain,
            of("metadata: {filter_metadata: {verdigris: {version: green}}}", "metadata: {}"),
            "warning",
            INTERNAL,
            "lb_endpoints.metadata: is an endpoint of green that does not say so",
        ),
        (
            &plain,
            of("{verdigris: {version: green}}", "{verdigris: {version: next}}"),
            "warning",
            INTERNAL,
            "lb_endpoints.metadata: \"next\": is an endpoint of green",
        ),
        (
            &patched,
            of(INTERNAL, &SOCKET.replace("4021", "4023")),
            "warning",
            "port_value: 4023",
            "lb_endpoints.endpoint: is no internal listener whose metadata say verdigris.role: green",
        ),
        (
            &patched,
            of("server_listener_name: llm-green}", "server_listener_name: llm-none}"),
            "warning",
            "server_listener_name: llm-none",
            "lb_endpoints.endpoint: \"llm-none\": is no internal listener",
        ),
    ];
    for (filter, envoy, kind, place, expected) in cases {
        let (_files, done) = check(filter, &envoy);
        let found = findings(&done);
        let [(is, file, at, text)] = found.as_slice() else { panic!("{expected}: {found:#?}") };
        assert_eq!(is, kind, "{text}");
        match place {
            "" => assert_eq!(file, "filter.yaml", "{text}"),
            _ => assert_eq!((file.as_str(), *at), ("envoy.yaml", line(&envoy, place)), "{text}"),
        }
        assert!(text.starts_with(expected), "{text}\n{expected}");
        assert_eq!(done.code, i32::from(kind == "problem"), "{done:?}");
    }
}

#[test]
fn failover_as_it_should_be_is_not_warned_of() {
    let plain = failing_over(&json!({}));
    let patched = failing_over(&json!({"request": {"model": "m"}}));
    let of = |from: &str, to: &str| with(ENVOY, from, to);
    let exact = "string_match: {exact: llm-green-failover}";
    let breakers = "thresholds: [{max_retries: 100000}]";
    let cases = [
        (FILTER, ENVOY.to_owned()),
        (&plain, ENVOY.to_owned()),
        (&patched, ENVOY.to_owned()),
        // Without a patch no listener is needed.
        (&plain, of(INTERNAL, SOCKET)),
        (&plain, of(exact, "exact_match: llm-green-failover")),
        (&plain, of(breakers, "thresholds: [{priority: DEFAULT, max_retries: 9}]")),
        (&plain, of(breakers, "thresholds: [{retry_budget: {}}]")),
        // What is elsewhere is not known.
        (
            &plain,
            of("  - name: llm-green-failover\n", "  - name: other\n")
                + "\ndynamic_resources: {cds_config: {ads: {}}}\n",
        ),
        (
            &patched,
            of("server_listener_name: llm-green}", "server_listener_name: llm-none}")
                + "\ndynamic_resources: {lds_config: {ads: {}}}\n",
        ),
    ];
    for (filter, envoy) in cases {
        let (_files, done) = check(filter, &envoy);
        assert_eq!((findings(&done), done.code), (Vec::new(), 0), "{envoy}");
    }
}
