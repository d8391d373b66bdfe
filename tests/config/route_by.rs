//! Routes by the cluster header or by the version header.

use serde_json::{Value, json};
use verdigris::assignment::Version;
use verdigris::config::{Config, RouteBy};

use crate::schema::{assert_both_accept, assert_both_reject};
use crate::{config_with, parse};

/// A rollout whose versions have no cluster, with these fields.
fn by_version(fields: Value) -> Value {
    let mut config = config_with(json!({
        "route_by": "version_header", "versions": {"blue": {}, "green": {}},
    }));
    config.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    config
}

#[test]
fn without_a_cluster_header_versions_need_no_cluster() {
    let clusters = |config: &Config| Version::ALL.map(|it| config.cluster(it).to_string());
    let config = parse(&by_version(json!({}))).unwrap();
    assert_eq!(config.route_by, RouteBy::VersionHeader);
    assert_eq!(clusters(&config), ["blue", "green"]);
    let named = json!({"versions": {"blue": {"cluster": "api.v1"}, "green": {"cluster": null}}});
    assert_eq!(clusters(&parse(&by_version(named)).unwrap()), ["api.v1", "green"]);
    assert_eq!(parse(&config_with(json!({}))).unwrap().route_by, RouteBy::ClusterHeader);
    for fields in [json!({}), json!({"cluster_header": null, "default_cluster": null})] {
        assert_both_accept(&by_version(fields));
    }
    // The name is free for another purpose.
    assert_both_accept(&by_version(json!({"unit": {"header": "x-verdigris-cluster"}})));
}

#[test]
fn what_needs_a_cluster_header_is_rejected() {
    let green = json!({"failover": {"cluster": "llm-failover"}});
    let cases = [
        (json!({"cluster_header": "x-c"}), "cluster_header: \"x-c\": has no effect with"),
        (json!({"default_cluster": "a"}), "default_cluster: \"a\": has no effect with"),
        (json!({"shadow": {"percent": 1}}), "shadow: set: needs routes by the cluster header"),
        (json!({"role": "shadow"}), "role: \"shadow\": needs routes by the cluster header"),
        (
            json!({"ramp": {"steps": [{"shadow": 10}, 50, 100]}}),
            "ramp.steps[0].shadow: set: needs routes by the cluster header",
        ),
        (
            json!({"versions": {"blue": {}, "green": green}}),
            "versions.green.failover: set: needs routes by the cluster header",
        ),
        (json!({"route_by": "cluster_header"}), "versions.blue.cluster: missing: write"),
        (json!({"route_by": "path"}), "route_by: \"path\": write \"cluster_header\" or"),
        (json!({"unit": {"header": "x-verdigris-version"}}), "is already used for version_header"),
    ];
    for (fields, expected) in cases {
        let config = by_version(fields);
        let errors = parse(&config).expect_err(expected).to_string();
        assert!(errors.contains(expected), "{errors}\nmust contain\n{expected}");
        if !expected.contains("already used") {
            assert_both_reject(&config);
        }
    }
}
