//! What only the host emulator can show: the host calls themselves.

use std::cell::RefCell;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::json;

use crate::host::Host;
use crate::proxy::{Proxy, Request, config, counter, weights};

const READ: &str = "proxy_get_header_map_value";
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
    let forced = Request::of("ada").header("x-force", "green");
    let cases: [(&str, _, Request, &[&str]); 7] = [
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
        let calls = host.calls_of(&request);
        println!("  {what:28} {}", calls.len());
        assert_eq!(calls, expected, "{what}");
    }
}

/// Any status of any host call, also such as no ABI knows, harms no request.
#[test]
fn no_answer_of_the_host_traps_the_filter() {
    let calls = ["proxy_log", "proxy_get_log_level", READ, WRITE, REASON, COUNT];
    for status in [1, 2, 3, 4, 7, 8, 10, 12, 255, u32::MAX] {
        for call in calls {
            let mut host = Host::start(&weights(0, 1));
            host.refuse(call, status);
            for request in [Request::of("ada"), Request::anonymous()] {
                assert_eq!(host.send(&request).status, 200, "{call} answered {status}");
            }
        }
    }
}

#[test]
fn what_could_not_be_routed_is_not_counted_as_routed() {
    let mut host = Host::start(&weights(0, 1));
    host.refuse(WRITE, 10);
    assert_eq!(host.send(&Request::of("ada")).cluster, "llm-blue");
    assert_eq!(host.stat(&counter("green", "requests")), Some(0));
    assert!(host.log().contains("not applied: the host answered HostError(10)"), "{}", host.log());
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
    TestRunner::default()
        .run(&headers, |headers| {
            let request = headers
                .iter()
                .fold(Request::anonymous(), |request, (name, value)| request.header(name, value));
            prop_assert_eq!(host.borrow_mut().send(&request).status, 200);
            Ok(())
        })
        .unwrap();
}
