//! Calls of a root context to the store of its fleet, with every way in which they end. On the host
//! emulator.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use verdigris::fleet::{FleetKeys, FleetStatus};

use crate::host::{Callout, Process, Stream, Vm, first};
use crate::proxy::{set_fields, shared_key};
use crate::ramp_vms::{ROOT, RampVms, SECOND_ROOT, long_ramp};

/// A name that is a serialised `GrpcService` by chance.
const CLUSTER: &str = "etcds";

fn fleet() -> Value {
    let mut config = long_ramp();
    set_fields(&mut config, &json!({"fleet": {"store": "etcd", "cluster": CLUSTER}}));
    config
}

/// A VM in a host with the store's cluster, which has ticked once.
fn start() -> RampVms {
    start_with(&fleet())
}

fn start_with(config: &Value) -> RampVms {
    let mut vms = RampVms::start_with(1, config);
    vms.vms[0].callouts().clusters.push(CLUSTER.to_owned());
    vms.tick(0);
    vms
}

/// The same fleet with the Kubernetes API.
fn fleet_in_kubernetes() -> Value {
    let mut config = long_ramp();
    let fleet = json!({"store": "kubernetes", "cluster": CLUSTER, "namespace": "gateways"});
    set_fields(&mut config, &json!({"fleet": fleet}));
    config
}

/// The open calls.
fn calls(vm: &mut Vm) -> Vec<u32> {
    let open = vm.callouts().open.iter();
    let is_call = |it: &Callout| matches!(it, Callout::Grpc { .. } | Callout::Http { .. });
    let calls = open.filter(|(_, callout)| is_call(callout));
    calls.map(|(token, _)| *token).collect()
}

/// The open gRPC streams.
fn streams(vm: &mut Vm) -> Vec<u32> {
    let open = vm.callouts().open.iter();
    let streams = open.filter(|(_, callout)| matches!(callout, Callout::Stream { .. }));
    streams.map(|(token, _)| *token).collect()
}

/// Ticks until a call is open, which begins with a tick that is late enough.
fn next_call(vms: &mut RampVms) -> u32 {
    for _ in 0..20 {
        if let Some(token) = calls(&mut vms.vms[0]).first() {
            return *token;
        }
        vms.advance_clock(1);
        vms.tick(0);
    }
    panic!("no call in 20 s:\n{}", vms.log());
}

fn assert_requests_flow(vms: &mut RampVms) {
    let before = vms.stat("blue.requests") + vms.stat("green.requests");
    vms.send_from_new_users(0, 10, 0);
    let after = vms.stat("blue.requests") + vms.stat("green.requests");
    assert_eq!(after, before + 10, "{}", vms.log());
}

#[test]
fn a_fleet_calls_its_store_on_ticks_and_watches_it() {
    let mut vms = start();
    let token = next_call(&mut vms);
    let vm = &mut vms.vms[0];
    let Callout::Grpc { cluster, method, message, timeout_ms } = vm.callouts().open[&token].clone()
    else {
        unreachable!("it is a call")
    };
    assert_eq!((cluster.as_str(), method.as_str()), (CLUSTER, "etcdserverpb.KV/Txn"));
    assert!(!message.is_empty() && timeout_ms > 0);
    let [stream] = streams(vm)[..] else { panic!("one watch") };
    let watch =
        Callout::Stream { cluster: CLUSTER.to_owned(), method: "etcdserverpb.Watch/Watch".into() };
    assert_eq!(vm.callouts().open[&stream], watch);
    assert_eq!(vm.callouts().sent.len(), 1, "the request for the watch");
}

