//! Each way in which a store refuses or answers something else: Envoy's log has the reason, requests are
//! assigned as before, and the ramp continues once the store answers again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use serde_json::{Value, json};

use super::assert_requests_flow;
use super::gateways::TOKEN;
use super::shared_store::etcd_cluster;
use crate::envoy::process::wait_for;
use crate::envoy::{Envoy, Setup, filter_yaml};
use crate::envoy_only::console::read_view;
use crate::envoy_only::ramp_fixture::{new_client, read_gauge};
use crate::etcd_server::Etcd;
use crate::faulty_grpc::{Fault, FaultyGrpc};
use crate::kube_server::{ApiFault, KubeServer};
use crate::proxy::config;

/// A step that does not end, and the store asked every half second.
fn fleet(store: &Value) -> Value {
    let mut config = config(json!({"ramp": {"steps": [50, 100], "bake": "1h"}, "fleet": store}));
    config["fleet"]["interval"] = json!("500ms");
    config
}

fn etcd() -> Value {
    json!({"store": "etcd", "cluster": "etcd"})
}

fn kubernetes() -> Value {
    json!({"store": "kubernetes", "cluster": "kubernetes", "namespace": "gateways"})
}

fn start(cluster: &str, store: &Value) -> Envoy {
    let filter = filter_yaml(&fleet(store));
    let clusters = format!("  clusters:\n{cluster}");
    Envoy::start_with(&Setup {
        filter: Some(&filter),
        token: Some(TOKEN),
        edit_bootstrap: &|bootstrap, _| bootstrap.replacen("  clusters:\n", &clusters, 1),
        ..Setup::default()
    })
}

fn wait_for_share(envoy: &Envoy) {
    wait_for("the share", || (read_gauge(envoy, "green_bp") == 5000).then_some(()));
}

/// The error of this Envoy's latest call to the store, as the page shows it.
fn error_of_store(envoy: &Envoy) -> Option<String> {
    read_view(envoy).rollouts.into_iter().next()?.fleet?.error
}

/// Has each failure happen until the page has one of its reasons, and end again. The log has such a reason
/// too, or that of the failure before, whose answer was under way, or a time-out on a busy machine.
fn check_each<F: Copy + std::fmt::Debug>(
    envoy: &mut Envoy,
    failures: &[(&str, F, &[&str])],
    set: impl Fn(Option<F>),
) {
    wait_for_share(envoy);
    let has = |text: &str, reasons: &[&str]| reasons.iter().any(|it| text.contains(it));
    let mut reasons_before: &[&str] = &[];
    for (name, fault, reasons) in failures {
        let before = envoy.log().len();
        set(Some(*fault));
        let line = wait_for(name, || {
            let log = envoy.log().split_off(before);
            log.lines().find(|it| it.contains("the fleet's store is away")).map(str::to_owned)
        });
        let known = [*reasons, reasons_before, &["timeout"]].concat();
        assert!(has(&line, &known), "{name}: {line}");
        wait_for(name, || error_of_store(envoy).filter(|it| has(it, reasons)));
        assert_requests_flow(envoy);
        assert_eq!(read_gauge(envoy, "green_bp"), 5000, "{name}");
        set(None);
        wait_for(name, || {
            envoy.log()[before..].contains("the fleet's store is back").then_some(())
        });
        reasons_before = reasons;
    }
}

#[test]
fn of_etcd() {
    let etcd_server = Etcd::start();
    let proxy = FaultyGrpc::before(etcd_server.port(0));
    let mut envoy = start(&etcd_cluster(&[proxy.port]), &etcd());
    let failures: [(&str, Fault, &[&str]); 11] = [
        ("out of space", Fault::RefuseWith(8), &["RESOURCE_EXHAUSTED"]),
        ("a compacted revision", Fault::RefuseWith(11), &["OUT_OF_RANGE"]),
        ("permission denied", Fault::RefuseWith(7), &["PERMISSION_DENIED"]),
        ("an expired token", Fault::RefuseWith(16), &["UNAUTHENTICATED"]),
        ("403", Fault::HttpStatus(403), &["PERMISSION_DENIED"]),
        ("429", Fault::HttpStatus(429), &["UNAVAILABLE"]),
        ("503", Fault::HttpStatus(503), &["UNAVAILABLE"]),
        ("a page with 200", Fault::Page, &["INTERNAL"]),
        // Where the cut is between two fields, the message can be read, and its content is incomplete.
        ("a cut answer", Fault::CutAnswer(700), &["the answer "]),
        // Envoy passes a gRPC answer of any size. It may take longer than a call may.
        ("33 MiB", Fault::Large, &["is not that of etcd", "timeout"]),
        ("no answer", Fault::NoAnswer, &["timeout"]),
    ];
    check_each(&mut envoy, &failures, |fault| {
        proxy.set_faults(move |path| fault.filter(|_| !path.ends_with("/Watch")));
    });
}

