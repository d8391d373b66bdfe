//! Redirects that Envoy follows itself, across a reload. On the host emulator; `envoy_only/redirects.rs`
//! has those on one configuration.

use serde_json::{Value, json};

use crate::host::{Response, Stream};
use crate::proxy::config;
use crate::ramp_vms::{ROOT, RampVms, SECOND_ROOT};
use crate::version_header::by_version;

/// The request that Envoy makes of a redirected one.
fn redirected(sent: &Stream) -> Stream {
    let mut next = Stream { response: Response::default(), ..sent.clone() };
    next.remove("x-verdigris-cluster");
    next.replace("x-envoy-original-url", b"http://localhost/");
    next
}

/// What Envoy shows of a stream that it ends to follow a redirect: no response.
fn followed() -> Response {
    Response { headers: Vec::new(), details: "internal_redirect", ..Response::default() }
}

/// The request stays on the version that got it, though that has another cluster, or no users, now.
#[test]
fn a_redirect_that_crosses_a_reload_stays_on_its_version() {
    let green = json!({"weights": {"blue": 0, "green": 1}, "answers": {}});
    let blue = json!({
        "weights": {"blue": 1, "green": 0},
        "answers": {},
        "versions": {"blue": {"cluster": "llm-blue"}, "green": {"cluster": "llm-next"}},
    });
    let blue_by_version = json!({"weights": {"blue": 1, "green": 0}, "answers": {}});
    let table: [(Value, Value, Option<&[u8]>); 2] = [
        (config(green.clone()), config(blue), Some(b"llm-green")),
        (by_version(green), by_version(blue_by_version), None),
    ];
    for (before, after, cluster) in table {
        let mut vms = RampVms::start_with(1, &before);
        let request = Stream {
            response: followed(),
            ..Stream::request("GET", "/a", &[("x-user-id", "ada")])
        };
        let sent = vms.vms[0].run_stream(10, ROOT, request);
        assert_eq!(sent.get("x-verdigris-version"), Some(&b"green"[..]));
        vms.configure(0, SECOND_ROOT, &after);
        let answered = vms.vms[0].run_stream(11, SECOND_ROOT, redirected(&sent));
        assert_eq!(answered.get("x-verdigris-cluster"), cluster);
        assert_eq!(answered.get("x-verdigris-version"), Some(&b"green"[..]));
        vms.vms[0].end(ROOT);
        for (name, count) in [
            ("green.requests", 1),
            ("green.responses_2xx", 1),
            ("green.responses_none", 0),
            ("blue.requests", 0),
        ] {
            assert_eq!(vms.stat(name), count, "{name}");
        }
        // The next request is assigned by the new configuration.
        let next = Stream::request("GET", "/a", &[("x-user-id", "ada")]);
        vms.vms[0].run_stream(12, SECOND_ROOT, Stream { response: Response::default(), ..next });
        assert_eq!((vms.stat("green.requests"), vms.stat("blue.requests")), (1, 1));
    }
}

/// Another rollout has users of its own, and knows nothing of the version. Without the cluster header, which
/// Envoy has removed, a request would have no route to blue.
#[test]
fn a_redirect_continues_no_stream_of_another_rollout() {
    let green = json!({"weights": {"blue": 0, "green": 1}, "answers": {}});
    let blue = json!({"weights": {"blue": 1, "green": 0}, "answers": {}});
    for (version, after) in [("green", &green), ("blue", &blue)] {
        let mut vms = RampVms::start_with(1, &config(green.clone()));
        let request = Stream {
            response: followed(),
            ..Stream::request("GET", "/a", &[("x-user-id", "ada")])
        };
        let sent = vms.vms[0].run_stream(10, ROOT, request);
        let mut other = config(after.clone());
        other["rollout"] = json!("assistant-v9");
        vms.configure(0, SECOND_ROOT, &other);
        let sent = vms.vms[0].run_stream(11, SECOND_ROOT, redirected(&sent));
        assert_eq!(sent.get("x-verdigris-version"), Some(version.as_bytes()));
        let cluster = format!("llm-{version}");
        assert_eq!(sent.get("x-verdigris-cluster"), Some(cluster.as_bytes()));
        assert_eq!(vms.stat_of_rollout("assistant-v9", &format!("{version}.requests")), 1);
    }
}

/// A vote that the upstream answers has no version, and goes to blue again.
#[test]
fn a_vote_that_is_redirected_counts_once() {
    let feedback = json!({"path": "/feedback", "thumb": "/thumb", "answered_by": "upstream"});
    let mut vms = RampVms::start_with(
        1,
        &config(json!({"weights": {"blue": 0, "green": 1}, "feedback": feedback})),
    );
    let headers = [
        ("x-user-id", "ada"),
        // As early header mutation writes them.
        ("x-verdigris-cluster", "llm-blue"),
        ("x-verdigris-version", "blue"),
    ];
    let vote = Stream::request("POST", "/feedback", &headers);
    let body = Some(br#"{"thumb": "up"}"#.to_vec());
    let sent = vms.vms[0].run_stream(10, ROOT, Stream { body, response: followed(), ..vote });
    let answered = vms.vms[0].run_stream(11, ROOT, redirected(&sent));
    assert_eq!(answered.get("x-verdigris-cluster"), Some(&b"llm-blue"[..]));
    assert_eq!(vms.stat("green.feedback_up"), 1);
    assert_eq!((vms.stat("green.requests"), vms.stat("blue.requests")), (0, 0));
}

/// A filter before this one may deny the request that follows. How the first one has ended is not known.
#[test]
fn a_redirect_that_nothing_continues_is_a_response_that_is_not_known() {
    let green = json!({"weights": {"blue": 0, "green": 1}, "answers": {}});
    for release in [config(green.clone()), by_version(green)] {
        let mut vms = RampVms::start_with(1, &release);
        let request = Stream {
            response: followed(),
            ..Stream::request("GET", "/a", &[("x-user-id", "ada")])
        };
        vms.vms[0].run_stream(10, ROOT, request);
        vms.tick(0);
        assert_eq!(vms.stat("green.responses_none"), 0, "it may still be continued");
        vms.advance_clock(6);
        vms.tick(0);
        for (name, count) in [
            ("green.requests", 1),
            ("green.responses_none", 1),
            ("green.errors", 0),
            ("green.aborted", 0),
            ("green.responses_2xx", 0),
        ] {
            assert_eq!(vms.stat(name), count, "{name}");
        }
    }
}

/// Only so many are held.
#[test]
fn each_of_many_redirects_that_nothing_continues_is_counted() {
    let green = json!({"weights": {"blue": 0, "green": 1}, "answers": {}});
    let mut vms = RampVms::start_with(1, &config(green));
    for context in 10..110 {
        let request = Stream::request("GET", "/a", &[("x-user-id", "ada")]);
        vms.vms[0].run_stream(context, ROOT, Stream { response: followed(), ..request });
    }
    assert_eq!(vms.stat("green.responses_none"), 100 - 64);
    vms.vms[0].end(ROOT);
    assert_eq!(vms.stat("green.responses_none"), 100);
}