/// Another worker has learnt the keys. A new configuration would have them only half a second later.
#[test]
fn a_configuration_has_the_fleet_s_keys_before_its_first_tick() {
    let mut config = fleet();
    set_fields(&mut config, &json!({"feedback": {"path": "/feedback", "thumb": "/thumb"}}));
    let request = |method, path| Stream::request(method, path, &[("x-user-id", "ada")]);
    let vote = |receipt: &[u8]| {
        let mut vote = request("POST", "/feedback");
        vote.replace("x-verdigris-step", receipt);
        Stream { body: Some(br#"{"thumb": "up"}"#.to_vec()), ..vote }
    };
    let mut vms = RampVms::start_with(1, &config);
    let answer = vms.vms[0].run_stream(10, ROOT, vote(b""));
    let text = "this Envoy cannot count feedback yet: send it again later";
    assert_eq!(answer.reply, Some((503, text.to_owned())), "nobody knows the keys");

    let keys = FleetKeys { units: [1; 16], receipts: [2; 16] };
    let status = FleetStatus { keys: Some(keys), ..FleetStatus::default() };
    let status = postcard::to_allocvec(&status).unwrap();
    vms.process.shared.lock().unwrap().data.insert(shared_key("fleet"), (status, 1));
    set_fields(&mut config["ramp"], &json!({"timeout": "20h"}));
    vms.configure(0, SECOND_ROOT, &config);
    let answered = vms.vms[0].run_stream(11, SECOND_ROOT, request("GET", "/a"));
    let receipt = first(&answered.response.headers, "x-verdigris-step").unwrap();
    let answer = vms.vms[0].run_stream(12, SECOND_ROOT, vote(receipt));
    assert_eq!(answer.reply, Some((204, String::new())), "{}", vms.log());
    for (metric, count) in [("feedback_up", 1), ("feedback_unproved", 0)] {
        let of = |version: &str| vms.stat(&format!("{version}.{metric}"));
        assert_eq!(of("blue") + of("green"), count, "{metric}");
    }
}

#[test]
fn a_rollout_without_a_fleet_makes_no_calls() {
    let mut vms = RampVms::start(1);
    for _ in 0..5 {
        vms.advance_clock(1);
        vms.tick(0);
    }
    let calls: BTreeSet<_> = vms.vms[0].take_calls().into_iter().collect();
    assert!(!calls.iter().any(|it| it.contains("grpc") || it.contains("http_call")), "{calls:?}");
}

#[test]
fn however_a_call_ends_requests_flow_and_another_call_follows() {
    type End = fn(&mut Vm, u32);
    let ends: [(&str, End); 8] = [
        ("a status", |vm, token| vm.close_grpc(ROOT, token, 14, "etcdserver: request timed out")),
        ("a status that is not UTF-8", |vm, token| vm.close_grpc(ROOT, token, 99, "\u{fffd}\0")),
        ("a refusal", |vm, token| vm.close_grpc(ROOT, token, 7, "etcdserver: permission denied")),
        ("OK without a message", |vm, token| vm.close_grpc(ROOT, token, 0, "")),
        ("an empty message", |vm, token| vm.receive_grpc(ROOT, token, b"")),
        ("a page", |vm, token| vm.receive_grpc(ROOT, token, b"<html>502 Bad gateway</html>")),
        ("a cut message", |vm, token| vm.receive_grpc(ROOT, token, b"\x0a\x0a\x08\x01")),
        ("a message of a megabyte", |vm, token| vm.receive_grpc(ROOT, token, &[10; 1 << 20])),
    ];
    let mut vms = start();
    for (name, end) in ends {
        let token = next_call(&mut vms);
        end(&mut vms.vms[0], token);
        assert_requests_flow(&mut vms);
        let again = next_call(&mut vms);
        assert!(again > token, "{name}");
    }
    assert!(vms.log().contains("store is away"), "{}", vms.log());
}

#[test]
fn a_fleet_in_kubernetes_makes_http_calls_and_however_they_end_requests_flow() {
    type End = fn(&mut Vm, u32);
    const OK: &[(&str, &str)] = &[(":status", "200")];
    let ends: [(&str, End); 8] = [
        ("cut short", |vm, token| vm.receive_http(ROOT, token, &[], b"")),
        ("no status", |vm, token| vm.receive_http(ROOT, token, &[("a", "b")], b"{}")),
        ("a status of letters", |vm, token| {
            vm.receive_http(ROOT, token, &[(":status", "two")], b"{}");
        }),
        ("a page", |vm, token| vm.receive_http(ROOT, token, OK, b"<html>")),
        ("nothing", |vm, token| vm.receive_http(ROOT, token, OK, b"")),
        ("a megabyte", |vm, token| vm.receive_http(ROOT, token, OK, &[b'['; 1 << 20])),
        ("403", |vm, token| vm.receive_http(ROOT, token, &[(":status", "403")], b"no")),
        ("429", |vm, token| {
            let headers = [(":status", "429"), ("retry-after", "3")];
            vm.receive_http(ROOT, token, &headers, b"later");
        }),
    ];
    let mut vms = start_with(&fleet_in_kubernetes());
    for (name, end) in ends {
        let token = next_call(&mut vms);
        let vm = &mut vms.vms[0];
        let Callout::Http { cluster, timeout_ms, .. } = vm.callouts().open[&token].clone() else {
            panic!("{name}: it is an HTTP call")
        };
        assert_eq!((cluster.as_str(), timeout_ms), (CLUSTER, 10_000), "two intervals");
        assert!(streams(vm).is_empty());
        end(vm, token);
        assert_requests_flow(&mut vms);
        assert!(next_call(&mut vms) > token, "{name}");
    }
    assert_eq!(vms.log().matches("store is away").count(), 1, "{}", vms.log());
}

#[test]
fn a_store_that_is_away_is_logged_once_whichever_vm_notices() {
    let mut vms = RampVms::start_with(2, &fleet());
    for vm in 0..2 {
        vms.vms[vm].callouts().clusters.push(CLUSTER.to_owned());
        // The other VM ticks no more, so that this one takes its place.
        let mut failures = 0;
        for _ in 0..20 {
            vms.advance_clock(1);
            vms.tick(vm);
            for token in calls(&mut vms.vms[vm]) {
                vms.vms[vm].close_grpc(ROOT, token, 14, "etcdserver: request timed out");
                failures += 1;
            }
        }
        assert!(failures > 0, "VM {vm}: {}", vms.log());
        assert_eq!(vms.stat("store_away"), 1);
    }
    let log = vms.log();
    let lines: Vec<_> = log.lines().filter(|it| it.contains("store is away: ")).collect();
    assert!(matches!(*lines, [line] if line.contains("etcdserver: request timed out")), "{log}");
}

#[test]
fn an_answer_to_a_call_that_is_not_open_is_dropped() {
    let mut vms = start();
    let token = next_call(&mut vms);
    let vm = &mut vms.vms[0];
    vm.close_grpc(ROOT, token, 14, "");
    vm.receive_grpc(ROOT, token, b"late");
    vm.close_grpc(ROOT, 12345, 0, "");
    vm.receive_grpc(ROOT, 12345, b"of nobody");
    assert_requests_flow(&mut vms);
}

#[test]
fn a_watch_that_ends_is_opened_again() {
    let mut vms = start();
    next_call(&mut vms);
    let [first] = streams(&mut vms.vms[0])[..] else { panic!("one watch") };
    vms.vms[0].receive_grpc(ROOT, first, b"<html>");
    vms.advance_clock(1);
    vms.tick(0);
    assert!(vms.vms[0].callouts().cancelled.contains(&first), "an unreadable message ends it");
    vms.advance_clock(1);
    vms.tick(0);
    let [second] = streams(&mut vms.vms[0])[..] else { panic!("one watch") };
    assert!(second > first);
    vms.vms[0].close_grpc(ROOT, second, 13, "");
    for _ in 0..5 {
        vms.advance_clock(1);
        vms.tick(0);
    }
    assert!(streams(&mut vms.vms[0]).iter().all(|it| *it > second));
    assert_eq!(streams(&mut vms.vms[0]).len(), 1);
}

/// Also where it is watched, a store cannot fill the memory of the VM between two ticks.
#[test]
fn a_watch_that_brings_too_much_between_two_ticks_ends() {
    let mut vms = start();
    next_call(&mut vms);
    let [first] = streams(&mut vms.vms[0])[..] else { panic!("one watch") };
    let before = vms.vms[0].memory_size();
    let message = vec![0; 3 << 20];
    (0..20).for_each(|_| vms.vms[0].receive_grpc(ROOT, first, &message));
    let grown = vms.vms[0].memory_size() - before;
    assert!(grown < 10 << 20, "{grown} bytes");
    vms.advance_clock(1);
    vms.tick(0);
    assert!(vms.vms[0].callouts().cancelled.contains(&first));
    assert_requests_flow(&mut vms);
}

#[test]
fn a_store_that_does_not_answer_gets_no_more_calls_than_there_is_room_for() {
    let mut vms = start();
    for _ in 0..500 {
        vms.advance_clock(1);
        vms.tick(0);
    }
    let count = calls(&mut vms.vms[0]).len();
    assert!((1..=64).contains(&count), "{count} calls");
    assert_requests_flow(&mut vms);
}

#[test]
fn the_calls_of_a_root_context_end_with_it() {
    let mut vms = start();
    next_call(&mut vms);
    vms.configure(0, SECOND_ROOT, &fleet());
    let open: BTreeSet<u32> = vms.vms[0].callouts().open.keys().copied().collect();
    assert!(open.len() >= 2, "a call and a watch");
    vms.vms[0].end(ROOT);
    let cancelled = vms.vms[0].callouts().cancelled.iter().copied().collect();
    assert!(open.is_subset(&cancelled), "{open:?} are open, {cancelled:?} were cancelled");
    // Envoy does not call back, but an answer that were under way would be dropped.
    for token in open {
        vms.vms[0].receive_grpc(ROOT, token, b"late");
    }
    vms.advance_clock(1);
    vms.vms[0].tick(SECOND_ROOT);
}

#[test]
fn what_the_host_refuses_is_a_message_and_no_trap() {
    const UNIMPLEMENTED: u32 = 12;
    const INTERNAL_FAILURE: u32 = 10;
    let cases = [
        ("proxy_grpc_call", UNIMPLEMENTED, "the host does not have the call"),
        ("proxy_grpc_stream", UNIMPLEMENTED, "the host does not have the call"),
        ("proxy_set_effective_context", UNIMPLEMENTED, "the host does not have the call"),
        ("proxy_grpc_call", INTERNAL_FAILURE, "the cluster does not exist"),
        ("proxy_grpc_call", 77, "with status 77"),
    ];
    for (call, status, expected) in cases {
        let mut vms = RampVms::start_in(Process::default(), 1, &fleet());
        vms.vms[0].callouts().clusters.push(CLUSTER.to_owned());
        vms.vms[0].refuse(call, status);
        for _ in 0..10 {
            vms.advance_clock(1);
            vms.tick(0);
        }
        assert_requests_flow(&mut vms);
        let log = vms.log();
        assert_eq!(log.matches(expected).count(), 1, "{call} {status}:\n{log}");
    }
}

#[test]
fn a_cluster_that_does_not_exist_is_a_message_and_no_trap() {
    let mut vms = RampVms::start_with(1, &fleet());
    for _ in 0..10 {
        vms.advance_clock(1);
        vms.tick(0);
    }
    assert_requests_flow(&mut vms);
    assert!(vms.log().contains("the cluster does not exist"), "{}", vms.log());
}
