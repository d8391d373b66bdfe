//! Envoy follows an upstream's redirect itself, by its `internal_redirect_policy`.

use serde_json::{Value, json};

use super::ramp::counter;
use crate::envoy::process::wait_for;
use crate::envoy::upstream::Upstream;
use crate::envoy::{Envoy, Setup, filter_yaml, release_listener};
use crate::failover::release;
use crate::patching::{CHAT, json_post};
use crate::proxy::{Proxy as _, Request, config};

/// Every route that a request may take follows redirects.
fn following(bootstrap: String, _: &[Upstream; 3]) -> String {
    let timeout = "                  timeout: 0s\n";
    assert!(bootstrap.matches(timeout).count() >= 3);
    let policy = "internal_redirect_policy: {redirect_response_codes: [302, 307], max_internal_redirects: 2}";
    bootstrap.replace(timeout, &format!("{timeout}                  {policy}\n"))
}

fn start(config: &Value) -> Envoy {
    let filter = filter_yaml(config);
    Envoy::start_with(&Setup { filter: Some(&filter), change: &following, ..Setup::default() })
}

fn redirected(user: &str, status: u16, times: u16) -> Request {
    let mut request =
        json_post(&format!("/redirect/{status}/{times}{CHAT}"), r#"{"model":"now","messages":[]}"#);
    request.headers.retain(|(name, _)| name != "x-user-id");
    request.header("x-user-id", user)
}

/// Each is one request with one outcome, on the cluster of its version, patched once.
#[test]
fn a_redirected_request_stays_on_its_version() {
    for has_failover in [false, true] {
        let mut envoy = start(&release(
            has_failover,
            json!({
                "pins": {"blue": ["tia"]},
                "force_header": "x-force",
                "answers": {"paths": [{"prefix": "/redirect/", "format": "chat"}]},
            }),
        ));
        let mut sent = 0;
        for (status, times) in [(302, 1), (307, 1), (307, 2)] {
            sent += 1;
            let answer = envoy.send(&redirected("ada", status, times));
            let got = (answer.status, answer.cluster.as_str(), answer.version.as_str());
            assert_eq!(got, (200, "llm-green", "green"), "{status} {times}");
            assert_eq!(answer.path, CHAT);
            let patched =
                r#"{"model":"next","messages":[{"role":"system","content":"Be brief. "}]}"#;
            assert_eq!(answer.body, patched.as_bytes());

            let answer = envoy.send(&redirected("tia", status, times));
            let got = (answer.status, answer.cluster.as_str(), answer.version.as_str());
            assert_eq!(got, (200, "llm-blue", "blue"), "{status} {times}");
            assert_eq!(answer.forwarded("x-verdigris-cluster"), [] as [&[u8]; 0]);
            let forced = redirected("ada", status, times).header("x-force", "blue");
            assert_eq!(envoy.send(&forced).cluster, "llm-blue");
        }
        wait_for("green's outcomes", || {
            (counter(&envoy, "green", "responses_2xx") == sent).then_some(())
        });
        for (version, metric, count) in [
            ("green", "requests", sent),
            ("green", "answers", sent),
            ("green", "errors", 0),
            ("green", "failed_over", 0),
            ("green", "responses_none", 0),
            ("blue", "requests", 2 * sent),
            ("blue", "decisions_pinned", sent),
            ("blue", "errors", 0),
            ("blue", "responses_none", 0),
        ] {
            assert_eq!(counter(&envoy, version, metric), count, "{version} {metric}");
        }
    }
}

/// Without answers too, and where more redirects come than are followed.
#[test]
fn a_redirect_that_is_not_followed_is_the_answer() {
    let mut release = release(false, json!({"weights": {"blue": 1, "green": 0}}));
    release.as_object_mut().unwrap().remove("answers");
    let mut envoy = start(&release);
    let client = reqwest::blocking::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    envoy.client = client;
    for (times, status) in [(1, 200), (2, 200), (3, 302)] {
        let answer = envoy.send(&redirected("ada", 302, times));
        assert_eq!((answer.status, answer.version.as_str()), (status, "blue"), "{times}");
    }
    assert_eq!(counter(&envoy, "blue", "requests"), 3);
}

/// A client cannot have itself taken for redirected.
#[test]
fn the_header_of_a_redirect_is_worthless_from_a_client() {
    let mut envoy = start(&config(json!({"weights": {"blue": 0, "green": 1}, "answers": {}})));
    let internal = ("x-forwarded-for", "10.0.0.1");
    for headers in [vec![], vec![internal]] {
        let mut request = Request::of("ada").header("x-envoy-original-url", "http://a/");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        assert_eq!(envoy.send(&request).cluster, "llm-green");
    }
    assert_eq!(counter(&envoy, "green", "requests"), 2);
}

/// By the route that the README adds, for a cluster header that nobody has written again.
#[test]
fn without_the_filter_a_redirected_request_is_blues() {
    let with_a_last_route = |bootstrap: String, upstreams: &[Upstream; 3]| {
        let bootstrap = following(bootstrap, upstreams);
        let of_all = "              - match: {prefix: /}\n                route:\n                  \
                      cluster_header: x-verdigris-cluster\n                  # An answer";
        assert_eq!(bootstrap.matches(of_all).count(), 1);
        let named = "headers: [{name: x-verdigris-cluster, present_match: true}]";
        let of_named = of_all.replace("{prefix: /}", &format!("{{prefix: /, {named}}}"));
        let mut bootstrap = bootstrap.replace(of_all, &of_named);
        let begin = release_listener(&bootstrap);
        let end = begin + bootstrap[begin..].find("          http_filters:\n").unwrap();
        let last =
            "              - {match: {prefix: /}, route: {cluster: llm-blue, timeout: 0s}}\n";
        bootstrap.insert_str(end, last);
        bootstrap
    };
    for (filter, cluster) in
        [(None, "llm-blue"), (Some(filter_yaml(&release(false, json!({})))), "llm-green")]
    {
        let mut envoy = Envoy::start_with(&Setup {
            filter: filter.as_deref(),
            change: &with_a_last_route,
            ..Setup::default()
        });
        let answer = envoy.send(&redirected("ada", 307, 1));
        assert_eq!((answer.status, answer.cluster.as_str()), (200, cluster));
    }
}