#[test]
fn of_the_kubernetes_api() {
    let server = KubeServer::start();
    let mut envoy = start(&server.cluster(), &kubernetes());
    let failures: [(&str, ApiFault, &[&str]); 9] = [
        ("an expired token", ApiFault::Status(401), &["answers 401"]),
        ("403", ApiFault::Status(403), &["answers 403"]),
        ("409", ApiFault::Status(409), &[""]),
        ("410, a compacted revision", ApiFault::Status(410), &["answers 410"]),
        ("429", ApiFault::TooMany(1), &["answers 429"]),
        ("500, as where etcd is out of space", ApiFault::Status(500), &["answers 500"]),
        ("a page with 200", ApiFault::Page(200), &[""]),
        ("a cut answer", ApiFault::CutAnswer(700), &[""]),
        ("33 MiB", ApiFault::Large, &[""]),
    ];
    check_each(&mut envoy, &failures, |fault| server.set_faults(move |_| fault));
}

#[test]
fn a_record_of_another_format_is_reported_once_and_left_alone() {
    const IN_FORCE: &str = "/verdigris/assistant-v8/in_force";
    let etcd_server = Etcd::start();
    let newer = b"\x63what a newer filter has written";
    let written = etcd_server.put(IN_FORCE, newer);
    let mut envoy = start(&etcd_cluster(&[etcd_server.port(0)]), &etcd());
    let report = "the record in_force in the fleet's store is left alone: it has the form 99";
    wait_for("the report", || envoy.log().contains(report).then_some(()));
    let away = "the fleet's store is away: in_force: it has the form 99";
    wait_for("the store to be away", || envoy.log().contains(away).then_some(()));
    assert_requests_flow(&mut envoy);
    assert_eq!(read_gauge(&envoy, "green_bp"), 0);
    assert_eq!(etcd_server.get(IN_FORCE).as_deref(), Some(&newer[..]));
    assert_eq!(etcd_server.revision(), written, "nothing was written");
    // The operator removes what no Envoy can read.
    etcd_server.delete(IN_FORCE);
    wait_for_share(&envoy);
    assert_eq!(envoy.log().matches(report).count(), 1);
}

/// An operator's command is one task. Envoy's circuit breaker has 1,024 calls; a root context has 64, and
/// refuses what is beyond.
#[test]
fn of_1025_commands_at_once_each_is_answered_and_the_next_one_takes_effect() {
    let etcd_server = Etcd::start();
    let proxy = FaultyGrpc::before(etcd_server.port(0));
    let mut envoy = start(&etcd_cluster(&[proxy.port]), &etcd());
    wait_for_share(&envoy);
    proxy.set_faults(|path| (!path.ends_with("/Watch")).then_some(Fault::NoAnswer));
    let url = format!("{}/rollback", envoy.console.as_ref().unwrap());
    let send = || {
        let request = new_client().post(&url).header("authorization", format!("Bearer {TOKEN}"));
        request.body(json!({"reason": "worse"}).to_string()).send().unwrap().status().as_u16()
    };
    let unavailable = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..1025 {
            scope.spawn(|| {
                assert_eq!(send(), 503);
                unavailable.fetch_add(1, Ordering::Relaxed);
            });
        }
    });
    assert_eq!(unavailable.into_inner(), 1025);
    assert_requests_flow(&mut envoy);
    assert_eq!(read_gauge(&envoy, "green_bp"), 5000);
    proxy.set_faults(|_| None);
    wait_for("a command to be committed", || (send() == 200).then_some(()));
    wait_for("the rollback", || (read_gauge(&envoy, "green_bp") == 0).then_some(()));
}
