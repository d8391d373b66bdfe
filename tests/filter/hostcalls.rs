//! The filter's host calls: their number, and their failures. On the host emulator.

use std::cell::RefCell;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

use crate::host::{Host, Stream};
use crate::patching::{CHAT, json_post};
use crate::proxy::{Proxy, Request, config, counter, weights};
use crate::ramp_vms::{ROOT, RampVms};

const GET_HEADER: &str = "proxy_get_header_map_value";
const GET_ALL_HEADERS: &str = "proxy_get_header_map_pairs";
const SET_HEADER: &str = "proxy_replace_header_map_value";
const REMOVE_HEADER: &str = "proxy_remove_header_map_value";
const SET_BODY: &str = "proxy_set_buffer_bytes";
const SET_PROPERTY: &str = "proxy_set_property";
const INCREMENT: &str = "proxy_increment_metric";

/// `make count` prints the table.
#[test]
fn a_request_makes_no_more_host_calls_than_it_needs() {
    let options = config(json!({
        "unit": [{"header": "x-user-id"}, {"cookie": "uid"}],
        "pins": {"green": ["qa-7"]},
        "force_header": "x-force",
    }));
    let cookie = Request::anonymous().header("cookie", "uid=ada");
    let cookies = Request::anonymous().header("cookie", "a=b").header("cookie", "uid=ada");
    let forced = Request::from_user("ada").header("x-force", "green");
    let cases: [(&str, _, Request, &[&str]); 8] = [
        (
            "blue by weight",
            weights(1, 0),
            Request::from_user("ada"),
            &[GET_HEADER, INCREMENT, INCREMENT],
        ),
        (
            "green by weight",
            weights(0, 1),
            Request::from_user("ada"),
            &[GET_HEADER, SET_HEADER, SET_HEADER, INCREMENT, INCREMENT],
        ),
        (
            "blue, no unit",
            weights(0, 1),
            Request::anonymous(),
            &[GET_HEADER, SET_PROPERTY, INCREMENT, INCREMENT],
        ),
        (
            "blue, force header unused",
            options.clone(),
            Request::from_user("a"),
            &[GET_HEADER, GET_HEADER, INCREMENT, INCREMENT],
        ),
        (
            "blue, unit in a cookie",
            options.clone(),
            cookie,
            &[GET_HEADER, GET_HEADER, GET_HEADER, INCREMENT, INCREMENT],
        ),
        (
            "blue, unit in a second cookie header",
            options.clone(),
            cookies,
            &[GET_HEADER, GET_HEADER, GET_HEADER, GET_ALL_HEADERS, INCREMENT, INCREMENT],
        ),
        (
            "green, pinned",
            options.clone(),
            Request::from_user("qa-7"),
            &[GET_HEADER, GET_HEADER, SET_HEADER, SET_HEADER, SET_PROPERTY, INCREMENT, INCREMENT],
        ),
        (
            "green, forced",
            options,
            forced,
            &[GET_HEADER, SET_HEADER, SET_HEADER, SET_PROPERTY, INCREMENT, INCREMENT],
        ),
    ];
    println!("host calls of one request:");
    for (name, config, request, expected) in cases {
        let mut host = Host::start(&config);
        // The first requests may define metrics; only later requests are representative.
        host.send(&request);
        host.send(&request);
        let mut calls = host.calls_of(&request);
        println!("  {name:36} {}", calls.len());
        let mut expected = expected.to_vec();
        calls.sort_unstable();
        expected.sort_unstable();
        assert_eq!(calls, expected, "{name}");
    }
}

