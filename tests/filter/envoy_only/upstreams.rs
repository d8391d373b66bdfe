//! Upstreams that do not exist or do not listen: requests fail on their own version.

use serde_json::json;

use crate::envoy::upstream::Upstream;
use crate::envoy::{Envoy, Setup, filter_yaml};
use crate::proxy::{Proxy as _, Request, config, weights};

#[test]
fn requests_for_a_green_that_does_not_listen_fail_and_stay_on_green() {
    let mut envoy = Envoy::start(&config(json!({
        "weights": {"blue": 0, "green": 1},
        "pins": {"blue": ["tia"]},
    })));
    envoy.upstreams[1].stop();
    for _ in 0..5 {
        let answer = envoy.send(&Request::from_user("ada"));
        assert_eq!((answer.status, answer.version.as_str()), (503, "green"));
        assert_eq!(envoy.send(&Request::from_user("tia")).cluster, "llm-blue");
    }
    envoy.push(&weights(1, 0)).unwrap();
    assert_eq!(envoy.send(&Request::from_user("ada")).cluster, "llm-blue");
}

#[test]
fn a_missing_cluster_fails_only_the_requests_of_its_version() {
    let mut envoy = Envoy::start(&config(json!({
        "versions": {"blue": {"cluster": "llm-blue"}, "green": {"cluster": "llm-gren"}},
        "weights": {"blue": 0, "green": 1},
        "pins": {"blue": ["tia"]},
    })));
    assert_eq!(envoy.send(&Request::from_user("ada")).status, 503);
    assert_eq!(envoy.send(&Request::from_user("tia")).cluster, "llm-blue");
}

/// Adds `llm-next`'s endpoint to green. The tests stop it, so that it refuses connections.
pub fn with_a_second_endpoint_of_green(bootstrap: String, upstreams: &[Upstream; 3]) -> String {
    let endpoint = |port| {
        format!(
            "        - endpoint: {{address: {{socket_address: \
             {{address: 127.0.0.1, port_value: {port}}}}}}}\n"
        )
    };
    let [_, green, next] = upstreams.each_ref().map(|upstream| endpoint(upstream.port));
    assert!(bootstrap.contains(&green));
    bootstrap.replacen(&green, &(green.clone() + &next), 1)
}

#[test]
fn a_retry_keeps_the_version() {
    let filter = filter_yaml(&weights(0, 1));
    let mut envoy = Envoy::start_with(&Setup {
        filter: Some(&filter),
        edit_bootstrap: &with_a_second_endpoint_of_green,
        ..Setup::default()
    });
    envoy.upstreams[2].stop();
    for _ in 0..20 {
        let answer = envoy.send(&Request::from_user("ada"));
        let got = (answer.status, answer.cluster.as_str(), answer.version.as_str());
        assert_eq!(got, (200, "llm-green", "green"));
    }
    assert!(envoy.stat("cluster.llm-green.upstream_rq_retry").unwrap() > 0);
    assert_eq!(envoy.stat("cluster.llm-blue.upstream_rq_total"), Some(0));
}
