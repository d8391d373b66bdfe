//! The store of a fleet as Envoy reaches it: each way in which calls fail, and what Envoy refuses.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use super::assert_requests_flow;
use crate::envoy::process::wait_for;
use crate::envoy::{Envoy, Setup, filter_yaml};
use crate::envoy_only::capabilities::envoy_without;
use crate::etcd_server::Etcd;
use crate::faulty_grpc::{Fault, FaultyGrpc};
use crate::proxy::config;
use crate::tcp_gate::{Gate, TcpGate};

/// A name that is a serialised `GrpcService` by chance: Envoy 1.40 ends if a call names it.
const CLUSTER: &str = "etcds";
const STATE: &str = "/verdigris/assistant-v8/state";

fn fleet() -> Value {
    config(json!({
        "ramp": {"steps": [50, 100], "bake": "1h"},
        "fleet": {"store": "etcd", "cluster": CLUSTER, "interval": "500ms"},
    }))
}

/// A cluster of the store at this port, with these lines of configuration.
pub fn add_cluster(bootstrap: &str, port: u16, lines: &str) -> String {
    format!(
        "{}
  - name: {CLUSTER}
    type: STATIC
    connect_timeout: 1s
    load_assignment:
      cluster_name: {CLUSTER}
      endpoints:
      - lb_endpoints:
        - endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}}}
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        \"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config:
          http2_protocol_options: {{connection_keepalive: {{interval: 1s, timeout: 1s}}}}
{lines}",
        bootstrap.trim_end()
    )
}

fn start(port: u16, lines: &str) -> Envoy {
    let filter = filter_yaml(&fleet());
    Envoy::start_with(&Setup {
        filter: Some(&filter),
        edit_bootstrap: &|bootstrap, _| add_cluster(&bootstrap, port, lines),
        ..Setup::default()
    })
}

fn wait_for_state(etcd: &Etcd) {
    wait_for("the fleet's state", || etcd.get(STATE));
}

#[test]
fn requests_flow_whatever_goes_wrong_with_the_calls_and_the_state_is_written_at_last() {
    let etcd = Etcd::start();
    let proxy = FaultyGrpc::before(etcd.port(0));
    let faults = [
        Fault::LoseRequest,
        Fault::LoseAnswer,
        Fault::Repeat,
        Fault::RefuseWith(7),
        Fault::RefuseWith(14),
        Fault::FailAfterwardsWith(13),
        Fault::HttpStatus(503),
        Fault::HttpStatus(403),
        Fault::Page,
        Fault::CutAnswer(0),
        Fault::CutAnswer(500),
        Fault::CutAnswer(990),
        Fault::Delay(Duration::from_millis(200)),
    ];
    let mut rng = StdRng::seed_from_u64(23);
    let is_watch = |path: &str| path.ends_with("/Watch");
    proxy.set_faults(move |path| {
        let fault = faults[rng.random_range(0..faults.len())];
        // A watch is a stream: it ends, or is refused.
        if is_watch(path) { Some(Fault::RefuseWith(14)) } else { Some(fault) }
    });
    let mut envoy = start(proxy.port, "");
    let mut calls = Vec::new();
    wait_for("50 failed calls", || {
        assert_requests_flow(&mut envoy);
        calls.extend(proxy.take_calls());
        (calls.len() >= 50).then_some(())
    });
    proxy.set_faults(|_| None);
    wait_for_state(&etcd);
    wait_for("a watch", || proxy.take_calls().iter().any(|(path, _)| is_watch(path)).then_some(()));
    assert_requests_flow(&mut envoy);
}

#[test]
fn a_store_that_is_killed_and_comes_back_is_used_again() {
    let mut etcd = Etcd::start();
    let mut envoy = start(etcd.port(0), "");
    wait_for_state(&etcd);
    for _ in 0..2 {
        let before = envoy.log().len();
        etcd.kill(0);
        wait_for("the store to be away", || {
            envoy.log()[before..].contains("is away").then_some(())
        });
        assert_requests_flow(&mut envoy);
        etcd.restart();
        wait_for("the store to be back", || {
            envoy.log()[before..].contains("is back").then_some(())
        });
    }
    assert!(etcd.get(STATE).is_some());
}

/// Without keepalive Envoy would use a dead connection until TCP gives it up, after a quarter of an
/// hour.
#[test]
fn connections_that_die_silently_are_replaced() {
    let etcd = Etcd::start();
    let gate = TcpGate::before(etcd.port(0));
    let mut envoy = start(gate.port, "");
    wait_for_state(&etcd);
    for _ in 0..2 {
        gate.strand_connections();
        let before = etcd.revision();
        wait_for("another write", || (etcd.revision() > before).then_some(()));
        assert_requests_flow(&mut envoy);
    }
    wait_for("the store to be back", || (!is_away(&envoy)).then_some(()));
    gate.set(Gate::BlackHole);
    wait_for("the store to be away", || is_away(&envoy).then_some(()));
    assert_requests_flow(&mut envoy);
    gate.set(Gate::Open);
    wait_for("the store to be back", || (!is_away(&envoy)).then_some(()));
}

/// Whether the latest of such messages is that the store is away.
fn is_away(envoy: &Envoy) -> bool {
    let log = envoy.log();
    log.rfind("store is away") > log.rfind("store is back")
}

#[test]
fn a_circuit_breaker_that_is_open_is_no_answer_and_no_trap() {
    let etcd = Etcd::start();
    let breaker = "    circuit_breakers: {thresholds: [{max_requests: 0}]}\n";
    let mut envoy = start(etcd.port(0), breaker);
    wait_for("the store to be away", || envoy.log().contains("is away").then_some(()));
    assert_requests_flow(&mut envoy);
    assert_eq!(etcd.get(STATE), None);
}

#[test]
fn a_cluster_that_does_not_exist_is_no_answer_and_no_trap() {
    let filter = filter_yaml(&fleet());
    let mut envoy = Envoy::start_with(&Setup { filter: Some(&filter), ..Setup::default() });
    wait_for("the message", || envoy.log().contains("the cluster does not exist").then_some(()));
    assert_requests_flow(&mut envoy);
}

#[test]
fn a_reload_ends_the_calls_of_the_configuration_before() {
    let etcd = Etcd::start();
    let mut envoy = start(etcd.port(0), "");
    wait_for_state(&etcd);
    let streams = || envoy.read_stat(&format!("cluster.{CLUSTER}.upstream_rq_active"));
    let wait_for_one_watch = || wait_for("one watch", || (streams() == Some(1)).then_some(()));
    wait_for_one_watch();
    for minutes in 1..4 {
        let mut changed = fleet();
        changed["ramp"]["bake"] = json!(format!("{minutes}h"));
        envoy.write_filter(&filter_yaml(&changed)).unwrap();
        wait_for_one_watch();
    }
    assert_requests_flow(&mut envoy);
}

#[test]
fn calls_that_a_restriction_leaves_out_are_a_message_and_no_trap() {
    for left_out in ["proxy_grpc_call", "proxy_grpc_stream", "proxy_set_effective_context"] {
        let mut envoy = envoy_without(&[left_out], &fleet());
        let message = "capability_restriction_config leaves the call out";
        wait_for(left_out, || envoy.log().contains(message).then_some(()));
        assert_requests_flow(&mut envoy);
    }
}