/// Covers every status of every host call, including statuses that the ABI does not define.
#[test]
fn no_status_of_a_host_call_traps_the_filter() {
    let calls = [
        "proxy_log",
        "proxy_get_log_level",
        "proxy_define_metric",
        "proxy_record_metric",
        GET_HEADER,
        SET_HEADER,
        SET_PROPERTY,
        INCREMENT,
    ];
    for status in [1, 2, 3, 4, 7, 8, 10, 12, 255, u32::MAX] {
        for call in calls {
            let mut host = Host::start_refusing(&weights(0, 1), call, status).unwrap();
            for request in [Request::from_user("ada"), Request::anonymous()] {
                assert_eq!(host.send(&request).status, 200, "{call} answered {status}");
            }
            host.push(&weights(1, 0)).unwrap();
        }
        let refused = Host::start_refusing(&weights(0, 1), "proxy_get_buffer_bytes", status);
        let log = refused.err().expect("a filter without a configuration does not start");
        assert!(log.contains("the host did not return it"), "{log}");
    }
}

/// The counters and the version header agree with the cluster that Envoy chooses.
#[test]
fn after_a_refused_write_counters_and_headers_agree_with_the_routing() {
    let pinned = config(json!({"pins": {"green": ["ada"]}}));
    // The refused call, the cluster that answers, the version in the request header, and the
    // number of green's requests.
    let cases = [(SET_HEADER, "llm-blue", "blue", 0), (SET_PROPERTY, "llm-green", "green", 1)];
    for (call, cluster, version, counted) in cases {
        let mut host = Host::start(&pinned);
        host.refuse(call, 10);
        let answer = host.send(&Request::from_user("ada"));
        assert_eq!(
            (answer.cluster.as_str(), answer.version.as_str()),
            (cluster, version),
            "{call}"
        );
        assert_eq!(host.stat(&counter("green", "requests")), Some(counted), "{call}");
        let is_logged = host.log().contains("not applied: the host answered HostError(10)");
        assert_eq!(is_logged, call == SET_HEADER, "{}", host.log());
    }
}

/// Header values of any bytes; each header any number of times.
#[test]
fn no_request_headers_trap_the_filter() {
    let host = Host::start(&config(json!({
        "unit": [{"header": "x-user-id"}, {"cookie": "uid"}],
        "weights": {"blue": 1, "green": 1},
        "pins": {"green": ["qa-7"]},
        "on_missing": "random",
        "force_header": "x-force",
    })));
    let host = RefCell::new(host);
    let name = prop::sample::select(vec!["x-user-id", "cookie", "x-force", "x-verdigris-version"]);
    let value = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        "(uid|x)[=; ]{0,3}[a-z\"]{0,5}".prop_map(String::into_bytes),
    ];
    let headers = prop::collection::vec((name, value), 0..6);
    TestRunner::new(Config { failure_persistence: None, ..Config::default() })
        .run(&headers, |headers| {
            let request = headers
                .iter()
                .fold(Request::anonymous(), |request, (name, value)| request.header(name, value));
            prop_assert_eq!(host.borrow_mut().send(&request).status, 200);
            Ok(())
        })
        .unwrap();
}

/// If the host does not return the request headers, the request is not mirrored and is
/// answered by blue.
#[test]
fn a_request_whose_headers_cannot_be_read_has_no_shadow() {
    let shadowing = config(json!({"shadow": {"percent": 100}, "answers": {"read": false}}));
    let mut host = Host::start(&shadowing);
    host.refuse("proxy_get_header_map_pairs", 1);
    let post = Request::from_user("ada").header("content-type", "application/json");
    let answer = host.send(&post.post("/v1/chat/completions", "{}"));
    assert_eq!((answer.status, answer.cluster.as_str()), (200, "llm-blue"));
    assert_eq!(host.shadows(0), []);
    assert_eq!(host.stat(&counter("blue", "decisions_weight")), Some(1));
    assert_eq!(host.stat(&counter("blue", "decisions_unpatchable")), Some(0));
}

