//! Fleets.

use serde_json::{Value, json};

use super::{ENVOY, Expected, Setup, findings, plugin, with_envoy};

const NODE: &str = "node: {id: envoy, cluster: llm-gateway}";
const OWN_NODE: &str = "node: {id: gateway-1, cluster: llm-gateway}";
const CONNECT: &str = "    connect_timeout: 1s # of etcd\n";
const HTTP2: &str = "explicit_http_config: {http2_protocol_options: \
                     {connection_keepalive: {interval: 5s, timeout: 2s}}}";
const CLUSTER: &str = r#"  - name: etcd
    type: STRICT_DNS
    connect_timeout: 1s # of etcd
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {http2_protocol_options: {connection_keepalive: {interval: 5s, timeout: 2s}}}
"#;

/// A rollout with a fleet with further fields.
fn of_fleet(fields: &Value) -> String {
    let mut fleet = json!({"store": "etcd", "cluster": "etcd"});
    fleet.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    plugin(json!({"ramp": {}, "fleet": fleet}))
}

/// The shipped bootstrap with this cluster and a node id of its own, and a rollout with a fleet.
fn with_cluster(cluster: &str) -> Setup {
    let envoy = ENVOY.replacen(NODE, OWN_NODE, 1);
    let envoy = envoy.replacen("  clusters:\n", &format!("  clusters:\n{cluster}"), 1);
    with_envoy(envoy).with_filter(&of_fleet(&json!({})))
}

/// The cluster without the options of its protocol.
fn without_protocol() -> &'static str {
    &CLUSTER[..CLUSTER.find("    typed_extension").unwrap()]
}

/// The same with a change of the cluster.
fn changed(from: &str, to: &str) -> Setup {
    assert!(CLUSTER.contains(from), "{from}");
    with_cluster(&CLUSTER.replacen(from, to, 1))
}

fn expect(setup: &Setup, at: &str, text: &str) {
    setup.expect(&Expected { kind: "warning", file: "envoy.yaml", at, text });
}

#[test]
fn a_missing_cluster_is_a_problem() {
    let text =
        "fleet.cluster: \"etcd\": is no cluster of the bootstrap, which has verdigris-shadow, ";
    let expected = Expected { kind: "problem", file: "filter.yaml", at: "\"fleet\"", text };
    with_cluster("").expect(&expected);
    let Setup { filter, envoy } = with_cluster("");
    let envoy = format!("{envoy}\ndynamic_resources: {{cds_config: {{ads: {{}}}}}}\n");
    let found = findings(&Setup { filter, envoy }.check());
    assert_eq!(found.iter().map(|it| it.kind).collect::<Vec<_>>(), ["note"], "{found:?}");
}

#[test]
fn a_cluster_without_http2_is_warned_of() {
    let text = "explicit_http_config: \"etcd\": does not speak HTTP/2, which etcd's gRPC API needs";
    let http1 = "explicit_http_config: {http_protocol_options: {}, x: etcd}";
    expect(&changed(HTTP2, http1), "http_protocol_options: {}, x: etcd", text);
    let only_name = without_protocol();
    expect(&with_cluster(only_name), "- name: etcd", text);
}

/// Envoy's stream timeouts do not close an HTTP/2 connection.
#[test]
fn a_store_without_keepalive_is_warned_of() {
    let text = "connection_keepalive: \"etcd\": has no keepalive, so after a connection has died";
    let explicit = "explicit_http_config: {http2_protocol_options: {x: etcd}}";
    expect(&changed(HTTP2, explicit), "{x: etcd}", text);
    expect(&changed(HTTP2, "auto_config: {}"), "- name: etcd", text);
    let only_name = without_protocol();
    let old = |options: &str| format!("{only_name}    http2_protocol_options: {{{options}}}\n");
    expect(&with_cluster(&old("x: etcd")), "{x: etcd}", text);
    let keepalive = "connection_keepalive: {interval: 5s, timeout: 2s}";
    with_cluster(&old(keepalive)).expect_none();
    let auto = format!("auto_config: {{http2_protocol_options: {{{keepalive}}}}}");
    changed(HTTP2, &auto).expect_none();
}

