//! Upstreams that are not there: a request fails on its version, and no other.

use serde_json::json;

use crate::envoy::Envoy;
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
