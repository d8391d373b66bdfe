//! The export of samples.

use serde_json::json;

use super::{ENVOY, Expected, plugin, with_envoy};

const CLUSTER: &str = "  - name: otel-collector\n    type: STATIC\n    connect_timeout: 1s\n";

#[test]
fn a_missing_receiver_is_a_problem() {
    let release = plugin(json!({"samples": {"cluster": "otel-collector"}}));
    let text = "samples.cluster: \"otel-collector\": is no cluster of the bootstrap, which has \
                verdigris-shadow, ";
    let expected = Expected { kind: "problem", file: "filter.yaml", at: "\"samples\"", text };
    with_envoy(ENVOY.to_owned()).with_filter(&release).expect(&expected);
    let envoy = ENVOY.replacen("  clusters:\n", &format!("  clusters:\n{CLUSTER}"), 1);
    with_envoy(envoy).with_filter(&release).expect_none();
}