/// Envoy refuses calls that `capability_restriction_config` leaves out. Rust's standard library
/// would abort a VM that cannot read its environment.
#[test]
fn the_filter_runs_without_access_to_the_environment() {
    const NOSYS: u32 = 52;
    let mut host = Host::start_refusing(&weights(0, 1), "environ_sizes_get", NOSYS).unwrap();
    assert_eq!(host.send(&Request::from_user("ada")).version, "green");
}

/// A patch is applied as a whole or not at all, whichever call the host leaves out.
#[test]
fn blue_gets_a_request_unchanged_if_the_host_refuses_its_patch() {
    let body = r#"{"model":"now","messages":[]}"#;
    let table = [
        ("before_routing", SET_HEADER),
        ("before_routing", REMOVE_HEADER),
        ("before_routing", SET_BODY),
        ("after_routing", SET_HEADER),
        ("after_routing", REMOVE_HEADER),
    ];
    for (read_body, call) in table {
        for (patched, weights) in [("green", [0, 1]), ("blue", [1, 0])] {
            let mut release = config(json!({
                "read_body": read_body,
                "weights": {"blue": weights[0], "green": weights[1]},
            }));
            release["versions"][patched]["request"] = json!({
                "headers": {"set": {"x-team": "copper"}, "remove": ["authorization"]},
                "model": "next",
            });
            let mut host = Host::start(&release);
            host.refuse(call, 10);
            let answer = host.send(&json_post(CHAT, body).header("authorization", "key"));
            let what = format!("{read_body} {call} {patched}: {}", host.log());
            assert_eq!((answer.status, answer.cluster.as_str()), (200, "llm-blue"), "{what}");
            assert_eq!(answer.version, "blue", "{what}");
            assert_eq!(String::from_utf8_lossy(&answer.body), body, "{what}");
            let length = body.len().to_string();
            assert_eq!(answer.forwarded("content-length"), [length.as_bytes()], "{what}");
            assert_eq!(answer.forwarded("authorization"), [b"key"], "{what}");
            assert_eq!(answer.forwarded("x-team"), [] as [&[u8]; 0], "{what}");
            assert_eq!(answer.forwarded("x-verdigris-probe"), [] as [&[u8]; 0], "{what}");
            assert_eq!(host.stat(&counter("blue", "decisions_unpatchable")), Some(1), "{what}");
            assert_eq!(host.stat(&counter("green", "requests")), Some(0), "{what}");
        }
    }
}

/// The host is asked once in each VM whether it allows the changes.
#[test]
fn later_patches_cost_no_more_calls_than_their_changes() {
    let mut release = weights(0, 1);
    release["versions"]["green"]["request"] =
        json!({"headers": {"set": {"x-team": "copper"}, "remove": ["x-old"]}});
    let mut host = Host::start(&release);
    let request = Request::from_user("ada");
    host.send(&request);
    host.send(&request);
    let calls = host.calls_of(&request);
    let count = |name: &str| calls.iter().filter(|call| **call == name).count();
    // The version header, the cluster header and x-team; x-old.
    assert_eq!((count(SET_HEADER), count(REMOVE_HEADER)), (3, 1), "{calls:?}");
}

/// Any client can cause such lines.
#[test]
fn an_error_of_requests_is_logged_once_a_minute() {
    let mut vms = RampVms::start_with(1, &config(json!({"shadow": {"percent": 100}})));
    let send = |vms: &mut RampVms| {
        let request = Stream::request("GET", "/a", &[("x-user-id", "ada")]);
        vms.vms[0].run_stream(10, ROOT, Stream { role: Some("grean"), ..request });
    };
    (0..10).for_each(|_| send(&mut vms));
    let lines = |vms: &RampVms| vms.log().matches("the listener's metadata").count();
    assert_eq!(lines(&vms), 1, "{}", vms.log());
    vms.advance_clock(61);
    send(&mut vms);
    assert_eq!(lines(&vms), 2, "{}", vms.log());
    assert!(vms.log().contains("(9 more such requests since the last such line)"), "{}", vms.log());
}
