//! What only the host emulator can show: the host calls themselves.

use std::cell::RefCell;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

use crate::host::Host;
use crate::proxy::{Proxy, Request, config, counter, weights};

const READ: &str = "proxy_get_header_map_value";
const READ_ALL: &str = "proxy_get_header_map_pairs";
const WRITE: &str = "proxy_replace_header_map_value";
const REASON: &str = "proxy_set_property";
const COUNT: &str = "proxy_increment_metric";

/// `make count` prints the table.
#[test]
fn a_request_makes_no_more_host_calls_than_it_needs() {
    let by_weight = |blue, green| weights(blue, green);
    let options = config(json!({
        "unit": [{"header": "x-user-id"}, {"cookie": "uid"}],
        "pins": {"green": ["qa-7"]},
        "force_header": "x-force",
    }));
    let cookie = Request::anonymous().header("cookie", "uid=ada");
    let cookies = Request::anonymous().header("cookie", "a=b").header("cookie", "uid=ada");
    let forced = Request::of("ada").header("x-force", "green");
    let cases: [(&str, _, Request, &[&str]); 8] = [
        ("blue by weight", by_weight(1, 0), Request::of("ada"), &[READ, COUNT, COUNT]),
        (
            "green by weight",
            by_weight(0, 1),
            Request::of("ada"),
            &[READ, WRITE, WRITE, COUNT, COUNT],
        ),
        ("blue, no unit", by_weight(0, 1), Request::anonymous(), &[READ, REASON, COUNT, COUNT]),
        (
            "blue, force header unused",
            options.clone(),
            Request::of("a"),
            &[READ, READ, COUNT, COUNT],
        ),
        ("blue, unit in a cookie", options.clone(), cookie, &[READ, READ, READ, COUNT, COUNT]),
        (
            "blue, unit in a second line",
            options.clone(),
            cookies,
            &[READ, READ, READ, READ_ALL, COUNT, COUNT],
        ),
        (
            "green, pinned",
            options.clone(),
            Request::of("qa-7"),
            &[READ, READ, WRITE, WRITE, REASON, COUNT, COUNT],
        ),
        ("green, forced", options, forced, &[READ, WRITE, WRITE, REASON, COUNT, COUNT]),
    ];
    println!("host calls of one request:");
    for (what, config, request, expected) in cases {
        let mut host = Host::start(&config);
        // The second request is the rule; the first could define something.
        host.send(&request);
        host.send(&request);
        let mut calls = host.calls_of(&request);
        println!("  {what:28} {}", calls.len());
        let mut expected = expected.to_vec();
        calls.sort_unstable();
        expected.sort_unstable();
        assert_eq!(calls, expected, "{what}");
    }
}

/// Any status of any host call, also such as no ABI knows, harms no request.
#[test]
fn no_answer_of_the_host_traps_the_filter() {
    let calls = [
        "proxy_log",
        "proxy_get_log_level",
        "proxy_define_metric",
        "proxy_record_metric",
        READ,
        WRITE,
        REASON,
        COUNT,
    ];
    for status in [1, 2, 3, 4, 7, 8, 10, 12, 255, u32::MAX] {
        for call in calls {
            let mut host = Host::start_refusing(&weights(0, 1), call, status).unwrap();
            for request in [Request::of("ada"), Request::anonymous()] {
                assert_eq!(host.send(&request).status, 200, "{call} answered {status}");
            }
            host.push(&weights(1, 0)).unwrap();
        }
        let refused = Host::start_refusing(&weights(0, 1), "proxy_get_buffer_bytes", status);
        let log = refused.err().expect("without a configuration there is nothing to run");
        assert!(log.contains("the host did not return it"), "{log}");
    }
}

/// What Envoy does with a request is what is counted and what its headers say.
#[test]
fn a_host_that_refuses_a_write_is_believed() {
    let pinned = config(json!({"pins": {"green": ["ada"]}}));
    // The call that is refused; the cluster that answers, the version that the
    // request names, and green's requests.
    let cases = [(WRITE, "llm-blue", "blue", 0), (REASON, "llm-green", "green", 1)];
    for (call, cluster, version, counted) in cases {
        let mut host = Host::start(&pinned);
        host.refuse(call, 10);
        let answer = host.send(&Request::of("ada"));
        assert_eq!(
            (answer.cluster.as_str(), answer.version.as_str()),
            (cluster, version),
            "{call}"
        );
        assert_eq!(host.stat(&counter("green", "requests")), Some(counted), "{call}");
        let said = host.log().contains("not applied: the host answered HostError(10)");
        assert_eq!(said, call == WRITE, "{}", host.log());
    }
}

/// Headers of any bytes, each there any number of times.
#[test]
fn no_request_traps_the_filter() {
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

/// Who might have a shadow and has none, since the host does not show the request's headers,
/// is answered as ever.
#[test]
fn a_request_that_cannot_be_looked_at_has_no_shadow() {
    let shadowing = config(json!({"shadow": {"percent": 100}, "answers": {"read": false}}));
    let mut host = Host::start(&shadowing);
    host.refuse("proxy_get_header_map_pairs", 1);
    let post = Request::of("ada").header("content-type", "application/json");
    let answer = host.send(&post.post("/v1/chat/completions", "{}"));
    assert_eq!((answer.status, answer.cluster.as_str()), (200, "llm-blue"));
    assert_eq!(host.shadows(0), []);
    assert_eq!(host.stat(&counter("blue", "decisions_weight")), Some(1));
    assert_eq!(host.stat(&counter("blue", "decisions_unpatchable")), Some(0));
}

/// Envoy refuses what `capability_restriction_config` leaves out, and the standard library
/// ends a VM whose environment it cannot have.
#[test]
fn a_host_that_refuses_the_environment_has_a_filter_all_the_same() {
    const NOSYS: u32 = 52;
    let mut host = Host::start_refusing(&weights(0, 1), "environ_sizes_get", NOSYS).unwrap();
    assert_eq!(host.send(&Request::of("ada")).version, "green");
}
