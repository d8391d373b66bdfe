//! Redirects that Envoy follows itself, by `internal_redirect_policy`.

use serde_json::{Value, json};

use super::ramp_fixture::read_counter;
use crate::envoy::process::wait_for;
use crate::envoy::upstream::Upstream;
use crate::envoy::{Envoy, Setup, filter_yaml, release_listener_offset};
use crate::failover::green_release;
use crate::patching::{CHAT, json_post};
use crate::proxy::{Proxy as _, Request, config};

/// Sets `internal_redirect_policy` on all routes.
fn follow_redirects(bootstrap: String, _: &[Upstream; 3]) -> String {
    let timeout = "                  timeout: 0s\n";
    assert!(bootstrap.matches(timeout).count() >= 3);
    let policy = "internal_redirect_policy: {redirect_response_codes: [302, 307], max_internal_redirects: 2}";
    bootstrap.replace(timeout, &format!("{timeout}                  {policy}\n"))
}

fn start(config: &Value) -> Envoy {
    let filter = filter_yaml(config);
    Envoy::start_with(&Setup {
        filter: Some(&filter),
        edit_bootstrap: &follow_redirects,
        ..Setup::default()
    })
}

fn redirected(user: &str, status: u16, times: u16) -> Request {
    let mut request =
        json_post(&format!("/redirect/{status}/{times}{CHAT}"), r#"{"model":"now","messages":[]}"#);
    request.headers.retain(|(name, _)| name != "x-user-id");
    request.header("x-user-id", user)
}

/// It counts as one request with one outcome, and is patched once.
#[test]
fn a_redirected_request_stays_on_its_version() {
    for has_failover in [false, true] {
        let mut envoy = start(&green_release(
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
            (read_counter(&envoy, "green", "responses_2xx") == sent).then_some(())
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
            assert_eq!(read_counter(&envoy, version, metric), count, "{version} {metric}");
        }
    }
}

/// Envoy follows two redirects at most. The release does not configure `answers`.
#[test]
fn a_redirect_that_is_not_followed_is_the_answer() {
    let mut release = green_release(false, json!({"weights": {"blue": 1, "green": 0}}));
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
    assert_eq!(read_counter(&envoy, "blue", "requests"), 3);
}

/// Envoy sets this header on a request that it redirects.
#[test]
fn a_clients_x_envoy_original_url_header_has_no_effect() {
    let mut envoy = start(&config(json!({"weights": {"blue": 0, "green": 1}, "answers": {}})));
    let internal_address = ("x-forwarded-for", "10.0.0.1");
    for headers in [vec![], vec![internal_address]] {
        let mut request = Request::from_user("ada").header("x-envoy-original-url", "http://a/");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        assert_eq!(envoy.send(&request).cluster, "llm-green");
    }
    assert_eq!(read_counter(&envoy, "green", "requests"), 2);
}

/// docs/how-to/install.md adds the route, which matches if no filter has set the cluster header.
#[test]
fn without_the_filter_a_redirected_request_goes_to_blue() {
    let with_a_last_route = |bootstrap: String, upstreams: &[Upstream; 3]| {
        let bootstrap = follow_redirects(bootstrap, upstreams);
        let default_route = "              - match: {prefix: /}\n                route:\n                  \
                      cluster_header: x-verdigris-cluster\n                  # An answer";
        assert_eq!(bootstrap.matches(default_route).count(), 1);
        let named = "headers: [{name: x-verdigris-cluster, present_match: true}]";
        let named_route = default_route.replace("{prefix: /}", &format!("{{prefix: /, {named}}}"));
        let mut bootstrap = bootstrap.replace(default_route, &named_route);
        let start = release_listener_offset(&bootstrap);
        let end = start + bootstrap[start..].find("          http_filters:\n").unwrap();
        let last =
            "              - {match: {prefix: /}, route: {cluster: llm-blue, timeout: 0s}}\n";
        bootstrap.insert_str(end, last);
        bootstrap
    };
    for (filter, cluster) in
        [(None, "llm-blue"), (Some(filter_yaml(&green_release(false, json!({})))), "llm-green")]
    {
        let mut envoy = Envoy::start_with(&Setup {
            filter: filter.as_deref(),
            edit_bootstrap: &with_a_last_route,
            ..Setup::default()
        });
        let answer = envoy.send(&redirected("ada", 307, 1));
        assert_eq!((answer.status, answer.cluster.as_str()), (200, cluster));
    }
}