#[test]
fn a_connect_timeout_as_long_as_a_call_is_warned_of() {
    let text = "connect_timeout: \"missing\": the default, 5 s, is not shorter than a call to the store \
                may take, 2 s";
    expect(&changed(CONNECT, ""), "- name: etcd", text);
    for long in ["2s", "5s", "60.5s", "soon"] {
        let setup = changed(CONNECT, &format!("    connect_timeout: {long} # of etcd\n"));
        let text = format!("connect_timeout: \"{long}\": this is not shorter");
        expect(&setup, "# of etcd", &text);
    }
    for short in ["1.9s", "0.25s"] {
        changed(CONNECT, &format!("    connect_timeout: {short}\n")).expect_none();
    }
    // A call may take two intervals.
    let slow = of_fleet(&json!({"interval": "5s"}));
    changed(CONNECT, "    connect_timeout: 9s\n").with_filter(&slow).expect_none();
    changed(CONNECT, "").with_filter(&slow).expect_none();
}

#[test]
fn a_window_of_less_than_two_intervals_is_warned_of() {
    let setup = |interval: &str, windows: &[&str]| {
        let tripwire = |it: &&str| json!({"metric": "abort_rate", "limit": 0.5, "window": it});
        let tripwires: Vec<Value> = windows.iter().map(tripwire).collect();
        let ramp = match windows {
            [] => json!({}),
            _ => json!({"tripwires": tripwires}),
        };
        let fleet = json!({"store": "etcd", "cluster": "etcd", "interval": interval});
        with_cluster(CLUSTER).with_filter(&plugin(json!({"ramp": ramp, "fleet": fleet})))
    };
    for (interval, windows, text) in [
        (
            "30s",
            &[][..],
            "30s: ramp.tripwires has a window of 30 s, for error_rate, which is shorter",
        ),
        ("5s", &["30s", "9s"], "5s: ramp.tripwires has a window of 9 s, for abort_rate, which"),
        ("1s", &["1s"], "1s: ramp.tripwires has a window of 1 s"),
    ] {
        let setup = setup(interval, windows);
        let text = format!("fleet.interval: {text}");
        setup.expect(&Expected {
            kind: "warning",
            file: "filter.yaml",
            at: "\"fleet\"",
            text: &text,
        });
    }
    let found = findings(&setup("5s", &["9s"]).check());
    let fix = "write an interval of at most 4.5 s, or a window of at least 10 s";
    assert!(found.iter().all(|it| it.text.ends_with(fix)), "{found:?}");
    for (interval, windows) in
        [("15s", &[][..]), ("500ms", &["1s"]), ("5s", &["10s"]), ("60s", &["2m"])]
    {
        setup(interval, windows).expect_none();
    }
}

#[test]
fn a_node_id_that_other_envoys_may_have_is_warned_of() {
    let with_node = |node: &str| {
        let setup = with_cluster(CLUSTER);
        Setup { envoy: setup.envoy.replacen(OWN_NODE, node, 1), ..setup }
    };
    let text =
        "node.id: \"envoy\": is the name of this Envoy in its fleet, and each Envoy needs its own";
    expect(&with_node(NODE), NODE, text);
    let missing = "node: {cluster: llm-gateway}";
    let found = findings(&with_node(missing).check());
    assert!(found[0].text.starts_with("node.id: \"missing\": is the name"), "{found:?}");
    assert_eq!(found.len(), 1, "{found:?}");
    let named = of_fleet(&json!({"instance": "gateway-1"}));
    with_node(NODE).with_filter(&named).expect_none();
}

#[test]
fn a_cluster_of_kubernetes_without_tls_is_warned_of() {
    let fields = json!({"store": "kubernetes", "namespace": "gateways"});
    let setup = changed(HTTP2, "auto_config: {}").with_filter(&of_fleet(&fields));
    let text = "transport_socket: \"etcd\": does not speak TLS, which the Kubernetes API needs";
    expect(&setup, "- name: etcd", text);
    let tls = "    transport_socket: {name: envoy.transport_sockets.tls}\n";
    with_cluster(&format!("{CLUSTER}{tls}")).with_filter(&of_fleet(&fields)).expect_none();
}

#[test]
fn without_a_fleet_neither_a_cluster_nor_a_node_id_is_needed() {
    with_envoy(ENVOY.to_owned()).with_filter(&plugin(json!({"ramp": {}}))).expect_none();
    with_cluster(CLUSTER).expect_none();
}
