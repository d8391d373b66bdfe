//! Upstreams that are not there: a request fails on its version, and no other.

use serde_json::json;

use crate::envoy::upstream::Upstream;
use crate::envoy::{Envoy, Setup, filter_yaml};
use crate::proxy::{Proxy as _, Request, config, weights};

#[test]
fn users_of_a_green_that_is_down_are_not_moved_to_blue() {
    let mut envoy = Envoy::start(&config(json!({
        "weights": {"blue": 0, "green": 1},
        "pins": {"blue": ["tia"]},
    })));
    envoy.upstreams[1].stop();
    for _ in 0..5 {
        let answer = envoy.send(&Request::of("ada"));
        assert_eq!((answer.status, answer.version.as_str()), (503, "green"));
        assert_eq!(envoy.send(&Request::of("tia")).cluster, "llm-blue");
    }
    envoy.push(&weights(1, 0)).unwrap();
    assert_eq!(envoy.send(&Request::of("ada")).cluster, "llm-blue");
}

#[test]
fn a_cluster_that_does_not_exist_fails_its_own_users_only() {
    let mut envoy = Envoy::start(&config(json!({
        "versions": {"blue": {"cluster": "llm-blue"}, "green": {"cluster": "llm-gren"}},
        "weights": {"blue": 0, "green": 1},
        "pins": {"blue": ["tia"]},
    })));
    assert_eq!(envoy.send(&Request::of("ada")).status, 503);
    assert_eq!(envoy.send(&Request::of("tia")).cluster, "llm-blue");
}

/// Green has two endpoints, of which one takes no connection.
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
        change: &with_a_second_endpoint_of_green,
        ..Setup::default()
    });
    envoy.upstreams[2].stop();
    for _ in 0..20 {
        let answer = envoy.send(&Request::of("ada"));
        let got = (answer.status, answer.cluster.as_str(), answer.version.as_str());
        assert_eq!(got, (200, "llm-green", "green"));
    }
    assert!(envoy.stat("cluster.llm-green.upstream_rq_retry").unwrap() > 0);
    assert_eq!(envoy.stat("cluster.llm-blue.upstream_rq_total"), Some(0));
}
